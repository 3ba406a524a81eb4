"""Makes chains of valid chunks and stores to put them in, for the tests of hub/store.

Rules: the payloads follow wire/ to the byte, made by hand, so that these tests need no camera and no native code.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import pack
from typing import Any

from blake3 import blake3

from watchkeep.hub.store import Clock, Disk, Record, Store
from watchkeep.hub.store.clockbook import ClockBook
from watchkeep.hub.store.retention import Past
from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.messages import Event
from watchkeep.wire.record import Header, RecordKind, check_payload, chunk_digest
from watchkeep.wire.seal import ZERO_HASH, Seal, SealFlag, pack_seal, parse_seal

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000


def box(kind: bytes, body: bytes) -> bytes:
    return pack(">I4s", 8 + len(body), kind) + body


def make_init(text: bytes = b"one") -> bytes:
    return box(b"ftyp", b"iso6") + box(b"moov", text)


def make_payload(seal: Seal, sample: bytes) -> bytes:
    """seal, moof, mdat; the seal's frame and chunk hashes are filled in."""
    tfhd = box(b"tfhd", pack(">II", 0, 1))
    trun = box(b"trun", pack(">III", 0x200, 1, len(sample)))
    boxes = box(b"moof", box(b"traf", tfhd + trun)) + box(b"mdat", sample)
    seal = seal._replace(frame_hashes=(blake3(sample).digest(),), chunk_hash=ZERO_HASH)
    digest = chunk_digest(seal.size, pack_seal(seal) + boxes)
    return pack_seal(seal._replace(chunk_hash=digest)) + boxes


class Chain:
    """The chunks of one epoch; `chunk(n)` makes chunk n, and with it all before it."""

    def __init__(self, camera: str = "cam0", epoch: int = 7, *, segment: int = 5, start_ns: int = START_NS,
                 cause: Cause = Cause.FIRST_START, size: int = 40, init: bytes | None = None) -> None:  # fmt: skip
        self.camera, self.epoch, self.segment, self.start_ns, self.cause, self.size = camera, epoch, segment, start_ns, cause, size
        self.init = init or make_init()
        self.payloads: list[bytes] = []
        self._hash = ZERO_HASH

    def chunk(self, seq: int) -> Record:
        while len(self.payloads) <= seq:
            payload = self._make(len(self.payloads))
            self.payloads.append(payload)
        return record(self.payloads[seq])

    def chunks(self, low: int, high: int) -> list[Record]:
        return [self.chunk(seq) for seq in range(low, high + 1)]

    def batch(self, *seqs: int) -> list[Record]:
        """The init segment and these chunks."""
        return [self.init_record(), *(self.chunk(seq) for seq in seqs)]

    def init_record(self) -> Record:
        header = Header(RecordKind.INIT, self.camera, self.epoch, 0, len(self.init), blake3(self.init).digest())
        return header, memoryview(self.init), None

    def file(self, low: int, high: int) -> bytes:
        """The segment file with chunks low..high."""
        self.chunk(high)
        return self.init + b"".join(self.payloads[low : high + 1])

    def forged(self, seq: int, prev_hash: bytes | None = None) -> Record:
        """A valid chunk with the name of chunk seq and other content, or another chain."""
        self.chunk(seq)
        before = ZERO_HASH if seq == 0 else self.chunk(seq - 1)[0].hash
        return record(make_payload(self._seal(seq, before if prev_hash is None else prev_hash), b"forged"))

    def _make(self, seq: int) -> bytes:
        payload = make_payload(self._seal(seq, self._hash), f"{self.camera}/{self.epoch}/{seq}/".encode().ljust(self.size, b"."))
        self._hash = record(payload)[0].hash
        return payload

    def _seal(self, seq: int, prev_hash: bytes) -> Seal:
        first = seq - seq % self.segment
        flags = SealFlag.KEY | SealFlag.SEGMENT_START if seq == first else SealFlag(0)
        return Seal(camera=self.camera, epoch=self.epoch, seq=seq, segment_seq=first, flags=flags, clock=ClockQuality.SYNCHRONISED,
                    cause=self.cause, timescale=90_000, duration=90_000, wall_start_ns=self.start_ns + seq * SECOND_NS, pts=seq * 90_000,
                    video_frames=1, audio_frames=0, init_hash=blake3(self.init).digest(), prev_hash=prev_hash, frame_hashes=(),
                    chunk_hash=ZERO_HASH)  # fmt: skip


def record(payload: bytes) -> Record:
    """A verified CHUNK record of a payload."""
    seal = parse_seal(payload)
    header = Header(RecordKind.CHUNK, seal.camera, seal.epoch, seal.seq, len(payload), seal.chunk_hash)
    assert check_payload(header, payload) == seal
    return header, memoryview(payload), seal


def until(condition: Callable[[], Any], what: str = "condition", deadline_s: float = 10.0) -> Any:
    """Wait for a condition to become true and return its value; fail when it does not."""
    end, pause = time.monotonic() + deadline_s, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < end, f"{what} did not come true within {deadline_s} s"
        pause.wait(0.005)
    return value


class Site:
    """Volumes and a state directory below one directory, and stores on them."""

    def __init__(self, root: Path, volumes: int = 1) -> None:
        self.root = root
        self.volumes = [root / f"volume{number}" for number in range(volumes)]
        for volume in self.volumes:
            volume.mkdir(parents=True, exist_ok=True)
        self.state = root / "state"
        self.events: list[Event] = []

    def store(self, **options: Any) -> Store:
        settings: dict[str, Any] = {"retention_days": 100_000, "min_free_bytes": 0, "sync_ms": 10, "disk": Disk, **options}
        return Store(settings.pop("archiver", "a"), self.volumes, state_dir=self.state, on_event=self.events.append, **settings)

    @contextmanager
    def running(self, *, off: bool = False, **options: Any) -> Iterator[Store]:
        """off: it was off since the last time; else it ran until now, and then started again, as far as it knows."""
        if not off:
            self.state.mkdir(exist_ok=True)
            ClockBook(self.state).write(Past(options.get("clock", Clock()).wall_ns(), 0.0))
        store = self.store(**options)
        store.open()
        try:
            yield store
        finally:
            store.close()

    def files(self) -> dict[str, bytes]:
        """Every segment file by its path below its volume, without those that are just being removed."""
        found = {}
        for volume in self.volumes:
            for path in sorted(volume.rglob("*.mp4")):
                with suppress(FileNotFoundError):
                    found[str(path.relative_to(volume))] = path.read_bytes()
        return found


def durable(store: Store, chain: Chain) -> list[tuple[int, int]]:
    return store.state(chain.camera, chain.epoch, 0, 10_000).durable


def contents(store: Store, camera: str = "cam0") -> list[tuple[int, int, bytes]]:
    """(epoch, seq, bytes) of every chunk that the store serves."""
    return [(chunk.epoch, chunk.seq, store.read(chunk.path, chunk.offset, chunk.length)) for chunk in store.chunks(camera)]


def expected(chain: Chain, *seqs: int) -> list[tuple[int, int, bytes]]:
    return [(chain.epoch, seq, bytes(chain.chunk(seq)[1])) for seq in seqs]


def crash_copy(site: Site, target: Path) -> Site:
    """What a SIGKILL would leave: the volumes and the state as they are now, while the store still runs."""
    copy = Site(target, len(site.volumes))
    for source, goal in zip(site.volumes, copy.volumes, strict=True):
        shutil.copytree(source, goal, dirs_exist_ok=True)
    shutil.copytree(site.state, copy.state)
    known = copy.state / "volumes.json"
    known.write_text(known.read_text().replace(str(site.root), str(copy.root)))
    return copy
