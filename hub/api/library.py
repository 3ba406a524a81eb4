"""What playback asks of the store, decided by the sans-I/O files beside this one.

Rules: blocking, so it runs on worker threads only; takes what a URL said and raises ApiError for what is wrong with it;
returns plans, the bytes are read block by block by whoever sends them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blake3 import blake3

from ...wire import http
from ...wire.errors import FormatError
from ...wire.ids import MAX_EPOCH, check_id, epoch_term
from ...wire.messages import CameraInfo, Span, Timeline
from ...wire.paths import SegmentName, parse_segment_path
from ..store import Store
from ..store.model import StoredChunk
from .errors import ApiError
from .export import Part, Piece, parts
from .hls import media_playlist, multivariant_playlist
from .playable import LOOKBACK_NS, Group, Step, decodable, groups
from .window import MAX_PLAY_NS, NS, Window, closed, growing, iso, opened

LIVE_NS: Final = 30 * NS
"""A live view begins this long before the newest video: three target durations, as RFC 8216 6.3.3 asks."""
LONGEST_FILE_NS: Final = 600 * NS
"""A segment is about 60 s, cut within one GOP."""
SETTLE_NS: Final = 10 * NS
"""A window that ended this long ago is complete: the newest chunk is under way for at most a few seconds."""


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One segment file as far as it may be served: up to the end of its last good chunk.

    A part that was joined into another file since a playlist named it is still served under its old name: the init
    segment from the new file's start, what followed it from `shift` bytes further on.
    """

    path: Path
    size: int
    name: SegmentName
    init_bytes: int
    shift: int

    def pieces(self, offset: int, length: int) -> list[Piece]:
        """Where `length` bytes from `offset` of the file lie now."""
        if not self.shift:
            return [Piece(self.path, offset, length)]
        head = max(min(self.init_bytes - offset, length), 0)
        found = [Piece(self.path, offset, head), Piece(self.path, offset + head + self.shift, length - head)]
        return [piece for piece in found if piece.length]

    @property
    def etag(self) -> str:
        """Strong: a segment only grows, so its name and its size name its bytes."""
        return f'"{self.name.epoch}-{self.name.seq}-{self.size}"'


@dataclass(frozen=True, slots=True)
class Export:
    """One MP4: the init segment, then the part's pieces."""

    init: bytes
    part: Part
    file_name: str

    @property
    def size(self) -> int:
        return len(self.init) + self.part.media_bytes


class Library:
    """The archive as players see it; now_ns is the wall clock."""

    def __init__(self, store: Store, now_ns: Callable[[], int]) -> None:
        self._store, self._now_ns = store, now_ns

    def cameras(self) -> list[CameraInfo]:
        return self._store.cameras()

    def timeline(self, camera: str, start: str | None, end: str | None) -> Timeline:
        self._check(camera)
        return self._store.timeline(camera, *opened(start, end))

    def playlist(self, camera: str, start: str | None, end: str | None) -> tuple[str, bool]:
        """(playlist, whether it will never change)."""
        self._check(camera)
        if start is None and end is None:
            return self._live(camera), False
        now_ns = self._now_ns()
        window = closed(start, end, now_ns=now_ns, max_ns=MAX_PLAY_NS) if end is not None else growing(start)
        ended = window.end_ns + SETTLE_NS <= now_ns
        found = list(groups(self._steps(camera, window, once=True), ended=ended))
        if not found:
            raise _nothing(camera, window)
        return media_playlist(found, ended=ended), ended

    def init(self, camera: str, epoch: int, init_hash: bytes) -> bytes:
        self._check(camera)
        found = self._store.init_segment(camera, epoch)
        if found is None or blake3(found).digest() != init_hash:
            raise ApiError(http.NOT_FOUND, f"camera {camera} has no such init segment", remedy="load the playlist again")
        return found

    def media(self, camera: str, day: str, hour: str, name: str) -> MediaFile:
        relative = f"{check_id('camera', camera)}/{day}/{hour}/{name}"
        try:
            parsed = parse_segment_path(relative)
        except FormatError as error:
            raise ApiError(http.BAD_REQUEST, error.message, remedy="use the addresses in the playlist") from error
        held = [chunk for chunk in self._store.chunks(camera, parsed.start_ns, parsed.start_ns + LONGEST_FILE_NS)
                if chunk.epoch == parsed.epoch and chunk.seq >= parsed.seq]  # fmt: skip
        if not held or held[0].seq != parsed.seq:
            raise ApiError(http.NOT_FOUND, f"{relative} is not in this archive", remedy="load the playlist again")
        first = held[0]
        shift = 0 if first.path.name == name else first.offset - first.init_bytes
        end = max(chunk.offset + chunk.length for chunk in held if chunk.path == first.path)
        return MediaFile(first.path, end - shift, parsed, first.init_bytes, shift)

    def export(self, camera: str, start: str | None, end: str | None, epoch: int | None) -> Export:
        self._check(camera)
        if start is None or end is None:
            raise ApiError(http.BAD_REQUEST, "start or end is missing", remedy="give both, as 2026-01-02T03:04:05Z or as Unix seconds")
        window = closed(start, end, now_ns=self._now_ns(), max_ns=MAX_PLAY_NS)
        found = [part for part in parts(self._steps(camera, window)) if epoch is None or part.epoch == epoch]
        if not found:
            raise _nothing(camera, window)
        if len(found) > 1:
            raise SeveralPartsError(camera, found)
        part = found[0]
        return Export(self.init(camera, part.epoch, part.init_hash), part, part.file_name(camera))

    def read(self, path: Path, offset: int, length: int) -> bytes:
        return self._store.read(path, offset, length)

    def _check(self, camera: str) -> None:
        """Raise ApiError or IdError unless there is video of the camera."""
        if not self._store.knows(check_id("camera", camera)):
            raise ApiError(http.NOT_FOUND, f"camera {camera} is not in this archive", remedy=f"see {http.CAMERAS} for those that are")

    def _steps(self, camera: str, window: Window, *, once: bool = False) -> Iterator[Step]:
        """once: what two recorders have is played once, as the timeline shows it; an export gives everything."""
        low = max(window.start_ns - LOOKBACK_NS, 0)
        spans = self._store.timeline(camera, low, window.end_ns).spans if once else []
        several = len({epoch_term(span.epoch) for span in spans}) > 1
        chunks = self._played(camera, spans) if several else self._store.chunks(camera, low, window.end_ns)
        return decodable(chunks, window.start_ns)

    def _played(self, camera: str, spans: Iterable[Span]) -> Iterator[StoredChunk]:
        """The chunks of one span after the other, each of the span's own recorder."""
        for span in spans:
            for chunk in self._store.chunks(camera, round(span.start_s * NS), round(span.end_s * NS)):
                if epoch_term(chunk.epoch) == epoch_term(span.epoch):
                    yield chunk

    def _live(self, camera: str) -> str:
        newest_s = next((info.last_s for info in self._store.cameras() if info.camera == camera), 0)
        start_ns = max(int(newest_s * NS) - LIVE_NS, 0)
        recent = list(groups(self._steps(camera, Window(start_ns, start_ns + 2 * LIVE_NS), once=True), ended=True))
        return multivariant_playlist(start_ns, bandwidth=max(map(_bit_rate, recent), default=1))


class SeveralPartsError(ApiError):
    """An export that would be several files; says which."""

    def __init__(self, camera: str, found: list[Part]) -> None:
        super().__init__(http.SEVERAL_PARTS, f"the stream began anew {len(found) - 1} time(s) in this window: it is {len(found)} files",
                         remedy="export each of the parts")  # fmt: skip
        self.parts = [(f"{http.export(camera)}?{part.query()}", part) for part in found]


def _bit_rate(group: Group) -> int:
    return group.length * 8 * NS // max(group.duration_ns, 1)


def _nothing(camera: str, window: Window) -> ApiError:
    return ApiError(http.NOT_FOUND, f"nothing to play of camera {camera} from {iso(window.start_ns)} to {iso(window.end_ns)}",
                    remedy=f"see {http.timeline(camera)} for what there is")  # fmt: skip


def parse_init_name(name: str) -> tuple[int, bytes]:
    """Epoch and init hash of `<epoch>-<hash>.mp4`; raises ApiError."""
    epoch, _, rest = name.partition("-")
    digest = rest.removesuffix(".mp4")
    if epoch.isascii() and epoch.isdigit() and len(epoch) <= len(str(MAX_EPOCH)) and rest.endswith(".mp4") and len(digest) == 64:
        try:
            return int(epoch), bytes.fromhex(digest)
        except ValueError:
            digest = ""
    raise ApiError(http.BAD_REQUEST, f"{name[:100]!r} is not an init segment's name", remedy="use the addresses in the playlist")
