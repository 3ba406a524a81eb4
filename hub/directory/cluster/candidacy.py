"""Whether one server has been the best of all that live for long enough to claim the lead.  No I/O, no clock.

Rules: whoever comes up looks around for SILENT_S first.  The best one has to stay so for a whole round, in which it hears everybody who
lives.  A recovery server is one only when no other has lived for RECOVERY_S.  One that rests (handover.py) is none, and nobody's rival.
"""

from collections.abc import Mapping
from typing import Final

from .sight import POLL_S, SILENT_S, Sight
from .status import Status

RECOVERY_S: Final = 10.0


class Candidacy:
    """One server's, as seen by itself."""

    def __init__(self, now: float) -> None:
        self._started_at = self._company_at = now
        self.best_since: float | None = None

    def drop(self) -> None:
        self.best_since = None

    def consider(self, mine: Status, living: Mapping[str, Status], now: float, *, free: bool) -> bool:
        """Take in how things are; free: there is no leader to follow, and nothing to be asked first.  Returns whether this server has
        just become the best one."""
        if any(one.able and not one.recovery for one in living.values()):
            self._company_at = now
        if not (free and self._is_best(mine, living, now)):
            self.best_since = None
            return False
        if self.best_since is not None:
            return False
        self.best_since = now
        return True

    def _is_best(self, mine: Status, living: Mapping[str, Status], now: float) -> bool:
        if not mine.able or mine.rests or now - self._started_at < SILENT_S:
            return False
        if mine.recovery and now - self._company_at < RECOVERY_S:
            return False
        rivals = [one for one in living.values() if one.able and not one.rests and one.recovery <= mine.recovery]
        return all(mine.merit > one.merit for one in rivals)

    def ripe(self, sight: Sight, living: Mapping[str, Status], now: float) -> bool:
        """Whether it may claim the lead now."""
        since = self.best_since
        return since is not None and now - since >= POLL_S and all(sight.heard_since(name, since) for name in living)
