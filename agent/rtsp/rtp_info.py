"""The RTP-Info header of an answer to PLAY (RFC 2326, 12.33): where each track's numbers begin.  No I/O.

    url=rtsp://h/a/trackID=0;seq=4711;rtptime=99,url=rtsp://h/a/trackID=1;seq=1;rtptime=7

Rules: a help and not a need, so that what cannot be read is left out.  Cameras shorten the urls, or leave them out altogether:
then entries go by the ends of the urls, and by their order when no end fits.
"""

import re
from collections.abc import Sequence
from typing import Final

_ENTRY = re.compile(r"(?:^|,)\s*(?=url\s*=|seq\s*=|rtptime\s*=)", re.IGNORECASE)
_FIELD = re.compile(r"(url|seq|rtptime)\s*=\s*([^;]{1,4096})", re.IGNORECASE)
MAX_ENTRIES: Final = 16

Start = tuple[int | None, int | None]
"""Sequence number and RTP time of the first packet."""


def starts(header: str, urls: Sequence[str]) -> list[Start]:
    """For each url of the tracks, in their order."""
    entries = [_fields(text) for text in _ENTRY.split(header, MAX_ENTRIES) if text.strip()][:MAX_ENTRIES]
    found: list[Start] = []
    for number, url in enumerate(urls):
        named = [entry for entry in entries if entry.get("url") and url.endswith(entry["url"].rpartition("/")[2])]
        entry = named[0] if len(named) == 1 else entries[number] if number < len(entries) == len(urls) else {}
        found.append((_number(entry.get("seq", ""), 1 << 16), _number(entry.get("rtptime", ""), 1 << 32)))
    return found


def _fields(text: str) -> dict[str, str]:
    return {name.lower(): value.strip().strip('",') for name, value in _FIELD.findall(text)}


def _number(text: str, limit: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < limit else None
