"""Is one archiver fit to be owed chunks?  Cause-blind: only acknowledgements count.  No I/O, no clock, no threads.

                 BROKEN, ACK_LATE                  ANSWERED
      ┌─────────┐               ┌───────────┐               ┌─────────┐
      │ HEALTHY │──────────────▶│ UNHEALTHY │──────────────▶│ HOLDING │
      └─────────┘               └───────────┘◀──────────────└─────────┘
           ▲                                BROKEN, ACK_LATE     │
           └─────────────────────────────────────────────────────┘
                        HOLD_OVER (failback auto), MOVED

    sign       means
    ANSWERED   a request was answered, and of chunks it carried at least one was taken
    BROKEN     connection refused or reset, or somebody else answers there: counts at once
    ACK_LATE   ack_timeout_s passed since a request was wanted, and none was answered: silent, full, 500, slow
    HOLD_OVER  failback_hold_s passed in HOLDING
    MOVED      an operator says: use it again now

Rules: HOLDING is healthy, it answers; it only ranks behind HEALTHY until it has kept answering for the hold-down
(policy.py).  A new archiver starts HEALTHY: idle ones are probed (lanes.py), so a dead one is known before it is needed.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, Literal


class Health(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    HOLDING = "holding"


class Sign(Enum):
    ANSWERED = 1
    BROKEN = 2
    ACK_LATE = 3
    HOLD_OVER = 4
    MOVED = 5


TABLE: Final[dict[Health, dict[Sign, Health]]] = {
    Health.HEALTHY: {
        Sign.ANSWERED: Health.HEALTHY, Sign.BROKEN: Health.UNHEALTHY, Sign.ACK_LATE: Health.UNHEALTHY,
        Sign.HOLD_OVER: Health.HEALTHY, Sign.MOVED: Health.HEALTHY,
    },
    Health.UNHEALTHY: {
        Sign.ANSWERED: Health.HOLDING, Sign.BROKEN: Health.UNHEALTHY, Sign.ACK_LATE: Health.UNHEALTHY,
        Sign.HOLD_OVER: Health.UNHEALTHY, Sign.MOVED: Health.UNHEALTHY,
    },
    Health.HOLDING: {
        Sign.ANSWERED: Health.HOLDING, Sign.BROKEN: Health.UNHEALTHY, Sign.ACK_LATE: Health.UNHEALTHY,
        Sign.HOLD_OVER: Health.HEALTHY, Sign.MOVED: Health.HEALTHY,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HealthLimits:
    ack_timeout_s: float = 2.0
    failback_hold_s: float = 60.0
    failback: Literal["auto", "sticky"] = "auto"
    """sticky: HOLDING lasts until MOVED, so a stand-in stays in place until it fails."""


class ArchiverHealth:
    """One archiver's state; times are the caller's monotonic seconds."""

    def __init__(self, limits: HealthLimits, now: float) -> None:
        self._limits = limits
        self.state, self.since, self.why = Health.HEALTHY, now, ""
        self._waiting_since: float | None = None
        self._hold_until: float | None = None
        self._last_failure = ""

    def waiting(self, now: float) -> None:
        """A request is wanted or under way: the ack timer runs from here, unless it runs already."""
        if self._waiting_since is None:
            self._waiting_since = now

    def failed(self, why: str) -> None:
        """A request failed in a way that counts only when it lasts: remembered as the reason for ACK_LATE."""
        self._last_failure = why

    def handle(self, sign: Sign, now: float, why: str = "") -> bool:
        """Advance by the table; True when the state is another one now."""
        before, self.state = self.state, TABLE[self.state][sign]
        if sign is not Sign.HOLD_OVER and sign is not Sign.MOVED:
            self._waiting_since = None
        if self.state is before:
            self.why = why or self.why
            return False
        self.since, self.why, self._last_failure = now, why, ""
        held = self.state is Health.HOLDING and self._limits.failback == "auto"
        self._hold_until = now + self._limits.failback_hold_s if held else None
        return True

    def tick(self, now: float) -> bool:
        """Let deadlines that have passed take effect; True when the state is another one now."""
        late = self._ack_deadline()
        if late is not None and now >= late:
            return self.handle(Sign.ACK_LATE, now, self._last_failure or f"no answer for {self._limits.ack_timeout_s:g} s")
        if self._hold_until is not None and now >= self._hold_until:
            return self.handle(Sign.HOLD_OVER, now)
        return False

    def next_deadline(self) -> float | None:
        return min((at for at in (self._ack_deadline(), self._hold_until) if at is not None), default=None)

    def _ack_deadline(self) -> float | None:
        if self._waiting_since is None or self.state is Health.UNHEALTHY:
            return None
        return self._waiting_since + self._limits.ack_timeout_s
