"""When a frame is to be decoded, which RTP does not say: from when frames are shown.  No I/O, no clock.

    in order of decoding    I0  P3  B1  B2  P6  B4  B5       with a depth of d, of the last d + 1 times of showing that were not given
    shown at                 0   3   1   2   6   4   5       away the least is when this frame is decoded, and is given away: times
    depth 1: decoded at      -   0   1   2   3   4   5       rise, and none is after its frame's being shown

Rules: libav does the same with the same depth, so that both engines give the same stamps; the first d frames have no time of their
own with either, and agent/timing.py gives them one.  A depth that no parameter set tells grows when the times would fall.  After a leap
all begins anew.
"""

from bisect import insort
from typing import Final

from .reorder_depth import MAX_DEPTH, reorder_depth

LEAP: Final = 10 * 90_000
"""Ticks, as in agent/timing.py: what is further from the last frame is not reordered, its stamps have jumped."""
NEAR: Final = 90_000
"""No codec shows a picture a second after one that follows it: what falls by more is no reordering."""


class DecodeTimes:
    """Stamps of one session's video, in order of decoding."""

    def __init__(self) -> None:
        self.depth = 0
        self._grows = True
        self._waiting: list[int] = []
        self._last: int | None = None
        self._sets = b""

    def lent(self) -> tuple[list[int], int, bool]:
        """(window, last time, whether the depth is a guess): what native/lane.pyx goes on with."""
        return list(self._waiting), self._last or 0, self._grows

    def went_on(self, waiting: list[int], last: int) -> None:
        """Frames have been stamped meanwhile, by the rules of this file."""
        self._waiting, self._last = waiting, last

    def parameters(self, codec: str, sets: bytes) -> None:
        """The parameter sets (Annex B) of the key frame that comes next; those that are known already cost a comparison."""
        if not sets or sets == self._sets:
            return
        self._sets = sets
        known = reorder_depth(codec, sets)
        self.depth, self._grows = (self.depth, True) if known is None else (known, False)
        self._waiting = self._waiting[-self.depth - 1 :]

    def stamp(self, shown: int) -> int | None:
        """When the frame is decoded that is shown then; None while nobody knows."""
        if self._waiting and abs(shown - self._waiting[-1]) > LEAP:
            self._waiting, self._last = [], None
        full = len(self._waiting) == self.depth + 1
        falls = self._last is not None and 0 < self._last - shown <= NEAR
        if full and self._grows and falls and self.depth < MAX_DEPTH:
            self.depth += 1
        elif full:
            self._waiting.pop(0)
        insort(self._waiting, shown)
        if len(self._waiting) <= self.depth:
            return None
        self._last = self._waiting[0]
        return self._last
