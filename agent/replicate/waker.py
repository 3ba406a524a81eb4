"""A worker's sleep: ends when it is woken, when its peer's socket has something to say, or after so long.

Rules: one thread waits, any thread wakes.  A peer that dies while nothing is under way closes its connection: whoever sleeps on
that socket too knows it at once, not at the next batch.  The eventfd is made by the first wait and goes with close.
"""

import contextlib
import os
import select
import socket
import threading
from enum import Flag, auto


class Heard(Flag):
    """What ended a wait; NOTHING when the time was over."""

    NOTHING = 0
    WOKEN = auto()
    PEER = auto()


class Waker:
    """`wake` from any thread; `wait` and `close` from the one that sleeps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._woken = False
        self._fd: int | None = None

    def wake(self) -> None:
        """End the wait under way, or the next one at once."""
        with self._lock:
            self._woken = True
            if self._fd is not None:
                os.eventfd_write(self._fd, 1)

    def wait(self, timeout_s: float, peer: socket.socket | None) -> Heard:
        """Sleep; a waking is used up by the wait that it ended.  PEER: `peer` has data, an end or an error waiting."""
        with self._lock:
            if self._fd is None:
                self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            fd, woken = self._fd, self._woken
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if peer is not None and peer.fileno() >= 0:
            poll.register(peer, select.POLLIN)
        ready = {found for found, _ in poll.poll(0 if woken else max(timeout_s, 0) * 1000)}
        with self._lock:
            heard = Heard.WOKEN if self._woken else Heard.NOTHING
            if self._woken:
                with contextlib.suppress(BlockingIOError):  # woken before there was an eventfd
                    os.eventfd_read(fd)
            self._woken = False
        return heard | (Heard.PEER if ready - {fd} else Heard.NOTHING)

    def close(self) -> None:
        """Free what the waits needed; a later wake does nothing."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
            self._fd = None
