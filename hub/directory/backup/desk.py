"""How it goes with the backups, for operators and their tools: asked of the server that writes them.

Rules: blocking, so on worker threads only.
"""

from ....wire import http
from ..doer import told_by
from ..roles import BACKUP
from ..server import DirectoryServer
from .model import SiteBackups
from .runner import Runner


class BackupDesk:
    """Used by several worker threads; runner: None without [directory.backup]."""

    def __init__(self, server: DirectoryServer, runner: Runner | None) -> None:
        self._server, self._runner = server, runner

    def states(self, via: str) -> SiteBackups:
        """Raises BusyError while nobody has the duty who could be asked."""
        if self._server.on_duty(BACKUP):
            folders = [] if self._runner is None else self._runner.states()
            return SiteBackups(server=self._server.me, configured=self._runner is not None, folders=folders)
        return told_by(self._server, BACKUP, http.SITE_BACKUPS, SiteBackups, via, nobody="no server writes backups at the moment",
                       mute="writes the backups, and does not say how they are",
                       refuses="is to write the backups, and does not say how they are")  # fmt: skip
