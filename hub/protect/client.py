"""Locks of an archiver over HTTP, for the command line.  One of the importers of http.client.

Rules: one request, one connection, ended within TIMEOUT_S a read; what an answer says is checked for its type and bounded.
"""

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import TypeAdapter, ValidationError

from ...wire import http
from ...wire.errors import RemoteError, UsageError
from ...wire.messages import ErrorAnswer
from .model import LockRequest, LockState

TIMEOUT_S: Final = 15.0
MAX_ANSWER_BYTES: Final = 8 << 20
"""MAX_LOCKS of at most 4 kB."""

T = TypeVar("T")
_ONE: Final = TypeAdapter(LockState)
_LIST: Final = TypeAdapter(list[LockState])


class LockClient:
    """Requests to the archiver at a URL; raises UsageError when it is none, RemoteError when it refuses or fails."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise UsageError(f"{url!r} is no archiver's address", remedy="write it as http://host:9701")
        self._url, self._base = url, parts.path.rstrip("/")
        self._kind, self._host, self._port = HTTPSConnection if parts.scheme == "https" else HTTPConnection, host, port

    def add(self, request: LockRequest) -> LockState:
        return self._ask(_ONE, "POST", http.LOCKS, request.model_dump_json().encode())

    def list(self) -> list[LockState]:
        return self._ask(_LIST, "GET", http.LOCKS)

    def remove(self, lock_id: str) -> LockState:
        """What it was."""
        return self._ask(_ONE, "DELETE", http.lock(quote(lock_id, safe="")))

    def _ask(self, kind: TypeAdapter[T], method: str, path: str, body: bytes | None = None) -> T:
        connection = self._kind(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request(method, self._base + path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            found = response.read(MAX_ANSWER_BYTES)
        except (OSError, HTTPException) as error:
            raise RemoteError(f"{self._url} cannot be reached ({error})", remedy="check its address, and that it runs") from error
        finally:
            connection.close()
        try:
            if 200 <= response.status < 300:
                return kind.validate_json(found)
            answer = ErrorAnswer.model_validate_json(found)
        except ValidationError as error:
            remedy = "check that a Watchkeep archiver of this version answers there"
            raise RemoteError(f"{self._url} answers {response.status} and no sense", remedy=remedy, status=response.status) from error
        raise RemoteError(f"{self._url}: {answer.reason}", remedy=answer.remedy, status=response.status)
