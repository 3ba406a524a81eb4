"""Evidence locks: POST, GET and DELETE /v1/locks, and the export of one.

Rules: locks have a thread and a gate of their own, so that players cannot keep anybody from locking what they watch.  An
export holds exactly the chunks that overlap the lock, decodable or not, and no others.
"""

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from ...wire import http
from ...wire.causes import EventKind
from ...wire.ids import check_id
from ..protect.model import Lock, LockRequest, LockState, state_of
from ..protect.shelf import Wanted
from ..store import Store
from . import openapi
from .body import asked
from .errors import ApiError
from .export import Part, parts
from .library import Export, Library, SeveralPartsError
from .playable import Step
from .playback import End, Epoch, Playback, Start
from .window import MAX_PLAY_NS, NS, Window, iso, opened, parse_time
from .workers import Gate, Workers

P = ParamSpec("P")
R = TypeVar("R")

REQUESTS: Final = 16


class LockPartsError(SeveralPartsError):
    """An export of a lock that would be several files; says which."""

    def __init__(self, lock: Lock, found: list[Part], asked: dict[str, str]) -> None:
        super().__init__(lock.camera, found)
        self.parts = [(f"{http.lock_export(lock.id)}?{urlencode({**asked, 'epoch': part.epoch})}", part) for part in found]


class LockDesk:
    """What is asked about locks; blocking, so on worker threads only.  now_ns is the wall clock."""

    def __init__(self, store: Store, library: Library, now_ns: Callable[[], int]) -> None:
        self._store, self._library, self._now_ns = store, library, now_ns

    def add(self, request: LockRequest) -> tuple[LockState, bool]:
        """(the lock, whether it is new)."""
        if not self._store.knows(check_id("camera", request.camera)):
            text = f"camera {request.camera} is not in this archive"
            raise ApiError(http.NOT_FOUND, text, remedy=f"see {http.CAMERAS} for those that are")
        lock, new = self._store.locks.add(self._wanted(request), self._now_ns())
        if new:
            text = f"{lock.label} added: {iso(lock.start_ns)} to {iso(lock.end_ns)}"
            self._store.report(EventKind.LOCK, text, camera=lock.camera)
        return self._state(lock), new

    def _wanted(self, request: LockRequest) -> Wanted:
        start_ns, end_ns = parse_time("start", str(request.start)), parse_time("end", str(request.end))
        expires_ns = None if request.expires is None else parse_time("expires", str(request.expires))
        if end_ns <= start_ns:
            raise ApiError(http.BAD_REQUEST, "end is not after start", remedy="exchange or correct them")
        if expires_ns is not None and expires_ns <= self._now_ns():
            raise ApiError(http.BAD_REQUEST, "expires is over already", remedy="give a time to come, or leave it out")
        return Wanted(request.camera, start_ns, end_ns, request.owner, request.reason, expires_ns)

    def list(self) -> list[LockState]:
        return [self._state(lock) for lock in self._store.locks.locks]

    def get(self, lock_id: str) -> LockState:
        return self._state(self._find(lock_id))

    def remove(self, lock_id: str) -> LockState:
        """What it was; its video is retention's again."""
        state = self.get(lock_id)
        lock = self._store.locks.remove(lock_id)
        if lock is None:
            raise _unknown(lock_id)
        self._store.report(EventKind.LOCK, f"{lock.label} removed: retention applies to its video again", camera=lock.camera)
        return state

    def export(self, lock_id: str, start: str | None, end: str | None, epoch: int | None) -> Export:
        """Of a lock, or of a window inside it."""
        lock = self._find(lock_id)
        low, high = opened(start, end)
        window = Window(max(lock.start_ns, low or lock.start_ns), min(lock.end_ns, high or lock.end_ns))
        if window.end_ns - window.start_ns > MAX_PLAY_NS:
            text = f"the lock is longer than {MAX_PLAY_NS // (3600 * NS)} h"
            raise ApiError(http.BAD_REQUEST, text, remedy="give start and end inside it")
        chunks = self._store.chunks(lock.camera, window.start_ns, window.end_ns)
        found = [part for part in parts(Step(chunk, False) for chunk in chunks) if epoch in (None, part.epoch)]
        if not found:
            raise ApiError(http.NOT_FOUND, f"nothing is stored of {lock_id} from {iso(window.start_ns)} to {iso(window.end_ns)}",
                           remedy=f"see {http.timeline(lock.camera)} for what there is")  # fmt: skip
        if len(found) > 1:
            asked = {name: value for name, value in (("start", start), ("end", end)) if value is not None}
            raise LockPartsError(lock, found, asked)
        part = found[0]
        return Export(self._library.init(lock.camera, part.epoch, part.init_hash), part, f"{lock_id}_{part.file_name(lock.camera)}")

    def _find(self, lock_id: str) -> Lock:
        lock = self._store.locks.locks.get(lock_id)
        if lock is None:
            raise _unknown(lock_id)
        return lock

    def _state(self, lock: Lock) -> LockState:
        return state_of(lock, *self._store.extent(lock.camera, lock.start_ns, lock.end_ns))


class LockRoutes:
    """The endpoints; owns its worker thread until close()."""

    def __init__(self, desk: LockDesk, playback: Playback) -> None:
        self._desk, self._playback = desk, playback
        self._gate = Gate("requests about locks", requests=REQUESTS)
        self._workers = Workers("lock", 1)

    def close(self) -> None:
        self._workers.close()

    async def _do(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        with self._gate.admit():
            return await self._workers.run(work, *args, **kwargs)

    def router(self) -> APIRouter:
        routes, desk = APIRouter(prefix=http.LOCKS, tags=["evidence locks"]), self._desk

        @routes.post("", status_code=201, responses=openapi.LOCK_ADD, openapi_extra=openapi.LOCK_BODY)
        async def add(request: Request, response: Response) -> LockState:
            """Keep a range of a camera's video from retention, until it expires or is removed.

            Whole segment files that overlap it stay.  It counts once this is answered.  The same request again is the same lock.
            """
            state, new = await self._do(desk.add, await asked(request, LockRequest))
            response.status_code = 201 if new else 200
            return state

        @routes.get("", responses=openapi.BUSY)
        async def every() -> list[LockState]:
            """All locks in the order of their making, and how much of their video is stored."""
            return await self._do(desk.list)

        @routes.get("/{lock}", responses=openapi.READING)
        async def one(lock: str) -> LockState:
            """One lock."""
            return await self._do(desk.get, lock)

        @routes.delete("/{lock}", responses=openapi.READING)
        async def remove(lock: str) -> LockState:
            """Remove a lock, and answer what it was: retention applies to its video again."""
            return await self._do(desk.remove, lock)

        self._declare_export(routes)
        return routes

    def _declare_export(self, routes: APIRouter) -> None:
        @routes.get("/{lock}/export.mp4", response_class=Response, responses=openapi.EXPORT)
        async def export(lock: str, start: Start = None, end: End = None, epoch: Epoch = None) -> Response:
            """Exactly the chunks that overlap the lock, as one MP4 of the archive's own bytes; at most 24 h of it.

            Players show nothing before the first key frame; for a picture from the first moment on, export the same window of the
            camera, which begins at the key frame before.  Several epochs are several files, as there.
            """
            found = await self._playback.plan(self._desk.export, lock, start, end, epoch)
            headers = {"Content-Length": str(found.size), "Content-Disposition": f'attachment; filename="{found.file_name}"'}
            return self._playback.send(found.part.pieces, first=found.init, headers=headers)


def _unknown(lock_id: str) -> ApiError:
    return ApiError(http.NOT_FOUND, f"there is no {lock_id[:80]!r}", remedy=f"see {http.LOCKS} for those that there are")
