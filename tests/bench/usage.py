"""What a process costs, read from /proc: CPU seconds, memory, threads, descriptors, wake-ups.

Rules: reads only; a process that is gone raises FileNotFoundError, because a figure with a dead process is no figure.
"""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading; cpu_s is user and system time of all threads since the process began."""

    cpu_s: float
    rss_mb: float
    pss_mb: float
    threads: int
    descriptors: int
    wakeups: int


def read(pid: int) -> Usage:
    """The usage of a process now."""
    proc = Path("/proc") / str(pid)
    fields = (proc / "stat").read_text().rsplit(")", 1)[1].split()
    status = _pairs(proc / "status")
    wakeups = sum(_pairs(task / "status")["voluntary_ctxt_switches"] for task in (proc / "task").iterdir())
    return Usage(cpu_s=(int(fields[11]) + int(fields[12])) / TICKS, rss_mb=status["VmRSS"] / 1024,
                 pss_mb=_pairs(proc / "smaps_rollup")["Pss"] / 1024, threads=status["Threads"],
                 descriptors=len(list((proc / "fd").iterdir())), wakeups=wakeups)  # fmt: skip


def _pairs(file: Path) -> dict[str, int]:
    """`Name: number ...` lines of a /proc file."""
    found: dict[str, int] = {}
    for line in file.read_text().splitlines():
        name, _, rest = line.partition(":")
        first = rest.split()[:1]
        if first and first[0].isdigit():
            found[name] = int(first[0])
    return found
