"""The thread that watches over a site, on the one server whose duty it is: it asks the archivers, and tells what watch.py finds.

    wk-dir-health    on duty: every ROUND_S asks each archiver what it has durable, one after the other, then looks
                     else:    every IDLE_S sees whether it is on duty by now

Rules: a thin shell: it decides nothing.  It is apart from the thread that assigns, so that nobody's silence delays an assignment, and
whoever watches asks for himself: a new leader has seen everything in one round.

Bounds: one connection to each archiver of the site; one question under way, ASK_S.  An archiver that is silent is asked every fourth round,
so that fifty dead ones make a round 75 s long only then.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from ....wire import http
from ....wire.causes import EventKind
from ....wire.messages import Event, Freshness
from ....wire.shell.threads import Supervised
from ...request import Connection, RequestError
from ..roles import HEALTH
from ..server import DirectoryServer
from ..site import Site
from ..steward import Steward
from ..whereabouts import Whereabouts
from .model import Level, SiteHealth, Standing
from .recorder import Recorder
from .reports import MAX_ANSWER_BYTES, Reports
from .standing import Members, Roll, absences, standings
from .watch import Note, Scene, Watch

log = logging.getLogger(__name__)
ROUND_S: Final = 3.0
IDLE_S: Final = 1.0
ASK_S: Final = 1.5
STOP_S: Final = 5.0
IN_TIME: Final = {Level.PROTECTED: Standing.UP, Level.DEGRADED: Standing.UP, Level.UNPROTECTED: Standing.DOWN,
                  Level.PLANNED: Standing.PLANNED, Level.UNSEEN: Standing.UNKNOWN}  # fmt: skip
"""What a camera's state means for its availability: whether it had durable video."""


class Monitor:
    """start() once, after the steward; stop() once, before it.  health() from any thread."""

    def __init__(self, server: DirectoryServer, steward: Steward, recorder: Recorder, where: Whereabouts, limit_s: float,
                 report: Callable[[Event], None]) -> None:  # fmt: skip
        self._server, self._steward, self._recorder, self._where = server, steward, recorder, where
        self._limit_s, self._report = limit_s, report
        self._lock = threading.Lock()
        self._found: SiteHealth | None = None
        self._connections: dict[str, Connection] = {}
        self._thread = Supervised("wk-dir-health", self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._thread.stop()
        self._thread.join(STOP_S)

    def health(self) -> SiteHealth | None:
        """How the site is; None while another server watches, or before the first round is over."""
        with self._lock:
            return self._found

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.wait(IDLE_S):
                if self._server.on_duty(HEALTH):
                    self._watch(stop)
        finally:
            self._keep({})

    def _watch(self, stop: threading.Event) -> None:
        """As long as it is this server's duty."""
        reports, watch, roll, began_s = Reports(), Watch(self._limit_s), Roll(), time.time()
        log.info("this server watches over the site")
        try:
            while self._server.on_duty(HEALTH):
                site = self._server.view()
                self._ask_all(reports, site, stop)
                if reports.sighted:
                    self._look(reports, watch, roll, site, began_s)
                if stop.wait(ROUND_S):
                    return
        finally:
            self._recorder.end(time.time())
            with self._lock:
                self._found = None

    def _look(self, reports: Reports, watch: Watch, roll: Roll, site: Site, began_s: float) -> None:
        leader, utc_s = self._server.leader(), time.time()
        members = Members(self._steward.lives, self._steward.isolated, frozenset(reports.heard), reports.silent,
                          frozenset(self._server.servers()), "" if leader is None else leader.id)  # fmt: skip
        away = absences(site, utc_s)
        for note in watch.look(Scene(site, reports.heard, members, away, utc_s), time.monotonic()):
            self._tell(note, utc_s)
        roll.look(standings(site, members, away), utc_s)
        found = SiteHealth(server=self._server.me, since_s=began_s, limit_s=self._limit_s, blind=watch.blind,
                           cameras=watch.cameras, agents=roll.of("agent"), archivers=roll.of("archiver"),
                           servers=roll.of("server"), roles=roll.of("role"))  # fmt: skip
        self._recorder.look({**{str(key): one.state for key, one in roll.members.items()},
                             **{f"camera/{name}": IN_TIME[one.state] for name, one in watch.cameras.items()}}, utc_s)  # fmt: skip
        with self._lock:
            self._found = found

    def _tell(self, note: Note, utc_s: float) -> None:
        log.log(logging.WARNING if note.remedy else logging.INFO, note.text)
        self._report(Event(kind=EventKind.HEALTH, source=self._server.me, at_s=utc_s, camera=note.camera, text=note.text,
                           remedy=note.remedy))  # fmt: skip

    # -- archivers -----------------------------------------------------------------------------------------------------

    def _ask_all(self, reports: Reports, site: Site, stop: threading.Event) -> None:
        urls = self._where.of(site)
        self._keep(urls)
        for name in reports.next(urls):
            if stop.is_set():
                return
            self._ask(reports, name)

    def _keep(self, urls: dict[str, str]) -> None:
        """Connections to these, and to no others."""
        for name in [name for name, one in self._connections.items() if urls.get(name) != one.url]:
            self._connections.pop(name).close()
        for name, url in urls.items():
            if name not in self._connections:
                self._connections[name] = Connection(url)

    def _ask(self, reports: Reports, name: str) -> None:
        try:
            reply = self._connections[name].request("GET", http.FRESHNESS, limit_s=ASK_S, max_bytes=MAX_ANSWER_BYTES)
            said = Freshness.model_validate_json(reply.body) if reply.status == 200 else None
        except (RequestError, ValidationError) as error:
            log.debug("an archiver does not say what it has", extra={"archiver": name, "why": type(error).__name__})
            reports.answered(name, None)
            return
        if reply.status == 404:
            reports.cannot(name)
        else:  # whoever answers under its address is another one when it names itself otherwise (invariant 11)
            reports.answered(name, said.cameras if said is not None and said.archiver == name else None)
