"""A wall clock of its own for a process: libfaketime, told by a file how far it is off.

Rules: the monotonic clock, waits and file times stay the machine's; the file is replaced whole, because it is read at every call.
"""

from datetime import UTC, datetime
from pathlib import Path

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
"""Debian's package libfaketime, which `./run test` installs."""


class FakeClock:
    """`command` before a command gives it this clock; `ahead_s` and `at` move it while the process runs."""

    def __init__(self, file: Path, *, zone: str = "UTC") -> None:
        assert LIBRARY is not None, "apt-get install libfaketime"
        self._file = file
        self.command = ["env", f"TZ={zone}", f"LD_PRELOAD={LIBRARY}", f"FAKETIME_TIMESTAMP_FILE={file}", "FAKETIME_NO_CACHE=1",
                        "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"]  # fmt: skip
        self.ahead_s(0)

    def ahead_s(self, seconds: float) -> None:
        """The clock is this far ahead of the machine's from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+.0f}\n")
        fresh.rename(self._file)

    def at(self, moment: datetime) -> None:
        """The clock says this now, and goes on from there."""
        self.ahead_s((moment - datetime.now(UTC)).total_seconds())
