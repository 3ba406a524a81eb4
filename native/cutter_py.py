"""Plain-Python twin of cutter.pyx: where the next chunk ends.  The rules stand there.

Rules: decides only; the same frames give the same chunks, whenever they are scanned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

VIDEO, AUDIO = 0, 1
MAX_U32 = 0xFFFFFFFF
FALLBACK_TICKS = 3000


@dataclass(slots=True)
class Frame:
    """One access unit that waits; `data` is what the compiled ring keeps at `offset`."""

    data: bytes
    offset: int
    run: int
    track: int
    pts: int
    dts: int
    duration: int
    key: bool
    damaged: bool
    arrival_ns: int

    @property
    def is_video(self) -> bool:
        return self.track == VIDEO


class Verdict(Enum):
    WAIT = auto()
    TAKE = auto()
    DISCARD = auto()


@dataclass(slots=True)
class Span:
    frames: int = 0
    video: int = 0
    bytes: int = 0
    damaged: bool = False
    last: int = 0
    interval: int = 0
    declared: int = 0


class Cutter:
    def __init__(self, chunk_ticks: int, segment_ticks: int, max_frames: int, max_bytes: int) -> None:
        self.chunk_ticks, self.segment_ticks = chunk_ticks, segment_ticks
        self.max_frames, self.max_bytes = max_frames, max_bytes
        self.segment: tuple[int, int] | None = None
        """Run and first dts of the segment that released chunks belong to."""
        self.first_video = self.first_dts = self.duration = 0
        self.starts_segment = self.starts_key = self.guessed = False
        self.taken = Span()
        self.begin()

    def begin(self) -> None:
        self.open = Span()
        self.short = Span()

    def released(self, run: int, dts: int, segment_start: bool) -> None:
        if segment_start:
            self.segment = (run, dts)
        self.begin()

    def scan(self, waiting: Sequence[Frame], ended: bool, early: bool) -> Verdict:
        while self.open.frames < len(waiting):
            verdict = self._meet(waiting, waiting[self.open.frames])
            if verdict is not Verdict.WAIT:
                return verdict
        if ended and self.open.frames:
            return self._end()
        return self._take(self.short, self.open.last - self.first_dts) if early and self.open.video > 1 else Verdict.WAIT

    def _end(self) -> Verdict:
        return self._take_guessed() if self.open.video else Verdict.DISCARD

    def _meet(self, waiting: Sequence[Frame], frame: Frame) -> Verdict:
        if self.open.frames and frame.run != waiting[0].run:
            return self._end()
        if self.open.video and frame.is_video:
            verdict = self._meet_video(frame)
            if verdict is not Verdict.WAIT:
                return verdict
        elif self.open.frames and not self._fits(frame):
            return self._take(self.short, self.open.last - self.first_dts) if self.open.video > 1 else self._end()
        self._include(frame)
        return Verdict.WAIT

    def _meet_video(self, frame: Frame) -> Verdict:
        length = max(self.open.last, frame.dts) - self.first_dts
        if length > self.chunk_ticks and self.open.video > 1:
            return self._take(self.short, self.open.last - self.first_dts)
        if length >= self.chunk_ticks or (frame.key and self._good_start(frame)) or not self._fits(frame):
            return self._take(self.open, length)
        return Verdict.WAIT

    def _take(self, span: Span, duration: int, *, guessed: bool = False) -> Verdict:
        self.taken, self.duration, self.guessed = replace(span), min(duration, MAX_U32), guessed
        return Verdict.TAKE

    def _take_guessed(self) -> Verdict:
        length = self.open.last - self.first_dts
        guess = self.open.interval or self.open.declared or FALLBACK_TICKS
        return self._take(self.open, length + min(guess, self.chunk_ticks - length), guessed=True)

    def _include(self, frame: Frame) -> None:
        if frame.is_video:
            if self.open.video == 0:
                self._begin_video(frame)
            self.short = replace(self.open)
            decode = max(self.open.last, frame.dts)
            self.open.interval, self.open.last = decode - self.open.last, decode
            self.open.declared = frame.duration
            self.open.video += 1
        self.open.frames += 1
        self.open.bytes += len(frame.data)
        self.open.damaged |= frame.damaged

    def _begin_video(self, frame: Frame) -> None:
        self.first_video, self.first_dts, self.open.last = self.open.frames, frame.dts, frame.dts
        self.starts_key = frame.key
        if self.segment is None or self.segment[0] != frame.run:
            self.starts_segment = True
        else:
            self.starts_segment = frame.key and frame.dts - self.segment[1] >= self.segment_ticks

    def _fits(self, frame: Frame) -> bool:
        return self.open.frames < self.max_frames and self.open.bytes + len(frame.data) <= self.max_bytes

    def _good_start(self, frame: Frame) -> bool:
        return not self.starts_key or self._segment_is_full(frame)

    def _segment_is_full(self, frame: Frame) -> bool:
        start = self.first_dts if self.segment is None or self.starts_segment else self.segment[1]
        return frame.dts - start >= self.segment_ticks
