"""A journal, chunk names and an archiver without HTTP, for the replication tests."""

from collections import deque
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

from blake3 import blake3

from watchkeep.agent.replicate.lanes import Ask
from watchkeep.agent.replicate.ports import ChunkRef, Parts
from watchkeep.wire.errors import BusyError, DigestError, GoneError
from watchkeep.wire.messages import AppendAnswer, EpochState
from watchkeep.wire.ranges import RangeSet
from watchkeep.wire.record import HEADER_BYTES, Header, RecordKind, pack_header

Name = tuple[str, int, int]


@dataclass(frozen=True)
class Ref:
    camera: str
    epoch: int
    seq: int
    segment_seq: int = 0
    record_bytes: int = HEADER_BYTES + 100
    wall_start_ns: int = 0
    duration_ns: int = 1_000_000_000
    kind: RecordKind = RecordKind.CHUNK

    @property
    def name(self) -> Name:
        return self.camera, self.epoch, self.seq


def refs(camera: str, epoch: int, low: int, high: int, *, segment: int = 60, size: int = 100) -> list[Ref]:
    return [Ref(camera, epoch, seq, seq - seq % segment, HEADER_BYTES + size) for seq in range(low, high + 1)]


def name_of(ref: ChunkRef) -> Name:
    return ref.camera, ref.epoch, ref.seq


class FakeSpool:
    """A journal in memory; `broken` names cannot be read, `damaged` ones have other bytes than were cut, `hung` ones wait
    for a disk that does not answer."""

    def __init__(self) -> None:
        self.held: dict[Name, Ref] = {}
        self.released: list[Name] = []
        self.broken: set[Name] = set()
        self.damaged: set[Name] = set()
        self.hung: set[Name] = set()
        self.no_init: set[tuple[str, int]] = set()
        self.lock = Lock()

    def append(self, new: list[Ref]) -> list[Ref]:
        with self.lock:
            self.held.update((ref.name, ref) for ref in new)
        return new

    def read(self, ref: ChunkRef) -> Parts:
        with self.lock:
            if name_of(ref) in self.broken:
                raise OSError(5, "Input/output error")
            if name_of(ref) in self.hung:
                raise BusyError("the disk does not answer", remedy="none")
            if name_of(ref) in self.damaged:
                raise DigestError("journal file 7 is damaged at byte 1024", remedy="check the disk")
            if name_of(ref) not in self.held:
                raise GoneError("gone", remedy="none")
        payload = bytes(ref.record_bytes - HEADER_BYTES)
        return pack_header(Header(RecordKind.CHUNK, ref.camera, ref.epoch, ref.seq, len(payload), digest(name_of(ref)))), payload

    def read_init(self, camera: str, epoch: int) -> Parts:
        if (camera, epoch) in self.no_init:
            raise GoneError("gone", remedy="none")
        payload = b"init"
        return pack_header(Header(RecordKind.INIT, camera, epoch, 0, len(payload), blake3(payload).digest())), payload

    def release(self, camera: str, epoch: int, low: int, high: int) -> None:
        with self.lock:
            for seq in range(low, high + 1):
                del self.held[camera, epoch, seq]
                self.released.append((camera, epoch, seq))


def digest(name: Name) -> bytes:
    return blake3(repr(name).encode()).digest()


@dataclass
class Store:
    """What an archiver has; the same contract as the real one's, without files."""

    archiver: str
    boot_numbers: count = field(default_factory=count)
    boot: str = "boot-0"
    inits: set[tuple[str, int]] = field(default_factory=set)
    received: set[Name] = field(default_factory=set)
    durable: set[Name] = field(default_factory=set)
    arrivals: deque[Name] = field(default_factory=lambda: deque(maxlen=100_000))

    def put(self, name: Name) -> None:
        if name[:2] in self.inits and name not in self.durable | self.received:
            self.received.add(name)
            self.arrivals.append(name)

    def fsync(self) -> None:
        self.durable |= self.received
        self.received.clear()

    def restart(self) -> None:
        """A crash: what was not fsynced is gone."""
        self.received.clear()
        self.boot = f"boot-{next(self.boot_numbers) + 1}"

    def answer(self, stored: list[Name], asks: list[Ask]) -> AppendAnswer:
        cameras: dict[str, list[EpochState]] = {}
        mentioned: dict[tuple[str, int], tuple[RangeSet, RangeSet]] = {}
        for camera, epoch, seq in stored:
            mentioned.setdefault((camera, epoch), (RangeSet(), RangeSet()))[0].add(seq, seq)
        for camera, epoch, low, high in asks:
            mentioned.setdefault((camera, epoch), (RangeSet(), RangeSet()))[1].add(low, high)
        for (camera, epoch), (chunks, asked) in mentioned.items():
            cameras.setdefault(camera, []).append(self._state(camera, epoch, chunks, asked))
        return AppendAnswer(archiver=self.archiver, boot=self.boot, cameras=cameras)

    def _state(self, camera: str, epoch: int, chunks: RangeSet, asked: RangeSet) -> EpochState:
        received, durable, missing = RangeSet(), RangeSet(), RangeSet()
        for low, high in RangeSet([*chunks, *asked]):
            for seq in range(low, high + 1):
                name = (camera, epoch, seq)
                if name in self.durable:
                    durable.add(seq, seq)
                elif name in self.received:
                    received.add(seq, seq)
                elif seq in asked:
                    missing.add(seq, seq)
        return EpochState(epoch=epoch, received=received.spans(), durable=durable.spans(), missing=missing.spans(),
                          need_init=(camera, epoch) not in self.inits)  # fmt: skip
