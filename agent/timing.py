"""Stream time of one camera: from whatever the camera stamps to rising ticks, and where a new epoch must begin.  No I/O.

Rules: stream time rules inside an epoch, wall clock only anchors it (invariant 10).  A stamp that jumps is
not repaired: it ends the epoch.  Stamps are kept as they came in the seal (`zero` leads back to them).

    (pts, dts) of a frame            is
    ─────────────────────────────    ──────────────────────────────────────────────
    no dts, first of the session     held until a stamped frame shows the frame interval
    no dts later                     last dts + its duration
    dts within 1 s below the last    clamped to last + 1 (jitter)
    dts further below, or > 10 s on  Jump: a new epoch starts with this frame
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

VIDEO_TICKS = 90_000
BACK_TOLERANCE_S = 1
FORWARD_LIMIT_S = 10
MAX_HELD = 32
"""Frames held while no dts is known: 1 s at 30 fps; a camera that stamps nothing is then counted at its frame interval."""
DEFAULT_INTERVAL = VIDEO_TICKS // 30
SLEW_PPM = 500


class Timed(NamedTuple):
    """A frame with its stamps in `ticks` a second; jump says that it cannot follow the one before."""

    frame: Any
    pts: int
    dts: int
    duration: int
    jump: bool


class TrackClock:
    """Stamps of one track, rescaled to `ticks` a second and made to rise."""

    def __init__(self, source_ticks: int, ticks: int) -> None:
        self._source, self._ticks = source_ticks, ticks
        self._last: int | None = None
        self._last_duration = 0
        self._held: list[tuple[Any, int | None, int]] = []

    def stamp(self, frame: Any, pts: int | None, dts: int | None, duration: int) -> Iterator[Timed]:
        """Yield the frames that are now timed, in order; the frame may be held back."""
        rescaled = self._rescale(dts)
        length = self._rescale(duration) or 0
        if self._last is None and rescaled is None and len(self._held) < MAX_HELD:
            self._held.append((frame, self._rescale(pts), length))
            return
        if self._held:
            yield from self._release(rescaled, length)
        yield self._timed(frame, self._rescale(pts), rescaled, length)

    def flush(self) -> Iterator[Timed]:
        """Yield what is still held, at the end of a session."""
        yield from self._release(None, 0)

    def _release(self, next_dts: int | None, next_duration: int) -> Iterator[Timed]:
        held, self._held = self._held, []
        interval = (held[-1][2] if held else 0) or next_duration or DEFAULT_INTERVAL * self._ticks // VIDEO_TICKS
        start = (next_dts if next_dts is not None else interval * len(held)) - interval * len(held)
        for number, (frame, pts, _) in enumerate(held):
            yield self._timed(frame, pts, start + interval * number, interval)

    def _timed(self, frame: Any, pts: int | None, dts: int | None, duration: int) -> Timed:
        jump = False
        if dts is None:
            dts = (self._last or 0) + (duration or self._last_duration or DEFAULT_INTERVAL * self._ticks // VIDEO_TICKS)
        if self._last is not None and dts <= self._last:
            jump = self._last - dts > BACK_TOLERANCE_S * self._ticks
            dts = dts if jump else self._last + 1
        elif self._last is not None:
            jump = dts - self._last > FORWARD_LIMIT_S * self._ticks
        self._last, self._last_duration = dts, duration or self._last_duration
        return Timed(frame, dts if pts is None else pts, dts, duration, jump)

    def _rescale(self, stamp: int | None) -> int | None:
        return None if stamp is None else stamp * self._ticks // self._source


class WallAnchor:
    """UTC of stream time within one epoch, from the arrivals of frames; slewed by at most 500 ppm.

    The origin is the smallest (arrival - stream time) seen before the first chunk is cut: a burst of stored
    frames at the start arrives late, never early.
    """

    def __init__(self) -> None:
        self._origin: int | None = None
        self._anchored_at = 0
        self._fixed = False

    def arrived(self, stream_ns: int, arrival_ns: int) -> None:
        """Note an arrival; only counts until the first `utc_ns`."""
        if not self._fixed:
            origin = arrival_ns - stream_ns
            self._origin = origin if self._origin is None else min(self._origin, origin)

    def utc_ns(self, stream_ns: int, arrival_ns: int) -> int:
        """UTC ns of stream time; arrival_ns is when that frame arrived, and steers by at most 500 ppm of the time passed."""
        if self._origin is None:
            self._origin = arrival_ns - stream_ns
        if self._fixed:
            error = (arrival_ns - stream_ns) - self._origin
            limit = max(stream_ns - self._anchored_at, 0) * SLEW_PPM // 1_000_000
            self._origin += max(-limit, min(limit, error))
        self._fixed, self._anchored_at = True, stream_ns
        return self._origin + stream_ns
