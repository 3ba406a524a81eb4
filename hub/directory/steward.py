"""The threads that keep every camera of a site recorded: what assigner.py decides, done.

    wk-dir-assign    looks every LOOK_S (FOLLOW_LOOK_S), and when the role has turned, at site, role and signs; plans, writes, tells
    wk-dir-probe     while this server leads: asks each archiver how it is, one after the other, every PROBE_S

Rules: a thin shell: it decides nothing.  Signs come from the event loop, which never waits here.  A plan takes the time that it takes on
a thread of its own; nobody waits for it.

Bounds: one probe under way, PROBE_LIMIT_S; with fifty dead archivers a round takes 100 s, and delays nothing but itself.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any, Final

from ...wire import http
from ...wire.errors import WatchkeepError
from ...wire.messages import Event
from ...wire.shell.threads import Supervised
from .assigner import Assigner, Make, Relieve, Scene, Told
from .cluster import steps
from .link import Link
from .plan import plan
from .reach import Reach
from .server import DirectoryServer
from .whereabouts import Whereabouts

log = logging.getLogger(__name__)
LOOK_S: Final = 0.1
FOLLOW_LOOK_S: Final = 1.0
"""Of a server that only has to know who lives when it comes to lead: a tenth of the cost."""
PROBE_S: Final = 5.0
PROBE_LIMIT_S: Final = 2.0
WRITE_S: Final = 8.0
"""A leader answers within ACK_S and a write; what takes longer is looked at anew."""
STOP_S: Final = 5.0
NONE: Final[Mapping[str, Any]] = {}


class Steward:
    """start() once, after the server; stop() once, before it.  Signs from any thread."""

    def __init__(self, server: DirectoryServer, where: Whereabouts, report: Callable[[Event], None]) -> None:
        self._server, self._where, self._report = server, where, report
        self._assigner = Assigner(time.monotonic())
        self._reach, self._lock = Reach(), threading.Lock()
        self._turned = threading.Event()
        self._threads = (Supervised("wk-dir-assign", self._assign), Supervised("wk-dir-probe", self._probe))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for thread in self._threads:
            thread.stop()
        self._turned.set()
        for thread in self._threads:
            thread.join(STOP_S)

    def turned(self) -> None:
        """The server's role is another one.  Any thread."""
        self._turned.set()

    @property
    def lives(self) -> dict[str, str]:
        """Agents, and whether they live, as far as this server knows."""
        return {name: life.value for name, life in sorted(self._assigner.agents.lives.items())}

    @property
    def isolated(self) -> bool:
        """Whether all agents fell silent together, so that it is the servers that are cut off."""
        return self._assigner.agents.isolated

    @property
    def stores(self) -> dict[str, str]:
        """Archivers that have an address, and whether they answer; of the leader."""
        with self._lock:
            return self._reach.lives if self._server.leads else {}

    @property
    def without(self) -> dict[str, str]:
        """Cameras without a recorder or copies, with why; of the leader."""
        return dict(sorted(self._assigner.without.items())) if self._server.leads else {}

    # -- assigning -----------------------------------------------------------------------------------------------------

    def _assign(self, stop: threading.Event) -> None:
        while True:
            self._turned.wait(LOOK_S if self._server.leads else FOLLOW_LOOK_S)
            self._turned.clear()
            if stop.is_set():
                return
            now, site = time.monotonic(), self._server.view()
            with self._lock:
                gone = self._reach.gone
            signs = self._server.signs.newest(site.entities.get("agent", {}))
            for action in self._assigner.look(Scene(site, self._server.leads, signs, gone, time.time()), now):
                match action:
                    case Told():
                        self._tell(action)
                    case Make():
                        self._make(action)
                    case Relieve(left, told):
                        self._written(self._write(left=left), told)

    def _make(self, make: Make) -> None:
        site, began = self._server.view(), time.monotonic()
        found = plan(site, make.alive, time.time(), max_moves=make.max_moves, max_returns=make.max_returns)
        now = time.monotonic()
        differs = self._assigner.planned(found, site, now - began, now)
        for told in differs.short:
            self._tell(told)
        if not differs:
            return
        self._written(self._write(differs.recorders, differs.archivers), differs.moves)

    def _written(self, index: int | None, news: list[Told]) -> None:
        self._assigner.written(index, time.monotonic())
        for told in news if index is not None else ():
            self._tell(told)

    def _write(self, recorders: Mapping[str, str] = NONE, archivers: Mapping[str, tuple[str, ...] | None] = NONE,
               left: Mapping[str, int] = NONE) -> int | None:  # fmt: skip
        future = self._server.submit(lambda ticket: steps.Assign(ticket, dict(recorders), dict(archivers), left=left))
        with suppress(TimeoutError):
            answer = future.result(WRITE_S)
            if isinstance(answer, steps.Done):
                return answer.index
            why = answer.why if isinstance(answer, steps.Unable) else answer.problems[0].text
            log.info("an assignment is not written, it is planned again", extra={"why": why})
        return None

    def _tell(self, told: Told) -> None:
        log.info(told.text)
        self._report(Event(kind=told.kind, source=self._server.me, at_s=time.time(), text=told.text, remedy=told.remedy))

    # -- archivers -----------------------------------------------------------------------------------------------------

    def _probe(self, stop: threading.Event) -> None:
        while not stop.wait(PROBE_S):
            asked = self._where.of(self._server.view()) if self._server.leads else {}
            with self._lock:
                self._reach.know(asked)
            for name, url in asked.items():
                if stop.is_set():
                    return
                answered = _answers(url)
                with self._lock:
                    self._reach.asked(name, answered=answered)


def _answers(url: str) -> bool:
    with suppress(WatchkeepError), closing(Link(url)) as link:
        return link.request("GET", http.HEALTH, limit_s=PROBE_LIMIT_S).status == 200
    return False
