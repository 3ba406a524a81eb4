"""What a session and the thread that reads all cameras hand each other.  No I/O.

Rules: a stream belongs to whoever holds the ride: the session's own thread, or agent/pump.py; never to both.  So does what is said
and heard beside the frames.
"""

from dataclasses import dataclass
from typing import Protocol

from ...native.stream import Stream
from ...native.unit import Unit


class Aside(Protocol):
    """What is said and heard without waiting: agent/rtsp/talk.py."""

    def deadline(self) -> float: ...

    def aside(self, messages: list[tuple[int, bytes]], now: float, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ride:
    """Read this camera, and let it say and hear what is regular, until something is unusual or no picture has come for too long since
    `pictured` (monotonic)."""

    stream: Stream
    talk: Aside
    pictured: float


@dataclass(frozen=True, slots=True)
class Left:
    """What was not usual, in order: nothing when the session alone wants its thread."""

    units: list[tuple[int, Unit]]
    messages: list[tuple[int, bytes]]
    pictured: float
