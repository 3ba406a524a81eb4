"""What an agent is to record: GET /v1/site/agents/{id}/desired, held until there is news.

    asked ──news──▶ 200                      the agent asks anew ──▶ the older question: 204
      └──none──▶ held ──news──▶ 200          the agent is gone   ──▶ told at once: nobody else knows it so soon
                   └──hold_s, or this server stops──▶ 204

Rules: a question waits on the event loop and holds no thread; one of each agent is held, so an agent that reconnects all the time
holds no more than one.  That somebody asks is a sign of life, at its beginning and at its end.

Bounds: MAX_HELD questions, MAX_HOLD_S each; what comes then is refused as busy, and the agent goes to the next server.
"""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from ...wire import begun as wire_begun
from ...wire import http
from ..directory.agents import AgentDesk
from ..directory.documents import UnknownAgentError
from ..directory.entities import Id
from . import openapi
from .errors import ApiError
from .workers import Gate

MAX_HELD: Final = 512
"""200 agents, and as many again when they all come at once from another server.  Each is 20 kB of connection and task: 10 MB."""
MAX_HOLD_S: Final = 30.0
TEXT: Final = "application/json"


class DesiredRoutes:
    """The endpoint for agents."""

    def __init__(self, desk: AgentDesk) -> None:
        self._desk = desk
        self._gate = Gate("questions of agents", requests=MAX_HELD)
        self._held: dict[str, _Hold] = {}

    def close(self) -> None:
        """Nothing is left: questions end with the server's connections."""

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["agents"])

        @routes.get(http.desired("{agent}"), response_class=Response, responses=openapi.DESIRED)
        async def desired(agent: Id, request: Request, term: Annotated[int, Query(ge=0)] = 0, index: Annotated[int, Query(ge=0)] = 0,
                          hold_s: Annotated[float, Query(ge=0, le=MAX_HOLD_S)] = 0.0, begun: str = "") -> Response:  # fmt: skip
            """What an agent is to record, whole; 204 when there is nothing later than (term, index) within hold_s seconds.

            begun: cameras that it records by now of those that another agent is leaving to it, with their terms: `cam0.24,cam7.32`.
            """
            with self._gate.admit():
                try:
                    found = await self._answer(request, agent, (term, index), hold_s, wire_begun.read(begun))
                except UnknownAgentError as error:
                    raise ApiError(http.NOT_FOUND, error.message, remedy=error.remedy) from error
            return Response(status_code=204) if found is None else Response(found, media_type=TEXT)

        return routes

    async def _answer(self, request: Request, agent: str, at: tuple[int, int], hold_s: float, begun: dict[str, int]) -> bytes | None:
        self._desk.sign(agent, at, begun=begun)
        found = self._desk.after(agent, at)
        if found is not None or hold_s == 0 or self._desk.closing:
            return found
        if agent in self._held:
            self._held[agent].end()
        hold = self._held[agent] = _Hold()
        loop = asyncio.get_running_loop()
        stop = self._desk.listen(lambda: _tell(loop, hold.changed))
        leaving = loop.create_task(self._leaving(request, agent, hold))
        try:
            async with asyncio.timeout(hold_s):
                while not (hold.over or self._desk.closing) and (found := self._desk.after(agent, at)) is None:
                    await hold.changed.wait()
                    hold.changed.clear()
        except TimeoutError:
            return None
        finally:
            stop()
            leaving.cancel()
            if self._held.get(agent) is hold:
                del self._held[agent]
        return found

    async def _leaving(self, request: Request, agent: str, hold: "_Hold") -> None:
        """End the hold of an agent whose connection is closed."""
        while (await request.receive())["type"] != "http.disconnect":
            pass
        if not hold.over:
            self._desk.sign(agent, closed=True)
        hold.end()


class _Hold:
    """One question that waits."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.over = False

    def end(self) -> None:
        self.over = True
        self.changed.set()


def _tell(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    """From the thread of the documents; the loop may have ended meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(changed.set)
