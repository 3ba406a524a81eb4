"""What this archiver knows of its wall clock, in `clock.json` of its data_dir: for the next run (retention.py).

Rules: a file that is missing or cannot be read says that nothing is known, which deletes nothing for a day; it is replaced whole.
"""

import logging
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from ...wire.messages import Message
from ...wire.shell.files import publish
from .retention import DISTRUST_S, UNKNOWN, Past

log = logging.getLogger(__name__)

CLOCK_FILE: Final = "clock.json"
MAX_FILE_BYTES: Final = 4096


class _File(Message):
    version: Literal[1] = 1
    wall_ns: int
    left_s: float


class ClockBook:
    """Read once, then written by one thread."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / CLOCK_FILE

    def read(self) -> Past:
        try:
            with self._path.open("rb") as stream:
                found = _File.model_validate_json(stream.read(MAX_FILE_BYTES))
        except (OSError, ValidationError) as error:
            log.info("nothing is known of the clock before this start, so nothing is deleted for its age for a day: %s", error)
            return UNKNOWN
        return Past(found.wall_ns, min(max(found.left_s, 0.0), DISTRUST_S))

    def write(self, past: Past) -> None:
        """Raises OSError."""
        assert past.wall_ns is not None, "of a look"
        publish(self._path, _File(wall_ns=past.wall_ns, left_s=round(past.left_s, 3)).model_dump_json().encode())
