"""GET /v1/events: what this archiver had to tell, and what it heard from the rest of the site on MQTT.

Rules: answered from memory, so the event loop may do it; a page is bounded by MAX_PAGE.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from ...wire import http
from ...wire.causes import EventKind
from ..events.log import EventLog
from ..events.ring import EventPage
from . import openapi

MAX_PAGE: Final = 1000
"""0.4 MB."""

Since = Annotated[int | None, Query(ge=0, description="only events above this number, the first ones; without it, the newest ones")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


def router(events: EventLog) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get(http.EVENTS, responses=openapi.LISTED)
    async def listed(since: Since = None, kind: EventKind | None = None, camera: str | None = None, limit: Limit = 100) -> EventPage:
        """The newest 10 000 events of this archiver and, as far as it heard them on MQTT, of all agents and archivers of the site, also
        of before its last start, ordered by their numbers; `source` and `at_s` say who told it and when.

        Ask again with `next` as `since`: nothing is missed and nothing comes twice.  `oldest` above `since` + 1 says that
        what was in between is not listed any more; `newest` below `since` says that the list was lost and began anew.
        """
        return events.page(since=since, kind=kind, camera=camera, limit=limit)

    return routes
