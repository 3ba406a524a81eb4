"""Invariant 4 beyond the agent: what was declared lost is known to the archivers, and the timeline says it of that and of nothing else.

    reclaimed without a copy ─▶ note ─▶ (reports) ─▶ each archiver of the list ─▶ power cut ─▶ gap `loss`

Rules: notes are written when chunks go, without the product's books.  A note is excused when its agent's process ended before it was
saved, on a disk that did not sync when the quota took the chunks, or of chunks that still stand there; at a standby that sleeps; and at
an archiver that lost its disks since.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from sim_content import Cuts, Name, Names
from sim_engine import Broken

from watchkeep.hub.store.timeline import JOIN_NS
from watchkeep.wire.causes import LOST, Cause
from watchkeep.wire.losses import Loss
from watchkeep.wire.messages import Gap
from watchkeep.wire.ranges import RangeSet

if TYPE_CHECKING:
    from sim_agent import SimAgent
    from sim_archiver import SimArchiver

CHUNK_NS = 1_000_000_000


@dataclass(slots=True)
class Note:
    """Chunks that were given up, when, and who has to know."""

    camera: str
    epoch: int
    low: int
    high: int
    archivers: frozenset[str]
    at: float
    saved: bool = False
    """Whether the agent has it on its disk."""
    mortal: bool = False
    """Whether it dies with the process before that: the disk did not take it, or what is lost is still on the disk."""


@dataclass(slots=True)
class Notes:
    """What one agent has given up."""

    all: list[Note] = field(default_factory=list)
    may: Names = field(default_factory=Names)
    """Whatever it may declare: what it gave up, and what a start found damaged in its journal."""

    def lose(self, note: Note) -> None:
        self.all.append(note)
        self.may.add(note.camera, note.epoch, note.low, note.high)

    def saved(self) -> None:
        for note in self.all:
            note.saved = True

    def died(self) -> None:
        self.all = [note for note in self.all if note.saved or not note.mortal]


class LossChecks:
    """Hooks of one world; counts into `done`."""

    def __init__(self, cuts: Cuts, agents: Sequence["SimAgent"], cold: frozenset[str], done: dict[str, int]) -> None:
        self._cuts, self._agents, self._cold, self._done = cuts, agents, cold, done
        self.explained = 0
        """Gaps that say `loss`: most worlds have none."""

    def told(self, archiver: "SimArchiver", losses: Sequence[Loss]) -> None:
        """An archiver hears of nothing that was not given up."""
        for loss in losses:
            self._done["told"] += 1
            if loss.seqs is None or not self._may(loss.camera).of((loss.camera, loss.epoch)).covers(*loss.seqs):
                raise Broken(4, f"{archiver.name} is told that {loss.camera} {loss.epoch}.{loss.seqs} is lost, which nobody gave up")

    def untold(self, alive: set[str]) -> bool:
        """Whether any archiver that lives has yet to be told of anything."""
        return any(agent.losses.due(name) for agent in self._agents for name in sorted(alive - self._cold))

    def shown(self, archiver: "SimArchiver") -> None:
        """After its last power cut: it knows what it has to know, and its gaps say `loss` where that is true."""
        assert archiver.process is not None, "it was started"
        store, must = archiver.process.store, self._must(archiver)
        known = Names()
        for loss in store.losses._known.all():
            if loss.seqs is not None:
                known.add(loss.camera, loss.epoch, *loss.seqs)
        for key, seqs in must.epochs.items():
            if missing := seqs.minus(known.of(key)):
                raise Broken(4, f"{archiver.name} does not know that {key}: {missing} is lost")
        names = [(camera, epoch, seq) for disk in archiver.disks for (camera, epoch), seqs in disk.holds().epochs.items()
                 for low, high in seqs for seq in range(low, high + 1)]  # fmt: skip
        for camera in sorted({name[0] for name in names}):
            gaps = {(gap.start_s, gap.end_s): gap for gap in store.timeline(camera, None, None).gaps}
            for before, after in pairwise(sorted({name for name in names if name[0] == camera})):
                self._gap(archiver, before, after, must, gaps)

    def _gap(self, archiver: "SimArchiver", before: Name, after: Name, must: Names, gaps: dict[tuple[float, float], Gap]) -> None:
        start_ns, end_ns = self._cuts.starts[before] + CHUNK_NS, self._cuts.starts[after]
        if self._joined(before, after, end_ns - start_ns) or end_ns <= start_ns:
            return
        gap = gaps.get((start_ns / 1e9, end_ns / 1e9))
        if gap is None:
            raise Broken(4, f"{archiver.name} shows no gap between {before} and {after}")
        if gap.cause == LOST and not _explains(self._may(before[0]), before, after):
            raise Broken(4, f"{archiver.name} says that all between {before} and {after} is lost, which nobody gave up: {gap.text}")
        if gap.cause != LOST and _explains(must, before, after):
            raise Broken(4, f"{archiver.name} says {gap.cause} of what is lost between {before} and {after}")
        self.explained += gap.cause == LOST

    def _joined(self, before: Name, after: Name, apart_ns: int) -> bool:
        if before[:2] == after[:2]:
            return after[2] == before[2] + 1
        return after[2] == 0 and (abs(apart_ns) <= JOIN_NS or self._cuts.causes[after[:2]] is Cause.PARAMETER_CHANGE)

    def _may(self, camera: str) -> Names:
        return next(agent.notes.may for agent in self._agents if camera in agent.fewest)

    def _must(self, archiver: "SimArchiver") -> Names:
        found = Names()
        for note in [note for agent in self._agents for note in agent.notes.all if archiver.name not in self._cold]:
            if archiver.name in note.archivers and note.at > archiver.disks_lost_at:
                found.add(note.camera, note.epoch, note.low, note.high)
        return found


def _explains(lost: Names, before: Name, after: Name) -> bool:
    """Whether these losses are all that is missing of the later epoch up to the chunk after, and some of it lies in between at all."""
    (camera, last_epoch, last_seq), (_, epoch, seq) = before, after
    low = last_seq + 1 if epoch == last_epoch else 0
    if low < seq and not lost.of((camera, epoch)).covers(low, seq - 1):
        return False
    between = [(there, seqs) for (of, there), seqs in lost.epochs.items() if of == camera and last_epoch <= there <= epoch]
    return any(_inside(there, seqs, before, after) for there, seqs in between)


def _inside(epoch: int, seqs: RangeSet, before: Name, after: Name) -> bool:
    low = before[2] + 1 if epoch == before[1] else 0
    high = after[2] - 1 if epoch == after[1] else seqs.last() or 0
    return bool(seqs.clip(low, high))
