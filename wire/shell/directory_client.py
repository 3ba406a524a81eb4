"""The adapter of http.client for a directory server: one question, held by the server until there is news.  For agents and archivers.

Rules: one thread asks; `abort` ends its waiting from another.  The connection stays open from one question to the next: the server sees
it break when this process is killed, and need not wait for its silence.  An answer is bounded in bytes and time; whatever goes wrong is
a WatchkeepError that says why.
"""

import contextlib
import socket
import threading
import time
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from ..desired import Document
from ..errors import FormatError, WatchkeepError
from .timed_http import Clock, Response

CONNECT_S: Final = 2.0
PATIENCE_S: Final = 2.0
"""How much longer than it may hold the question a server may take: one that hangs is left in time."""
WHOLE_ANSWER_S: Final = 9.0
"""The same for all of its answer.  One that sends a trickle is left as well: 128 cameras are 50 kB."""
MAX_ANSWER_BYTES: Final = 8 << 20
"""10 000 cameras of 400 bytes, twice."""
REMEDY: Final = "look whether the directory server runs, and at its log"

D = TypeVar("D", bound=Document)


class NotOfSiteError(WatchkeepError):
    """The server answers, and its site has no such agent or archiver."""


class DirectoryClient(Generic[D]):
    """close() it at the end, from the thread that asks."""

    def __init__(self, model: type[D], asker: str, hold_s: float) -> None:
        """model: of the answer.  asker: what this is, a word for errors.  hold_s: how long a server may hold a question."""
        self._model, self._asker, self._hold_s = model, asker, hold_s
        self._answer_s = hold_s + PATIENCE_S
        self._lock = threading.Lock()
        self._server = ""
        self._connection: HTTPConnection | None = None
        self._aborted = False

    def question(self, server: str, path: str, at: tuple[int, int], more: str = "") -> D | None:
        """The document at a path for who knows (term, index), None when there is no later one; `more` ends the query.  Raises
        WatchkeepError."""
        if server != self._server:
            self.close()
        path = f"{urlsplit(server).path.rstrip('/')}{path}?term={at[0]}&index={at[1]}&hold_s={self._hold_s:g}{more}"
        while True:
            fresh = self._connection is None
            try:
                return self._document(*self._asked(server, path))
            except TimeoutError as error:
                self.close()
                raise WatchkeepError("it does not answer in time", remedy=REMEDY) from error
            except UnicodeError as error:  # such as a..b: the next server is asked
                raise WatchkeepError("no host can have such a name", remedy="correct directory.servers") from error
            except (OSError, HTTPException) as error:
                self.close()
                if fresh or self._aborted:  # else the server had closed it meanwhile, as it may
                    detail = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
                    raise WatchkeepError(f"no answer ({detail})", remedy=REMEDY) from error

    def _asked(self, server: str, path: str) -> tuple[int, bytes]:
        connection = self._connection or self._connect(server)
        clock = Clock(time.monotonic() + self._hold_s + WHOLE_ANSWER_S, self._answer_s)
        connection.response_class = partial(Response, clock)  # type: ignore[assignment]
        if connection.sock is not None:  # else the server closed it behind its last answer, and it is opened again
            clock.arm(connection.sock)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(MAX_ANSWER_BYTES + 1)
        if len(body) > MAX_ANSWER_BYTES:
            self.close()
        return response.status, body

    def _connect(self, server: str) -> HTTPConnection:
        parts = urlsplit(server)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=CONNECT_S)
        connection.connect()
        with self._lock:
            self._server, self._connection = server, connection
            connection.sock.settimeout(self._answer_s)
            if self._aborted:
                self._cut()
        return connection

    def abort(self) -> None:
        """End a question under way, and any later one; another thread."""
        with self._lock:
            self._aborted = True
            self._cut()

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _cut(self) -> None:
        sock = None if self._connection is None else self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):  # the server closed it in this very moment
                sock.shutdown(socket.SHUT_RDWR)

    def _document(self, status: int, body: bytes) -> D | None:
        if status in (204, 304):
            return None
        if status == 404:
            raise NotOfSiteError(f"it does not know this {self._asker}", remedy=f"add the {self._asker} to the site, or correct its id")
        if status != 200:
            raise WatchkeepError(f"status {status}", remedy=REMEDY)
        if len(body) > MAX_ANSWER_BYTES:
            raise FormatError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", remedy=REMEDY)
        try:
            return self._model.model_validate_json(body)
        except ValidationError as error:
            raise FormatError(f"the answer is no document of a directory ({error.error_count()} faults)", remedy=REMEDY) from error
