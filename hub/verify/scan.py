"""The proof of one segment file: framing, init segment, chunk hashes, frame hashes, name.  No I/O: `read` is passed in.

Rules: what precedes the first bad box is proven, what follows it is named by its offset and never searched (wire.segment).
A chunk whose hash does not match is not evidence: it is reported, and counts as missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from ...wire.counter import COUNTER_UUID, FrameCounter, find_counter
from ...wire.errors import FormatError, TruncatedError
from ...wire.paths import SegmentName
from ...wire.seal import Seal
from ...wire.segment import ChunkAt, Damage, Read, chunk_at, damage_of, init_length, samples

_COUNTER_MARK: Final = COUNTER_UUID[:15]
"""The part of the UUID that emulation prevention leaves as it is (wire.counter)."""
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Proven:
    """One chunk whose bytes match its seal, and the counter of each video frame that carries one, by frame number."""

    chunk: ChunkAt
    counters: tuple[tuple[int, FrameCounter], ...] = ()

    @property
    def seal(self) -> Seal:
        return self.chunk.seal


class Scan:
    """One file.  Iterate `proven()` to its end; `damage` grows meanwhile.

    name is what the path says, or None when the file was given under a name of its own.
    """

    def __init__(self, read: Read, size: int, name: SegmentName | None) -> None:
        self._read, self._size, self._name = read, size, name
        self._home = None if name is None else (name.camera, name.epoch)
        self._last_seq = -1
        self._foreign_inits: set[bytes] = set()
        self.damage: list[Damage] = []

    def proven(self) -> Iterator[Proven]:
        """Yield every chunk that is proven, in file order.  Raises what `read` raises."""
        offset = 0
        try:
            begin = offset = init_length(self._read)
            init_hash = blake3(self._read(0, begin)).digest()
            while (chunk := chunk_at(self._read, offset)) is not None:
                self._check_init(chunk, init_hash, offset == begin)
                damage, counters = _prove(self._read(offset, chunk.length), chunk)
                if not damage:
                    damage = self._place(chunk, offset == begin)
                self.damage += damage
                if not damage:
                    yield Proven(chunk, counters)
                offset += chunk.length
        except (FormatError, TruncatedError) as error:
            self.damage.append(Damage(offset, self._tail(offset, error)))
            return
        if offset == begin:
            self.damage.append(Damage(offset, "the file holds no chunk"))

    def _check_init(self, chunk: ChunkAt, init_hash: bytes, first: bool) -> None:
        """Each foreign init hash is reported once: a damaged init segment is one fault, not one per chunk."""
        wanted = chunk.seal.init_hash
        if wanted != init_hash and wanted not in self._foreign_inits:
            self._foreign_inits.add(wanted)
            at = 0 if first else chunk.offset
            self.damage.append(Damage(at, "init segment is not the one that the chunk was sealed with", chunk.seal.seq))

    def _place(self, chunk: ChunkAt, first: bool) -> list[Damage]:
        """Whether the chunk belongs where it stands: in this file, after the one before it, under the file's name."""
        seal = chunk.seal
        self._home = self._home or (seal.camera, seal.epoch)
        belongs = SegmentName(seal.camera, seal.wall_start_ns, seal.epoch, seal.seq).path()
        if first and self._name is not None and self._name.path() != belongs:
            self.damage.append(Damage(0, f"the name does not agree with the first chunk, which belongs to {belongs}", seal.seq))
        if (seal.camera, seal.epoch) != self._home:
            return [Damage(chunk.offset, f"chunk of {seal.camera} epoch {seal.epoch} in a file of {self._home[0]} epoch {self._home[1]}")]
        if seal.seq <= self._last_seq:
            return [Damage(chunk.offset, f"chunk stands after chunk {self._last_seq}", seal.seq)]
        self._last_seq = seal.seq
        return []

    def _tail(self, offset: int, error: FormatError) -> str:
        left = self._size - offset
        if left > 0 and self._is_zero(offset):
            return f"zero-filled tail of {left} bytes"
        if isinstance(error, TruncatedError):
            return f"torn tail of {left} bytes: {error.message}"
        return f"{error.message}; {left} bytes from here on are not proven"

    def _is_zero(self, offset: int) -> bool:
        while piece := self._read(offset, _PIECE):
            if piece.count(0) != len(piece):
                return False
            offset += len(piece)
        return True


def _prove(payload: bytes, chunk: ChunkAt) -> tuple[list[Damage], tuple[tuple[int, FrameCounter], ...]]:
    """Hold the chunk against its hash and each frame against its own: a chunk that was sealed wrongly proves no frame."""
    seal = chunk.seal
    damage = damage_of(payload, chunk, seal.init_hash)
    if damage:
        return damage, ()
    counters: list[tuple[int, FrameCounter]] = []
    carries = _COUNTER_MARK in payload
    try:
        for number, (sample, digest) in enumerate(zip(samples(payload, seal), seal.frame_hashes, strict=True)):
            if blake3(sample).digest() != digest:
                damage.append(Damage(chunk.offset, "frame does not match its hash, but the chunk does: sealed wrongly", seal.seq, number))
            found = find_counter(sample) if carries and number < seal.video_frames else None
            if found is not None:
                counters.append((number, found))
    except (FormatError, ValueError) as error:
        damage.append(Damage(chunk.offset, f"sample table does not fit the seal: {error}", seal.seq))
    return damage, tuple(counters)
