"""What becomes of a question or an edit that is not answered as hoped.

    WatchkeepError ─┬─ RefusedError       it does not fit the site
                    ├─ NotFoundError
                    ├─ OffDutyError       a holder of a role gives up what it was doing
                    └─ BusyError          not made ── UnsureError   nobody knows whether it was made

Rules: apart from desk.py, so that the API knows them without a database.
"""

from ...wire.errors import WatchkeepError
from .requests import EntityText, ProblemText


class RefusedError(WatchkeepError):
    """An edit does not fit the site."""

    def __init__(self, problems: list[ProblemText], now: EntityText | None = None) -> None:
        self.problems, self.now = problems, now
        first = problems[0]
        super().__init__(f"{first.path}: {first.text}", remedy=first.remedy)

    @property
    def stale(self) -> bool:
        return all(problem.code == "stale" for problem in self.problems)


class BusyError(WatchkeepError):
    """No leader takes the edit now; it was not made."""


class UnsureError(BusyError):
    """Nobody knows whether the edit was made."""


class NotFoundError(WatchkeepError):
    """There is no such entity."""


class OffDutyError(WatchkeepError):
    """What this server was doing is another one's duty by now (duty.py)."""
