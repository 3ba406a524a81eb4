"""The time zone that schedules are read in: that of the machine.

Rules: TZ when it is set, else /etc/localtime, else UTC; a zone with its rules, so that cron knows of daylight saving.
"""

import os
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCALTIME: Final = Path("/etc/localtime")


def local_zone() -> ZoneInfo:
    """The machine's zone."""
    named = os.environ.get("TZ", "").removeprefix(":")
    try:
        if named:
            return ZoneInfo(named)
        with LOCALTIME.open("rb") as stream:
            return ZoneInfo.from_file(stream, "localtime")
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return ZoneInfo("UTC")
