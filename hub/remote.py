"""Requests to one hub over HTTP, for the command line.  One of the importers of http.client.

Rules: one request, one connection, ended within TIMEOUT_S a read; what an answer says is checked for its type and bounded.
"""

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from ..wire.errors import RemoteError, UsageError
from ..wire.messages import ErrorAnswer

TIMEOUT_S: Final = 15.0
MAX_ANSWER_BYTES: Final = 8 << 20
"""As many locks as there may be, of at most 4 kB."""

T = TypeVar("T")


class Remote:
    """The hub at a URL; raises UsageError when it is none."""

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

    def ask(self, kind: TypeAdapter[T], method: str, path: str, body: bytes | None = None) -> T:
        """One answer of a type; raises RemoteError when it refuses or fails."""
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
