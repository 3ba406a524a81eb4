"""What an agent is to record or an archiver to keep: GET /v1/site/{agents,archivers}/{id}/desired, held until there is news.

    asked ──news──▶ 200                      one asks anew       ──▶ the older question: 204
      └──none──▶ held ──news──▶ 200          an agent is gone    ──▶ told at once: nobody else knows it so soon
                   └──hold_s, or this server stops──▶ 204

Rules: a question waits on the event loop and holds no thread; one of each is held, so one that reconnects all the time
holds no more than one.  That an agent asks is a sign of life, at its beginning and at its end; archivers are asked themselves.

Bounds: MAX_HELD questions, MAX_HOLD_S each; what comes then is refused as busy, and who asks goes to the next server.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from ...wire import begun as wire_begun
from ...wire import http
from ..directory.agents import AgentDesk
from ..directory.documents import UnknownError
from ..directory.entities import Id
from . import openapi
from .errors import ApiError
from .workers import Gate

MAX_HELD: Final = 512
"""200 agents and 50 archivers, and as many again when they all come at once from another server.  Each is 20 kB of connection
and task: 10 MB."""
MAX_HOLD_S: Final = 30.0
TEXT: Final = "application/json"


class DesiredRoutes:
    """The endpoints for agents and archivers."""

    def __init__(self, desk: AgentDesk) -> None:
        self._desk = desk
        self._gate = Gate("questions of agents", requests=MAX_HELD)
        self._held: dict[tuple[str, str], _Hold] = {}

    def close(self) -> None:
        """Nothing is left: questions end with the server's connections."""

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["agents and archivers"])

        @routes.get(http.desired("{agent}"), response_class=Response, responses=openapi.DESIRED)
        async def desired(agent: Id, request: Request, term: Annotated[int, Query(ge=0)] = 0, index: Annotated[int, Query(ge=0)] = 0,
                          hold_s: Annotated[float, Query(ge=0, le=MAX_HOLD_S)] = 0.0, begun: str = "") -> Response:  # fmt: skip
            """What an agent is to record, whole; 204 when there is nothing later than (term, index) within hold_s seconds.

            begun: cameras that it records by now of those that another agent is leaving to it, with their terms: `cam0.24,cam7.32`.
            """
            recorded = wire_begun.read(begun)

            def leaves() -> None:
                self._desk.sign(agent, closed=True)

            with self._gate.admit():
                self._desk.sign(agent, (term, index), begun=recorded)
                return await self._told(self._held_for(request, ("agent", agent), lambda: self._desk.after(agent, (term, index)),
                                                       hold_s, leaves))  # fmt: skip

        @routes.get(http.archiver_desired("{archiver}"), response_class=Response, responses=openapi.ARCHIVER_DESIRED)
        async def archiver_desired(archiver: Id, request: Request, term: Annotated[int, Query(ge=0)] = 0,
                                   index: Annotated[int, Query(ge=0)] = 0,
                                   hold_s: Annotated[float, Query(ge=0, le=MAX_HOLD_S)] = 0.0) -> Response:  # fmt: skip
            """How an archiver is to keep video, whole; 204 when there is nothing later than (term, index) within hold_s seconds."""
            with self._gate.admit():
                return await self._told(self._held_for(request, ("archiver", archiver),
                                                       lambda: self._desk.archiver_after(archiver, (term, index)), hold_s))  # fmt: skip

        return routes

    @staticmethod
    async def _told(answer: Awaitable[bytes | None]) -> Response:
        try:
            found = await answer
        except UnknownError as error:
            raise ApiError(http.NOT_FOUND, error.message, remedy=error.remedy) from error
        return Response(status_code=204) if found is None else Response(found, media_type=TEXT)

    async def _held_for(self, request: Request, who: tuple[str, str], news: Callable[[], bytes | None], hold_s: float,
                        leaves: Callable[[], None] = lambda: None) -> bytes | None:  # fmt: skip
        """What `news` finds, at once or within hold_s.  leaves: called when the connection is closed while the question is held."""
        found = news()
        if found is not None or hold_s == 0 or self._desk.closing:
            return found
        if who in self._held:
            self._held[who].end()
        hold = self._held[who] = _Hold()
        loop = asyncio.get_running_loop()
        stop = self._desk.listen(lambda: _tell(loop, hold.changed))
        leaving = loop.create_task(_leaving(request, hold, leaves))
        try:
            async with asyncio.timeout(hold_s):
                while not (hold.over or self._desk.closing) and (found := news()) is None:
                    await hold.changed.wait()
                    hold.changed.clear()
        except TimeoutError:
            return None
        finally:
            stop()
            leaving.cancel()
            if self._held.get(who) is hold:
                del self._held[who]
        return found


class _Hold:
    """One question that waits."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.over = False

    def end(self) -> None:
        self.over = True
        self.changed.set()


async def _leaving(request: Request, hold: _Hold, leaves: Callable[[], None]) -> None:
    """End the hold of one whose connection is closed."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    if not hold.over:
        leaves()
    hold.end()


def _tell(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    """From the thread of the documents; the loop may have ended meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(changed.set)
