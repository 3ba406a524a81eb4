"""The signs of agents (signs.py), for the event loop, the threads that ask other servers, and the one that assigns.

Rules: the lock is held for what a list of agents takes to walk through, so the event loop never waits here.
"""

import threading
import time
from collections.abc import Collection, Mapping

from .exchange import SignsText
from .signs import NOTHING, Sign, Signs


class SignBook:
    """Everything from any thread."""

    def __init__(self, me: str, boot: str) -> None:
        self._signs, self._lock = Signs(me, boot), threading.Lock()

    def own(self, agent: str, *, closed: bool = False, begun: Mapping[str, int] = NOTHING) -> bool:
        """An agent has asked this server, or its connection broke while it did.  Returns whether it is one of the site."""
        with self._lock:
            return self._signs.own(agent, time.monotonic(), closed=closed, begun=begun)

    def say(self) -> dict[str, SignsText]:
        """What every other server is told."""
        with self._lock:
            return self._signs.say(time.monotonic())

    def hear(self, said: dict[str, SignsText]) -> None:
        """What another server has told."""
        with self._lock:
            self._signs.hear(said, time.monotonic())

    def newest(self, agents: Collection[str]) -> dict[str, Sign]:
        """The last sign of each of these, who are the agents of the site."""
        with self._lock:
            self._signs.keep(agents)
            return self._signs.newest()
