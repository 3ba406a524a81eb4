"""The stages of every chunk of one epoch at one archiver.  No I/O, no clock, no threads.

                 assign              send                acknowledged            fsynced
       (none) ─────────▶ OWED ─────────────▶ SENT ─────────────▶ RECEIVED ─────────────▶ DURABLE
                          ▲ ▲                 │ unsent              │ │
        assign, unproven  │ └─────────────────┘                     │ │ archiver restarted
       (none) ─▶ UNKNOWN ─┤◀──────────────── missing ───────────────┘ │
                    ▲     └─ (asked; received and durable lead on)    │
                    └─────────────────────────────────────────────────┘
       any but DURABLE ── refuse ──▶ REFUSED        OWED SENT RECEIVED UNKNOWN ── dismiss ──▶ (none)
       OWED ── spoil ──▶ UNREADABLE ── received, durable ──▶ RECEIVED, DURABLE

    OWED      to be sent                          SENT      under way, no answer yet
    RECEIVED  acknowledged, asked for durability  UNKNOWN   maybe there: ask before sending
    DURABLE   a copy (invariant 3), final         REFUSED   never sent there again
    UNREADABLE   the journal has other bytes than were cut: sent to nobody, who has it has it from elsewhere

Rules: a chunk is in at most one stage; TABLE is complete: what it does not name does not move.  Every step costs
the number of ranges it meets, not of chunks.
"""

from enum import Enum, auto
from typing import Final

from ...wire.ranges import Range, RangeSet


class Stage(Enum):
    __hash__ = object.__hash__  # members are single objects, and Enum's own hash is a call of Python at every look-up

    OWED = auto()
    SENT = auto()
    RECEIVED = auto()
    UNKNOWN = auto()
    DURABLE = auto()
    REFUSED = auto()
    UNREADABLE = auto()


class Step(Enum):
    __hash__ = object.__hash__

    ASSIGN = auto()
    ASSIGN_UNPROVEN = auto()
    SEND = auto()
    UNSENT = auto()
    IS_RECEIVED = auto()
    IS_DURABLE = auto()
    IS_MISSING = auto()
    RESTARTED = auto()
    REFUSE = auto()
    SPOIL = auto()
    DISMISS = auto()
    FORGET = auto()


TABLE: Final[dict[Step, dict[Stage | None, Stage | None]]] = {
    Step.ASSIGN: {None: Stage.OWED},
    Step.ASSIGN_UNPROVEN: {None: Stage.UNKNOWN},
    Step.SEND: {Stage.OWED: Stage.SENT},
    Step.UNSENT: {Stage.SENT: Stage.OWED},
    Step.IS_RECEIVED: dict.fromkeys((Stage.OWED, Stage.SENT, Stage.UNKNOWN, Stage.UNREADABLE), Stage.RECEIVED),
    Step.IS_DURABLE: dict.fromkeys((None, Stage.OWED, Stage.SENT, Stage.RECEIVED, Stage.UNKNOWN, Stage.UNREADABLE), Stage.DURABLE),
    Step.IS_MISSING: dict.fromkeys((Stage.SENT, Stage.RECEIVED, Stage.UNKNOWN), Stage.OWED),
    Step.RESTARTED: {Stage.RECEIVED: Stage.UNKNOWN},
    Step.REFUSE: dict.fromkeys((None, Stage.OWED, Stage.SENT, Stage.RECEIVED, Stage.UNKNOWN), Stage.REFUSED),
    Step.SPOIL: {Stage.OWED: Stage.UNREADABLE},
    Step.DISMISS: dict.fromkeys((Stage.OWED, Stage.SENT, Stage.RECEIVED, Stage.UNKNOWN)),
    Step.FORGET: dict.fromkeys(Stage),
}
PENDING: Final = (Stage.OWED, Stage.SENT, Stage.RECEIVED, Stage.UNKNOWN)
"""A chunk here will still become DURABLE or REFUSED."""
LEAD_TO_OWED: Final = (Step.ASSIGN, Step.UNSENT, Step.IS_MISSING)
"""A chunk that the journal cannot read is spoiled after each of them."""
UNACKNOWLEDGED: Final = (Stage.OWED, Stage.SENT, Stage.UNKNOWN)
MAY_RELEASE: Final = (Step.IS_DURABLE, Step.REFUSE, Step.SPOIL, Step.DISMISS, Step.FORGET)
"""After any other step nobody less is owed a chunk, and none has a copy more."""
COUNTS_COPIES: Final = (Step.IS_DURABLE, Step.FORGET)
"""The steps that change who has a durable copy."""
ONLY_FROM: Final = {step: stage for step, moves in TABLE.items() if len(moves) == 1 for stage in moves if stage is not None}
"""The one stage that a step takes chunks from: an epoch without any there has nothing to do, as after almost every answer."""
TOUCHED: Final[dict[Step, tuple[Stage, ...]]] = {
    step: tuple(stage for stage in PENDING if stage in {*moves, *moves.values()}) for step, moves in TABLE.items()
}
"""The pending stages that a step can take chunks from or to."""


class EpochStages:
    """Seqs of one epoch at one archiver, by stage.  A stage without any has no set of its own, as almost all of them have none."""

    __slots__ = ("sets",)

    def __init__(self) -> None:
        self.sets: dict[Stage, RangeSet] = {}
        """Those that have any chunk: read them, never change them."""

    def __getitem__(self, stage: Stage) -> RangeSet:
        """The live set: read it, never change it."""
        return self.sets.get(stage, _NONE)

    def apply(self, step: Step, low: int, high: int) -> int:
        """Take the step for every seq of low..high that the table moves; returns how many moved."""
        table = TABLE[step]
        for stage, there in self.sets.items():
            if there.covers(low, high):  # all are in one stage, as almost always: no other set has any of them
                if stage not in table:
                    return 0
                self._move(stage, table[stage], (low, high))
                return high - low + 1
        if not any(there.meets(low, high) for there in self.sets.values()):  # none is in any, as what was just offered
            if None not in table:
                return 0
            self._move(None, table[None], (low, high))
            return high - low + 1
        moves = [(source, target, part) for source, target in table.items() if (part := self._part(source, low, high))]
        moved = 0
        for source, target, part in moves:
            for span in part:
                self._move(source, target, span)
            moved += len(part)
        return moved

    def _part(self, source: Stage | None, low: int, high: int) -> RangeSet | None:
        if source is not None:
            there = self.sets.get(source)
            return there.clip(low, high) if there is not None else None
        fresh = RangeSet([(low, high)])
        for known in self.sets.values():
            for span in known.clip(low, high):
                fresh.discard(*span)
        return fresh

    def _move(self, source: Stage | None, target: Stage | None, span: Range) -> None:
        if source is not None:
            left = self.sets[source]
            left.discard(*span)
            if not left:
                del self.sets[source]
        if target is not None:
            found = self.sets.get(target)
            if found is None:
                found = self.sets[target] = RangeSet()
            found.add(*span)


_NONE: Final = RangeSet()
"""Of every stage without chunks."""
