"""What directory servers ask each other: /v1/directory/*.

Rules: a question about state is answered from memory, by the event loop itself, also when the database hangs: that is how the
others tell a slow server from a dead one.  It is what an idle server does all day, so it goes the quick way (quick.py).  Pulls wait here
for something new, on the loop, not on a thread.

Bounds: PEER_REQUESTS, each of MAX_SERVERS has one pull and one more request under way; MAX_BODY_BYTES of one delivery.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Final, ParamSpec, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError

from ...wire import http
from ..directory.cluster.steps import Done
from ..directory.entities import Id
from ..directory.exchange import PULL_WAIT_S, EntryPage, HashAt, ParcelText, Said, Taken
from ..directory.server import DirectoryServer
from ..directory.signs import SAID_BYTES
from . import openapi
from .body import asked
from .errors import ApiError
from .quick import Answer
from .workers import Gate, Workers

P = ParamSpec("P")
R = TypeVar("R")

PEER_REQUESTS: Final = 32
MAX_BODY_BYTES: Final = 40 << 20
"""A parcel of 4 MB, or one of the largest entry, as JSON in JSON: each quote of it is two bytes then."""
BODY_S: Final = 20.0

Hash = Annotated[str, Query(alias="hash", pattern=r"^[0-9a-f]{64}$")]
Index = Annotated[int, Query(ge=0)]


class DirectoryRoutes:
    """The endpoints for other servers; owns its worker threads until close()."""

    def __init__(self, server: DirectoryServer) -> None:
        self._server = server
        self._gate = Gate("requests of directory servers", requests=PEER_REQUESTS, size=2 * MAX_BODY_BYTES)
        self._workers = Workers("directory", 2)

    def close(self) -> None:
        self._workers.close()

    async def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._workers.run(work, *args, **kwargs)

    def quick(self) -> Mapping[str, Answer]:
        return {http.DIRECTORY_STATE: self._state}

    def _state(self, body: bytes) -> bytes | None:
        with suppress(ValidationError):  # the route says what is wrong with it
            if len(body) <= SAID_BYTES:
                return self._server.hear(Said.model_validate_json(body)).model_dump_json().encode()
        return None

    def router(self) -> APIRouter:
        routes, server = APIRouter(tags=["directory servers"]), self._server

        @routes.post(http.DIRECTORY_STATE, responses=openapi.LISTED, openapi_extra=openapi.body_of(Said))
        async def state(request: Request) -> Said:
            """How this server is, and which agents it has heard of; the question tells the same of the asker."""
            return server.hear(await asked(request, Said, SAID_BYTES))

        @routes.get(http.DIRECTORY_ENTRIES, responses=openapi.READING)
        async def entries(after: Index, end: Hash, follower: Id) -> EntryPage:
            """The entries that follow (after, hash), which the follower has durable; waits a second for new ones.

            parted: this journal has another entry there, or none; term and index say where it ends.
            """
            with self._gate.admit():
                return await self._pulled(follower, after, end)

        @routes.get(http.DIRECTORY_HASH, responses=openapi.READING)
        async def hash_at(index: Index) -> HashAt:
            """The hash of one entry, to find the last one that two journals share."""
            with self._gate.admit():
                return HashAt(index=index, hash=await self._run(server.database.hash_at, index))

        @routes.post(http.DIRECTORY_PARCEL, responses=openapi.EDITING, openapi_extra=openapi.body_of(ParcelText))
        async def parcel(request: Request) -> Taken:
            """Entries of a branch that another server has set aside: merged, or kept for an operator.  Delivering twice changes nothing."""
            with self._gate.admit(MAX_BODY_BYTES):
                sent = await asked(request, ParcelText, MAX_BODY_BYTES, BODY_S)
                future = await self._run(lambda: server.offer(sent.parcel()))
                answer = await asyncio.wrap_future(future)
            if not isinstance(answer, Done):
                raise ApiError(http.BUSY, "this server does not take it in now", remedy="deliver it again later, to the leader")
            return Taken(index=answer.index, copies=answer.copies)

        return routes

    async def _pulled(self, follower: str, after: int, end: str) -> EntryPage:
        """What there is, or what comes within PULL_WAIT_S."""
        changed, loop = asyncio.Event(), asyncio.get_running_loop()
        stop = self._server.listen(lambda: _tell(loop, changed))
        try:
            async with asyncio.timeout(PULL_WAIT_S):
                while (page := await self._run(self._server.entries, follower, after, end)) is None:
                    await changed.wait()
                    changed.clear()
                return page
        except TimeoutError:
            return EntryPage()
        finally:
            stop()


def _tell(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    """From the deciding thread; the loop may have ended meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(changed.set)
