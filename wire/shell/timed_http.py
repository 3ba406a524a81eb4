"""Answers of http.client that end in time, however slowly their bytes come: a socket's own time-out starts anew with each of them.

    connection.response_class = partial(Response, Clock(until, silence_s)); request, getresponse, read: TimeoutError when it is over

Rules: the clock is armed before every read, for headers and body alike; what was read goes on belonging to http.client.
"""

import socket
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from typing import Any


class Clock:
    """What is left of a request's time."""

    def __init__(self, until: float, silence_s: float) -> None:
        self.until, self.silence_s = until, silence_s

    def left_s(self) -> float:
        """Raises TimeoutError when nothing is left."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request's time is over")
        return left

    def arm(self, sock: socket.socket) -> None:
        """The next send or read of the socket ends in time: a socket's own time-out starts anew with every read."""
        allow(sock, min(self.left_s(), self.silence_s))


def allow(sock: socket.socket, timeout_s: float) -> None:
    """Set a socket's time-out, unless it is that already: setting it asks the kernel, and gives the interpreter away meanwhile."""
    if sock.gettimeout() != timeout_s:
        sock.settimeout(timeout_s)


class Response(HTTPResponse):
    """Headers and body within a request's time, every byte of them."""

    def __init__(self, clock: Clock, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = BufferedReader(_Timed(self.fp.detach(), partial(clock.arm, sock)))


class _Timed(RawIOBase):
    def __init__(self, raw: RawIOBase, before: Callable[[], None]) -> None:
        self._raw, self._before = raw, before

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._before()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """As http.client closes it: the socket stays open as long as this is, and no longer."""
        self._raw.close()
        super().close()
