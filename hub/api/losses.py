"""POST /v1/losses: agents declare what they had to give up, so that gaps of the timeline say so.

Rules: a thread and a gate of its own, so that a disk that is late with a loss keeps neither chunks nor players waiting.
"""

from typing import Final

from fastapi import APIRouter, Request

from ...wire import http
from ...wire.losses import LossAnswer, LossReport
from ..store import Store
from . import openapi
from .body import asked
from .workers import Gate, Workers

REQUESTS: Final = 16


class LossRoutes:
    """The endpoint; owns its worker thread until close()."""

    def __init__(self, store: Store, archiver: str) -> None:
        self._store, self._archiver = store, archiver
        self._gate = Gate("reports of losses", requests=REQUESTS)
        self._workers = Workers("loss", 1)

    def close(self) -> None:
        self._workers.close()

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["data plane"])

        @routes.post(http.LOSSES, responses=openapi.ORDER, openapi_extra=openapi.LOSS_BODY)
        async def declare(request: Request) -> LossAnswer:
            """Keep what an agent has declared lost: the gap that it leaves gets the cause `loss`.  Telling it again changes nothing."""
            report = await asked(request, LossReport)
            with self._gate.admit():
                return LossAnswer(archiver=self._archiver, fresh=await self._workers.run(self._store.lose, report.losses))

        return routes
