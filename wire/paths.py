"""Names of archive files, as pure functions both ways.

    <volume>/watchkeep-volume.json                                          identity, checked before every open
    <volume>/watchkeep-losses.jsonl                                         declared losses, a line each
    <volume>/watchkeep-locks.jsonl                                          a copy of the evidence locks, one line
    <volume>/<camera>/<YYYY-MM-DD>/<HH>/<MM-SS.mmm>Z.<epoch>.<seq>.mp4      one segment, UTC of its first chunk

Rules: relative, built only from checked ids and numbers, so no name can leave its volume.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from .errors import FormatError
from .ids import check_id

IDENTITY_FILE = "watchkeep-volume.json"
LOSSES_FILE = "watchkeep-losses.jsonl"
LOCKS_COPY = "watchkeep-locks.jsonl"
SEGMENT_SUFFIX = ".mp4"
_NAME = re.compile(
    r"(?P<camera>[a-z0-9-]{1,63})/(?P<day>\d{4}-\d\d-\d\d)/(?P<hour>\d\d)/(?P<rest>\d\d-\d\d\.\d{3})Z\.(?P<epoch>\d{1,16})\.(?P<seq>\d{1,15})\.mp4",
    re.ASCII,
)
_MIN_NS, _MAX_NS = 0, 253_402_300_799_000_000_000
"""1970 to 9999: what strftime can write; stamps outside are clamped, because names do not decide order, epoch and seq do."""


@dataclass(frozen=True, slots=True)
class SegmentName:
    """What a segment file's relative path says: camera, start in UTC ns (to the millisecond), epoch, first seq."""

    camera: str
    start_ns: int
    epoch: int
    seq: int

    def path(self) -> str:
        """The path relative to the volume.  Text, because pathlib interns every part, and the table of those grows with each new name."""
        stamp_ms = min(max(self.start_ns, _MIN_NS), _MAX_NS) // 1_000_000
        at = datetime.fromtimestamp(stamp_ms // 1000, UTC)
        name = f"{at:%M-%S}.{stamp_ms % 1000:03d}Z.{self.epoch}.{self.seq}{SEGMENT_SUFFIX}"
        return f"{check_id('camera', self.camera)}/{at:%Y-%m-%d}/{at:%H}/{name}"


def parse_segment_path(relative: str) -> SegmentName:
    """The inverse of SegmentName.path; raises FormatError for any other name, also for a second spelling of one."""
    match = _NAME.fullmatch(relative)
    if match is None:
        raise FormatError(f"{relative[:200]!r} is not a segment's name", remedy="move the file out of the volume")
    try:
        at = datetime.strptime(f"{match['day']} {match['hour']}-{match['rest']}000Z", "%Y-%m-%d %H-%M-%S.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise FormatError(f"{relative[:200]!r} holds no valid time", remedy="move the file out of the volume") from error
    start_ns = (int(at.timestamp()) * 1000 + at.microsecond // 1000) * 1_000_000
    found = SegmentName(match["camera"], start_ns, int(match["epoch"]), int(match["seq"]))
    if found.path() != relative:
        raise FormatError(f"{relative[:200]!r} is not how this segment's name is written", remedy="move the file out of the volume")
    return found
