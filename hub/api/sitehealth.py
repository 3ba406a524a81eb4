"""How the site is and was: GET /v1/site/health, availability and backups; what servers copy of it from each other.

Rules: as all reads of the site any server answers; one that does not watch, or write backups, asks the one that does.
"""

import time
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from ...wire import http
from ..directory.backup.desk import BackupDesk
from ..directory.backup.model import SiteBackups
from ..directory.health.desk import HealthDesk
from ..directory.health.model import Records, RecordsQuestion, SiteAvailability
from . import openapi
from .body import asked
from .errors import ApiError
from .window import NS, parse_time
from .workers import Gate, Workers

REQUESTS: Final = 16
DEFAULT_NS: Final = 30 * 86_400 * NS
Via = Annotated[str, Header(alias=http.VIA_HEADER, max_length=500, include_in_schema=False)]

From = Annotated[str | None, Query(alias="from", description="ISO 8601 with a zone, or Unix seconds")]
To = Annotated[str | None, Query(alias="to", description="like from; now without it")]
Kind = Annotated[Literal["camera", "agent", "archiver", "server", "role"] | None, Query(description="only of this kind")]


class HealthRoutes:
    """The endpoints; owns its worker threads until close()."""

    def __init__(self, desk: HealthDesk, backups: BackupDesk) -> None:
        self._desk, self._backups = desk, backups
        self._gate = Gate("questions about the site's health", requests=REQUESTS)
        self._workers = Workers("site-health", 2)

    def close(self) -> None:
        self._workers.close()

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["site"])

        @routes.get(http.SITE_HEALTH, responses=openapi.HEALTH)
        async def health(via: Via = "") -> Response:
            """Whether the video of every camera becomes durable in time, and who is there, as the watching server has seen it last.

            `unprotected` cameras are an alarm: no archiver has a durable chunk of them younger than `limit_s`.  `blind` says why nothing
            can be said of any camera.
            """
            with self._gate.admit():
                found = await self._workers.run(lambda: self._desk.health(via).model_dump_json())
            return Response(found, media_type=openapi.JSON)

        @routes.get(http.SITE_AVAILABILITY, responses=openapi.READING)
        async def availability(start: From = None, end: To = None, kind: Kind = None) -> SiteAvailability:
            """How much of a period cameras had durable video, and agents, archivers, servers and roles were there; the last 30 days without
            `from`.

            What was announced counts as planned, what nobody watched as unknown: `share` is up / (up + down).  Of what nothing is known
            nothing is listed.  Any server answers from its own copies, some seconds old.
            """
            now_ns = time.time_ns()
            until_ns = now_ns if end is None else min(parse_time("to", end), now_ns)
            since_ns = until_ns - DEFAULT_NS if start is None else parse_time("from", start)
            if since_ns >= until_ns:
                raise ApiError(http.BAD_REQUEST, "to is not after from", remedy="exchange or correct them; what is to come is not known")
            with self._gate.admit():
                return await self._workers.run(self._desk.availability, since_ns / NS, until_ns / NS, kind)

        @routes.get(http.SITE_BACKUPS, responses=openapi.BUSY)
        async def backups(via: Via = "") -> SiteBackups:
            """How each folder of backups is, since when and why, and its newest backup, as the server tells that writes them."""
            with self._gate.admit():
                return await self._workers.run(self._backups.states, via)

        @routes.post(http.DIRECTORY_RECORDS, responses=openapi.ORDER, openapi_extra=openapi.body_of(RecordsQuestion))
        async def records(request: Request) -> Records:
            """For other directory servers: what this one has of who was there, behind what the asker has."""
            wanted = await asked(request, RecordsQuestion)
            with self._gate.admit():
                return await self._workers.run(self._desk.records, wanted)

        return routes
