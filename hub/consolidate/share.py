"""What this archiver shows and gives to peers: its runs, single hashes, and chunks as records.

Rules: reads only; a chunk is proven before it is given (invariant 5), one that cannot be is left out and remembered as
suspect, so that this archiver heals itself at its next round.  Bounded per request: MAX_RUNS, MAX_ASKED, RECORDS_BYTES.
"""

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from ...wire import http
from ...wire.errors import FormatError, VolumeError
from ...wire.messages import ChunkHash, ChunkHashes, ChunkListing, ChunkRun
from ...wire.record import Header, RecordKind, pack_header
from ...wire.seal import parse_seal
from ..api.errors import ApiError
from ..store import Store, StoredChunk
from ..store.model import Part
from ..store.scan import prove, stored_init
from .compare import Place, Run, tidy

MAX_RUNS: Final = 5000
"""Runs of one answer: three days of one camera in segments of a minute, about 1 MB."""
MAX_ASKED: Final = 64
"""Hashes of one answer; each costs one read of a seal."""
RECORDS_BYTES: Final = 8 << 20
"""Chunks of one answer end at the first one that reaches this: 16 s of 4 Mbit/s, and never more than 8 + 32 MiB."""
MAX_SUSPECTS: Final = 1000
"""Damaged chunks remembered until the next round; more are found by then, too."""
Suspect = tuple[str, int, int]
"""Camera, epoch and seq."""


class Share:
    """Answers of one archiver to its peers; any thread may ask, and every call touches disks."""

    def __init__(self, store: Store, archiver: str) -> None:
        self._store, self._archiver = store, archiver
        self._lock = threading.Lock()
        self._suspects: set[Suspect] = set()

    def listing(self, camera: str, epoch: int, seq: int, limit: int) -> ChunkListing:
        """Runs from the one on that holds or follows (epoch, seq)."""
        parts = self._store.runs(camera, epoch, seq, limit=min(limit, MAX_RUNS))
        more = parts[-1] if len(parts) == min(limit, MAX_RUNS) else None
        return ChunkListing(archiver=self._archiver, camera=camera, runs=[_shown(part) for part in parts],
                            next_epoch=more.epoch if more else None, next_seq=more.last_seq + 1 if more else 0)  # fmt: skip

    def hashes(self, camera: str, places: Iterable[Place]) -> ChunkHashes:
        """Hashes as the seals in the files say."""
        found = []
        for epoch, seq in places:
            seal = self._store.seal_of(camera, epoch, seq)
            found.append(ChunkHash(epoch=epoch, seq=seq, hash=None if seal is None else seal.chunk_hash.hex()))
        return ChunkHashes(camera=camera, hashes=found)

    def records(self, camera: str, epoch: int, first: int, last: int) -> bytes:
        """The epoch's init segment, then its chunks from `first` on, until the bound; raises ApiError when there is none."""
        init = self._store.init_segment(camera, epoch)
        body = bytearray()
        if init is not None:
            for chunk in self._store.chunks_named(camera, epoch, first, last):
                body += self._record(camera, chunk)
                if len(body) >= RECORDS_BYTES:
                    break
        if init is None or not body:
            raise ApiError(http.NOT_FOUND, f"none of chunks {first} to {last} of epoch {epoch} can be given", remedy="ask another archiver")
        return pack_header(stored_init(camera, epoch, init)[0]) + init + body

    def _record(self, camera: str, chunk: StoredChunk) -> bytes:
        """The chunk as a record; empty when its bytes do not prove themselves any more."""
        try:
            data = self._store.read(chunk.path, chunk.offset, chunk.length)
            digest = proven(data, camera, chunk.epoch, chunk.seq)
        except (VolumeError, FormatError):
            self.doubt([(camera, chunk.epoch, chunk.seq)])
            return b""
        return pack_header(Header(RecordKind.CHUNK, camera, chunk.epoch, chunk.seq, len(data), digest)) + data

    def doubt(self, chunks: Iterable[Suspect]) -> None:
        """Remember chunks whose files the next round has to prove; past the bound the next look finds them again."""
        with self._lock:
            self._suspects.update(islice(chunks, MAX_SUSPECTS - len(self._suspects)))

    def take_suspects(self) -> set[Suspect]:
        """(camera, epoch, seq) of chunks that could not be given, or are doubted, since the last call."""
        with self._lock:
            taken, self._suspects = self._suspects, set()
            return taken


def proven(data: bytes, camera: str, epoch: int, seq: int) -> bytes:
    """The hash of a chunk's bytes after proving them and that they are the chunk of this name; raises FormatError."""
    seal = parse_seal(data)
    if (seal.camera, seal.epoch, seal.seq) != (camera, epoch, seq):
        raise FormatError("another chunk lies in its place", remedy="look at the disk")
    return prove(data)


def _shown(part: Part) -> ChunkRun:
    return ChunkRun(epoch=part.epoch, first_seq=part.first_seq, last_seq=part.last_seq, last_hash=part.last_hash.hex(),
                    start_s=part.start_ns / 1e9, end_s=part.end_ns / 1e9, bytes=part.size - part.init_bytes)  # fmt: skip


def run_of(part: Part) -> Run:
    """A part as the comparison sees it."""
    return Run(part.epoch, part.first_seq, part.last_seq, part.last_hash, part.start_ns, part.end_ns, part.size - part.init_bytes)


def parts_of(store: Store, camera: str) -> Iterator[Part]:
    """Every part of a camera in order, page by page, so that memory holds one page."""
    epoch = seq = 0
    while page := store.runs(camera, epoch, seq, limit=MAX_RUNS):
        yield from page
        epoch, seq = page[-1].epoch, page[-1].last_seq + 1


def own_runs(store: Store, camera: str) -> list[Run]:
    """Everything that this archiver holds of a camera."""
    return tidy(run_of(part) for part in parts_of(store, camera))
