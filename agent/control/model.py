"""What is asked and answered at the control socket: one line of JSON each.

Rules: a request is bounded by MAX_REQUEST_BYTES, an answer by what an agent can know; an unknown field is ignored.
"""

from typing import Final, Literal

from pydantic import Field

from ...wire.messages import AgentBeacon, CameraState, Message
from ..replicate.overview import Overview

SOCKET_NAME: Final = "control.sock"
MAX_REQUEST_BYTES: Final = 128 << 10
"""A thousand cameras' ids."""
MAX_ANSWER_BYTES: Final = 16 << 20
"""A thousand cameras of 2 kB each, eight times."""
Id = str


class Request(Message):
    command: Literal["status", "move", "reload"]
    cameras: tuple[Id, ...] = Field(default=(), max_length=1024)
    """Of move; empty means all."""
    to: Id = ""
    """Of move: the archiver to put first; empty gives the cameras back to their lists."""


class Status(Message):
    """How an agent is: what its beacons say, and more of its copies."""

    beacon: AgentBeacon
    cameras: list[CameraState]
    replication: Overview


class Moved(Message):
    camera: str
    targets: tuple[str, ...]
    next: tuple[str, ...] = ()
    """What holds from the next segment cut on; empty when nothing changes then."""


class Reloaded(Message):
    """What a changed agent.toml has changed."""

    changes: str
    """For people; empty when nothing was changed."""
    kept: tuple[str, ...] = ()
    """Keys that are other ones in the file and stay as they were until the agent is started again."""


class Answer(Message):
    """Exactly one of status, moved, reloaded and error says something."""

    status: Status | None = None
    moved: tuple[Moved, ...] = ()
    reloaded: Reloaded | None = None
    error: str = ""
    remedy: str = ""
    also: tuple[str, ...] = ()
    """What else is wrong, a line each: a file's other mistakes."""
