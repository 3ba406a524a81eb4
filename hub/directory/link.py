"""HTTP to one other directory server, over a connection that stays open.

Rules: one thread owns a link; only abort() may be called by another.  A request ends within its time limit and is bounded
(hub/request.py).  Who answers is not believed but proven: entries carry their hashes.
"""

from collections.abc import Mapping
from typing import Final

from ...wire.errors import RemoteError
from ..request import Connection, Failure, Reply, RequestError

MAX_ANSWER_BYTES: Final = 600 << 20
"""PULL_ENTRIES of the largest entries; as a rule 320 kB."""


class LinkError(RemoteError):
    """No answer came.  refused: the machine said at once that nobody is there, or cut the connection; sent: it may have got the request."""

    def __init__(self, message: str, *, refused: bool, sent: bool) -> None:
        self.refused, self.sent = refused, sent
        super().__init__(message, remedy="check its address, and that it runs")


class Link:
    """A server at its URL, which entities.py or config.py have checked."""

    def __init__(self, url: str, *, connect_s: float | None = None) -> None:
        self._connection = Connection(url, connect_s=connect_s)

    def request(self, method: str, path: str, body: bytes | None = None, *, limit_s: float,
                headers: Mapping[str, str] | None = None) -> Reply:  # fmt: skip
        """Any answer, also one that refuses; raises LinkError."""
        try:
            return self._connection.request(method, path, body, limit_s=limit_s, max_bytes=MAX_ANSWER_BYTES, headers=headers)
        except RequestError as error:
            refused = error.failure in (Failure.REFUSED, Failure.ABORTED)
            raise LinkError(error.message, refused=refused, sent=error.sent) from error

    def close(self) -> None:
        self._connection.close()

    def abort(self) -> None:
        """Make a request under way fail at once; the link is of no use afterwards.  Called by another thread."""
        self._connection.abort()


__all__ = ["Link", "LinkError", "Reply"]
