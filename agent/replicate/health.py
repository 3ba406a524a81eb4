"""Is one archiver fit to be owed chunks?  Cause-blind: only acknowledgements count.  No I/O, no clock, no threads.

                 BROKEN, ACK_LATE                  ANSWERED
      ┌─────────┐               ┌───────────┐               ┌─────────┐
      │ HEALTHY │──────────────▶│ UNHEALTHY │──────────────▶│ HOLDING │
      └─────────┘               └───────────┘◀──────────────└─────────┘
           ▲                                BROKEN, ACK_LATE     │
           └─────────────────────────────────────────────────────┘
                        HOLD_OVER, MOVED

                 ANNOUNCED                OVERDUE
      ┌─────────┐               ┌────────┐               ┌───────────┐
      │ HEALTHY │──────────────▶│ PAUSED │──────────────▶│ UNHEALTHY │
      └─────────┘◀──────────────└────────┘◀──────────────└───────────┘
                  ANSWERED       │    ▲      ANNOUNCED
                         RESUMED │    │ ANNOUNCED
                                ┌▼───────┐
                                │ HOLDING│
                                └────────┘

                  WANTED                  OVERDUE
      ┌──────┐               ┌────────┐               ┌───────────┐
      │ COLD │──────────────▶│ WAKING │──────────────▶│ UNHEALTHY │
      └──────┘               └────────┘               └───────────┘
         ▲                        │ ANSWERED
         │     REST          ┌────▼────┐
         └───────────────────│ HEALTHY │   and from every other state
                             └─────────┘
    sign       means
    ANSWERED   a request was answered, and of chunks it carried at least one was taken
    ANNOUNCED  the same, and it says that an operator has it in maintenance for so long
    RESUMED    ANSWERED, after a maintenance, of one that was not in full use when that was announced
    BROKEN     connection refused or reset, or somebody else answers there: counts at once
    ACK_LATE   ack_timeout_s passed since a request was wanted, and none was answered: silent, full, 500, slow
    HOLD_OVER  failback_hold_s passed in HOLDING
    OVERDUE    the announced time, or that of its boot, is over, by the agent's own clock, and it does not answer
    WANTED     a cold standby has become a target: it is woken
    REST       a cold standby has not been needed for sleep_after_s
    MOVED      an operator says: use it again now

Rules: HOLDING is healthy, it answers; it only ranks behind HEALTHY until it has kept answering for the hold-down
(policy.py).  After that it `was_away`: cameras that are sticky stay with their stand-ins (rank.py).  A new archiver starts
HEALTHY: idle ones are probed (lanes.py), so a dead one is known before it is needed.
PAUSED may be `silent`, that is, down as announced: the journal bridges it, also for one in its hold-down, because a planned restart
is no failure; that hold-down begins anew when it is back, because a restart proves nothing.  COLD is powered off as it should be: it
is not asked and nothing is wrong with it; the journal bridges its boot.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from ...wire.desired import Failback
from ...wire.messages import MAX_MAINTENANCE_S


class Health(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    HOLDING = "holding"
    PAUSED = "paused"
    COLD = "cold"
    WAKING = "waking"


class Sign(Enum):
    ANSWERED = 1
    BROKEN = 2
    ACK_LATE = 3
    HOLD_OVER = 4
    MOVED = 5
    ANNOUNCED = 6
    OVERDUE = 7
    WANTED = 8
    REST = 9
    RESUMED = 10


TABLE: Final[dict[Health, dict[Sign, Health]]] = {
    Health.HEALTHY: {
        Sign.ANSWERED: Health.HEALTHY, Sign.BROKEN: Health.UNHEALTHY, Sign.ACK_LATE: Health.UNHEALTHY,
        Sign.HOLD_OVER: Health.HEALTHY, Sign.MOVED: Health.HEALTHY, Sign.ANNOUNCED: Health.PAUSED, Sign.OVERDUE: Health.HEALTHY,
        Sign.WANTED: Health.HEALTHY, Sign.REST: Health.COLD, Sign.RESUMED: Health.HEALTHY,
    },
    Health.UNHEALTHY: {
        Sign.ANSWERED: Health.HOLDING, Sign.BROKEN: Health.UNHEALTHY, Sign.ACK_LATE: Health.UNHEALTHY,
        Sign.HOLD_OVER: Health.UNHEALTHY, Sign.MOVED: Health.UNHEALTHY, Sign.ANNOUNCED: Health.PAUSED, Sign.OVERDUE: Health.UNHEALTHY,
        Sign.WANTED: Health.UNHEALTHY, Sign.REST: Health.COLD, Sign.RESUMED: Health.HOLDING,
    },
    Health.HOLDING: {
        Sign.ANSWERED: Health.HOLDING, Sign.BROKEN: Health.UNHEALTHY, Sign.ACK_LATE: Health.UNHEALTHY,
        Sign.HOLD_OVER: Health.HEALTHY, Sign.MOVED: Health.HEALTHY, Sign.ANNOUNCED: Health.PAUSED, Sign.OVERDUE: Health.HOLDING,
        Sign.WANTED: Health.HOLDING, Sign.REST: Health.COLD, Sign.RESUMED: Health.HOLDING,
    },
    Health.PAUSED: {
        Sign.ANSWERED: Health.HEALTHY, Sign.BROKEN: Health.PAUSED, Sign.ACK_LATE: Health.PAUSED,
        Sign.HOLD_OVER: Health.PAUSED, Sign.MOVED: Health.PAUSED, Sign.ANNOUNCED: Health.PAUSED, Sign.OVERDUE: Health.UNHEALTHY,
        Sign.WANTED: Health.PAUSED, Sign.REST: Health.COLD, Sign.RESUMED: Health.HOLDING,
    },
    Health.COLD: {**dict.fromkeys(Sign, Health.COLD), Sign.WANTED: Health.WAKING},
    Health.WAKING: {
        Sign.ANSWERED: Health.HEALTHY, Sign.BROKEN: Health.WAKING, Sign.ACK_LATE: Health.WAKING,
        Sign.HOLD_OVER: Health.WAKING, Sign.MOVED: Health.WAKING, Sign.ANNOUNCED: Health.PAUSED, Sign.OVERDUE: Health.UNHEALTHY,
        Sign.WANTED: Health.WAKING, Sign.REST: Health.COLD, Sign.RESUMED: Health.HEALTHY,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HealthLimits:
    ack_timeout_s: float = 2.0
    failback_hold_s: float = 60.0
    failback: Failback = "auto"
    """Of cameras that say nothing of their own."""
    wake_timeout_s: float = 300.0
    """How long a cold standby's boot is waited for; then the next archiver of the list is used."""
    durable_timeout_s: float = 30.0
    """How long an archiver may receive without making anything durable; longer than its sync_ms and than disks stall."""
    sleep_after_s: float = 600.0
    """How long a cold standby has not been needed when it is left alone, so that it may go to sleep."""


class ArchiverHealth:
    """One archiver's state; times are the caller's monotonic seconds."""

    def __init__(self, limits: HealthLimits, now: float, *, cold: bool = False) -> None:
        self._limits = limits
        self.state, self.since, self.why = Health.COLD if cold else Health.HEALTHY, now, ""
        self._waiting_since: float | None = None
        self._hold_until: float | None = None
        self.paused_until = now
        """What an announced maintenance, or the boot of one that is WAKING, lasts to."""
        self.silent = False
        """PAUSED or WAKING, and it does not answer."""
        self._held = False
        """PAUSED, and it was in its hold-down or away when that was announced: RESUMED stands for ANSWERED."""
        self.was_away = False
        """It was UNHEALTHY, and no operator has said since then that it is to be used again."""
        self._last_failure = ""

    @property
    def serves(self) -> bool:
        """Whether it answers, as far as is known."""
        return self.state not in (Health.UNHEALTHY, Health.COLD) and not self.silent

    def waiting(self, now: float) -> None:
        """A request is wanted or under way: the ack timer runs from here, unless it runs already."""
        if self._waiting_since is None:
            self._waiting_since = now

    def failed(self, why: str) -> None:
        """A request failed in a way that counts only when it lasts: remembered as the reason for ACK_LATE."""
        self._last_failure = why

    def handle(self, sign: Sign, now: float, why: str = "", left_s: float = 0.0) -> bool:
        """Advance by the table; True when the state is another one now.  `left_s` is what ANNOUNCED says."""
        if sign is Sign.ANNOUNCED:
            self.paused_until = now + min(left_s, MAX_MAINTENANCE_S)
            why = "in maintenance"
            self._held = self._held or self.state in (Health.HOLDING, Health.UNHEALTHY)
        elif sign is Sign.MOVED:
            self._held = False
            self.was_away = self.state is Health.UNHEALTHY
        elif sign is Sign.ANSWERED and self.state is Health.PAUSED and self._held:
            sign = Sign.RESUMED
        if sign not in (Sign.HOLD_OVER, Sign.MOVED):
            self._waiting_since = None
            self.silent = self.state in (Health.PAUSED, Health.WAKING) and sign in (Sign.BROKEN, Sign.ACK_LATE)
        if self.silent and now >= self.paused_until and sign is not Sign.MOVED:
            sign, why = Sign.OVERDUE, self._overdue(why)
        before, self.state = self.state, TABLE[self.state][sign]
        if self.state is before:
            self.why = why or self.why
            return False
        self.since, self.why, self._last_failure, self.silent = now, why, "", self.state is Health.WAKING
        if self.silent:
            self.paused_until = now + self._limits.wake_timeout_s
        self._held = self._held and self.state is Health.PAUSED
        self.was_away = (self.was_away or self.state is Health.UNHEALTHY) and self.state is not Health.COLD
        self._hold_until = now + self._limits.failback_hold_s if self.state is Health.HOLDING else None
        return True

    def is_due(self, now: float) -> bool:
        """Whether a deadline has passed, so that a tick would take effect; asked of every archiver at every batch."""
        late = self._ack_deadline()
        return ((late is not None and now >= late) or (self.silent and now >= self.paused_until)
                or (self._hold_until is not None and now >= self._hold_until))  # fmt: skip

    def tick(self, now: float) -> bool:
        """Let deadlines that have passed take effect; True when the state is another one now."""
        late = self._ack_deadline()
        if late is not None and now >= late:
            return self.handle(Sign.ACK_LATE, now, self._last_failure or f"no answer for {self._limits.ack_timeout_s:g} s")
        if self.silent and now >= self.paused_until:
            return self.handle(Sign.OVERDUE, now, self._overdue(self.why))
        if self._hold_until is not None and now >= self._hold_until:
            return self.handle(Sign.HOLD_OVER, now)
        return False

    def next_deadline(self) -> float | None:
        overdue = self.paused_until if self.silent else None
        return min((at for at in (self._ack_deadline(), self._hold_until, overdue) if at is not None), default=None)

    def _overdue(self, why: str) -> str:
        if self.state is Health.WAKING:
            return f"it was woken and has not answered within {self._limits.wake_timeout_s:g} s: {why}"
        return f"it has not come back from its maintenance: {why}"

    def _ack_deadline(self) -> float | None:
        if self._waiting_since is None or self.state is Health.UNHEALTHY:
            return None
        return self._waiting_since + self._limits.ack_timeout_s
