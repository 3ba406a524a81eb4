"""Giving up a session that brings no picture although its connection lives: keep-alive or RTCP alone, packets that make no frame.

FFmpeg's socket time-out sees bytes and goes on, so it is looked at from another thread, once a second.

    picture seen ──▶ none for PICTURE_WAIT_S: suspected ──▶ none at the next look either: its read is ended

Rules: the session stays its own thread's, which sees the end of the stream and closes it; the lock keeps it from closing while its
read is being ended.  The second look is for an agent that itself stood still: what waits in the socket comes first.
"""

import threading
from collections.abc import Callable

from . import unblock

PICTURE_WAIT_S = 5.0
"""A camera that sends whatever else but no picture for this long is stalled, as one is that sends nothing."""
LOOK_S = 1.0


class StallWatch:
    """`begin` and `end` around the reading of each session, in its thread; `look` from the thread that watches."""

    def __init__(self, wait_s: float = PICTURE_WAIT_S, end_read: Callable[[int], bool] = unblock.end_read) -> None:
        self._wait_s, self._end_read = wait_s, end_read
        self._lock = threading.Lock()
        self._reading: tuple[int, Callable[[], float]] | None = None
        self._suspected: float | None = None
        self.ended = False
        """The read of the session was ended here."""

    def begin(self, pictured: Callable[[], float]) -> None:
        """This thread reads from now on; `pictured` is the monotonic time of the last picture, or of the session's start."""
        with self._lock:
            self._reading, self._suspected, self.ended = (threading.get_native_id(), pictured), None, False

    def end(self) -> None:
        """The reading is over: the session may be closed."""
        with self._lock:
            self._reading = None

    def look(self, now: float) -> None:
        """End the read when it is time for it; a thread that cannot be caught waiting is tried again at the next look."""
        with self._lock:
            if self._reading is None or self.ended:
                return
            thread, pictured = self._reading
            last = pictured()
            if now - last <= self._wait_s:
                self._suspected = None
            elif self._suspected == last:
                self.ended = self._end_read(thread)
            else:
                self._suspected = last

    def give_up(self) -> None:
        """End the read at once, if there is one: the agent stops, and a mute camera is not waited for."""
        with self._lock:
            if self._reading is not None and not self.ended:
                self.ended = self._end_read(self._reading[0])
