"""Two archivers for the tests of consolidation: real hubs side by side, and cheap chunks by the thousand.

Rules: hubs are hub_kit's, so everything between them is HTTP; nothing of one is known to the other but its address.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3
from hub_kit import Film, Hub, config, wait_for
from sealed import INIT, WALL_NS, box, moof

from watchkeep.hub.config import PeerSection
from watchkeep.hub.consolidate.client import PeerClient
from watchkeep.hub.service import HubService
from watchkeep.hub.store import Record
from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.messages import ConsolidationOrder, ConsolidationState
from watchkeep.wire.record import Header, RecordKind, chunk_digest
from watchkeep.wire.seal import ZERO_HASH, Seal, SealFlag, pack_seal

QUIET = {"auto": False, "max_mbit_s": 100_000.0}
EAGER = {"settle_s": 0, "max_mbit_s": 100_000.0}


@dataclass
class Pair:
    """Archivers a and b."""

    a: Hub
    b: Hub

    def ask(self, target: Hub, source: Hub, camera: str = "") -> ConsolidationState:
        """Order target to pull from source, and wait for the end."""
        client = PeerClient(target.url)
        try:
            started = client.order(ConsolidationOrder(url=source.url, camera=camera))
            wait_for(lambda: client.job(started.job).ended, "the end of consolidation")
            return client.job(started.job)
        finally:
            client.close()


@contextmanager
def hub_named(folder: Path, name: str, consolidation: dict[str, Any] | None = None, *, listen: str = "127.0.0.1:0",
              peers: dict[str, str] | None = None, **sections: Any) -> Iterator[Hub]:  # fmt: skip
    """One archiver with this id, in a folder of its own."""
    home = folder / name
    home.mkdir(exist_ok=True)
    made = config(home, hub={"id": name, "listen": listen}, consolidation=consolidation or QUIET, **sections)
    made = made.model_copy(update={"peer": tuple(PeerSection(id=peer, url=url) for peer, url in (peers or {}).items())})
    service = HubService(made, "hub.toml")
    service.start()
    try:
        yield Hub(service.url, list(made.archiver.volumes) if made.archiver else [])
    finally:
        service.stop()


@contextmanager
def pair(folder: Path, **sections: Any) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(*(stack.enter_context(hub_named(folder, name, **sections)) for name in ("a", "b")))


def held(hub: Hub, made: Film) -> dict[int, bytes]:
    """Hash by seq of what a hub says it holds of a film's epoch, chunk by chunk."""
    client = PeerClient(hub.url)
    try:
        if made.camera not in client.cameras():
            return {}
        found = client.hashes(made.camera, [(made.epoch, seq) for seq in range(len(made.chunks))])
    finally:
        client.close()
    return {seq: digest for (_, seq), digest in found.items() if digest is not None}


def whole(made: Film) -> dict[int, bytes]:
    return {seal.seq: seal.chunk_hash for seal in made.seals}


def flip(hub: Hub, made: Film, seq: int) -> Path:
    """Flip one bit in the middle of a stored chunk; returns the file."""
    payload = made.chunks[seq]
    for volume in hub.volumes:
        for path in volume.rglob("*.mp4"):
            data = path.read_bytes()
            at = data.find(payload)
            if at >= 0:
                middle = at + len(payload) // 2
                with path.open("r+b") as stream:
                    stream.seek(middle)
                    stream.write(bytes([data[middle] ^ 1]))
                return path
    raise AssertionError(f"chunk {seq} is in no file")


def cheap(camera: str, epoch: int, count: int, *, segment: int = 60) -> list[Record]:
    """The init segment and `count` chained chunks of a second each, a few hundred bytes long; verified by construction."""
    prev, init_hash = ZERO_HASH, blake3(INIT).digest()
    records: list[Record] = [(Header(RecordKind.INIT, camera, epoch, 0, len(INIT), init_hash), memoryview(INIT), None)]
    for seq in range(count):
        sample = b"%d" % seq
        flags = SealFlag.KEY | (SealFlag.SEGMENT_START if seq % segment == 0 else SealFlag(0))
        seal = Seal(camera=camera, epoch=epoch, seq=seq, segment_seq=seq - seq % segment, flags=flags, clock=ClockQuality.SYNCHRONISED,
                    cause=Cause.FIRST_START, timescale=90_000, duration=90_000, wall_start_ns=WALL_NS + seq * 1_000_000_000,
                    pts=seq * 90_000, video_frames=1, audio_frames=0, init_hash=init_hash, prev_hash=prev,
                    frame_hashes=(blake3(sample).digest(),), chunk_hash=ZERO_HASH)  # fmt: skip
        rest = moof([sample], []) + box(b"mdat", sample)
        prev = chunk_digest(seal.size, pack_seal(seal) + rest)
        seal = seal._replace(chunk_hash=prev)
        payload = pack_seal(seal) + rest
        records.append((Header(RecordKind.CHUNK, camera, epoch, seq, len(payload), prev), memoryview(payload), seal))
    return records
