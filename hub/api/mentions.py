"""Which states a batch asks for: the seqs that its records mention, per camera and epoch.  No I/O.

Rules: an answer speaks only of what the batch mentioned, and calls missing only what an ASK asked for.
"""

from collections.abc import Callable, Collection, Iterable

from ...wire.messages import EpochState
from ...wire.ranges import RangeSet
from ...wire.record import RecordKind, asked_last
from .batch import Record

StateOf = Callable[[str, int, int, int], EpochState]
"""`state(camera, epoch, low, high)`: what the store has of low..high."""


class Mentions:
    """The seqs of one epoch that a batch mentioned, and those of them that it asked about."""

    __slots__ = ("asked", "stored")

    def __init__(self) -> None:
        self.stored, self.asked = RangeSet(), RangeSet()

    def state(self, state_of: StateOf, camera: str, epoch: int) -> EpochState:
        """One EpochState over everything mentioned; an epoch of which only the init segment came has empty ranges."""
        mentioned = RangeSet(self.stored)
        mentioned.update(self.asked)
        if len(spans := mentioned.spans()) == 1 and (not self.stored or not self.asked):
            return self._state_of_one(state_of(camera, epoch, *spans[0]))
        received, durable, missing, need_init = RangeSet(), RangeSet(), RangeSet(), False
        for low, high in mentioned or [(0, 0)]:
            part = state_of(camera, epoch, low, high)
            need_init |= part.need_init
            for whole, spans in ((received, part.received), (durable, part.durable), (missing, part.missing)):
                for span_low, span_high in spans:
                    whole.update(mentioned.clip(span_low, span_high))
        asked_missing = RangeSet(span for low, high in self.asked for span in missing.clip(low, high))
        return EpochState(epoch=epoch, received=received.spans(), durable=durable.spans(), missing=asked_missing.spans(),
                          need_init=need_init)  # fmt: skip


    def _state_of_one(self, part: EpochState) -> EpochState:
        """The same for what nearly every batch is, one range that was either stored or asked for."""
        return part if self.asked or not part.missing else part.model_copy(update={"missing": []})


def mentions(records: Iterable[Record]) -> dict[tuple[str, int], Mentions]:
    """What the records mention, by (camera, epoch), in the order of first mention."""
    found: dict[tuple[str, int], Mentions] = {}
    for header, payload, _seal in records:
        entry = found.setdefault((header.camera, header.epoch), Mentions())
        if header.kind is RecordKind.CHUNK:
            entry.stored.add(header.seq, header.seq)
        elif header.kind is RecordKind.ASK:
            entry.asked.add(header.seq, asked_last(payload))
    return found


def states(found: dict[tuple[str, int], Mentions], state_of: StateOf,
           unread: Collection[tuple[str, int]] = ()) -> dict[str, list[EpochState]]:  # fmt: skip
    """The `cameras` of an AppendAnswer; `unread`: epochs whose init segment was wanted and is not to be had, also those of which files have
    one that cannot be read now."""
    answer: dict[str, list[EpochState]] = {}
    for (camera, epoch), entry in found.items():
        state = entry.state(state_of, camera, epoch)
        answer.setdefault(camera, []).append(state.model_copy(update={"need_init": True}) if (camera, epoch) in unread else state)
    return answer
