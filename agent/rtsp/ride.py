"""What a session and the thread that reads all cameras hand each other.  No I/O.

Rules: a stream belongs to whoever holds the ride: the session's own thread, or agent/pump.py; never to both.
"""

from dataclasses import dataclass

from ...native.stream import Stream
from ...native.unit import Unit


@dataclass(frozen=True, slots=True)
class Ride:
    """Read this camera until `deadline`, or until no picture has come for too long; times are monotonic."""

    stream: Stream
    deadline: float
    pictured: float


@dataclass(frozen=True, slots=True)
class Left:
    """What was not usual, in order: nothing when only the time is over."""

    units: list[tuple[int, Unit]]
    messages: list[tuple[int, bytes]]
    pictured: float
    reports: tuple[tuple[int, bytes, float], ...] = ()
    """RTCP that came before all that, and when: it ends no ride."""
