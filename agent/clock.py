"""The clocks that the agent reads, as one object that tests replace, and the watch for steps of the wall clock.

Rules: durations and deadlines use the monotonic clock; UTC only names things and anchors stream time (invariant 10).
"""

import ctypes
import time

from ..wire.causes import ClockQuality
from .timing import SLEW_PPM

STEP_S = 0.5
"""A change of UTC against the monotonic clock above this is a step; NTP slews 500 ppm, 0.5 ms a second."""
_TIMEX_BYTES = 512  # struct timex has 208 bytes on 64-bit Linux, 128 on 32-bit
_TIME_ERROR = 5


class Clock:
    """The machine's clocks."""

    def utc_ns(self) -> int:
        return time.time_ns()

    def utc_s(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def quality(self) -> ClockQuality:
        """What the kernel says of its discipline by NTP or PTP (adjtimex(2)); UNKNOWN where it cannot be asked."""
        buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
        try:
            state = ctypes.CDLL(None).adjtimex(buffer)
        except (OSError, AttributeError):
            return ClockQuality.UNKNOWN
        if state < 0:
            return ClockQuality.UNKNOWN
        return ClockQuality.FREE_RUNNING if state == _TIME_ERROR else ClockQuality.SYNCHRONISED


class StepWatch:
    """Tells a step of UTC from the passing of time.  No I/O: readings are passed in.

    What NTP slews is followed at 500 ppm, as the anchors of stream time do it; a clock that is slewed faster (chrony may
    go up to 10 %) counts as stepped each time that it has run half a second ahead of that.
    """

    def __init__(self, utc_s: float, monotonic: float) -> None:
        self._offset, self._at = utc_s - monotonic, monotonic

    def step(self, utc_s: float, monotonic: float) -> float:
        """Seconds by which UTC stepped; 0.0 when it did not."""
        change = utc_s - monotonic - self._offset
        slew = (monotonic - self._at) * SLEW_PPM / 1e6
        self._at = monotonic
        if abs(change) > STEP_S:
            self._offset += change
            return change
        self._offset += max(-slew, min(slew, change))
        return 0.0
