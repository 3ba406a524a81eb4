"""Cameras, timeline, playlists, media, export: what players and operators read from an archiver.

Rules: an endpoint plans on a worker thread and sends block by block, so a day's export takes one block of memory; a
place in the gate is held for as long as bytes are sent.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Final, ParamSpec, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ...wire import http
from ...wire.errors import VolumeError
from ...wire.messages import CameraInfo, Timeline
from . import openapi
from .byterange import choose, unchanged
from .export import Piece
from .library import Library, SeveralPartsError, parse_init_name
from .metrics import Metrics
from .openapi import MP4_TYPE, PLAYLIST_TYPE, ExportPart, SeveralPartsAnswer
from .workers import READ_BLOCK_BYTES, READ_REQUESTS, READ_THREADS, Gate, Workers

P = ParamSpec("P")
R = TypeVar("R")

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_FRESH: Final = "no-cache"

Start = Annotated[str | None, Query(description="ISO 8601 with a zone, or Unix seconds", examples=["2026-01-02T03:04:05Z"])]
End = Annotated[str | None, Query(description="like start; exclusive")]
Epoch = Annotated[int | None, Query(ge=0, description="export only this epoch's part")]


class _Stream(StreamingResponse):
    """A streamed answer that holds a place in the gate until its last byte is sent or its client has gone."""

    gate: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.gate.admit():
            await super().__call__(scope, receive, send)


class Playback:
    """The reading endpoints of one archiver; owns its worker threads until close()."""

    def __init__(self, library: Library, metrics: Metrics) -> None:
        self._library, self._metrics = library, metrics
        self._gate = Gate("reads", requests=READ_REQUESTS)
        self._workers = Workers("read", READ_THREADS)

    def close(self) -> None:
        self._workers.close()

    async def plan(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        with self._gate.admit():
            return await self._workers.run(work, *args, **kwargs)

    def send(self, pieces: Iterable[Piece], *, first: bytes = b"", status: int = 200, headers: dict[str, str]) -> Response:
        """first, then the pieces; headers hold their length together."""
        answer = _Stream(self._blocks(first, pieces), status, headers, MP4_TYPE)
        answer.gate = self._gate
        return answer

    async def _blocks(self, first: bytes, pieces: Iterable[Piece]) -> AsyncIterator[bytes]:
        if first:
            yield first
        for piece in pieces:
            end = piece.offset + piece.length
            for offset in range(piece.offset, end, READ_BLOCK_BYTES):
                wanted = min(READ_BLOCK_BYTES, end - offset)
                block = await self._workers.run(self._library.read, piece.path, offset, wanted)
                if len(block) != wanted:  # ends the connection: the client sees that the answer is not whole
                    raise VolumeError(f"{piece.path.name} ends early", remedy="run `watchkeep verify` on it")
                self._metrics.sent(wanted)
                yield block

    def router(self) -> APIRouter:
        routes = APIRouter(prefix=http.CAMERAS, tags=["playback"])
        _declare_listing(routes, self, self._library)
        _declare_hls(routes, self, self._library)
        _declare_export(routes, self, self._library)
        return routes


def _declare_listing(routes: APIRouter, playback: Playback, library: Library) -> None:
    @routes.get("", responses=openapi.BUSY)
    async def cameras() -> list[CameraInfo]:
        """Cameras with video in this archive, first and newest time, number of chunks and bytes."""
        return await playback.plan(library.cameras)

    @routes.get("/{camera}/timeline", responses=openapi.READING)
    async def timeline(camera: str, start: Start = None, end: End = None) -> Timeline:
        """Spans of video and the gaps between them with their causes; without start and end, all there is."""
        return await playback.plan(library.timeline, camera, start, end)


def _declare_hls(routes: APIRouter, playback: Playback, library: Library) -> None:
    @routes.get("/{camera}/index.m3u8", response_class=Response, responses=openapi.PLAYLIST)
    async def playlist(camera: str, start: Start = None, end: End = None) -> Response:
        """HLS: a closed window is a VOD playlist; without end it grows; without either it is live, from 30 s ago."""
        found, final = await playback.plan(library.playlist, camera, start, end)
        return Response(found, media_type=PLAYLIST_TYPE, headers={"Cache-Control": "max-age=60" if final else _FRESH})

    @routes.get("/{camera}/init/{name}", response_class=Response, responses=openapi.RANGED)
    async def init(request: Request, camera: str, name: str) -> Response:
        """The init segment (ftyp, moov) that a playlist names, with Range."""
        found = await playback.plan(library.init, camera, *parse_init_name(name))
        part = choose(len(found), f'"{name}"', wanted=request.headers.get("range"), if_range=request.headers.get("if-range"))
        headers = {**part.headers(f'"{name}"'), "Cache-Control": _FOR_EVER}
        return Response(found[part.offset : part.offset + part.length], part.status, headers, MP4_TYPE)

    @routes.get("/{camera}/media/{day}/{hour}/{name}", response_class=Response, responses=openapi.RANGED)
    async def media(request: Request, camera: str, day: str, hour: str, name: str) -> Response:
        """A segment file as it lies in the archive, with Range, ETag, If-Range and If-None-Match."""
        found = await playback.plan(library.media, camera, day, hour, name)
        if unchanged(found.etag, request.headers.get("if-none-match")):
            return Response(status_code=304, headers={"ETag": found.etag, "Cache-Control": _FRESH})
        part = choose(found.size, found.etag, wanted=request.headers.get("range"), if_range=request.headers.get("if-range"))
        headers = {**part.headers(found.etag), "Cache-Control": _FRESH}
        return playback.send(found.pieces(part.offset, part.length), status=part.status, headers=headers)


def _declare_export(routes: APIRouter, playback: Playback, library: Library) -> None:
    @routes.get("/{camera}/export.mp4", response_class=Response, responses=openapi.EXPORT)
    async def export(camera: str, start: Start = None, end: End = None, epoch: Epoch = None) -> Response:
        """The window as one MP4 of the archive's own bytes, from the key frame before start on.

        One file holds one epoch.  Where the stream began anew in the window, the answer is 409 with the address of each
        part: nothing is left out silently, and nothing is repackaged, so every part still proves itself.
        """
        found = await playback.plan(library.export, camera, start, end, epoch)
        headers = {"Content-Length": str(found.size), "Content-Disposition": f'attachment; filename="{found.file_name}"'}
        return playback.send(found.part.pieces, first=found.init, headers=headers)


def several_parts(error: SeveralPartsError) -> SeveralPartsAnswer:
    """The 409 of an export, with its parts."""
    listed = [
        ExportPart(url=url, start_s=part.start_ns / 1e9, end_s=part.end_ns / 1e9, epoch=part.epoch, bytes=part.media_bytes)
        for url, part in error.parts
    ]
    return SeveralPartsAnswer(**error.answer().model_dump(), parts=listed)
