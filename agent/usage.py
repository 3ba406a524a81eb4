"""What this process costs: CPU, wake-ups, memory.

Rules: reads only, one system call and one small file a reading; figures are those between two readings at least PERIOD_S apart.
"""

import os
import resource
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

PERIOD_S: Final = 1.0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_percent: float = 0.0
    """Of one core, all threads together."""
    wakeups_s: float = 0.0
    """How often a thread slept and was woken, a second."""
    rss_mb: float = 0.0


class UsageMeter:
    """`read` may be called by any thread, as often as one likes; two at the same moment cost a reading."""

    def __init__(self) -> None:
        self._seen = (time.monotonic(), time.process_time(), _switches())
        self._usage, self._rss_mb = Usage(), 0.0

    def read(self) -> Usage:
        began, cpu, switches = self._seen
        now = time.monotonic()
        if now - began >= PERIOD_S:
            self._seen = (now, time.process_time(), _switches())
            _, cpu_now, switches_now = self._seen
            self._usage = Usage(round(100 * (cpu_now - cpu) / (now - began), 2), round((switches_now - switches) / (now - began), 1))
        with suppress(OSError):  # no descriptor is left: the last figure is shown, and everything else beside it
            self._rss_mb = round(_resident() / 1e6, 1)
        return replace(self._usage, rss_mb=self._rss_mb)


def _switches() -> int:
    """Voluntary ones, of all threads that there are or were."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
