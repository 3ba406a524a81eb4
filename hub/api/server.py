"""uvicorn on a thread of its own, on a socket that somebody else has bound.  The only importer of uvicorn.

Rules: the socket is bound before anything else is touched, so that a port in use is an error at the very start; signals
belong to the command, not to the server; stopping finishes what is under way, within STOP_S.

Bounds: MAX_CONNECTIONS, each with 64 kB of unread body (uvicorn's high-water mark) besides what the gates admit; one without a request
ends by itself (silent.py).
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import uvicorn

from ...wire.errors import WatchkeepError
from .silent import Silent

MAX_CONNECTIONS: Final = 1024
KEEP_ALIVE_S: Final = 75
"""Agents send about once a second; players and browsers come back within a minute."""
STOP_S: Final = 3
"""Requests under way get this long at a stop, then their connections are cut: the whole service has 10 s."""
_GIVE_UP_S: Final = STOP_S - 1
"""Those that wait for another machine end so early that they are still answered."""
_CANCEL_S: Final = STOP_S + 1
"""What is still running a second after its connection was cut waits for a disk; its task is cancelled."""
_START_S: Final = 10.0
TICK_S: Final = 1.0


class _Server(uvicorn.Server):
    """Says when it is up, or that it will not come up; at a stop, cuts off whoever is not done after STOP_S."""

    def __init__(self, config: uvicorn.Config, give_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._give_up = give_up
        self.settled = threading.Event()
        self._asked: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._silent = Silent()

    def end(self) -> None:
        """From any thread: stop serving."""
        self.should_exit = True
        if self._asked is not None:
            loop, asked = self._asked
            with suppress(RuntimeError):  # the loop is closed: it has ended already
                loop.call_soon_threadsafe(asked.set)

    async def main_loop(self) -> None:
        """uvicorn's own looks ten times a second whether it should end, which is most of what an idle hub costs; this one is told, and
        wakes once a second for the date of its headers."""
        assert self._asked is not None, "startup makes it"
        while not await self.on_tick(0):
            self._end_silent(time.monotonic())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked[1].wait(), TICK_S)

    def _end_silent(self, now: float) -> None:
        for connection in self._silent.due([one for one in self.server_state.connections if _waits(one)], now):
            connection.transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._asked = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        self.settled.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """A player that does not read would hold its answer for ever; cut off, the answer ends as for any client that went
        away.  uvicorn itself would cancel its task, which leaves the socket open and a traceback in the log."""
        loop = asyncio.get_running_loop()
        steps = [loop.call_later(_GIVE_UP_S, self._give_up), loop.call_later(STOP_S, self._cut_off)]
        await super().shutdown(sockets)
        for step in steps:
            step.cancel()
        self._give_up()
        self._cut_off()
        await asyncio.sleep(0)  # sockets are closed on the loop's next turn

    def _cut_off(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _waits(connection: Any) -> bool:
    """Whether uvicorn's connection waits for the end of a header, with no time-out of its own."""
    cycle = connection.cycle
    return (cycle is None or cycle.response_complete) and connection.timeout_keep_alive_task is None


class HttpServer:
    """Serves an ASGI app on a bound socket, which it owns from here on.  start() once, then stop() once.

    give_up is called on the event loop once a stop has waited for requests, more than once: it ends what still waits for other machines.
    """

    def __init__(self, app: Any, listener: socket.socket, give_up: Callable[[], None] = lambda: None) -> None:
        self._listener = listener
        self._server = _Server(uvicorn.Config(
            app, http="httptools", loop="uvloop", ws="none", lifespan="off", interface="asgi3", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, limit_concurrency=MAX_CONNECTIONS, backlog=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=_CANCEL_S), give_up)  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="wk-hub-http", daemon=False)

    def start(self) -> None:
        """Return once requests are answered; raises WatchkeepError when the server does not come up."""
        self._thread.start()
        self._server.settled.wait(_START_S)
        if not self._server.started:
            self.stop()
            raise WatchkeepError("the HTTP server did not start", remedy="look for its reason in the log above")

    def stop(self) -> None:
        """Take no new requests, finish the present ones, join."""
        self._server.end()
        if self._thread.ident is not None:
            self._thread.join(2 * STOP_S)
        self._listener.close()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._server.settled.set()
