"""RTSP on the wire as a client meets it (RFC 2326 and 7826): bytes in, answers, requests and interleaved frames out.  No I/O.

    '$' channel u8, length u16, data            Interleaved
    RTSP/1.0 200 OK, headers, body              Response      the phrase may be missing
    OPTIONS rtsp://... RTSP/1.0, headers, body  Request       cameras may ask too

Rules: the same bytes give the same events however they are split.  Cameras are sloppy, so lines may end in LF alone, a line without
a colon is passed over and a folded one is joined; but what cannot be told apart from noise is a FormatError, and the parser stays
broken after it, because nobody can know where the next message would start.  An error never quotes what the camera sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ...wire.errors import FormatError
from .framing import Framer, Interleaved

MAX_HEAD_BYTES: Final = 16 * 1024
"""First line and headers; real ones are below 2 kB, those of a camera that never ends its headers grow no further."""
MAX_BODY_BYTES: Final = 64 * 1024
"""Session descriptions are below 10 kB.  A parser buffers at most head and body, or one frame of 64 kB, and one read of its caller."""
MAX_HEADERS: Final = 128
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"RTSP/\d\.\d +([1-9]\d\d)(?: .*)?")
_REQUEST = re.compile(r"([A-Z_]{3,20}) +(\S{1,4096}) +RTSP/\d\.\d *")
_START: Final = b"RTSP/"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Message:
    headers: Headers
    """Names in lower case, in the order in which they came."""
    body: bytes

    def header(self, name: str) -> str:
        """The first header of this name, or empty."""
        return next((value for key, value in self.headers if key == name), "")

    def each(self, name: str) -> tuple[str, ...]:
        """Every header of this name: WWW-Authenticate comes once for each scheme."""
        return tuple(value for key, value in self.headers if key == name)


@dataclass(frozen=True, slots=True)
class Response(_Message):
    status: int


@dataclass(frozen=True, slots=True)
class Request(_Message):
    method: str
    uri: str


Event = Response | Request | Interleaved


class Parser(Framer[Response | Request]):
    """A camera's bytes to events; see framing.py."""

    __slots__ = ()

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def rest(self) -> bytes:
        """Take what waits for more, when somebody else reads the connection from now on."""
        waiting = bytes(self._buffer)
        self._buffer.clear()
        return waiting

    def _skip_blank(self) -> None:
        blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        del self._buffer[:blank]

    def _message(self) -> Response | Request | None:
        if not 0x41 <= self._buffer[0] <= 0x5A:
            raise _malformed("it begins with no capital letter")
        end = _END.search(self._buffer, 0, MAX_HEAD_BYTES)
        if end is None:
            if len(self._buffer) >= MAX_HEAD_BYTES:
                raise _malformed("its head is longer than 16 kB")
            return None
        head = bytes(self._buffer[: end.start()]).decode("utf-8", "replace")
        message = _head(head)
        total = end.end() + _content_length(message)
        if len(self._buffer) < total:
            return None
        body = bytes(self._buffer[end.end() : total])
        del self._buffer[:total]
        return replace(message, body=body)


def _head(head: str) -> Response | Request:
    first, *lines = (line.rstrip("\r") for line in head.split("\n"))
    headers = _headers(lines)
    if (status := _STATUS.fullmatch(first)) is not None:
        return Response(headers, b"", int(status[1]))
    if (asked := _REQUEST.fullmatch(first)) is not None:
        return Request(headers, b"", asked[1], asked[2])
    raise _malformed("its first line is neither an answer nor a request")


def _headers(lines: list[str]) -> Headers:
    if len(lines) > MAX_HEADERS:
        raise _malformed("it has more than 128 headers")
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if headers and line[:1] in (" ", "\t"):
            headers[-1] = headers[-1][0], f"{headers[-1][1]} {line.strip()}".strip()
        elif colon and name.strip():
            headers.append((name.strip().lower(), value.strip()))
    return tuple(headers)


def _content_length(message: Response | Request) -> int:
    text = message.header("content-length") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and int(text) <= MAX_BODY_BYTES):
        raise _malformed("its Content-Length is no number or above 64 kB")
    return int(text)


def _malformed(what: str) -> FormatError:
    return FormatError(f"the camera sends something that is not RTSP: {what}",
                       remedy="check the port in the camera's url, restart the camera")  # fmt: skip


def request(method: str, uri: str, headers: Mapping[str, str]) -> bytes:
    """A request without a body.  Raises FormatError for values that would not stay on their line."""
    lines = [f"{method} {uri} RTSP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines) or " " in uri:
        raise FormatError("the camera names an address that no request can hold", remedy="check the camera's url, update the camera")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def response(status: int, reason: str, cseq: str) -> bytes:
    """The answer to a request of the camera."""
    number = cseq if cseq.isascii() and cseq.isdigit() else "0"
    return f"RTSP/1.0 {status} {reason}\r\nCSeq: {number}\r\n\r\n".encode()
