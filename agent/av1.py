"""OBUs of AV1: which of them a sample keeps, where its sequence header is, whether it shows a picture.  No I/O.

Rules: reads the low-overhead format (AV1, 5.2), in which FFmpeg's RTP reader hands out temporal units; what cannot be read as such
is left as it came.  A sample is the temporal unit without its temporal delimiters, as the AV1 ISOBMFF binding wants it (2.4): they
do not travel over RTP, FFmpeg adds them, so the camera's own OBUs stay whole and in order (invariant 1).
"""

from collections.abc import Iterator
from typing import NamedTuple

DELIMITER = b"\x12\x00"
SEQUENCE_HEADER = 1
TEMPORAL_DELIMITER = 2
_PICTURE = frozenset({3, 6})
"""A frame header with its tile groups behind it, or a frame."""
_SIZE_BYTES = 8
"""leb128 has at most 8 bytes (AV1, 4.10.5)."""


class Obu(NamedTuple):
    kind: int
    start: int
    end: int


def obus(data: bytes) -> Iterator[Obu]:
    """The OBUs of a temporal unit; raises ValueError when the bytes are no whole OBUs."""
    at = 0
    while at < len(data):
        header, body = data[at], at + 1 + (data[at] >> 2 & 1)
        if header & 0x81:
            raise ValueError("no OBU header")
        end = len(data)
        if header & 2:
            size, body = _leb128(data, body)
            end = body + size
        if end > len(data) or body > end:
            raise ValueError("an OBU is cut off")
        if header >> 3 & 15 == TEMPORAL_DELIMITER and end > body:
            raise ValueError("a delimiter holds something")  # it would be taken away
        yield Obu(header >> 3 & 15, at, end)
        at = end


def sample(data: bytes) -> bytes:
    """What is stored of a temporal unit: everything but its temporal delimiters."""
    try:
        kept = [data[one.start : one.end] for one in obus(data) if one.kind != TEMPORAL_DELIMITER]
    except ValueError:
        return data
    return b"".join(kept)


def sequence_header(data: bytes) -> bytes:
    """The sequence header OBU of a temporal unit, as it stands there; empty when there is none."""
    try:
        return next((data[one.start : one.end] for one in obus(data) if one.kind == SEQUENCE_HEADER), b"")
    except ValueError:
        return b""


def shows_picture(data: bytes) -> bool:
    """Whether a temporal unit has a frame in it."""
    try:
        return any(one.kind in _PICTURE for one in obus(data))
    except ValueError:
        return False


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = 0
    for index in range(_SIZE_BYTES):
        if at + index >= len(data):
            break
        value |= (data[at + index] & 0x7F) << 7 * index
        if data[at + index] < 0x80:
            return value, at + index + 1
    raise ValueError("no size")
