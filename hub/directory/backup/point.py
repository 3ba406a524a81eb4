"""Where a restore is to end, as an operator writes it, and what it says it has lost.  No I/O, no clock.

Rules: a time without a zone is refused, because an hour's error is the wrong state; what is below a thousand million is an entry's number,
since Unix seconds have been above that since 2001.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from ....wire.errors import UsageError
from .chains import Schedule
from .restore import Restored

FIRST_SECONDS: Final = 1_000_000_000
EXAMPLE: Final = "write an entry's number, 2026-11-26T12:00:00+01:00, or Unix seconds"


@dataclass(frozen=True, slots=True)
class Point:
    """An entry, a moment, or neither: as far as the backups go."""

    index: int | None = None
    at_s: float | None = None


def parse_point(text: str | None) -> Point:
    """Raises UsageError."""
    if text is None:
        return Point()
    if text.isascii() and text.isdigit():
        number = int(text)
        if number == 0:
            raise UsageError("entry 0 is nothing", remedy=EXAMPLE)
        return Point(index=number) if number < FIRST_SECONDS else Point(at_s=float(number))
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text[:60]!r} is neither an entry nor a time", remedy=EXAMPLE) from error
    if at.tzinfo is None:
        raise UsageError(f"{text[:60]!r} has no time zone", remedy=EXAMPLE)
    return Point(at_s=at.timestamp())


def shown(at_s: float) -> str:
    """A moment for an operator, in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lost(found: Restored, point: Point, schedule: Schedule | None, zone: tzinfo) -> list[str]:
    """What the restored journal does not have, and who may have it: lines for the operator."""
    if point.index is not None or (point.at_s is not None and found.last < found.newest.last):
        return [f"left out on purpose: everything after entry {found.last}",
                "another directory server that still has it would bring it back: before this one is started, stop the others and move "
                "their databases (directory.sqlite*) away"]  # fmt: skip
    made = datetime.fromtimestamp(found.newest.made_s, zone)
    due = schedule.next("incremental", made) if schedule else None
    bound = "" if due is None else (f", by the schedule those of one incremental period at most, until {shown(due.timestamp())}; more, if "
                                    "backups had failed before the loss")  # fmt: skip
    return [f"lost: edits made after {shown(found.newest.made_s)}, when the newest backup was made{bound}",
            "another directory server that still has them brings them back by itself when it is started"]  # fmt: skip
