"""A simulated camera with its ring, and the clocks of the box that it is wired to.

Rules: one chunk a second while it is connected; what nobody takes for RING_CHUNKS seconds is dropped and the next epoch says so.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sim_content import Cuts, Record
from sim_engine import Loop

from watchkeep.agent.clock import Clock
from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.seal import ZERO_HASH

RING_CHUNKS = 30
"""What a camera's ring holds before it drops (DESIGN 5)."""


class SimClock(Clock):
    """The box's clocks; `offset` is what its UTC is wrong by."""

    def __init__(self, loop: Loop) -> None:
        self._loop, self.offset = loop, 0.0

    def utc_ns(self) -> int:
        return int(self.utc_s() * 1e9)

    def utc_s(self) -> float:
        return max(1_767_225_600.0 + self._loop.now + self.offset, 0.0)

    def monotonic(self) -> float:
        return self._loop.now

    def quality(self) -> ClockQuality:
        return ClockQuality.FREE_RUNNING


@dataclass(slots=True)
class _Stats:
    chunks: int = 0
    unbuilt_chunks: int = 0


class SimLine:
    """A camera and its ring: one chunk a second while it is connected."""

    def __init__(self, camera: str, cuts: Cuts, next_epoch: Callable[[str], int], clock: SimClock, *, segment: int,
                 begin_at: float) -> None:  # fmt: skip
        """`segment` is how many chunks a segment has, begin_at when the first one is cut."""
        self.camera, self.stats = camera, _Stats()
        self._cuts, self._next_epoch, self._clock, self._segment = cuts, next_epoch, clock, segment
        self._due = begin_at
        self._init: Record | None = None
        self._announced = False
        self._seq, self._prev, self._cause = 0, ZERO_HASH, Cause.AGENT_DOWN
        self._ring: deque[Record] = deque()
        self.mute_until = 0.0
        self.fault: Exception | None = None
        self.ended = False

    def begin(self, cause: Cause) -> None:
        """The next chunk starts an epoch."""
        self._init, self._cause = None, cause

    def take(self, now: float, quality: ClockQuality, *, flush: bool = False, early: bool = False) -> list[Record]:
        del quality, flush
        if early and self._due >= self.mute_until:
            self._due = min(self._due, now)
        self._film(now)
        taken = list(self._ring)
        self._ring.clear()
        return taken

    def _film(self, now: float) -> None:
        while self._due <= now and not self.ended:
            if self._due < self.mute_until:
                self.begin(Cause.CAMERA_LOST)
                self._due = self.mute_until
                continue
            if now - self._due > RING_CHUNKS:  # nobody took for so long that the ring ran over
                self.begin(Cause.OVERFLOW)
                self._due = now
            self._cut()
            self._due += 1.0

    def _cut(self) -> None:
        if self._init is None:
            self._init = self._cuts.init(self.camera, self._next_epoch(self.camera))
            self._ring.append(self._init)
            self._seq, self._prev = 0, ZERO_HASH
        segment_seq = self._seq - self._seq % self._segment
        record = self._cuts.chunk(self._init[0], self._seq, segment_seq, self._prev, self._cause, self._clock.utc_ns())
        self._ring.append(record)
        self._seq, self._prev = self._seq + 1, record[0].hash
        self.stats.chunks += 1
