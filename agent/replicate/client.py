"""The adapter of http.client: `POST /v1/append` and `/v1/losses` over one kept-alive HTTP/1.1 connection.

    append ─▶ connect if needed ─▶ send the buffers ─▶ read the answer ─▶ AppendAnswer, or AppendError with its Fault

Rules: one thread owns a client; only abort() may be called by another.  After any error the connection is closed,
the next append opens a new one.  A body goes out in vectored sends, from where its pieces lie; over TLS, which has none, piece by piece.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import MappingProxyType
from typing import Final, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import ValidationError

from ...wire import WIRE_VERSION, http
from ...wire.errors import UsageError
from ...wire.losses import Loss, LossAnswer, LossReport
from ...wire.messages import AppendAnswer, ErrorAnswer, Message
from ...wire.record import Payload
from ...wire.shell.timed_http import Clock, Response, allow
from .verdict import AppendError, Fault

M = TypeVar("M", bound=Message)
Buffers = Sequence[Payload]

CONNECT_TIMEOUT_S: Final = 1.5
MAX_ANSWER_BYTES: Final = 4 << 20
"""64 cameras with 1000 ranges of 30 bytes each are 2 MB."""
MAX_PIECES: Final = 512
"""Of one send; IOV_MAX is 1024 on Linux."""
SEND_FACTOR: Final = 4
"""A batch that takes longer than this many read time-outs to send, or an answer that takes longer than that to come, is given up: a peer
that drains or sends a trickle is as good as hung."""


class AppendClient:
    """Appends to one archiver's URL; `connections` counts the connections opened, so a new value means a new connection."""

    def __init__(self, url: str, agent: str, *, read_timeout_s: float) -> None:
        scheme, host, port, path = _parts(url)
        kind = HTTPSConnection if scheme == "https" else HTTPConnection
        self._http = kind(host, port, timeout=min(CONNECT_TIMEOUT_S, read_timeout_s))
        self._path = path.rstrip("/")
        self._agent, self._timeout_s = agent, read_timeout_s
        self._used = self._lost = self._refused = False
        self._opened_at = 0.0
        self._aborted = False
        self.connections = 0

    def connect(self) -> None:
        """Open the connection unless it is open, so that the caller knows `connections` before it builds a batch; raises AppendError."""
        if self._http.sock is not None:
            return
        try:
            self._http.connect()
        except TimeoutError as error:
            raise self._fault(Fault.SILENT, "no connection in time", error) from error
        except UnicodeError as error:  # such as a..b
            raise self._fault(Fault.REFUSED, "no host can have such a name", error) from error
        except OSError as error:
            raise self._fault(Fault.REFUSED, "no connection", error) from error
        self._used, self._opened_at = False, time.monotonic()
        self.connections += 1
        if self._aborted:  # abort() found no socket to shut down
            self._close_socket()

    @property
    def idle_socket(self) -> socket.socket | None:
        """The open connection while nothing is under way: whatever can be read there is its end, or nothing that we asked for."""
        return self._http.sock

    @property
    def left(self) -> bool:
        """The peer has closed the idle connection, and `reconnect` has not been called since."""
        return self._lost or self._refused

    def hung_up(self) -> None:
        """The idle connection has something to read, so its peer is done with it: the next `reconnect` finds out about the peer.

        One that was dropped as soon as it was opened is a refusal, and `reconnect` says so: such a peer would be asked without end.
        """
        self._lost = self._used
        self._refused = not self._used and time.monotonic() - self._opened_at < CONNECT_TIMEOUT_S
        self.close()

    def reconnect(self) -> None:
        """Open the connection again that the peer closed, if it did; raises AppendError when nobody is there any more, or drops it."""
        if self._refused:
            self._refused = False
            raise self._fault(Fault.RESET, "connection taken and dropped", ConnectionResetError())
        if self._lost:
            self._lost = False
            self.connect()

    def append(self, buffers: Buffers, *, urgent: bool = False) -> AppendAnswer:
        """Send one batch and wait for its answer; raises AppendError.  connect() comes first.  `urgent` asks for an fsync at once."""
        return self._ask(http.APPEND, http.RECORDS_TYPE, buffers, AppendAnswer, {http.SYNC_HEADER: http.SYNC_NOW} if urgent else {})

    def declare(self, losses: Sequence[Loss]) -> LossAnswer:
        """Tell losses and wait for the answer, in the same way."""
        body = LossReport(losses=list(losses)).model_dump_json(exclude_defaults=True).encode()
        return self._ask(http.LOSSES, "application/json", (body,), LossAnswer)

    def _ask(self, path: str, kind: str, buffers: Buffers, model: type[M], headers: Mapping[str, str] = MappingProxyType({})) -> M:
        try:
            response = self._exchange(path, kind, buffers, headers)
            status, body = response.status, response.read(MAX_ANSWER_BYTES + 1)
        except TimeoutError as error:
            raise self._fault(Fault.SILENT, f"no answer within {self._timeout_s:g} s", error) from error
        except (OSError, HTTPException) as error:
            # A peer may close an idle connection at any moment (RFC 9112, 9.3.1); that says nothing about its health.
            raise self._fault(Fault.STALE if self._used else Fault.RESET, "connection lost", error) from error
        self._used = True
        if response.will_close or len(body) > MAX_ANSWER_BYTES:
            self.close()
        return self._answer(status, body, model)

    def abort(self) -> None:
        """Make a call under way fail soon; the client is of no use afterwards.  Called by another thread."""
        self._aborted = True
        self._close_socket()

    def close(self) -> None:
        self._http.close()

    def _exchange(self, path: str, kind: str, buffers: Buffers, headers: Mapping[str, str]) -> HTTPResponse:
        self._http.putrequest("POST", self._path + path, skip_accept_encoding=True)
        self._http.putheader("Content-Type", kind)
        self._http.putheader("Content-Length", str(sum(map(len, buffers))))
        self._http.putheader(http.AGENT_HEADER, self._agent)
        self._http.putheader(http.VERSION_HEADER, str(WIRE_VERSION))
        for name, value in headers.items():
            self._http.putheader(name, value)
        allow(cast(socket.socket, self._http.sock), self._timeout_s)
        # A refusal such as 413 may come, and the connection go, before the body is through: the answer is worth reading.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._http.endheaders()
            self._send(buffers)
        clock = Clock(time.monotonic() + self._timeout_s * SEND_FACTOR, self._timeout_s)
        self._http.response_class = partial(Response, clock)  # type: ignore[assignment]
        return self._http.getresponse()

    def _send(self, buffers: Buffers) -> None:
        """As long as time is left; the socket's time-out applies to each call alone."""
        connection = cast(socket.socket, self._http.sock)
        tls = isinstance(connection, ssl.SSLSocket)
        left, first, deadline = [memoryview(buffer) for buffer in buffers], 0, time.monotonic() + self._timeout_s * SEND_FACTOR
        while first < len(left):
            if time.monotonic() > deadline:
                raise TimeoutError
            sent = connection.send(left[first]) if tls else connection.sendmsg(left[first : first + MAX_PIECES])
            while first < len(left) and sent >= len(left[first]):
                sent -= len(left[first])
                first += 1
            if sent:
                left[first] = left[first][sent:]

    def _answer(self, status: int, body: bytes, model: type[M]) -> M:
        if status == 200:
            try:
                return model.model_validate_json(body)
            except ValidationError as error:
                raise self._fault(Fault.FOREIGN, "the answer is not a Watchkeep archiver's", error) from error
        try:
            answer = ErrorAnswer.model_validate_json(body)
        except ValidationError:
            answer = None  # a proxy's or a foreign server's page: the status alone counts
        reason = f"{answer.code}: {answer.reason}" if answer else "without a reason"
        raise AppendError(f"status {status}, {reason}", Fault.STATUS, status=status, answer=answer,
                          remedy=(answer.remedy if answer else "") or "look at the archiver's log")  # fmt: skip

    def _fault(self, fault: Fault, what: str, error: Exception) -> AppendError:
        self.close()
        detail = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return AppendError(f"{what} ({detail})", fault, remedy="check that the archiver runs and that its address is right")

    def _close_socket(self) -> None:
        connection = self._http.sock
        if connection is not None:
            with contextlib.suppress(OSError):  # closed by its owner in this very moment
                connection.shutdown(socket.SHUT_RDWR)


def _parts(url: str) -> tuple[str, str, int | None, str]:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts.scheme, parts.hostname, parts.port, parts.path
    except ValueError as error:  # a port that is no number, a broken IPv6 address
        raise UsageError(f"archiver URL {url!r} cannot be read: {error}", remedy="write it as http://host:port") from error
    raise UsageError(f"archiver URL {url!r} is not http://host:port", remedy="correct the url of this archiver")
