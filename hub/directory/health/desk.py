"""How the site is and was, for operators and their tools: how it is now is asked of the server that watches.

Rules: blocking, so on worker threads only.  A question is passed on once (`via`): who is asked and does not watch says so.
"""

from typing import Final

from pydantic import ValidationError

from ....wire import http
from ..errors import BusyError
from ..link import LinkError
from ..server import DirectoryServer
from .model import Records, RecordsQuestion, SiteAvailability, SiteHealth, ThingAvailability
from .monitor import Monitor
from .recorder import Recorder
from .whose import watcher

FORWARD_S: Final = 5.0
AGAIN: Final = "try again in a few seconds"


class HealthDesk:
    """Used by several worker threads."""

    def __init__(self, server: DirectoryServer, monitor: Monitor, recorder: Recorder) -> None:
        self._server, self._monitor, self._recorder = server, monitor, recorder

    def health(self, via: str) -> SiteHealth:
        """Raises BusyError while nobody watches who could be asked."""
        found = self._monitor.health()
        if found is not None:
            return found
        other, me = watcher(self._server), self._server.me
        if other is None or other.id == me or via:
            raise BusyError("nobody has looked over the site yet", remedy=AGAIN)
        try:
            with self._server.forward(other) as link:
                reply = link.request("GET", http.SITE_HEALTH, limit_s=FORWARD_S, headers={http.VIA_HEADER: me})
            if reply.status == 200:
                return SiteHealth.model_validate_json(reply.body)
        except (LinkError, ValidationError) as error:
            raise BusyError(f"server {other.id} watches over the site, and does not say how it is", remedy=AGAIN) from error
        raise BusyError(f"server {other.id} watches over the site, and has not looked over it yet", remedy=AGAIN)

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
