"""Time, as the store is given it.

Rules: nothing of the store reads a clock but through this, so that a test can step one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Wall clock in UTC ns, for retention and events; monotonic seconds, for everything that waits."""

    wall_ns: Callable[[], int] = time.time_ns
    monotonic: Callable[[], float] = time.monotonic
