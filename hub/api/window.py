"""Which time a query means: ISO 8601 with a zone, or Unix seconds; nanoseconds UTC inside.  No I/O, no clock.

Rules: a time without a zone is refused, because an hour's error is the wrong evidence; a window is half open,
[start, end), and bounded where its answer grows with it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from ...wire import http
from .errors import ApiError

NS: Final = 1_000_000_000
MAX_PLAY_NS: Final = 24 * 3600 * NS
"""A day of 4 s entries is a playlist of 21 600 entries, about 3 MB."""
_MAX_S: Final = 253_402_300_799
"""The end of year 9999."""
_SPACE_FOR_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")


@dataclass(frozen=True, slots=True)
class Window:
    """From start_ns up to, not including, end_ns; UTC."""

    start_ns: int
    end_ns: int


def parse_time(name: str, text: str) -> int:
    """UTC ns of a query value; raises ApiError(bad-request) naming the parameter."""
    seconds = _unix(text)
    if seconds is not None:
        if not 0 <= seconds <= _MAX_S:
            raise _bad(name, text, "lies outside 1970 to 9999")
        return int(seconds * NS)
    # A + that was not percent-encoded arrives as a space: only a zone's sign can stand there.
    try:
        at = datetime.fromisoformat(_SPACE_FOR_PLUS.sub("+", text))
    except ValueError as error:
        raise _bad(name, text, "is no time") from error
    if at.tzinfo is None:
        raise _bad(name, text, "has no time zone")
    try:
        at = at.astimezone(UTC)
    except OverflowError as error:
        raise _bad(name, text, "lies outside 1970 to 9999") from error
    if at.year < 1970:
        raise _bad(name, text, "lies outside 1970 to 9999")
    return int(at.replace(microsecond=0).timestamp()) * NS + at.microsecond * 1000


def opened(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """(start_ns, end_ns) of a query, None for an end that was not given: all there is in that direction."""
    start_ns = None if start is None else parse_time("start", start)
    end_ns = None if end is None else parse_time("end", end)
    if start_ns is not None and end_ns is not None:
        _check_order(start_ns, end_ns)
    return start_ns, end_ns


def closed(start: str | None, end: str | None, *, now_ns: int, max_ns: int | None = None) -> Window:
    """The window of a query; without start from 1970, without end up to now_ns."""
    window = Window(0 if start is None else parse_time("start", start), now_ns if end is None else parse_time("end", end))
    _check_order(window.start_ns, window.end_ns)
    if max_ns is not None and window.end_ns - window.start_ns > max_ns:
        raise ApiError(http.BAD_REQUEST, f"the window is longer than {max_ns // (3600 * NS)} h", remedy="ask for less at a time")
    return window


def _check_order(start_ns: int, end_ns: int) -> None:
    if end_ns <= start_ns:
        raise ApiError(http.BAD_REQUEST, "end is not after start", remedy="exchange or correct them")


def growing(start: str | None) -> Window:
    """The window of a view that goes on: MAX_PLAY_NS from start, also where the hub's clock is not there yet."""
    start_ns = 0 if start is None else parse_time("start", start)
    return Window(start_ns, start_ns + MAX_PLAY_NS)


def iso(at_ns: int) -> str:
    """`2026-01-02T03:04:05.678Z`, to the millisecond."""
    ms = min(max(at_ns, 0), _MAX_S * NS) // 1_000_000
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def _unix(text: str) -> Decimal | None:
    try:
        value = Decimal(text) if len(text) <= 32 else None
    except InvalidOperation:
        return None
    return value if value is not None and value.is_finite() else None


def _bad(name: str, text: str, why: str) -> ApiError:
    return ApiError(http.BAD_REQUEST, f"{name}={text[:40]!r} {why}", remedy="write it as 2026-01-02T03:04:05Z or as Unix seconds")
