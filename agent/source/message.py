"""RTSP/1.0 on the wire (RFC 2326, 4, 6, 7, 10.12): bytes in, requests and interleaved frames out; answers to bytes.

Rules: no I/O; the same bytes give the same events however they are split; what is not RTSP is a FormatError, and
the parser stays broken after it, because nobody can know where the next request would start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...wire.errors import FormatError
from ..rtsp.framing import Framer, Interleaved

MAX_HEAD_BYTES: Final = 16 * 1024
"""Request line and headers; real ones are below 1 kB."""
MAX_BODY_BYTES: Final = 64 * 1024
"""SET_PARAMETER bodies; with the head and one read of the shell a connection buffers at most 336 kB."""
MAX_HEADERS: Final = 64
_END = b"\r\n\r\n"

REASONS: Final[Mapping[int, str]] = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 451: "Parameter Not Understood",
    454: "Session Not Found", 455: "Method Not Valid in This State", 459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport", 501: "Not Implemented", 503: "Service Unavailable",
    505: "RTSP Version Not Supported", 551: "Option not supported",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes = b""
    version: str = "RTSP/1.0"

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


Event = Request | Interleaved


class Parser(Framer[Request]):
    """A client's bytes to events; see agent/rtsp/framing.py.  Of binary frames only RTCP comes, as we receive no media."""

    __slots__ = ()

    def _skip_blank(self) -> None:
        while self._buffer[:2] == b"\r\n":
            del self._buffer[:2]

    def _message(self) -> Request | None:
        end = self._buffer.find(_END, 0, MAX_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD_BYTES:
                raise _malformed("the request head is longer than 16 kB")
            return None
        request = _head(bytes(self._buffer[:end]))
        total = end + len(_END) + _content_length(request)
        if len(self._buffer) < total:
            return None
        body = bytes(self._buffer[end + len(_END) : total])
        del self._buffer[:total]
        return Request(request.method, request.uri, request.headers, body, request.version)


def _head(head: bytes) -> Request:
    try:
        first, *lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError as error:
        raise _malformed("the request is not text") from error
    if not all(line.replace("\t", " ").isprintable() for line in (first, *lines)):
        raise _malformed("the request head has control characters")  # they would come back in our own headers
    parts = first.split(" ")
    if len(parts) != 3 or not parts[0].replace("_", "").isalpha() or not parts[2].startswith("RTSP/"):
        raise _malformed("the first line is no RTSP request")
    if len(lines) > MAX_HEADERS:
        raise _malformed("the request has more than 64 headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise _malformed("a header has no name")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return Request(parts[0], parts[1], headers, b"", parts[2])


def _content_length(request: Request) -> int:
    text = request.header("content-length") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and int(text) <= MAX_BODY_BYTES):
        raise _malformed("Content-Length is no number or above 64 kB")
    return int(text)


def _malformed(what: str) -> FormatError:
    return FormatError(what, remedy="send RTSP/1.0 requests as RFC 2326 has them")


def response(status: int, cseq: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """An answer as bytes; `cseq` is repeated from the request, empty when it had none."""
    fields = {**({"CSeq": cseq} if cseq else {}), "Server": "watchkeep-source", **(headers or {})}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [f"RTSP/1.0 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + _END + body
