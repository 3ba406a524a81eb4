"""Whether a hub that is only a standby may put its machine to sleep now.  No I/O, no clock, no threads.

    awake ── nobody asked anything for sleep_after_s, nothing under way, nothing unsynced ──▶ sleep_command ──▶ awake, or woken later

Rules: who needs this archiver speaks to it every two seconds at least, so silence is the agents' word that nobody does.  Health checks
and scrapes are not asked for by anybody who needs it.  After the command the time begins anew, whether it worked or not.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds at one moment; times are the caller's monotonic seconds."""

    asked_at: float
    """When somebody asked last."""
    under_way: int
    """Requests that are not answered yet."""
    consolidating: bool
    maintenance: bool
    """An operator is at work."""


class Standby:
    """`due`, then the caller sees to it that nothing is unsynced, runs the command, and tells `slept`."""

    def __init__(self, sleep_after_s: float, now: float) -> None:
        self._sleep_after_s, self._awake_since = sleep_after_s, now

    def due(self, now: float, standing: Standing) -> bool:
        """Whether nobody has needed it for long enough."""
        if standing.under_way or standing.consolidating or standing.maintenance:
            self._awake_since = now
            return False
        return now >= max(self._awake_since, standing.asked_at) + self._sleep_after_s

    def slept(self, now: float) -> None:
        self._awake_since = now
