"""Maintenance of a hub over HTTP, for the command line.

    order ─▶ ask again until every agent knows, WAIT_S at most

Rules: time is passed in; asking is hub/remote.py's.
"""

from collections.abc import Callable
from typing import Final

from pydantic import TypeAdapter

from ...wire import http
from ...wire.messages import MaintenanceState
from ..remote import Remote

WAIT_S: Final = 12.0
"""Longer than maintenance.SEEN_S: whoever is not told by then has been silent all the while."""
LOOK_S: Final = 0.2
_STATE: Final = TypeAdapter(MaintenanceState)


class MaintenanceClient:
    """Requests to the hub at a URL; raises what Remote raises."""

    def __init__(self, url: str, *, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._remote, self._monotonic, self._sleep = Remote(url), monotonic, sleep

    def state(self) -> MaintenanceState:
        return self._remote.ask(_STATE, "GET", http.MAINTENANCE)

    def order(self, seconds: float) -> MaintenanceState:
        """Announce it, 0 ends it, and wait until all agents know; `agents` names those that do not, which is rare."""
        found = self._remote.ask(_STATE, "POST", f"{http.MAINTENANCE}?seconds={seconds:g}")
        deadline = self._monotonic() + WAIT_S
        while found.agents and self._monotonic() < deadline:
            self._sleep(LOOK_S)
            found = self.state()
        return found
