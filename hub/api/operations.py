"""/healthz, /metrics and /docs.

Rules: they answer even when a disk hangs: the store is asked on a thread of its own and given PATIENCE_S.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from ...wire import VERSION, http
from ..store.model import Stats
from . import openapi
from .docs import docs_page
from .errors import ApiError
from .health import Health, Status, judge
from .metrics import CONTENT_TYPE, Metrics
from .workers import Gate, Workers

R = TypeVar("R")

PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What a hub says about itself; stats is None without the archiver role, `problems` are those of its other ones."""

    id: str
    site: str
    roles: tuple[str, ...]
    boot: str
    stats: Callable[[], Stats] | None
    problems: Callable[[], tuple[str, ...]] = tuple
    started_s: float = field(default_factory=time.monotonic)

    def health(self, status: Status, why: tuple[str, ...], stats: Stats | None) -> Health:
        return Health(id=self.id, site=self.site, roles=self.roles, version=VERSION, boot=self.boot, status=status, why=why,
                      uptime_s=time.monotonic() - self.started_s, volumes=stats.volumes if stats else ())  # fmt: skip


class Operations:
    """The operators' endpoints; owns its worker thread until close()."""

    def __init__(self, hub: HubFacts, metrics: Metrics) -> None:
        self._hub, self._metrics = hub, metrics
        self._gate = Gate("health checks", requests=16)
        self._workers = Workers("health", 1)

    def close(self) -> None:
        self._workers.close()

    async def _ask(self, work: Callable[[], R]) -> R:
        """The work's result; raises ApiError(storage-failed) when it takes longer than PATIENCE_S."""
        with self._gate.admit():
            try:
                return await asyncio.wait_for(self._workers.run(work), PATIENCE_S)
            except TimeoutError as error:
                raise ApiError(http.STORAGE_FAILED, "the store does not answer", remedy="look for a disk that hangs") from error

    async def health(self) -> Health:
        if self._hub.stats is None:
            return self._hub.health(*judge([], problems=self._hub.problems()), None)
        try:
            stats = await self._ask(self._hub.stats)
        except ApiError:
            return self._hub.health(*judge(None), None)
        problems = (*stats.problems, *self._hub.problems())
        return self._hub.health(*judge(stats.volumes, damaged_files=len(stats.damage), problems=problems), stats)

    def router(self, app: FastAPI) -> APIRouter:
        routes = APIRouter(tags=["operations"])

        @routes.get(http.HEALTH, response_model=Health, responses={503: {"model": Health, "description": "failing"}})
        async def healthz() -> Response:
            """Fit for its roles?  200 for ok and degraded, 503 for failing; `why` says what an operator should look at."""
            found = await self.health()
            return JSONResponse(found.model_dump(mode="json"), found.http_status)

        @routes.get(http.METRICS, response_class=Response, responses={200: {"content": {"text/plain": {}}}, **openapi.BUSY})
        async def metrics() -> Response:
            """Prometheus metrics."""
            return Response(await self._ask(self._metrics.render), media_type=CONTENT_TYPE)

        @routes.get("/docs", include_in_schema=False)
        async def docs() -> HTMLResponse:
            return HTMLResponse(docs_page(app.openapi()))

        return routes
