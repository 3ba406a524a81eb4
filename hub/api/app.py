"""The API as one ASGI application: its routes, its errors and its OpenAPI description.

Rules: every answer that is not a success is an ErrorAnswer, also for addresses that do not exist and for bugs; a bug's
text goes to the log, never to the client.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ...wire import VERSION, http
from ...wire.causes import EventKind
from ...wire.errors import WatchkeepError, redact
from ...wire.messages import AppendAnswer
from ..consolidate.share import Share
from ..consolidate.worker import Consolidator
from ..duty.maintenance import Maintenance
from ..events.log import EventLog
from ..store import Store
from . import openapi
from .append import Appender
from .errors import ApiError, api_error
from .events import router as events_router
from .freshness import router as freshness_router
from .library import Library, SeveralPartsError
from .locks import LockDesk, LockRoutes
from .losses import LossRoutes
from .maintenance import router as maintenance_router
from .metrics import Metrics
from .operations import HubFacts, Operations
from .peers import Peers
from .playback import Playback, several_parts
from .quick import Answer, Quick

log = logging.getLogger(__name__)

_TEXT: Final = (
    "Append, timeline, playback and operation of one Watchkeep hub. Times are UTC. There is no authentication in this "
    "version: whoever reaches the port can read and append."
)


class _Closed(Protocol):
    def close(self) -> None: ...


class Part(_Closed, Protocol):
    """Routes of a role that not every hub has."""

    def router(self) -> APIRouter: ...


@runtime_checkable
class QuickPart(Part, Protocol):
    """One with routes that are asked all day long."""

    def quick(self) -> Mapping[str, Answer]: ...


class Api:
    """The application and the worker threads behind it, until close()."""

    def __init__(self, facts: HubFacts, store: Store | None, share: Share | None = None, consolidator: Consolidator | None = None,
                 events: EventLog | None = None, maintenance: Maintenance | None = None,
                 parts: Sequence[Part] = ()) -> None:  # fmt: skip
        metrics = Metrics(facts.stats, None if consolidator is None else lambda: consolidator.totals)
        self.app = FastAPI(title="Watchkeep hub", version=VERSION, description=_TEXT, docs_url=None, redoc_url=None)
        self._parts: list[_Closed] = []
        if store is not None:
            self._add_archiver(facts, store, metrics, maintenance or Maintenance())
            peers = Peers(store, share or Share(store, facts.id), consolidator, metrics)
            self._parts.append(peers)
            self.app.include_router(peers.router())
        for part in parts:
            self._parts.append(part)
            self.app.include_router(part.router())
        if events is not None:
            self.app.include_router(events_router(events))
        operations = Operations(facts, metrics)
        self._parts.append(operations)
        self.app.include_router(operations.router(self.app))
        self.app.add_middleware(Quick, answers={path: found for part in parts if isinstance(part, QuickPart)
                                                for path, found in part.quick().items()})  # fmt: skip
        _declare_errors(self.app)

    def _add_archiver(self, facts: HubFacts, store: Store, metrics: Metrics, maintenance: Maintenance) -> None:
        appender = Appender(store, facts.id, facts.boot, metrics, maintenance)
        library = Library(store, time.time_ns)
        playback = Playback(library, metrics)
        locks = LockRoutes(LockDesk(store, library, time.time_ns), playback)

        @self.app.post(http.APPEND, response_model=AppendAnswer, responses=openapi.APPEND, openapi_extra=openapi.RECORDS_BODY,
                       tags=["data plane"])  # fmt: skip
        async def append(request: Request) -> Response:
            """Store a batch of records, as a whole or not at all; answers what is received, durable and missing."""
            return await appender.handle(request)

        losses = LossRoutes(store, facts.id)
        self._parts += [appender, playback, locks, losses]
        self.app.include_router(playback.router())
        self.app.include_router(locks.router())
        self.app.include_router(losses.router())
        self.app.include_router(freshness_router(store, facts.id, facts.boot))
        self.app.include_router(maintenance_router(maintenance, facts.id, lambda text: store.report(EventKind.ARCHIVER, text)))

    def close(self) -> None:
        """Finish what has begun; call after the server has stopped and before the store is closed."""
        for part in self._parts:
            part.close()


def _declare_errors(app: FastAPI) -> None:
    @app.exception_handler(SeveralPartsError)
    async def parts(_request: Request, error: SeveralPartsError) -> JSONResponse:
        return JSONResponse(several_parts(error).model_dump(mode="json"), error.status)

    @app.exception_handler(WatchkeepError)
    async def ours(_request: Request, error: WatchkeepError) -> JSONResponse:
        return _answer(api_error(error))

    @app.exception_handler(RequestValidationError)
    async def query(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _answer(ApiError(http.BAD_REQUEST, f"{where}: {first['msg']}", remedy="see /docs for what this address takes"))

    @app.exception_handler(HTTPException)
    async def routing(request: Request, error: HTTPException) -> JSONResponse:
        found = ApiError(http.NOT_FOUND, f"{request.method} {request.url.path[:200]}: {error.detail}", remedy="see /docs for what there is")
        return JSONResponse(found.answer().model_dump(), error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", extra={"path": request.url.path, "why": redact(repr(error))})
        return _answer(ApiError(http.INTERNAL, "the hub failed to answer this request", remedy="look into its log"))


def _answer(error: ApiError) -> JSONResponse:
    return JSONResponse(error.answer().model_dump(), error.status, headers=error.headers)
