"""`POST /v1/append`: takes a body of records, has it proven and stored as a whole, answers what is held.

    headers ─▶ gate (requests, bytes) ─▶ body within its bound and time ─▶ worker: prove ─▶ store ─▶ states ─▶ answer

Rules: nothing is read of a body that is refused by its headers; nothing is stored of a batch that is refused.  One hop
to a worker thread per request, because hashing lets go of the interpreter lock and writing waits for a disk.
"""

import asyncio
import logging
import time
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ...wire import WIRE_VERSION, http
from ...wire.errors import IdError, WatchkeepError
from ...wire.ids import check_id
from ...wire.messages import AppendAnswer
from ...wire.record import MAX_BATCH_BYTES
from ..duty.maintenance import Maintenance
from ..store import Store
from .batch import prove
from .errors import ApiError, api_error
from .mentions import mentions, states
from .metrics import Metrics
from .workers import APPEND_BYTES, APPEND_REQUESTS, APPEND_THREADS, Gate, Workers

log = logging.getLogger(__name__)

NOBODY: Final = "-"
BODY_S: Final = 60.0
"""A body that is not here by then is given up, so a sender that hangs cannot hold its bytes; 64 MiB a minute are 9 Mbit/s."""


class Appender:
    """The append endpoint of one archiver; owns its worker threads until close()."""

    def __init__(self, store: Store, archiver: str, boot: str, metrics: Metrics, maintenance: Maintenance) -> None:
        self._store, self._archiver, self._boot, self._metrics, self._maintenance = store, archiver, boot, metrics, maintenance
        self._gate = Gate("appends", requests=APPEND_REQUESTS, size=APPEND_BYTES)
        self._workers = Workers("append", APPEND_THREADS)

    def close(self) -> None:
        """Finish the appends that have begun."""
        self._workers.close()

    async def handle(self, request: Request) -> Response:
        """Answer one request; raises ApiError."""
        try:
            return await self._append(request)
        except ClientDisconnect:
            self._metrics.refused(http.TRUNCATED)
            return Response(status_code=400)  # to nobody
        except WatchkeepError as error:
            refusal = api_error(error)
            self._metrics.refused(refusal.code)
            log.warning("append refused", extra={"agent": _agent(request), "code": refusal.code, "why": refusal.message})
            raise refusal from error

    async def _append(self, request: Request) -> Response:
        size = _announced(request)
        with self._gate.admit(MAX_BATCH_BYTES if size is None else size):
            body = await _receive(request, size)
            started, version = time.monotonic(), self._maintenance.version
            answer = await self._workers.run(self._prove_and_store, body, request.headers.get(http.SYNC_HEADER) == http.SYNC_NOW)
            self._metrics.appended(len(body), time.monotonic() - started)
        if (agent := _agent(request)) != NOBODY:
            self._maintenance.told(agent, version, time.monotonic())
        return Response(answer, media_type="application/json")

    def _prove_and_store(self, body: bytearray, urgent: bool) -> bytes:
        records = prove(body)
        accepted = self._store.append(records, urgent=urgent)
        found = states(mentions(records), self._store.state, accepted.need_init)
        left_s = self._maintenance.left_s(time.monotonic())
        return AppendAnswer(archiver=self._archiver, boot=self._boot, cameras=found, maintenance_s=left_s).model_dump_json().encode()


def _announced(request: Request) -> int | None:
    """The body's announced size, None for a chunked one; raises ApiError when its headers already refuse it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != http.RECORDS_TYPE:
        raise ApiError(http.MEDIA_TYPE, f"the body is {kind[:80] or 'of no type'!r}, not records", close=True,
                       remedy=f"send Content-Type: {http.RECORDS_TYPE}")  # fmt: skip
    version = request.headers.get(http.VERSION_HEADER, "")
    if version != str(WIRE_VERSION):
        raise ApiError(http.UNKNOWN_VERSION, f"{http.VERSION_HEADER} is {version[:20] or 'missing'!r}, known is {WIRE_VERSION}", close=True,
                       remedy="update the older of the two machines")  # fmt: skip
    length = request.headers.get("content-length")
    if length is None:
        return None
    if not (length.isascii() and length.isdigit()) or int(length) > MAX_BATCH_BYTES:
        raise _oversize()
    return int(length)


async def _receive(request: Request, size: int | None) -> bytearray:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                if len(body) + len(part) > MAX_BATCH_BYTES:
                    raise _oversize()
                body += part
    except TimeoutError as error:
        raise ApiError(http.TRUNCATED, f"the body took longer than {BODY_S:.0f} s", remedy="send smaller batches", close=True) from error
    if size is not None and len(body) != size:
        raise ApiError(http.TRUNCATED, "the body ended early", remedy="send the whole batch again", close=True)
    return body


def _oversize() -> ApiError:
    return ApiError(http.OVERSIZE, f"batch is longer than {MAX_BATCH_BYTES} bytes", remedy="send it in several batches", close=True)


def _agent(request: Request) -> str:
    try:
        return check_id("agent", request.headers.get(http.AGENT_HEADER, ""))
    except IdError:
        return NOBODY
