"""When a leader gives the lead to another server that is there: it is one for recovery, or an operator has ordered it.  No I/O, no clock.

    ordered ──another lacks few entries──▶ closing: no more requests ──it has them all──▶ steps down, rests for REST_S
       └──nobody has caught up in ORDER_S──▶ forgotten, it leads on

Rules: nobody who waits for an answer is left without one.  Whoever was ordered to hand over does not claim the lead while it rests,
and says so (Status.rests): by its rank it might be the next one again.  When no other server lives the lead stays where it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .leading import Leading
from .sight import NEVER
from .status import Status

HANDOVER_ENTRIES: Final = 100
"""No more edits are taken once another server lacks no more than these: it has them within a second."""
ORDER_S: Final = 5.0
REST_S: Final = 4.0
"""Others see within a poll that it leads no more, and claim after another one."""


def heirs(living: Mapping[str, Status]) -> list[Status]:
    """Who could lead instead."""
    return [one for one in living.values() if one.able and not one.recovery and not one.rests]


@dataclass(slots=True)
class Handover:
    until: float = NEVER
    """How long an order holds."""
    rest_until: float = NEVER

    def order(self, now: float) -> None:
        self.until = now + ORDER_S

    def rests(self, now: float) -> bool:
        return now < self.rest_until

    def why(self, leading: Leading, living: Mapping[str, Status], *, recovery: bool, now: float) -> str | None:
        """Why to step down now; None: not yet, or not at all."""
        ordered = now < self.until
        if not (recovery or ordered):
            leading.closing = False
            return None
        near = [one for one in heirs(living) if one.term == leading.term and leading.behind(one.server) <= HANDOVER_ENTRIES]
        leading.closing = bool(near)
        position = (leading.tip.term, leading.tip.index)
        ready = next((one.server for one in near if one.position == position), None)
        if ready is None or not leading.idle:
            return None
        if ordered:
            self.until, self.rest_until = NEVER, now + REST_S
        return f"{ready} has the whole journal" + (", an operator has ordered it" if ordered else "")
