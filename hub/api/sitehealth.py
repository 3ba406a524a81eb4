"""How the site is: GET /v1/site/health.

Rules: as all reads of the site any server answers; one that does not watch asks the one that does.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Response

from ...wire import http
from ..directory.health.desk import HealthDesk
from . import openapi
from .workers import Gate, Workers

REQUESTS: Final = 16
Via = Annotated[str, Header(alias=http.VIA_HEADER, max_length=500, include_in_schema=False)]


class HealthRoutes:
    """The endpoint; owns its worker threads until close()."""

    def __init__(self, desk: HealthDesk) -> None:
        self._desk = desk
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

        return routes
