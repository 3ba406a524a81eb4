"""The chunks of one epoch that are still in the journal, and how many durable copies they have.  No I/O.

Rules: `present` shrinks as chunks are released, so a book is as large as what is owed.  One entry per chunk in `held`
is about 150 bytes: a journal of 20 GB of 500 kB chunks has 40 000 of them, 6 MB.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from ...wire.ranges import RangeSet
from .ports import ChunkRef
from .stages import PENDING, EpochStages, Stage

MARK_EVERY_S: Final = 0.5
KEEP_MARKS_S: Final = 15.0
"""Longer than any age asked for (lanes.LIVE_S, protection.GRACE_S); 30 marks a book."""


class Held(NamedTuple):
    ref: ChunkRef
    offered_at: float | None
    """Monotonic; None for a chunk from before the agent's restart."""


class EpochBook:
    """One epoch of one camera."""

    def __init__(self, camera: str, epoch: int) -> None:
        self.camera, self.epoch = camera, epoch
        self.held: dict[int, Held] = {}
        self.present = RangeSet()
        self.unproven = RangeSet()
        """From before the agent's restart: an archiver may have them already."""
        self.unreadable = RangeSet()
        """The journal has other bytes than were cut."""
        self.last_seq = -1
        self.stages: dict[str, EpochStages] = {}
        self._marks: list[tuple[float, int]] = []
        self._lacking: dict[int, RangeSet] = {}

    def add(self, ref: ChunkRef, offered_at: float | None) -> None:
        self.held[ref.seq] = Held(ref, offered_at)
        self.present.add(ref.seq, ref.seq)
        self.last_seq = max(self.last_seq, ref.seq)
        if offered_at is None:
            self.unproven.add(ref.seq, ref.seq)
        elif not self._marks or offered_at >= self._marks[-1][0] + MARK_EVERY_S:
            self._marks = [mark for mark in self._marks if mark[0] >= offered_at - KEEP_MARKS_S]
            self._marks.append((offered_at, ref.seq))
        self.changed()

    def remove(self, low: int, high: int) -> RangeSet:
        """Drop low..high from the book; returns what was there of it."""
        gone = self.present.clip(low, high)
        for start, end in gone:
            for seq in range(start, end + 1):
                del self.held[seq]
            for pile in (self.present, self.unproven, self.unreadable):
                pile.discard(start, end)
        self.changed()
        return gone

    def at(self, archiver: str) -> EpochStages:
        found = self.stages.get(archiver)
        if found is None:  # not setdefault: it would make an EpochStages at every call
            found = self.stages[archiver] = EpochStages()
        return found

    def changed(self) -> None:
        """Stages or chunks changed: what was counted of copies is stale."""
        self._lacking.clear()

    def first_since(self, since: float) -> int:
        """The first seq offered at or after `since`, to MARK_EVERY_S; one past the last when there is none."""
        at = bisect_left(self._marks, since, key=lambda mark: mark[0])
        return self._marks[at][1] if at < len(self._marks) else self.last_seq + 1

    def last_offer(self) -> float:
        """When a chunk was last offered, to MARK_EVERY_S; -inf when all are from before the restart."""
        return self._marks[-1][0] if self._marks else float("-inf")

    def lacking(self, copies: int) -> RangeSet:
        """The present chunks with fewer durable copies than `copies`; read it, never change it."""
        if copies not in self._lacking:
            full = at_least(copies, [durable for stages in self.stages.values() if (durable := stages[Stage.DURABLE])])
            self._lacking[copies] = self.present.minus(full)
        return self._lacking[copies]

    def releasable(self, copies: int, targets: Iterable[str]) -> RangeSet:
        """Present chunks with enough durable copies that no target still has to get (invariant 4)."""
        free = self.present.minus(self.lacking(copies))
        for target in targets:
            if not free:
                break
            if target in self.stages:
                for stage in PENDING:
                    if waits := self.stages[target][stage]:
                        free = free.minus(waits)
        return free

    def hopeless(self) -> RangeSet:
        """Chunks that the journal cannot read and that no archiver may yet turn out to have: those with a copy have what they get."""
        found = self.present.minus(self.present.minus(self.unreadable))
        for stages in self.stages.values():
            for stage in (Stage.SENT, Stage.RECEIVED, Stage.UNKNOWN):
                found = found.minus(stages[stage])
        return found


class CameraBook:
    """One camera's epochs, oldest first, and who is owed them."""

    def __init__(self) -> None:
        self.epochs: dict[int, EpochBook] = {}
        self.targets: tuple[str, ...] = ()
        self.copies = 1
        self.at_cut: tuple[str, ...] | None = None
        """Targets that take over at the next segment cut."""
        self.newest: tuple[int, int] | None = None
        """(epoch, seq) of the newest chunk ever offered."""
        self.offered_at: float | None = None
        self.durable_at: float | None = None
        """When the newest chunk that has all its copies was offered."""


def at_least(count: int, sets: Collection[RangeSet]) -> RangeSet:
    """The integers that are in at least `count` of the sets, read-only; a sweep over their ends."""
    found, depth, start = RangeSet(), 0, 0
    if len(sets) < count:
        return found
    if len(sets) == count == 1:
        return next(iter(sets))
    for at, step in sorted(_ends(sets)):
        depth += step
        if step > 0 and depth == count:
            start = at
        elif step < 0 and depth == count - 1 and at > start:
            found.add(start, at - 1)
    return found


def _ends(sets: Iterable[RangeSet]) -> Iterator[tuple[int, int]]:
    for each in sets:
        for low, high in each:
            yield low, 1
            yield high + 1, -1
