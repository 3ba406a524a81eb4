"""Does a disk still answer?  How long the call that its writer makes has been under way.  No I/O, no threads.

    under way for     the volume is
    < LATE_S          in time
    LATE_S            late: no append waits for it, chunks go to a volume that is in time, if there is one
    STALL_S           hung: out of use until the call returns (writer.py), what it had not made durable is missing again

Rules: one thread makes the calls, one at a time; any thread may ask, and never waits.
"""

from collections.abc import Callable
from typing import Final

LATE_S: Final = 1.5
"""As long as an append waits at most, below the agents' ack_timeout_ms (2000): so a hang costs the others one such wait, not one each."""
STALL_S: Final = 5.0
"""Longer than any single call of a disk that works: a busy hard disk syncs a file within a second, and the largest append (64 MiB) is
written at 13 MB/s.  Longer than ack_timeout_ms, so that agents with a stand-in use it first; shorter than the 20 s for which peers
report disks to stall, because until then what is queued here, at most MAX_QUEUE_BYTES, has no copy."""


class Pulse:
    """`with pulse:` around each call; `since` is when the one under way began, None without one."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.since: float | None = None

    def __enter__(self) -> None:
        self.since = self._monotonic()

    def __exit__(self, *_: object) -> None:
        self.since = None

    @property
    def age(self) -> float:
        """Seconds for which the present call has been under way."""
        since = self.since
        return 0.0 if since is None else self._monotonic() - since

    @property
    def patience(self) -> float:
        """Seconds until the volume is late, if the present call takes that long."""
        return LATE_S - self.age

    @property
    def late(self) -> bool:
        return self.age >= LATE_S

    @property
    def hung(self) -> bool:
        return self.age >= STALL_S
