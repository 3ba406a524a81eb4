"""Range, If-Range and If-None-Match of one GET (RFC 9110, 13 and 14).  No I/O.

Rules: one range per answer; a header that this file does not understand, or several ranges, is ignored, as the RFC
allows, and the whole file is sent.  Ranges that start past the end are refused.
"""

import re
from dataclasses import dataclass

from ...wire import http
from .errors import ApiError

_ONE_RANGE = re.compile(r"bytes=\s*(?P<first>\d{0,18})-(?P<last>\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Slice:
    """Which bytes of a file of `size` bytes to send; `partial` answers 206."""

    offset: int
    length: int
    size: int
    partial: bool

    @property
    def status(self) -> int:
        return 206 if self.partial else 200

    def headers(self, etag: str) -> dict[str, str]:
        found = {"Accept-Ranges": "bytes", "Content-Length": str(self.length), "ETag": etag}
        if self.partial:
            found["Content-Range"] = f"bytes {self.offset}-{self.offset + self.length - 1}/{self.size}"
        return found


def choose(size: int, etag: str, *, wanted: str | None, if_range: str | None) -> Slice:
    """The bytes that a request wants; raises ApiError(range) when its range lies past the end."""
    whole = Slice(0, size, size, partial=False)
    match = _ONE_RANGE.fullmatch(wanted or "")
    if match is None or (if_range is not None and if_range.strip() != etag):
        return whole
    first, last = match["first"], match["last"]
    if not first and not last:
        return whole
    if not first:
        start, end = max(size - int(last), 0), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return whole
    if start >= size or end < start:
        raise ApiError(http.RANGE, f"bytes {wanted!r} lie past the end of {size} bytes", remedy="ask for bytes that exist",
                       headers={"Content-Range": f"bytes */{size}"})  # fmt: skip
    return Slice(start, end - start + 1, size, partial=True)


def unchanged(etag: str, if_none_match: str | None) -> bool:
    """Whether the client's copy is the present one: answer 304."""
    if if_none_match is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in known or etag in known
