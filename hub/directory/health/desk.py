"""How the site is and was, for operators and their tools: how it is now is asked of the server that watches.

Rules: blocking, so on worker threads only.
"""

from ....wire import http
from ..doer import told_by
from ..roles import HEALTH
from ..server import DirectoryServer
from .model import Records, RecordsQuestion, SiteAvailability, SiteHealth, ThingAvailability
from .monitor import Monitor
from .recorder import Recorder


class HealthDesk:
    """Used by several worker threads."""

    def __init__(self, server: DirectoryServer, monitor: Monitor, recorder: Recorder) -> None:
        self._server, self._monitor, self._recorder = server, monitor, recorder

    def health(self, via: str) -> SiteHealth:
        """Raises BusyError while nobody watches who could be asked."""
        found = self._monitor.health()
        if found is not None:
            return found
        return told_by(self._server, HEALTH, http.SITE_HEALTH, SiteHealth, via, nobody="nobody has looked over the site yet",
                       mute="watches over the site, and does not say how it is",
                       refuses="watches over the site, and has not looked over it yet")  # fmt: skip

    def availability(self, start_s: float, end_s: float, kind: str | None) -> SiteAvailability:
        """From what this server has seen itself, and has copied from the others a few seconds ago."""
        found = self._recorder.measured(start_s, end_s)
        named = {tuple(key.split("/", 1)): one for key, one in found.items()}
        things = [ThingAvailability(kind=what, id=name, share=one.share, up_s=one.up_s, down_s=one.down_s, planned_s=one.planned_s,
                                    unknown_s=one.unknown_s, outages=one.outages, longest_s=one.longest_s)
                  for (what, name), one in named.items() if kind in (None, what)]  # fmt: skip
        return SiteAvailability(from_s=start_s, to_s=end_s, things=things)

    def records(self, asked: RecordsQuestion) -> Records:
        """For another server."""
        return self._recorder.records(asked)
