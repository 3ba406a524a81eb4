"""Where a packet of sound stands in the video's run.  No I/O.

Rules: the video leads and never waits for sound.  Sound is believed while it stays within 10 s of the video; sound whose
stamps jump on their own goes on at the video's place, so that no file gets hours long and nothing of it is lost.
"""

from .timing import FORWARD_LIMIT_S


class Soundtrack:
    """Times of one sound track, in its own ticks."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._limit = FORWARD_LIMIT_S * rate
        self._shift = 0
        self._last: int | None = None
        self._end = 0

    def begin(self) -> None:
        """The video began a new run: the stamps of both are believed anew."""
        self._shift, self._last, self._end = 0, None, 0

    @property
    def state(self) -> tuple[int, int, int]:
        """(shift, last place, end of the last packet); the last place is -1 before the first."""
        return self._shift, -1 if self._last is None else self._last, self._end

    def went_on(self, last: int, end: int) -> None:
        """Others have placed packets meanwhile, by the rules of `place` and with the same shift."""
        self._last, self._end = None if last < 0 else last, end

    def place(self, since_zero: int, duration: int, video: int) -> int | None:
        """Ticks since the run's zero for a packet stamped since_zero; video is where the video is now.

        None for sound from before the run: there is no picture that it could go with.
        """
        at = since_zero + self._shift
        if abs(at - video) > self._limit:
            at = since_zero if abs(since_zero - video) <= self._limit else video
            self._shift = at - since_zero
        if at < 0:
            return None
        if self._last is not None and at <= self._last:
            at = self._end
        self._last, self._end = at, max(at + duration, at + 1)
        return at
