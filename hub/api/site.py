"""The site for operators and their tools: GET, PUT and DELETE under /v1/site.

Rules: every server answers reads from its own durable state; edits go to the leader, by way of a neighbour if need be, and the answer
says on how many servers they are.  An ETag is the revision of an entity, If-Match names the one that was edited.  An edit is made as a
whole or refused with every problem.
"""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import RootModel, TypeAdapter

from ...wire import http
from ..directory.desk import SiteDesk
from ..directory.entities import KINDS
from ..directory.exchange import Taken
from ..directory.requests import ContingencyText, EditRequest, EntityText, HistoryPage, SettleRequest
from ..directory.site import Change, Key
from . import openapi, siteforms
from .body import asked
from .errors import ApiError
from .workers import Gate, Workers

REQUESTS: Final = 64
MAX_BODY_BYTES: Final = 4 << 20
"""A site.toml of 4 MB is as much as the command line sends."""
ENTITY_BYTES: Final = 64 << 10
"""A camera with 64 recorders and 64 archivers is 9 kB."""
BODY_S: Final = 20.0

Actor = Annotated[str, Header(alias=http.ACTOR_HEADER, max_length=100, description="who edits, for the history")]
Via = Annotated[str, Header(alias=http.VIA_HEADER, max_length=500, include_in_schema=False)]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=40, description="the ETag of what was edited")]
IfNone = Annotated[str | None, Header(alias="If-None-Match", max_length=40, description="*: only when it does not exist yet")]


_ENTITIES: Final = TypeAdapter(dict[str, EntityText])


class EntityBody(RootModel[dict[str, Any]]):
    """The fields of one entity."""


class SiteRoutes:
    """The endpoints; owns its worker threads until close()."""

    def __init__(self, desk: SiteDesk) -> None:
        self._desk = desk
        self._gate = Gate("requests about the site", requests=REQUESTS, size=8 * MAX_BODY_BYTES)
        self._workers = Workers("site", 4)

    def close(self) -> None:
        self._workers.close()

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["site"])
        self._declare_whole(routes)
        self._declare_contingencies(routes)
        self._declare_entities(routes)
        return routes

    async def _edit(self, wanted: EditRequest, via: str) -> Taken:
        return await self._workers.run(self._desk.edit, wanted, via)

    def _declare_whole(self, routes: APIRouter) -> None:
        desk = self._desk

        @routes.get(http.SITE, response_class=Response, responses=siteforms.WHOLE)
        async def whole() -> Response:
            """The whole state: entities with their revisions, who records what, leases, contingencies; with its leader.

            lives: agents, as far as this server has heard of them.  Of the leader alone: `without`, cameras without a recorder or copies,
            with why, and `stores`, archivers that it asks how they are.
            """
            with self._gate.admit():
                found = await self._workers.run(lambda: json.dumps(desk.whole(), separators=(",", ":")))
            return Response(found, media_type=openapi.JSON)

        @routes.post(http.SITE_EDIT, responses=openapi.EDITING, openapi_extra=siteforms.edit())
        async def edit(request: Request, actor: Actor = "", via: Via = "") -> Taken:
            """Several changes, all of them or none.  `was` names the revision that a change is made of: 0 for none, null for any."""
            with self._gate.admit(MAX_BODY_BYTES):
                wanted = await asked(request, EditRequest, MAX_BODY_BYTES, BODY_S)
                return await self._edit(wanted.by(actor), via)

        @routes.get(http.SITE_HISTORY, responses=openapi.READING)
        async def history(entity: Annotated[str | None, Query(max_length=80, description="kind/id; all without it")] = None,
                          before: Annotated[int | None, Query(ge=1)] = None,
                          limit: Annotated[int, Query(ge=1, le=500)] = 50,
                          actor: Annotated[str | None, Query(max_length=100, description="who has edited")] = None,
                          since_s: Annotated[float | None, Query(description="Unix seconds")] = None) -> HistoryPage:  # fmt: skip
            """Who changed what, the newest first; ask again with `before` of the answer for older ones."""
            with self._gate.admit():
                return await self._workers.run(desk.history, entity, before, limit, actor, since_s)

    def _declare_contingencies(self, routes: APIRouter) -> None:
        desk = self._desk

        @routes.get(http.SITE_CONTINGENCY, responses=openapi.BUSY)
        async def contingencies() -> list[ContingencyText]:
            """Edits of a server that led beside the present leader and that contradict what was edited here: both versions."""
            with self._gate.admit():
                return await self._workers.run(desk.contingencies)

        @routes.post(http.SITE_CONTINGENCY + "/{origin}", responses=openapi.EDITING, openapi_extra=openapi.body_of(SettleRequest))
        async def settle(origin: str, request: Request, actor: Actor = "", via: Via = "") -> Taken:
            """Decide about one: apply makes its changes over what is there now, dismiss leaves everything as it is."""
            with self._gate.admit():
                wanted = await asked(request, SettleRequest)
                return await self._workers.run(desk.settle, origin, wanted.by(actor), via)

    def _declare_entities(self, routes: APIRouter) -> None:
        for kind in KINDS:
            self._declare_kind(routes, kind)

        @routes.api_route(http.SITE + "/{kind}", methods=["GET"], include_in_schema=False)
        @routes.api_route(http.SITE + "/{kind}/{name}", methods=["GET", "PUT", "DELETE"], include_in_schema=False)
        async def unknown(kind: str) -> None:
            raise ApiError(http.NOT_FOUND, f"there is no kind of entity {kind[:40]!r}", remedy=f"known kinds: {', '.join(KINDS)}")

    def _declare_kind(self, routes: APIRouter, kind: str) -> None:
        """Each kind has addresses of its own, so that OpenAPI says which fields it has."""
        desk, every_path, one_path = self._desk, f"{http.SITE}/{kind}", f"{http.SITE}/{kind}/{{name}}"

        @routes.get(every_path, responses=siteforms.every(kind), response_class=Response, summary=f"Every {kind}")
        async def every() -> Response:
            """All entities of this kind, by id."""
            with self._gate.admit():
                found = await self._workers.run(lambda: _ENTITIES.dump_json(desk.every(kind)))
            return Response(found, media_type=openapi.JSON)

        @routes.get(one_path, responses=siteforms.one(kind), response_model=None, summary=f"One {kind}")
        async def one(name: str, response: Response) -> dict[str, Any]:
            """One entity; its ETag is its revision."""
            found = desk.one(Key(kind, name))
            response.headers["ETag"] = f'"{found.revision}"'
            return found.value

        @routes.put(one_path, responses=openapi.STALE, openapi_extra=siteforms.put(kind), summary=f"Put {siteforms.an(kind)}")
        async def put(name: str, request: Request, actor: Actor = "", match: IfMatch = None, none: IfNone = None) -> Taken:
            """Make or replace an entity.  With If-Match only this revision of it, with If-None-Match: * only a new one."""
            key, was = Key(kind, name), 0 if none == "*" else _revision(match)
            with self._gate.admit(ENTITY_BYTES):
                change = Change(key, (await asked(request, EntityBody, ENTITY_BYTES)).root, was)
                return await self._edit(EditRequest.of(change).by(actor), "")

        @routes.delete(one_path, responses=openapi.STALE, summary=f"Remove {siteforms.an(kind)}")
        async def remove(name: str, actor: Actor = "", match: IfMatch = None) -> Taken:
            """Remove an entity that nothing refers to."""
            with self._gate.admit():
                return await self._edit(EditRequest.of(Change(Key(kind, name), None, _revision(match))).by(actor), "")


def _revision(match: str | None) -> int | None:
    if match is None or match == "*":
        return None
    text = match.strip('"')
    if not (text.isascii() and text.isdigit()):
        raise ApiError(http.BAD_REQUEST, "If-Match is no revision", remedy="give the ETag that GET has answered")
    return int(text)
