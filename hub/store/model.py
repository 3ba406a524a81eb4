"""What the store speaks of: parts, their chunks, what a caller gets back, and the errors that it raises.

    VolumeError (wire.errors)
    ├── FullError
    │   └── StoreFull   no volume has room; retention or the operator has to make some
    └── StoreBusy       every volume's queue is full; the sender comes back in a moment
    Conflict            a known name under another hash: tampering or a broken recorder (invariant 2)

Rules: values only, no I/O.  Times are UTC ns as the seals carry them; offsets and lengths are bytes; paths of parts are
relative to their volume, as wire.paths makes them.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from threading import Event as Flag
from typing import Final, NamedTuple

from ...wire.errors import FullError, VolumeError, WatchkeepError
from ...wire.messages import ChunkName, VolumeState
from ...wire.record import Header
from ...wire.seal import Seal, SealFlag
from .pulse import Pulse

Record = tuple[Header, memoryview, Seal | None]
"""One verified record of an append, as wire.record.check_payload has proven it."""
EpochKey = tuple[str, int]
"""(camera, epoch)."""
SegmentKey = tuple[str, int, int]
"""(camera, epoch, seq of the segment's first chunk)."""
Name = tuple[str, int, int]
"""(camera, epoch, seq): exactly one chunk (invariant 2)."""

ASIDE_SUFFIX: Final = ".damaged"
"""Of files that are kept for inspection and never served."""
ENTRY: Final = Struct("<IIqQ")
"""One chunk of a part's index: length, flags, wall-clock start, duration.  24 bytes, 1.4 kB for a segment of a minute."""
assert ENTRY.size == 24


class StoreFull(FullError):  # noqa: N818 (a state of the store, as wire.http names it)
    """No volume has room for what was sent."""


class StoreBusy(VolumeError):  # noqa: N818
    """No volume's writer can take more at the moment."""


class Conflict(WatchkeepError):  # noqa: N818
    """Chunks that are known under another hash, or that do not follow the chunk before them; nothing was written."""

    def __init__(self, names: list[Name], what: str) -> None:
        self.names = [ChunkName(camera=camera, epoch=epoch, seq=seq) for camera, epoch, seq in names]
        first = f"{names[0][0]} epoch {names[0][1]} seq {names[0][2]}"
        super().__init__(f"{len(names)} chunk(s) refused, first {first}: {what}", remedy="find out which recorder changed its past")


class Entry(NamedTuple):
    """One chunk of a part."""

    seq: int
    offset: int
    length: int
    start_ns: int
    duration_ns: int
    flags: SealFlag


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a segment: the whole of it, or what arrived of it in one piece.  A snapshot; the file may have grown."""

    volume: str
    path: str
    camera: str
    epoch: int
    segment_seq: int
    first_seq: int
    last_seq: int
    start_ns: int
    end_ns: int
    init_bytes: int
    init_hash: bytes
    last_hash: bytes
    cause: int
    size: int
    """End of the last good chunk."""
    file_size: int
    """Size on disk when last looked at; larger than size when a damaged tail was left for inspection."""
    index: bytes = b""
    """ENTRY for each chunk; empty when it was not asked for."""

    @property
    def segment(self) -> SegmentKey:
        return self.camera, self.epoch, self.segment_seq

    @property
    def chunks(self) -> int:
        return self.last_seq - self.first_seq + 1

    def entries(self) -> Iterator[Entry]:
        """The part's chunks in order; needs the index."""
        offset = self.init_bytes
        for number, (length, flags, start_ns, duration_ns) in enumerate(ENTRY.iter_unpack(self.index)):
            yield Entry(self.first_seq + number, offset, length, start_ns, duration_ns, SealFlag(flags))
            offset += length


def pack_entry(length: int, seal: Seal) -> bytes:
    return ENTRY.pack(length, seal.flags, seal.wall_start_ns, seal.duration_ns)


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """Where a chunk lies.  The path may go when retention or stitching replaces the file; Store.read knows where it went."""

    path: Path
    offset: int
    length: int
    start_ns: int
    duration_ns: int
    key: bool
    segment_start: bool
    epoch: int
    seq: int
    init_hash: bytes
    init_bytes: int
    """ftyp+moov are the first init_bytes of path."""
    discontinuity: bool
    """Whether this chunk does not directly follow the one yielded before it."""
    cause: str
    """Why its epoch began, a label of wire.causes."""

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.duration_ns


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an append did: chunks handed to the writers, chunks that were known already, epochs that lack their init."""

    stored: int
    repeated: int
    need_init: frozenset[EpochKey]


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file of which only a part can be served."""

    path: Path
    offset: int
    reason: str
    kept_chunks: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of this boot, volumes as they are now, damage found since the start."""

    received: int
    durable: int
    refused: int
    cameras: int
    volumes: tuple[VolumeState, ...]
    damage: tuple[Damaged, ...]
    locks: int = 0
    locked_bytes: int = 0
    """Of finished files that evidence locks keep."""
    problems: tuple[str, ...] = ()
    """What an operator should look at, beside volumes and damage."""


@dataclass(frozen=True, slots=True)
class Write:
    """One chunk on its way to a file; payload is seal, moof and mdat, init the epoch's ftyp+moov."""

    seal: Seal
    payload: memoryview
    init: bytes

    @property
    def name(self) -> Name:
        return self.seal.camera, self.seal.epoch, self.seal.seq


@dataclass(slots=True, eq=False)
class Job:
    """The writes of one append for one volume; `done` is set once they are written or given up."""

    left: deque[Write]
    """Not written yet, in order; shortened under the register's lock."""
    bytes: int
    done: Flag
    pulse: Pulse
    """Of the volume that is to write them."""
    urgent: bool = False
    """Not to wait for others before the fsync."""
    error: VolumeError | None = None
    given_up: bool = False
    """The volume hangs: what is left belongs to whoever sends it again, set under the register's lock."""


Report = Callable[[str, str, str, str], None]
"""`report(kind, text, remedy, camera)`: an event for operators; kind is a wire.causes.EventKind."""
