"""The adapter of http.client for a directory server: one question, held by the server until there is news.

Rules: one thread asks; `abort` ends its waiting from another.  An answer is bounded in bytes and time; whatever goes wrong is a
WatchkeepError that says why.
"""

import contextlib
import socket
import threading
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from ...wire import http
from ...wire.desired import AgentDesired
from ...wire.errors import FormatError, WatchkeepError

CONNECT_S: Final = 3.0
HOLD_S: Final = 20
"""How long the server may hold the question."""
ANSWER_S: Final = HOLD_S + 10.0
MAX_ANSWER_BYTES: Final = 8 << 20
"""10 000 cameras of 400 bytes, twice."""
REMEDY: Final = "look whether the directory server runs, and at its log"


class DirectoryClient:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._aborted = False

    def ask(self, server: str, agent: str, at: tuple[int, int]) -> AgentDesired | None:
        """The document of an agent that knows (term, index), None when there is no later one.  Raises WatchkeepError."""
        parts = urlsplit(server)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=CONNECT_S)
        try:
            connection.connect()
            self._hold(connection.sock)
            connection.request("GET", f"{parts.path.rstrip('/')}{http.desired(agent)}?term={at[0]}&index={at[1]}&hold_s={HOLD_S}")
            response = connection.getresponse()
            status, body = response.status, response.read(MAX_ANSWER_BYTES + 1)
        except TimeoutError as error:
            raise WatchkeepError("it does not answer in time", remedy=REMEDY) from error
        except (OSError, HTTPException) as error:
            detail = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise WatchkeepError(f"no answer ({detail})", remedy=REMEDY) from error
        finally:
            self._hold(None)
            connection.close()
        return _document(status, body)

    def abort(self) -> None:
        """End a question under way, and any later one; another thread."""
        with self._lock:
            self._aborted = True
            self._cut()

    def _hold(self, sock: socket.socket | None) -> None:
        with self._lock:
            self._socket = sock
            if sock is not None:
                sock.settimeout(ANSWER_S)
                if self._aborted:
                    self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the server closed it in this very moment
                self._socket.shutdown(socket.SHUT_RDWR)


def _document(status: int, body: bytes) -> AgentDesired | None:
    if status in (204, 304):
        return None
    if status == 404:
        raise WatchkeepError("it does not know this agent", remedy="add the agent to the site, or correct agent.id")
    if status != 200:
        raise WatchkeepError(f"status {status}", remedy=REMEDY)
    if len(body) > MAX_ANSWER_BYTES:
        raise FormatError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", remedy=REMEDY)
    try:
        return AgentDesired.model_validate_json(body)
    except ValidationError as error:
        raise FormatError(f"the answer is no document of a directory ({error.error_count()} faults)", remedy=REMEDY) from error
