"""How it goes with the backups, for operators and their tools: asked of the server that writes them.

Rules: blocking, so on worker threads only.  A question is passed on once (`via`): who is asked and does not write says so.
"""

from typing import Final

from pydantic import ValidationError

from ....wire import http
from ..doer import doer
from ..errors import BusyError
from ..link import LinkError
from ..roles import BACKUP
from ..server import DirectoryServer
from .model import SiteBackups
from .runner import Runner

FORWARD_S: Final = 5.0
AGAIN: Final = "try again in a few seconds"


class BackupDesk:
    """Used by several worker threads; runner: None without [directory.backup]."""

    def __init__(self, server: DirectoryServer, runner: Runner | None) -> None:
        self._server, self._runner = server, runner

    def states(self, via: str) -> SiteBackups:
        """Raises BusyError while nobody has the duty who could be asked."""
        me = self._server.me
        if self._server.on_duty(BACKUP):
            folders = [] if self._runner is None else self._runner.states()
            return SiteBackups(server=me, configured=self._runner is not None, folders=folders)
        other = doer(self._server, BACKUP)
        if other is None or other.id == me or via:
            raise BusyError("no server writes backups at the moment", remedy=AGAIN)
        try:
            with self._server.forward(other) as link:
                reply = link.request("GET", http.SITE_BACKUPS, limit_s=FORWARD_S, headers={http.VIA_HEADER: me})
            if reply.status == 200:
                return SiteBackups.model_validate_json(reply.body)
        except (LinkError, ValidationError) as error:
            raise BusyError(f"server {other.id} writes the backups, and does not say how they are", remedy=AGAIN) from error
        raise BusyError(f"server {other.id} is to write the backups, and does not say how they are", remedy=AGAIN)
