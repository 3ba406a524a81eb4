"""What a process costs, read from /proc: CPU seconds, memory, threads, descriptors, wake-ups.

Rules: reads only; a process that is gone, a zombie among them, raises ProcessLookupError or FileNotFoundError, because a figure with a dead
process is no figure.  A thread that ends while it is read is left out.
"""

import os
from contextlib import suppress
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
    if "VmRSS" not in status:
        raise ProcessLookupError(f"process {pid} has ended")
    wakeups = sum(wakeups_by_thread(pid).values())
    return Usage(cpu_s=(int(fields[11]) + int(fields[12])) / TICKS, rss_mb=status["VmRSS"] / 1024,
                 pss_mb=_pairs(proc / "smaps_rollup")["Pss"] / 1024, threads=status["Threads"],
                 descriptors=len(list((proc / "fd").iterdir())), wakeups=wakeups)  # fmt: skip


def wakeups_by_thread(pid: int) -> dict[tuple[int, str], int]:
    """How often each thread, by its id and name, has slept and was woken since it began."""
    found: dict[tuple[int, str], int] = {}
    for task in (Path("/proc") / str(pid) / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            name = (task / "comm").read_text().strip()
            found[int(task.name), name] = _pairs(task / "status")["voluntary_ctxt_switches"]
    return found


def _pairs(file: Path) -> dict[str, int]:
    """`Name: number ...` lines of a /proc file."""
    found: dict[str, int] = {}
    for line in file.read_text().splitlines():
        name, _, rest = line.partition(":")
        first = rest.split()[:1]
        if first and first[0].isdigit():
            found[name] = int(first[0])
    return found
