"""Ids and epochs.

Rules: an id is `[a-z0-9-]{1,63}`, so it is safe in a path, a topic, a URL and a DNS label.  An epoch is
a 52-bit number, so it survives JSON readers that keep numbers in doubles:

    bit 51        36 35                                0
    ┌───────────────┬──────────────────────────────────┐
    │ term (16 bit) │ seconds, or the last one plus 1  │
    └───────────────┴──────────────────────────────────┘

The low part is a hybrid logical clock (Kulkarni et al. 2014): never below the last one used, and near UTC
seconds or above, so a box that lost its disk still sorts after its old video, and a clock that steps cannot
make epochs go back (invariant 10; agent/epochs.py has the rest of it).  36 bits of seconds last until the year 4147.
"""

import re
from typing import NewType

from .errors import IdError

CameraId = NewType("CameraId", str)
ArchiverId = NewType("ArchiverId", str)

_ID = re.compile(r"[a-z0-9-]{1,63}")
MAX_ID_BYTES = 63
TERM_SHIFT = 36
MAX_TERM = (1 << 16) - 1
MAX_EPOCH = (1 << 52) - 1
MAX_SEQ = (1 << 48) - 1


def check_id(kind: str, value: str) -> str:
    """Return value when it is a valid id; raise IdError naming the kind otherwise."""
    if not _ID.fullmatch(value):
        raise IdError(f"{kind} id {value[:80]!r} is not valid", remedy="use 1 to 63 of a-z, 0-9 and -")
    return value


def epoch_term(epoch: int) -> int:
    """The directory's term in an epoch's high bits."""
    return epoch >> TERM_SHIFT


def next_epoch(term: int, last: int, utc_s: int) -> int:
    """The epoch that follows `last` under the directory's `term`, at `utc_s` seconds UTC.

    Strictly above `last` as long as `term` is not below the last one's; raises IdError otherwise.
    """
    if not 0 <= term <= MAX_TERM or term < epoch_term(last):
        raise IdError(f"epoch term {term} is below the last one used ({epoch_term(last)})", remedy="ask the directory for a new lease")
    low_mask = (1 << TERM_SHIFT) - 1
    floor = (last & low_mask) + 1 if epoch_term(last) == term else 1
    low = max(floor, min(max(utc_s, 0), low_mask))
    if low > low_mask:
        raise IdError("no epoch is left in this term", remedy="raise the directory's term")
    return (term << TERM_SHIFT) | low
