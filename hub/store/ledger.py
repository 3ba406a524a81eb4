"""What this archiver has of one epoch, by chunk number.  No I/O, no clock, no threads.

    unknown --plan--> PENDING --written--> RECEIVED --synced--> DURABLE
       ^                 |                     |                   |
       '--write failed,--'--sync failed, hung--'-----retention-----'
          volume hung

Rules: a chunk is in one state; only DURABLE counts as a copy (invariant 3).  One name has one hash (invariant 2): hashes
of pending and of recent chunks are kept here, older ones are read back from the seals in the files.
"""

from collections import OrderedDict
from typing import Final

from ...wire.messages import EpochState
from ...wire.ranges import RangeSet

RECENT_HASHES: Final = 256
"""Hashes kept per epoch: a repeat after a lost answer is seconds old, this is minutes.  About 50 kB an epoch in use."""


class EpochLedger:
    """The chunks of one (camera, epoch)."""

    __slots__ = ("_pending", "_recent", "durable", "init_hash", "received")

    def __init__(self, init_hash: bytes | None = None) -> None:
        self.init_hash = init_hash
        self._pending: dict[int, bytes] = {}
        self._recent: OrderedDict[int, bytes] = OrderedDict()
        self.received, self.durable = RangeSet(), RangeSet()

    def holds(self, seq: int) -> bool:
        """Whether the chunk is known at all, written or about to be."""
        return seq in self._pending or seq in self.durable or seq in self.received

    def hash_of(self, seq: int) -> bytes | None:
        """The chunk's hash when it is in memory; None says nothing."""
        return self._pending.get(seq) or self._recent.get(seq)

    def plan(self, seq: int, digest: bytes) -> None:
        """The chunk is on its way to a writer."""
        self._pending[seq] = digest

    def give_up(self, seq: int) -> None:
        """The chunk was not written."""
        self._pending.pop(seq, None)

    def hung(self, seq: int) -> None:
        """The chunk may yet land in a file of a volume that hangs: it is missing, and its name keeps its hash (invariant 2)."""
        digest = self._pending.pop(seq, None)
        if digest is not None:
            self.remember(seq, digest)

    def written(self, seq: int) -> None:
        """The chunk's bytes are in a file."""
        self.remember(seq, self._pending.pop(seq))
        self.received.add(seq, seq)

    def synced(self, low: int, high: int) -> None:
        """The file that holds low..high was synced after they were written."""
        self.received.discard(low, high)
        self.durable.add(low, high)

    def lost(self, low: int, high: int, *, hung: bool = False) -> None:
        """Received chunks whose file was given up: they are missing again; on a volume that hangs their names keep their hashes."""
        self.received.discard(low, high)
        for seq in range(low, high + 1) if not hung else ():
            self._recent.pop(seq, None)

    def loaded(self, low: int, high: int) -> None:
        """A file of before has low..high, whether or not they came again meanwhile."""
        self.received.discard(low, high)
        self.durable.add(low, high)

    def removed(self, low: int, high: int) -> None:
        """Durable chunks that retention has deleted."""
        self.durable.discard(low, high)
        for seq in [seq for seq in self._recent if low <= seq <= high]:
            del self._recent[seq]

    def remember(self, seq: int, digest: bytes) -> None:
        self._recent[seq] = digest
        self._recent.move_to_end(seq)
        if len(self._recent) > RECENT_HASHES:
            self._recent.popitem(last=False)

    def state(self, epoch: int, low: int, high: int, *, need_init: bool) -> EpochState:
        """The answer about low..high; pending chunks count as missing, because nothing holds them yet."""
        received, durable = self.received.clip(low, high), self.durable.clip(low, high)
        missing = RangeSet([(low, high)])
        for have in (received, durable):
            missing = missing.minus(have)
        return EpochState(epoch=epoch, received=received.spans(), durable=durable.spans(), missing=missing.spans(), need_init=need_init)

    @property
    def unsynced(self) -> bool:
        """Whether a chunk is on its way to the disk."""
        return bool(self._pending or self.received)

    @property
    def at_rest(self) -> bool:
        """Whether the files tell all that is known here: nothing is on its way, all is durable, no name of a missing chunk is kept."""
        if self.unsynced or (self.init_hash is not None and not self.durable):
            return False
        return all(seq in self.durable for seq in self._recent)

    @property
    def has_chunks(self) -> bool:
        """Whether a chunk is here or on its way; an epoch without can be forgotten."""
        return bool(self._pending or self.received or self.durable)
