"""Stream time of one track: from whatever the camera stamps to rising ticks, and where a new epoch must begin.  No I/O.

Rules: stream time rules inside an epoch, wall clock only anchors it (invariant 10).  A stamp that jumps is
not repaired: it ends the epoch.  Stamps are kept as they came in the seal (`zero` leads back to them).

    (pts, dts) of a frame              is
    ────────────────────────────────   ────────────────────────────────────────────────────────────────────────
    no dts yet in this session         held until a dts, or two where no duration is told, show the frame interval, or until pts
                                       span half a second
    no pts of the session's first      one interval before the earliest of those that are held: a key frame is shown before what
                                       follows it
    no dts in the whole session        pts, as far as it rises: libav gives no dts when it saw few frames (1 fps)
    no dts once in a while             last dts + its duration, never above its pts
    dts one turn of 2^32 or 2^33 off   unwrapped
    dts within 1 s below the last      clamped to last + 1 (jitter)
    dts further below, or > 10 s on    Jump: a new epoch starts with this frame if it is a key frame.  If not, it keeps
                                       the pace of the frames before it until the next key frame, and the epoch starts
                                       there: a file that began in mid-GOP could not be decoded
    absurd (beyond 2^58 ticks)         as if it was not stamped; a pts further than 10 s from its dts likewise
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

VIDEO_TICKS = 90_000
BACK_TOLERANCE_S = 1
FORWARD_LIMIT_S = 10
UNRELIABLE_LIMIT_S = 2
"""The forward limit for makes whose stamps jump when their clock is set (profile quirk `timestamps_reliable`)."""
MAX_HELD = 32
"""Frames held while nothing is stamped: 1 s at 30 fps, 32 references to packets."""
HELD_SPAN_S = 0.5
"""Frames with a pts are held no longer than this: libav knows a dts by the third frame, or it never does."""
DEFAULT_INTERVAL = VIDEO_TICKS // 30
SLEW_PPM = 500
WINDOW_NS = 60_000_000_000
MAX_STAMP = 1 << 58
"""The ring takes 2^60; RTP stamps of 90 kHz have 33 bits, so what is above is garbage."""
_TURNS = (1 << 32, -(1 << 32), 1 << 33, -(1 << 33))


class Timed(NamedTuple):
    """A frame with its stamps in `ticks` a second; jump says that it cannot follow the one before.

    paced is the dts that it would have had, had the camera gone on as before; the dts itself unless it jumps.
    """

    frame: Any
    pts: int
    dts: int
    duration: int
    jump: bool
    paced: int


@dataclass(slots=True)
class _Stamped:
    """A frame with what the camera said of it, in our ticks."""

    frame: Any
    pts: int | None
    dts: int | None
    duration: int
    key: bool


class TrackClock:
    """Stamps of one track, rescaled to `ticks` a second and made to rise."""

    def __init__(self, source_ticks: int, ticks: int, *, forward_limit_s: float = FORWARD_LIMIT_S) -> None:
        self._source, self._ticks = source_ticks, ticks
        self._limit, self._tolerance = int(forward_limit_s * ticks), BACK_TOLERANCE_S * ticks
        self._last: int | None = None
        self._last_raw: int | None = None
        self._step = 0
        """The last frame interval that was seen, 0 before."""
        self._turned = 0
        """What is added to the camera's stamps for the turns of its counter, in its ticks."""
        self._shift = 0
        """What is added while a jump waits for a key frame, in our ticks."""
        self._owed = False
        """A jump waits for a key frame."""
        self._has_dts = False
        self._held: list[_Stamped] = []

    def stamp(self, frame: Any, pts: int | None, dts: int | None, duration: int, *, key: bool = True) -> Iterator[Timed]:
        """Yield the frames that are now timed, in order; the frame may be held back.  Exhaust it before the next call."""
        item = self._read(frame, pts, dts, duration, key)
        if self._last is None and self._waits(item) and len(self._held) < MAX_HELD:
            self._held.append(item)
            if self._held_long():
                yield from self.flush()
            return
        if self._held:
            yield from self._release(item)
        yield self._timed(item)

    def flush(self) -> Iterator[Timed]:
        """Yield what is still held, at the end of a session."""
        yield from self._release(None)

    def steady(self) -> tuple[int, int, int] | None:
        """(last dts, last as it came, interval) when stamps simply go on; None while anything waits, is shifted or is not known."""
        if self._held or self._owed or self._shift or self._turned or self._last is None or self._last_raw is None:
            return None
        return self._last, self._last_raw, self._step

    def went_on(self, last: int, raw: int, step: int) -> None:
        """Others have stamped frames meanwhile, by the rules of this file, since `steady` gave what they began with."""
        self._last, self._last_raw, self._step = last, raw, step

    @property
    def same_ticks(self) -> bool:
        """Stamps come in the ticks that are wanted."""
        return self._source == self._ticks

    @property
    def limit(self) -> int:
        """How far a stamp may leap ahead, in ticks."""
        return self._limit

    @property
    def holds(self) -> bool:
        """Whether frames wait here for a stamp."""
        return bool(self._held)

    def _waits(self, item: _Stamped) -> bool:
        """Whether nobody can say yet when the frames before this one are decoded, or this one itself."""
        if item.dts is None:
            return True
        return bool(self._held) and self._held[-1].dts is None and not (item.duration or self._held[-1].duration)

    def _read(self, frame: Any, pts: int | None, dts: int | None, duration: int, key: bool) -> _Stamped:
        self._count_turns(pts if dts is None else dts)
        pts = None if pts is None else pts + self._turned
        dts = None if dts is None else dts + self._turned
        if pts is not None and dts is not None:
            pts = _nearest(pts, dts)
        length = self._rescale(duration) or 0
        return _Stamped(frame, self._rescale(pts), self._rescale(dts), max(0, min(length, FORWARD_LIMIT_S * self._ticks)), key)

    def _count_turns(self, stamp: int | None) -> None:
        if stamp is None:
            return
        stamp += self._turned
        last, self._last_raw = self._last_raw, stamp
        if last is not None and abs(stamp - last) > 1 << 31:
            unwrapped = _nearest(stamp, last)
            if abs(unwrapped - last) <= FORWARD_LIMIT_S * self._source:
                self._turned += unwrapped - stamp
                self._last_raw = unwrapped

    def _held_long(self) -> bool:
        first, last = self._held[0].pts, self._held[-1].pts
        return first is not None and last is not None and abs(last - first) >= HELD_SPAN_S * self._ticks

    def _release(self, following: _Stamped | None) -> Iterator[Timed]:
        held, self._held = self._held, []
        row = held if following is None else [*held, following]
        stamped = [(number, item.dts) for number, item in enumerate(row) if item.dts is not None]
        if not stamped and all(item.pts is not None for item in held):
            yield from map(self._timed, held)
            return
        interval = row[-1].duration or (held[-1].duration if held else 0) or self._shown_by(stamped) or self._default_step()
        first, end = stamped[0] if stamped else (len(held), interval * len(held))
        for number, item in enumerate(held):
            if item.dts is None:
                item.dts, item.duration = end - interval * (first - number), interval
        self._show_first(row, interval)
        for item in held:
            yield self._timed(item)

    def _shown_by(self, stamped: list[tuple[int, int]]) -> int:
        """The interval between the first two frames that have a dts; 0 when they do not tell."""
        if len(stamped) < 2:
            return 0
        (first, begun), (second, ended) = stamped[:2]
        return max(ended - begun, 0) // (second - first)

    @staticmethod
    def _show_first(row: list[_Stamped], interval: int) -> None:
        shown = [item.pts for item in row if item.pts is not None]
        if row and row[0].pts is None and row[0].dts is not None and shown:
            row[0].pts = max(row[0].dts, min(shown) - interval)

    def _timed(self, item: _Stamped) -> Timed:
        self._has_dts |= item.dts is not None
        raw = item.dts if item.dts is not None else self._without_dts(item)
        dts = raw + self._shift
        jump = self._jumps(dts)
        paced = self._next(item.duration) if jump else dts
        if item.key and (jump or self._owed):
            self._shift, self._owed, dts, jump = 0, False, raw, True
        elif jump:
            dts, jump, self._owed = paced, False, True
            self._shift = dts - raw
        if self._last is not None and not jump:
            dts = max(dts, self._last + 1)
            self._step = dts - self._last
        self._last = dts
        pts = dts if item.pts is None else item.pts + self._shift
        pts = pts if abs(pts - dts) <= FORWARD_LIMIT_S * self._ticks else dts
        return Timed(item.frame, pts, dts, item.duration, jump, paced if jump else dts)

    def _jumps(self, dts: int) -> bool:
        return self._last is not None and not -self._tolerance <= dts - self._last <= self._limit

    def _without_dts(self, item: _Stamped) -> int:
        """A dts for a frame that has none, before any shift."""
        pts = item.pts
        if not self._has_dts and pts is not None:
            return pts
        guess = self._next(item.duration) - self._shift
        if pts is None or self._last is None:
            return guess
        return pts if pts - guess > self._tolerance else min(guess, pts)

    def _next(self, duration: int) -> int:
        return (self._last or 0) + (duration or self._step or self._default_step())

    def _default_step(self) -> int:
        return DEFAULT_INTERVAL * self._ticks // VIDEO_TICKS

    def _rescale(self, stamp: int | None) -> int | None:
        if stamp is None:
            return None
        ticks = stamp * self._ticks // self._source
        return ticks if abs(ticks) <= MAX_STAMP else None


def _nearest(stamp: int, reference: int) -> int:
    """The stamp, or the stamp one turn of a 32- or 33-bit counter away, whichever is nearest to the reference."""
    return min((stamp, *(stamp + turn for turn in _TURNS)), key=lambda one: abs(one - reference))


class WallAnchor:
    """UTC of stream time, from the arrivals of frames; slewed by at most 500 ppm.

    A frame may arrive late (a burst of stored frames, a large key frame, a stalled network) but never early: the truth
    is the least (arrival - stream time), taken over the last one to two minutes so that it follows a camera whose
    clock runs 100 ppm off within 12 ms, and outlives a stall of a minute.

    `arrived` belongs to the ingest thread, `utc_ns` to the writer thread; `_least` is handed over whole.
    """

    def __init__(self) -> None:
        self._least: int | None = None
        self._window_least = self._before_least = 0
        self._window_end: int | None = None
        self._origin: int | None = None
        self._anchored_at = 0

    def arrived(self, stream_ns: int, arrival_ns: int) -> None:
        """Note the arrival of a frame."""
        lag = arrival_ns - stream_ns
        if self._window_end is None:
            self._before_least = self._window_least = lag
            self._window_end = stream_ns + WINDOW_NS
        elif stream_ns >= self._window_end:
            self._before_least, self._window_least = self._window_least, lag
            self._window_end = stream_ns + WINDOW_NS
        else:
            self._window_least = min(self._window_least, lag)
        self._least = min(self._before_least, self._window_least)

    def utc_ns(self, stream_ns: int) -> int:
        """UTC ns of stream time, which may not go back; a frame must have arrived before."""
        least = self._least
        if least is None:
            raise ValueError("no frame has arrived: there is nothing to anchor stream time to")
        if self._origin is None:
            self._origin = least
        else:
            limit = max(stream_ns - self._anchored_at, 0) * SLEW_PPM // 1_000_000
            self._origin += max(-limit, min(limit, least - self._origin))
        self._anchored_at = stream_ns
        return self._origin + stream_ns
