"""HTTP to one other directory server, over a connection that stays open.  One of the importers of http.client.

Rules: one thread owns a link; only abort() may be called by another.  A request ends within its time limit: the limit holds for each read,
and an answer is read in one go.  Answers are bounded.  Who answers is not believed but proven: entries carry their hashes.
"""

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ...wire.errors import RemoteError

MAX_ANSWER_BYTES: Final = 600 << 20
"""PULL_ENTRIES of the largest entries; as a rule 320 kB."""
_BLOCK: Final = 256 << 10


class LinkError(RemoteError):
    """No answer came.  refused: the machine said at once that nobody is there, or cut the connection."""

    def __init__(self, message: str, *, refused: bool) -> None:
        self.refused = refused
        super().__init__(message, remedy="check its address, and that it runs")


class Reply(NamedTuple):
    status: int
    body: bytes


class Link:
    """A server at its URL, which entities.py or config.py have checked."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url, self._base = url, parts.path.rstrip("/")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port = parts.hostname or "", parts.port
        self._connection: HTTPConnection | None = None
        self._aborted = False

    def request(self, method: str, path: str, body: bytes | None = None, *, limit_s: float,
                headers: Mapping[str, str] | None = None) -> Reply:  # fmt: skip
        """Any answer, also one that refuses; raises LinkError.  A connection that the other side has closed is opened again once."""
        for _ in range(2):
            fresh = self._connection is None
            try:
                return self._once(method, path, body, limit_s, headers or {})
            except TimeoutError as error:
                self.close()
                raise LinkError(f"{self.url} does not answer in {limit_s:g} s", refused=False) from error
            except (OSError, HTTPException) as error:
                self.close()
                if fresh or self._aborted:
                    refused = isinstance(error, ConnectionError | HTTPException)
                    raise LinkError(f"{self.url} cannot be reached ({error or type(error).__name__})", refused=refused) from error
        raise AssertionError("the second attempt returns or raises")

    def _once(self, method: str, path: str, body: bytes | None, limit_s: float, headers: Mapping[str, str]) -> Reply:
        if self._aborted:
            raise OSError("given up")
        until = time.monotonic() + limit_s
        if self._connection is None:
            self._connection = self._kind(self._host, self._port, timeout=limit_s)
        connection = self._connection
        connection.timeout = limit_s
        if connection.sock is not None:
            connection.sock.settimeout(limit_s)
        typed = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, self._base + path, body, {**typed, **headers})
        response = connection.getresponse()
        found = bytearray()
        while part := response.read(_BLOCK):  # not read1: on Python 3.11 that leaves the connection of no use
            found += part
            if len(found) > MAX_ANSWER_BYTES or time.monotonic() > until:
                raise TimeoutError
        return Reply(response.status, bytes(found))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def abort(self) -> None:
        """Make a request under way fail at once; the link is of no use afterwards.  Called by another thread."""
        self._aborted = True
        connection = self._connection
        sock = None if connection is None else connection.sock
        if sock is not None:
            with suppress(OSError):  # closed already, which is what is wanted
                sock.shutdown(socket.SHUT_RDWR)
