"""GET /v1/freshness: how old the newest durable chunk of each camera is, for whoever watches over the site.

Rules: answered from memory, so the event loop may do it: a disk that hangs shows as an age that grows, not as silence.
"""

from fastapi import APIRouter

from ...wire import http
from ...wire.messages import Freshness
from ..store import Store


def router(store: Store, archiver: str, boot: str) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get(http.FRESHNESS)
    async def freshness() -> Freshness:
        """The newest durable chunk of each camera, and how long ago it became so; of cameras that had one since this archiver's start.

        By the archiver's own clock since then, so that no clock of a recorder counts; what a catch-up brings of the past does not count.
        """
        return Freshness(archiver=archiver, boot=boot, cameras=store.freshness())

    return routes
