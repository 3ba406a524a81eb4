"""Requests to one HTTP server over a connection that stays open: the hub's adapter of http.client.

    request ─▶ connect if needed ─▶ send ─▶ headers and body, each read with the time that is left ─▶ Reply, or RequestError

Rules: one thread owns a Connection; only abort() may be called by another.  A request ends within its time and its bytes, however the
other side behaves: one that hangs, babbles or trickles its headers is a failure like one that refuses.  An idle connection that the
other side has closed is opened again once.  What an answer means is the caller's business.
"""

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ..wire.errors import RemoteError, UsageError
from ..wire.shell.timed_http import Clock, Response

_BLOCK: Final = 256 << 10


class Failure(Enum):
    """Why there is no answer."""

    SILENT = "no answer in time"
    REFUSED = "refused, reset, or closed before an answer"
    UNREACHABLE = "no way there, or no such name"
    OVERSIZE = "an answer that is too long"
    ABORTED = "given up here"


class RequestError(RemoteError):
    """No answer came, and why: in one word for the program (`failure`), in some for people (`why`).

    sent: the other side may have got the request, and may have done what it asks for.
    """

    def __init__(self, url: str, failure: Failure, why: str, *, sent: bool = True) -> None:
        self.failure, self.why, self.sent = failure, why, sent
        super().__init__(f"{url} cannot be reached ({why})", remedy="check its address, and that it runs")


class Reply(NamedTuple):
    status: int
    body: bytes


def checked(url: str, what: str) -> str:
    """The URL, when it is one of a server and nothing more; raises UsageError, without a password that may stand in it."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, a broken IPv6 address
        good = False
    if not good or parts.username or parts.query or parts.fragment:
        raise UsageError(f"{url!r} is no {what}'s address", remedy="write it as http://host:9701")
    return url


class Connection:
    """To the server at a URL that `checked` or a configuration has looked at."""

    def __init__(self, url: str, *, connect_s: float | None = None) -> None:
        parts = urlsplit(url)
        self.url, self._base, self._connect_s = url, parts.path.rstrip("/"), connect_s
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._http: HTTPConnection = kind(parts.hostname or "", parts.port)
        self._aborted = self._sent = False

    def request(self, method: str, path: str, body: bytes | None = None, *, limit_s: float, max_bytes: int, silence_s: float | None = None,
                headers: Mapping[str, str] | None = None) -> Reply:  # fmt: skip
        """Any answer, also one that refuses; raises RequestError.  silence_s bounds each read alone, limit_s all of them together."""
        until = time.monotonic() + limit_s
        typed = {"Content-Type": "application/json"} if body is not None else {}
        for attempt in (0, 1):
            fresh = self._http.sock is None
            try:
                return self._once(method, path, body, {**typed, **(headers or {})}, Clock(until, silence_s or limit_s), max_bytes)
            except TimeoutError as error:
                self.close()
                why = f"no answer to {path.partition('?')[0]} in time"
                raise RequestError(self.url, Failure.SILENT, why, sent=self._sent) from error
            except (OSError, HTTPException, UnicodeError) as error:  # UnicodeError: a host that is no name at all
                self.close()
                if self._aborted:
                    raise RequestError(self.url, Failure.ABORTED, "the request was given up", sent=self._sent) from error
                if fresh or attempt:
                    lost = isinstance(error, ConnectionError | HTTPException)
                    why = str(error) or type(error).__name__
                    raise RequestError(self.url, Failure.REFUSED if lost else Failure.UNREACHABLE, why, sent=self._sent) from error
            except BaseException:
                self.close()
                raise
        raise AssertionError("the second attempt returns or raises")

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], clock: Clock, max_bytes: int) -> Reply:
        if self._aborted:
            raise OSError("given up")
        connection, self._sent = self._http, False
        if connection.sock is None:
            connection.timeout = min(self._connect_s or clock.silence_s, clock.left_s())
            connection.connect()
            if self._aborted:  # abort() found no socket yet
                raise OSError("given up")
        sock: socket.socket = connection.sock
        connection.response_class = partial(Response, clock)  # type: ignore[assignment]
        clock.arm(sock)
        self._sent = True
        connection.request(method, self._base + path, body, headers)
        response = connection.getresponse()
        found = bytearray()
        while part := response.read(_BLOCK):  # not read1: on Python 3.11 that leaves the connection of no use
            found += part
            if len(found) > max_bytes:
                raise RequestError(self.url, Failure.OVERSIZE, f"an answer of more than {max_bytes} bytes")
        if response.length:
            raise HTTPException("an answer that ends early")
        return Reply(response.status, bytes(found))

    def close(self) -> None:
        self._http.close()

    def abort(self) -> None:
        """Make a request under way fail at once; the connection is of no use afterwards.  Called by another thread."""
        self._aborted = True
        sock = self._http.sock
        if sock is not None:
            with suppress(OSError):  # closed already, which is what is wanted
                sock.shutdown(socket.SHUT_RDWR)
