"""How the site is, for operators and their tools: from this server when it watches, else from the one that does.

Rules: blocking, so on worker threads only.  A question is passed on once (`via`): who is asked and does not watch says so.
"""

from typing import Final

from pydantic import ValidationError

from ....wire import http
from ..cluster.status import Member
from ..duty import holder
from ..errands import Errands
from ..errors import BusyError
from ..link import LinkError
from ..server import DirectoryServer
from .model import SiteHealth
from .monitor import ROLE, Monitor

FORWARD_S: Final = 5.0
AGAIN: Final = "try again in a few seconds"


class HealthDesk:
    """Used by several worker threads."""

    def __init__(self, server: DirectoryServer, monitor: Monitor) -> None:
        self._server, self._monitor = server, monitor

    def health(self, via: str) -> SiteHealth:
        """Raises BusyError while nobody watches who could be asked."""
        found = self._monitor.health()
        if found is not None:
            return found
        watcher, me = self._watcher(), self._server.me
        if watcher is None or watcher.id == me or via:
            raise BusyError("nobody has looked over the site yet", remedy=AGAIN)
        errands = Errands(me)
        try:
            reply = errands.send(watcher.url, "GET", http.SITE_HEALTH, None, limit_s=FORWARD_S, via=me)
            if reply.status == 200:
                return SiteHealth.model_validate_json(reply.body)
        except (LinkError, ValidationError) as error:
            raise BusyError(f"server {watcher.id} watches over the site, and does not say how it is", remedy=AGAIN) from error
        finally:
            errands.close()
        raise BusyError(f"server {watcher.id} watches over the site, and has not looked over it yet", remedy=AGAIN)

    def _watcher(self) -> Member | None:
        site = self._server.view()
        if ROLE not in site.roles:
            return self._server.leader()
        name = holder(site, ROLE)
        found = site.servers.get(name)
        return None if found is None else Member(name, found.url, found.rank, found.recovery)
