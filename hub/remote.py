"""Requests to one hub over HTTP, for the command line.

Rules: one request, one connection, ended within TIMEOUT_S; what an answer says is checked for its type and bounded.
"""

from contextlib import closing
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..wire.errors import RemoteError
from ..wire.messages import ErrorAnswer
from .request import Connection, checked

TIMEOUT_S: Final = 15.0
MAX_ANSWER_BYTES: Final = 8 << 20
"""As many locks as there may be, of at most 4 kB."""

T = TypeVar("T")


class Remote:
    """The hub at a URL; raises UsageError when it is none."""

    def __init__(self, url: str) -> None:
        self._url = checked(url, "archiver")

    def ask(self, kind: TypeAdapter[T], method: str, path: str, body: bytes | None = None) -> T:
        """One answer of a type; raises RemoteError when it refuses or fails."""
        with closing(Connection(self._url)) as connection:
            reply = connection.request(method, path, body, limit_s=TIMEOUT_S, max_bytes=MAX_ANSWER_BYTES)
        try:
            if 200 <= reply.status < 300:
                return kind.validate_json(reply.body)
            answer = ErrorAnswer.model_validate_json(reply.body)
        except ValidationError as error:
            remedy = "check that a Watchkeep archiver of this version answers there"
            raise RemoteError(f"{self._url} answers {reply.status} and no sense", remedy=remedy, status=reply.status) from error
        raise RemoteError(f"{self._url}: {answer.reason}", remedy=answer.remedy, status=reply.status)
