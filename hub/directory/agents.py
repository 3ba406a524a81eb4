"""What agents and archivers ask of this server: their documents, kept up with the state by a thread of its own; and that agents asked.

    state ──▶ wk-dir-desired: documents.py ──▶ held questions (hub/api/desired.py) are looked at again

Rules: a pass over all documents is followed by a pause three times as long, so that a thousand edits a second cost a quarter of a core
at most.  A question is answered from memory.  A server that is not to be asked, because it stands by for a disaster or may not lead or
follow, says so, and who asked goes to the next one.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from ...wire.shell.threads import Supervised
from .cluster.status import Role
from .cluster.witness import named
from .documents import ArchiverDocuments, Documents, Position, UnknownError
from .errors import BusyError
from .listeners import Listeners
from .server import DirectoryServer
from .signs import NOTHING

PAUSE_S: Final = 0.02
"""At least, between two passes: edits that come together are taken together."""
REST: Final = 3.0
STOP_S: Final = 5.0


class AgentDesk:
    """start() once, after the server; stop() once, before it.  Everything else from any thread."""

    def __init__(self, server: DirectoryServer, site: str) -> None:
        self._server = server
        self._documents, self._archivers, self._lock = Documents(site), ArchiverDocuments(site), threading.Lock()
        self._changed = threading.Event()
        self._listeners = Listeners()
        self.closing = False
        """No question is held any more."""
        self._end: Callable[[], None] = self._changed.set
        self._worker = Supervised("wk-dir-desired", self._run)

    def start(self) -> None:
        self._end = self._server.listen(self._changed.set)
        self._renew()
        self._worker.start()

    def stop(self) -> None:
        self._end()
        self._worker.stop()
        self._changed.set()
        self._worker.join(STOP_S)

    def let_go(self) -> None:
        """This server is about to stop: answer those whose questions are held."""
        self.closing = True
        self._listeners.tell()

    def after(self, agent: str, at: Position) -> bytes | None:
        """The document of an agent, None when it says nothing else than at `at`; raises UnknownError or BusyError."""
        return self._after(self._documents, agent, at)

    def archiver_after(self, archiver: str, at: Position) -> bytes | None:
        """The same of an archiver."""
        return self._after(self._archivers, archiver, at)

    def _after(self, documents: Documents | ArchiverDocuments, member: str, at: Position) -> bytes | None:
        status = self._server.status
        if not status.able or (status.recovery and not status.leads):
            raise BusyError("this server is not to be asked now", remedy="ask another one of the site")
        try:
            with self._lock:
                return documents.after(member, at)
        except UnknownError as error:
            if status.role in (Role.LEADING, Role.FOLLOWING):
                raise
            raise BusyError("this server may not know all of the site yet", remedy="try again in a second") from error

    def sign(self, agent: str, at: Position = (0, 0), *, closed: bool = False, begun: Mapping[str, int] = NOTHING) -> None:
        """It has asked, having taken up (term, index) and begun with these cameras, or its connection broke while it did."""
        if self._server.signs.own(agent, closed=closed, begun=begun) and (term := named(at, self._server.status)) is not None:
            self._server.name(term)

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` after every pass, until the returned function is called."""
        return self._listeners.listen(changed)

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            self._renew()
            stop.wait(PAUSE_S + REST * (time.monotonic() - began))

    def _renew(self) -> None:
        site = self._server.view()
        with self._lock:
            self._documents.renew(site)
            self._archivers.renew(site)
        self._listeners.tell()
