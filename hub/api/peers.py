"""What other archivers and operators ask for consolidation: runs, hashes, records; orders and their progress.

Rules: one worker thread of its own, so that peers that compare or pull delay neither appends nor players (invariant 7); an
answer of records is held in memory, so few are under way at a time.
"""

from collections.abc import Callable
from typing import Annotated, Final, ParamSpec, TypeVar

from fastapi import APIRouter, Query, Request, Response

from ...wire import http
from ...wire.errors import IdError
from ...wire.ids import MAX_EPOCH, MAX_SEQ, check_id
from ...wire.messages import ChunkHashes, ChunkListing, ConsolidationOrder, ConsolidationState
from ..consolidate.share import MAX_ASKED, MAX_RUNS, Share
from ..consolidate.worker import Consolidator
from ..store import Store
from . import openapi
from .body import asked
from .errors import ApiError
from .metrics import Metrics
from .workers import Gate, Workers

P = ParamSpec("P")
R = TypeVar("R")

PEER_REQUESTS: Final = 8
"""Each holds at most 8 MiB of records, or one chunk of up to 32 MiB: 64 MiB as a rule, 320 MiB at worst."""

Epoch = Annotated[int, Query(ge=0, le=MAX_EPOCH)]
Seq = Annotated[int, Query(ge=0, le=MAX_SEQ)]
Limit = Annotated[int, Query(ge=1, le=MAX_RUNS)]
At = Annotated[list[str], Query(description="chunks as <epoch>.<seq>, at most 64", min_length=1, max_length=MAX_ASKED)]


class Peers:
    """The endpoints for peers; owns its worker thread until close()."""

    def __init__(self, store: Store, share: Share, consolidator: Consolidator | None, metrics: Metrics) -> None:
        self._store, self._share, self._consolidator, self._metrics = store, share, consolidator, metrics
        self._gate = Gate("requests of peers", requests=PEER_REQUESTS)
        self._workers = Workers("peers", 1)

    def close(self) -> None:
        self._workers.close()

    async def ask(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        with self._gate.admit():
            return await self._workers.run(work, *args, **kwargs)

    def check(self, camera: str) -> None:
        """Raise ApiError or IdError unless there is video of the camera."""
        if not self._store.knows(check_id("camera", camera)):
            raise ApiError(http.NOT_FOUND, f"camera {camera} is not in this archive", remedy=f"see {http.CAMERAS} for those that are")

    @property
    def consolidator(self) -> Consolidator:
        if self._consolidator is None:
            raise ApiError(http.NOT_FOUND, "this hub does not consolidate", remedy="see hub.roles")
        return self._consolidator

    def router(self) -> APIRouter:
        routes = APIRouter(tags=["consolidation"])
        _declare_contents(routes, self, self._share, self._metrics)
        _declare_orders(routes, self)
        return routes


def _declare_contents(routes: APIRouter, peers: Peers, share: Share, metrics: Metrics) -> None:
    @routes.get(http.chunks("{camera}"), response_model=ChunkListing, responses=openapi.READING)
    async def chunks(camera: str, from_epoch: Epoch = 0, from_seq: Seq = 0, limit: Limit = MAX_RUNS) -> Response:
        """What is held, as runs of chained chunks: equal last hashes of equal ranges are equal chunks."""
        peers.check(camera)
        found = await peers.ask(lambda: share.listing(camera, from_epoch, from_seq, limit).model_dump_json())
        return Response(found, media_type="application/json")

    @routes.get(http.hashes("{camera}"), responses=openapi.READING)
    async def hashes(camera: str, at: At) -> ChunkHashes:
        """Hashes of single chunks, for ranges that end at different chunks on two archivers."""
        peers.check(camera)
        return await peers.ask(share.hashes, camera, [_place(text) for text in at])

    @routes.get(http.records("{camera}"), response_class=Response, responses=openapi.RECORDS)
    async def records(camera: str, epoch: Epoch, first_seq: Seq, last_seq: Seq) -> Response:
        """The epoch's init segment and its chunks from first_seq on, about 8 MiB of them; ask again from the last one on.

        A chunk that does not prove itself any more is left out."""
        peers.check(camera)
        if last_seq < first_seq:
            raise ApiError(http.BAD_REQUEST, "last_seq is below first_seq", remedy="exchange or correct them")
        found = await peers.ask(share.records, camera, epoch, first_seq, last_seq)
        metrics.sent(len(found))
        return Response(found, media_type=http.RECORDS_TYPE)


def _declare_orders(routes: APIRouter, peers: Peers) -> None:
    @routes.post(http.CONSOLIDATE, responses=openapi.ORDER, openapi_extra=openapi.ORDER_BODY)
    async def order(request: Request) -> ConsolidationState:
        """Prove the own files, set damaged ones aside, and pull from this archiver what is missing.  One order at a time."""
        return peers.consolidator.order(await asked(request, ConsolidationOrder))

    @routes.get(http.CONSOLIDATE, responses=openapi.READING)
    async def progress(job: int | None = None) -> ConsolidationState:
        """The job under way or the last one; with job, that one, as long as it is among the last 16."""
        return peers.consolidator.state if job is None else peers.consolidator.job(job)


def _place(text: str) -> tuple[int, int]:
    epoch, dot, seq = text.partition(".")
    if not (dot and epoch.isascii() and epoch.isdigit() and seq.isascii() and seq.isdigit() and len(text) < 40):
        raise IdError(f"{text[:60]!r} is no chunk", remedy="write it as <epoch>.<seq>")
    return int(epoch), int(seq)
