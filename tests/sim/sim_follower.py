"""The simulated agent that follows directory servers: a machine that asks, takes up what it is told, opens and closes cameras.

Rules: whom it asks, what it takes and what it says is the product's (agent/directory/follow.py).  A camera is opened a moment after it was
told of, and SINGLE takes one session only: it refuses every other one as long as that lasts.  Another term is another epoch of the same
session, from its next key frame on (agent/roster.py).
"""

from collections.abc import Callable
from typing import Any, Protocol

from sim_directory_net import Net
from sim_engine import Loop

from watchkeep.agent.directory.client import ANSWER_S
from watchkeep.agent.directory.follow import Follower
from watchkeep.hub.directory.site import Recording
from watchkeep.wire.desired import AgentDesired
from watchkeep.wire.errors import FormatError
from watchkeep.wire.ids import TERM_SHIFT

SINGLE = "cam4"
OPENING_S = (0.2, 4.0)
KEY_S, LONG_KEY_S = (0.0, 2.0), (2.0, 30.0)
"""Until the next key frame of a camera that is open; of every tenth that saves them."""
RETRY_S = 1.0


class Site(Protocol):
    """Who watches over what agents do."""

    def took(self, agent: str, document: AgentDesired) -> None: ...

    def holders(self, camera: str) -> list[str]: ...

    def began(self, camera: str, term: int) -> None: ...

    def stops(self, agent: str, camera: str, term: int, recorders: dict[str, Recording]) -> None: ...


class SimAgent:
    """A recorder's machine: what it took up stands on its disk."""

    def __init__(self, loop: Loop, net: Net, name: str, servers: list[str], world: Site) -> None:
        self.loop, self.net, self.name, self._servers, self._world = loop, net, name, servers, world
        self._rng = loop.random(f"agent {name}")
        self.boot, self.powered, self.running, self.stopped = 0, True, False, False
        self.taken: AgentDesired | None = None
        self.records: dict[str, int] = {}
        """Cameras that it has open, with the terms of their epochs."""
        self._inbox: list[Callable[[], None]] = []
        net.hosts[name] = self

    @property
    def cameras(self) -> dict[str, int]:
        """What it is to record, with its terms."""
        return {one.id: one.term for one in self.taken.cameras} if self.running and self.taken is not None else {}

    def start(self) -> None:
        if not self.running:
            self.boot += 1
            self.running, self.stopped = True, False
            self._follower = Follower("demo", self.name, self._servers, self.taken)
            self._open()
            self._ask()

    def kill(self, *, power: bool) -> None:
        self.loop.say(self.name, "loses power" if power else "is killed")
        self.running = self.stopped = False
        self.boot += 1
        self._inbox.clear()
        self.records.clear()
        for name in () if power else self._servers:
            server = self.net.hosts[name]
            if server.running and self.net.open(self.name, name):
                self.loop.after(0.002, lambda server=server, boot=server.boot: server.later(boot, lambda: server.hung_up(self.name)))

    def stop(self) -> None:
        self.stopped = self.running

    def resume(self) -> None:
        self.stopped = False
        inbox, self._inbox = self._inbox, []
        for call in inbox:
            call()

    def later(self, boot: int, call: Callable[[], None]) -> None:
        if boot == self.boot and self.running:
            if self.stopped:
                self._inbox.append(lambda: self.later(boot, call))
            else:
                call()

    def _ask(self) -> None:
        began, boot = self.loop.now, self.boot

        def next_in(pause_s: float) -> None:
            self.loop.after(max(pause_s, 0.005), lambda: self.later(boot, self._ask))

        def answered(found: Any) -> None:
            document, recorders = found if isinstance(found, tuple) else (None, {})
            try:
                verdict = self._follower.answered(document) if found != "unknown" else None
            except FormatError:
                verdict = None
            if verdict is None:
                next_in(self._follower.missed(self._rng.random()))
                return
            if self._follower.taken is not self.taken and self._follower.taken is not None:
                self.taken = self._follower.taken
                self._world.took(self.name, self.taken)
                self._close(recorders)
                self._open()
            next_in(self._follower.pause(verdict, self.loop.now - began))

        for camera, term in self.cameras.items():
            if self.records.get(camera, 0) >= term:  # open under a later term, of a branch that is gone: it has begun, whatever its number
                self._world.began(camera, term)
        question = (self.name, self._follower.at, self._follower.begun(self._epochs))
        self.net.call(self.name, self._follower.server, "desired", question, answered,
                      lambda _: next_in(self._follower.missed(self._rng.random())), ANSWER_S)  # fmt: skip


    def _epochs(self) -> dict[str, int]:
        return {camera: term << TERM_SHIFT for camera, term in self.records.items()}

    def _close(self, recorders: dict[str, Recording]) -> None:
        for camera, term in list(self.records.items()):
            if camera not in self.cameras:
                del self.records[camera]
                self._world.stops(self.name, camera, term, recorders)

    def _open(self) -> None:
        """Each in its own time; one that is open stays so."""
        for camera, term in self.cameras.items():
            if self.records.get(camera) != term:
                self._try(camera, term, self._rng.uniform(*self._pause_s(camera)))

    def _pause_s(self, camera: str) -> tuple[float, float]:
        if camera not in self.records:
            return OPENING_S
        return LONG_KEY_S if self._rng.random() < 0.1 else KEY_S

    def _try(self, camera: str, term: int, delay_s: float) -> None:
        boot = self.boot
        self.loop.after(delay_s, lambda: self.later(boot, lambda: self._opened(camera, term)))

    def _opened(self, camera: str, term: int) -> None:
        if self.cameras.get(camera) != term or self.records.get(camera) == term:
            return
        if camera == SINGLE and camera not in self.records and self._world.holders(camera):
            self._try(camera, term, RETRY_S)
            return
        self.records[camera] = term
        self._world.began(camera, term)
