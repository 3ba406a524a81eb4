"""What an append asks for and what of it is new.  No I/O, no clock, no threads.

Rules: a plan is made of the whole batch or not at all: one conflict refuses everything (invariant 2).  What memory cannot
tell, a hash or an init segment that only a file still has, is listed as wanted; the caller reads it and plans again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ...wire.record import RecordKind
from ...wire.seal import ZERO_HASH
from .ledger import EpochLedger
from .model import Conflict, EpochKey, Name, Record, Write


@dataclass(slots=True)
class Batch:
    """The records of one append, sorted by what they are."""

    inits: dict[EpochKey, tuple[bytes, bytes]] = field(default_factory=dict)
    """(hash, ftyp+moov) by epoch."""
    chunks: list[Record] = field(default_factory=list)

    @property
    def epochs(self) -> set[EpochKey]:
        """Those that it speaks of."""
        return self.inits.keys() | {(header.camera, header.epoch) for header, _, _ in self.chunks}


@dataclass(slots=True)
class Known:
    """What was read from files for a plan that memory alone could not make."""

    hashes: dict[Name, bytes | None] = field(default_factory=dict)
    """None: the file cannot be read, so the chunk passes as the one that is held."""
    inits: dict[EpochKey, bytes | None] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What an append will do; only when nothing is wanted any more may it be carried out."""

    writes: list[Write] = field(default_factory=list)
    fresh_inits: dict[EpochKey, tuple[bytes, bytes]] = field(default_factory=dict)
    repeated: int = 0
    need_init: set[EpochKey] = field(default_factory=set)
    wanted_hashes: list[Name] = field(default_factory=list)
    wanted_inits: list[EpochKey] = field(default_factory=list)

    @property
    def wants_files(self) -> bool:
        return bool(self.wanted_hashes or self.wanted_inits)


def sort_records(records: Iterable[Record]) -> Batch:
    """Sort verified records; raises Conflict when the batch contradicts itself."""
    batch = Batch()
    for record in records:
        header, payload, _ = record
        if header.kind is RecordKind.CHUNK:
            batch.chunks.append(record)
        elif header.kind is RecordKind.INIT:
            key = (header.camera, header.epoch)
            if batch.inits.setdefault(key, (header.hash, bytes(payload)))[0] != header.hash:
                raise Conflict([(*key, 0)], "the batch holds two init segments of one epoch")
    return batch


class Planner:
    """Makes one plan against the ledgers as they are; the caller holds their lock from here to the end of carrying it out."""

    def __init__(self, ledgers: Mapping[EpochKey, EpochLedger], init_of: Callable[[EpochKey], bytes | None], known: Known) -> None:
        self._ledgers, self._init_of, self._known = ledgers, init_of, known
        self._plan = Plan()
        self._new: dict[Name, bytes] = {}
        self._conflicts: list[Name] = []

    def plan(self, batch: Batch) -> Plan:
        """Raises Conflict with every name of the batch that is to blame."""
        for key, (digest, init) in batch.inits.items():
            self._plan_init(key, digest, init)
        for record in batch.chunks:
            self._plan_chunk(record)
        if self._conflicts:
            raise Conflict(self._conflicts, "known under another hash, or not the successor of what is known")
        return self._plan

    def _plan_init(self, key: EpochKey, digest: bytes, init: bytes) -> None:
        ledger = self._ledgers.get(key)
        if ledger is not None and ledger.init_hash not in (None, digest):
            self._conflicts.append((*key, 0))
        elif ledger is None or ledger.init_hash is None or self._init_of(key) is None:
            self._plan.fresh_inits[key] = (digest, init)

    def _plan_chunk(self, record: Record) -> None:
        header, payload, seal = record
        assert seal is not None, "check_payload returns the seal of every CHUNK"
        name, key = (header.camera, header.epoch, header.seq), (header.camera, header.epoch)
        held = self._held_hash(name)
        if held is not None:
            if held != header.hash:
                self._conflicts.append(name)
            self._plan.repeated += 1
            return
        if self._is_held(name):
            if name in self._known.hashes:
                self._plan.repeated += 1
            else:
                self._plan.wanted_hashes.append(name)
            return
        init_hash, init = self._init(key)
        if self._was(name) not in (None, header.hash):
            self._conflicts.append(name)
        elif init_hash is None:
            self._plan.need_init.add(key)
        elif seal.init_hash != init_hash or self._breaks_chain(name, seal.prev_hash):
            self._conflicts.append(name)
        elif init is not None:
            self._new[name] = header.hash
            self._plan.writes.append(Write(seal, payload, init))

    def _is_held(self, name: Name) -> bool:
        ledger = self._ledgers.get(name[:2])
        return ledger is not None and ledger.holds(name[2])

    def _was(self, name: Name) -> bytes | None:
        """The hash of a chunk that is not held, when a volume that hangs may have it all the same."""
        ledger = self._ledgers.get(name[:2])
        return None if ledger is None else ledger.hash_of(name[2])

    def _held_hash(self, name: Name) -> bytes | None:
        """The hash under which a chunk is known, when memory or a file told; None says nothing."""
        if name in self._new:
            return self._new[name]
        if not self._is_held(name):
            return None
        return self._ledgers[name[:2]].hash_of(name[2]) or self._known.hashes.get(name)

    def _breaks_chain(self, name: Name, prev_hash: bytes) -> bool:
        """Whether the hash of the chunk before is known and another one (invariant 2)."""
        camera, epoch, seq = name
        before = ZERO_HASH if seq == 0 else self._held_hash((camera, epoch, seq - 1))
        return before is not None and before != prev_hash

    def _init(self, key: EpochKey) -> tuple[bytes | None, bytes | None]:
        """(hash, bytes) of the epoch's init segment.  No hash: it is needed; no bytes: a file has to be read for them."""
        if key in self._plan.fresh_inits:
            return self._plan.fresh_inits[key]
        ledger = self._ledgers.get(key)
        if ledger is None or ledger.init_hash is None:
            return None, None
        init = self._init_of(key) or self._known.inits.get(key)
        if init is None and key in self._known.inits:
            return None, None  # no file could give it: ask the sender for it
        if init is None and key not in self._plan.wanted_inits:
            self._plan.wanted_inits.append(key)
        return ledger.init_hash, init
