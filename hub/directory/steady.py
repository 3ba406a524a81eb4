"""Which agents have lived for long enough that cameras may go back to them by themselves.  No I/O, no clock.

    AWAY ──lives──▶ HOLDING ──its hold──▶ STEADY        HOLDING, STEADY ──suspect, new──▶ HOLDING, the same hold anew
      ▲                │                    │
      └────is gone─────┴────────────────────┘           the hold after a death: HOLD_S after the first one and when it had lived
                                                            for FORGIVEN_S, else twice the one before

Rules: a hold counts without a break.  Every server watches, so a new leader knows who has died how often, as far as it was there
itself; one that has just started gives everybody the first hold.

Bounds: each death costs each camera of an agent what it sends until somebody else has it, 10 s or so.  An agent that comes and goes
gets its cameras back after each of the 7 holds from 60 s to 64 min, 127 min together, and every 64 min from then on: 27 times on the
first day, if it dies each time as soon as it has them, which is 0.3 % of what they send.  One that lives for less than 64 min at a
time gets nothing back any more, soon.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .liveness import Life

HOLD_S: Final = 60.0
"""As an archiver's hold-down at agents."""
LONGEST_S: Final = 64 * HOLD_S
FORGIVEN_S: Final = 86_400.0


@dataclass(slots=True)
class _Agent:
    hold_s: float
    died: bool = False
    back_at: float | None = None
    """Since when it has not been gone."""
    since: float | None = None
    """Since when it has lived without a break; None: it does not."""


class Steadiness:
    """look() several times a second, with who lives."""

    def __init__(self, hold_s: float = HOLD_S, longest_s: float = LONGEST_S) -> None:
        self._hold_s, self._longest_s = hold_s, longest_s
        self._agents: dict[str, _Agent] = {}
        self.steady: frozenset[str] = frozenset()

    def look(self, lives: Mapping[str, Life], now: float) -> bool:
        """Whether somebody is steady who was not before; those who are not named are forgotten."""
        for name in self._agents.keys() - lives.keys():
            del self._agents[name]
        for name, life in lives.items():
            self._turn(self._agents.setdefault(name, _Agent(self._hold_s)), life, now)
        before = self.steady
        self.steady = frozenset(name for name, one in self._agents.items() if one.since is not None and now - one.since >= one.hold_s)
        return not self.steady <= before

    def _turn(self, one: _Agent, life: Life, now: float) -> None:
        if life is Life.LIVES:
            one.since = now if one.since is None else one.since
            one.back_at = now if one.back_at is None else one.back_at
            return
        one.since = None
        if life is Life.GONE and one.back_at is not None:
            again = one.died and now - one.back_at < FORGIVEN_S
            one.hold_s = min(2 * one.hold_s, self._longest_s) if again else self._hold_s
            one.died, one.back_at = True, None
