"""Orders to a running site: POST /v1/site/failover, /v1/site/move, /v1/site/maintenance.

Rules: as edits (site.py): any server takes them, the leader carries them out, whole or not at all, with every problem.
"""

from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Header, Request

from ...wire import http
from ...wire.commands import FailoverOrder, MaintenanceOrder, MoveOrder, OrderAnswer
from ..directory.orderdesk import OrderDesk
from . import openapi
from .body import asked
from .workers import Gate, Workers

REQUESTS: Final = 16
MAX_BODY_BYTES: Final = 128 << 10
"""MAX_MOVED ids of cameras are 70 kB."""

Actor = Annotated[str, Header(alias=http.ACTOR_HEADER, max_length=100, description="who orders, for the history")]
Via = Annotated[str, Header(alias=http.VIA_HEADER, max_length=500, include_in_schema=False)]
O = TypeVar("O", FailoverOrder, MoveOrder, MaintenanceOrder)  # noqa: E741 - one of the three


class OrderRoutes:
    """The endpoints; owns its worker threads until close()."""

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk
        self._gate = Gate("orders to the site", requests=REQUESTS, size=REQUESTS * MAX_BODY_BYTES)
        self._workers = Workers("orders", 2)

    def close(self) -> None:
        self._workers.close()

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["site"])

        @routes.post(http.SITE_FAILOVER, responses=openapi.EDITING, openapi_extra=openapi.body_of(FailoverOrder))
        async def failover(request: Request, actor: Actor = "", via: Via = "") -> OrderAnswer:
            """Another one takes over from `directory`, from a role, or from an agent with all its cameras."""
            return await self._carry_out(request, FailoverOrder, actor, via)

        @routes.post(http.SITE_MOVE, responses=openapi.EDITING, openapi_extra=openapi.body_of(MoveOrder))
        async def move(request: Request, actor: Actor = "", via: Via = "") -> OrderAnswer:
            """These cameras are recorded by this agent from now on; all of them or none."""
            return await self._carry_out(request, MoveOrder, actor, via)

        @routes.post(http.SITE_MAINTENANCE, responses=openapi.EDITING, openapi_extra=openapi.body_of(MaintenanceOrder))
        async def maintenance(request: Request, actor: Actor = "", via: Via = "") -> OrderAnswer:
            """An agent, archiver or directory server will be away for a while, or is back."""
            return await self._carry_out(request, MaintenanceOrder, actor, via)

        return routes

    async def _carry_out(self, request: Request, kind: type[O], actor: str, via: str) -> OrderAnswer:
        with self._gate.admit(MAX_BODY_BYTES):
            wanted = await asked(request, kind, MAX_BODY_BYTES)
            named = wanted if wanted.actor or not actor else wanted.model_copy(update={"actor": actor})
            return await self._workers.run(self._desk.carry_out, named, via)
