"""Chunks and init segments as small as wire/ lets them be, and the table of everything that was ever cut.

Rules: no two cuts have the same bytes, even under one name: so a name that is given out twice shows (invariants 1, 2, 10).
"""

from struct import pack

from blake3 import blake3
from sim_engine import Broken

from watchkeep.hub.store.retention import CLOCK_SET_NS
from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.ranges import RangeSet
from watchkeep.wire.record import Header, RecordKind
from watchkeep.wire.seal import HASH_BYTES, ZERO_HASH, Seal, SealFlag, pack_seal

EpochKey = tuple[str, int]
Name = tuple[str, int, int]
Record = tuple[Header, bytes]

_MOOF = pack(">I4s", 8, b"moof")
_FTYP = pack(">I4s8s", 16, b"ftyp", b"iso6\0\0\0\0")
_FRAME = (bytes(32),)
_CAMERA_AT, _SEAL_BYTES = 88, 216 + 2 * HASH_BYTES


class Cuts:
    """What cameras' chunks were cut, by name: the one truth that every copy is compared with."""

    def __init__(self) -> None:
        self.hashes: dict[Name, bytes] = {}
        self.starts: dict[Name, int] = {}
        self.causes: dict[EpochKey, Cause] = {}
        self.newest: dict[str, int] = {}
        self.undated = Names()
        """Chunks of a box that had booted without a clock."""
        self._epochs: set[EpochKey] = set()
        self._count = 0

    def init(self, camera: str, epoch: int) -> Record:
        """Begin an epoch; each is above every one before it (invariant 10), and no number is given out twice (invariant 2)."""
        if epoch <= self.newest.get(camera, 0):
            raise Broken(10, f"epoch {epoch} of {camera} begins after epoch {self.newest[camera]}")
        if (camera, epoch) in self._epochs:
            raise Broken(2, f"epoch {epoch} of {camera} begins twice")
        self.newest[camera] = epoch
        self._epochs.add((camera, epoch))
        self._count += 1
        mvhd = pack(">I4sQ", 16, b"mvhd", self._count)
        payload = _FTYP + pack(">I4s", 8 + len(mvhd), b"moov") + mvhd
        return Header(RecordKind.INIT, camera, epoch, 0, len(payload), blake3(payload).digest()), payload

    def went_astray(self, camera: str, known: int) -> None:
        """A box died whose disk had taken nothing since its start: it can know none of its epochs above this one, so the next have to be
        others, no more."""
        self.newest[camera] = min(known, self.newest.get(camera, 0))

    def chunk(self, init: Header, seq: int, segment_seq: int, prev: bytes, cause: Cause, wall_ns: int) -> Record:
        """Cut one chunk, one second long."""
        self._count += 1
        rest = _MOOF + pack(">I4sQ", 16, b"mdat", self._count)
        flags = SealFlag.KEY | (SealFlag.SEGMENT_START if seq == segment_seq else SealFlag(0))
        seal = pack_seal(Seal(init.camera, init.epoch, seq, segment_seq, flags, ClockQuality.FREE_RUNNING, cause, 90_000, 90_000, wall_ns,
                              seq * 90_000, 1, 0, init.hash, prev, _FRAME, ZERO_HASH))[:-HASH_BYTES]  # fmt: skip
        digest = blake3(seal + rest).digest()
        name = init.camera, init.epoch, seq
        if name in self.hashes:
            raise Broken(2, f"{name} is cut twice")
        self.hashes[name], self.starts[name] = digest, wall_ns
        self.causes.setdefault(name[:2], cause)
        if wall_ns < CLOCK_SET_NS:
            self.undated.add(*name, seq)
        payload = seal + digest + rest
        return Header(RecordKind.CHUNK, *name, len(payload), digest), payload


def named(payload: bytes | memoryview) -> tuple[Name, bytes] | None:
    """(name, hash) of a chunk's bytes, read from its seal; None for an init segment."""
    data = bytes(payload[:_SEAL_BYTES])
    if data[4:8] != b"uuid":
        return None
    camera = data[_CAMERA_AT : _CAMERA_AT + 64].rstrip(b"\0").decode()
    return (camera, int.from_bytes(data[48:56], "little"), int.from_bytes(data[56:64], "little")), data[-HASH_BYTES:]


def true_hash(payload: bytes | memoryview) -> bytes:
    """The hash that a chunk's bytes have, whatever its seal says."""
    data = bytes(payload)
    return blake3(data[: _SEAL_BYTES - HASH_BYTES] + data[_SEAL_BYTES:]).digest()


class Names:
    """A set of chunk names, as ranges by epoch."""

    def __init__(self) -> None:
        self.epochs: dict[EpochKey, RangeSet] = {}

    def add(self, camera: str, epoch: int, low: int, high: int) -> None:
        self.epochs.setdefault((camera, epoch), RangeSet()).add(low, high)

    def of(self, key: EpochKey) -> RangeSet:
        return self.epochs.get(key) or RangeSet()

    def has(self, name: Name) -> bool:
        found = self.epochs.get(name[:2])
        return found is not None and name[2] in found

    def update(self, other: "Names") -> None:
        for key, seqs in other.epochs.items():
            self.epochs.setdefault(key, RangeSet()).update(seqs)
