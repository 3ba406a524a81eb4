"""Plain-Python twin of rtp.pyx: the same functions, the same results.  The contract stands in rtp.pyi.

Rules: written for reading, not for speed; tests/native drives both with the same input.
"""

import re
from typing import Final

MORE, FRAME, TEXT, JUNK = range(4)
IN_ORDER, GAP, LATE, ANEW = range(4)
MAX_HEAD: Final = 16 << 10
MAX_BODY: Final = 64 << 10
MAX_LINES: Final = 129
MAX_GAP: Final = 3000
MAX_LATE: Final = 100
RTP_HEADER: Final = 12

_EMPTY_LINE = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"^content-length:[ \t]*([0-9]*)[ \t\r]*(\n)?", re.IGNORECASE | re.MULTILINE)
Piece = tuple[int, int, int, int]


def split(data: bytes) -> tuple[list[Piece], int]:
    found: list[Piece] = []
    at = 0
    while (piece := _next(data, at)) is not None:
        kind, channel, start, size, at = piece
        found.append((kind, channel, start, size))
    return found, at


def _next(data: bytes, at: int) -> tuple[int, int, int, int, int] | None:
    """(kind, channel, start, size, behind it), or None when more bytes are wanted."""
    if at == len(data):
        return None
    first = data[at]
    if first == 0x24:
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        return (FRAME, data[at + 1], at + 4, end - at - 4, end) if len(data) - at >= 4 and end <= len(data) else None
    if first in b"\r\n":
        return JUNK, -1, at, 0, at + 1
    return _text(data, at) if 0x41 <= first <= 0x5A else _junk(data, at)


def _text(data: bytes, at: int) -> tuple[int, int, int, int, int] | None:
    empty = _EMPTY_LINE.search(data, at, at + MAX_HEAD)
    lines = (data[at : at + MAX_HEAD].removesuffix(b"\r")[:-1] if empty is None else data[at : empty.start()]).split(b"\n")
    if len(lines) > MAX_LINES:
        return _junk(data, at, sum(len(line) + 1 for line in lines[:MAX_LINES]))
    if empty is None:
        return _junk(data, at, MAX_HEAD) if len(data) - at >= MAX_HEAD else None
    length = _LENGTH.search(data[at : empty.end()])
    body = 0 if length is None else int(length[1].lstrip(b"0")[:9] or b"0") if length[2] else MAX_BODY + 1
    end = empty.end() + body
    if body > MAX_BODY:
        return _junk(data, at, empty.end() - at)
    return (TEXT, -1, at, end - at, end) if end <= len(data) else None


def _junk(data: bytes, at: int, read: int = 0) -> tuple[int, int, int, int, int]:
    stop = at + 1
    while stop < len(data) and not _may_begin(data[stop : stop + 5], message=stop - at >= read):
        stop += 1
    return JUNK, -1, at, stop - at, stop


def _may_begin(data: bytes, *, message: bool) -> bool:
    if data[:1] == b"$":
        return len(data) < 5 or data[4] >> 6 == 2
    return message and b"RTSP/".startswith(data)


def parse(packet: bytes) -> tuple[int, bool, int, int, int, int, int] | None:
    if len(packet) < RTP_HEADER or packet[0] >> 6 != 2:
        return None
    head = RTP_HEADER + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        if len(packet) < head + 4:
            return None
        head += 4 + 4 * int.from_bytes(packet[head + 2 : head + 4], "big")
    if len(packet) < head:
        return None
    padding = packet[-1] if packet[0] & 0x20 and packet[-1] <= len(packet) - head else 0
    sequence, timestamp, ssrc = (int.from_bytes(packet[start:end], "big") for start, end in ((2, 4), (4, 8), (8, 12)))
    return packet[1] & 0x7F, bool(packet[1] >> 7), sequence, timestamp, ssrc, head, len(packet) - head - padding


class Counter:
    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._expected = self._received = self._lost = self._late = self._highest = self._first = 0

    def take(self, packet: bytes) -> int:
        parsed = parse(packet)
        if parsed is None:
            return -1
        _, _, sequence, _, ssrc, _, _ = parsed
        return self.place(sequence, ssrc)

    def place(self, sequence: int, ssrc: int) -> int:
        step = (sequence - self._expected) & 0xFFFF if self._ssrc is not None else 0
        if ssrc == self._ssrc and step >= 0x10000 - MAX_LATE:
            self._late += 1
            return LATE
        place = GAP if step else IN_ORDER
        if ssrc == self._ssrc and step <= MAX_GAP:
            self._lost += step
            self._highest += 1 + step
        else:
            self._highest, self._first = sequence, sequence - self._received - self._lost
            place = ANEW if step else IN_ORDER
        self._ssrc, self._expected = ssrc, (sequence + 1) & 0xFFFF
        self._received += 1
        return place

    @property
    def source(self) -> int | None:
        return self._ssrc

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        return self._received, self._lost, self._late, self._highest, self._first
