"""How a site is, as the server that watches over it tells: the answers of /v1/site/health and availability, and what
servers copy from each other of what they have seen.  No I/O.

Rules: as all messages: fields may be added, readers ignore what they do not know.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ....wire.messages import Message


class Level(StrEnum):
    """How it goes with a camera's video (watch.py has the table)."""

    PROTECTED = "protected"
    DEGRADED = "degraded"
    UNPROTECTED = "unprotected"
    PLANNED = "planned"
    UNSEEN = "unseen"


class Standing(StrEnum):
    """Whether an agent, archiver, server or role is there (standing.py has the table)."""

    UP = "up"
    DOWN = "down"
    PLANNED = "planned"
    UNKNOWN = "unknown"


class CameraHealth(Message):
    state: Level
    since_s: float
    why: str = ""
    copies: int = 0
    """Archivers that have a durable chunk of it younger than the limit."""
    wanted: int = 0
    age_s: float | None = None
    """Of the newest durable chunk on any archiver; None: none became durable since the archivers started."""


class MemberHealth(Message):
    state: Standing
    since_s: float
    why: str = ""


class SiteHealth(Message):
    """Answer to `GET /v1/site/health`."""

    server: str
    """Who watches."""
    since_s: float
    """Since when this server does."""
    limit_s: float
    """Older than this the newest durable chunk of a camera may not become."""
    blind: str = ""
    """Why nothing can be said of any camera; empty when something can."""
    cameras: dict[str, CameraHealth] = Field(default_factory=dict)
    agents: dict[str, MemberHealth] = Field(default_factory=dict)
    archivers: dict[str, MemberHealth] = Field(default_factory=dict)
    servers: dict[str, MemberHealth] = Field(default_factory=dict)
    roles: dict[str, MemberHealth] = Field(default_factory=dict)

    @property
    def alarms(self) -> list[str]:
        """Cameras without durable video."""
        return [name for name, one in self.cameras.items() if one.state is Level.UNPROTECTED]


class ThingAvailability(Message):
    """Seconds of a period; those of up, down, planned and unknown add up to it."""

    kind: str
    """camera, agent, archiver, server or role."""
    id: str
    share: float | None
    """up / (up + down); None when neither is known."""
    up_s: float
    down_s: float
    planned_s: float
    unknown_s: float
    outages: int
    longest_s: float


class SiteAvailability(Message):
    """Answer to `GET /v1/site/availability`."""

    from_s: float
    to_s: float
    things: list[ThingAvailability]


class LogText(Message):
    """One log (record.py) as it goes to another server: what follows what that has, or with its base when that is not known there."""

    base_s: float
    base_number: int
    base: dict[str, Standing] | None = None
    lines: list[tuple[int, float, Annotated[str, Field(max_length=80)], Standing]]
    until_s: float


class RecordsQuestion(Message):
    """Body of `POST /v1/directory/records`: by log, the last line that the asker has."""

    have: dict[str, int] = Field(max_length=64)


class Records(Message):
    """Answer to it."""

    logs: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}\.[0-9a-f]{8}$")], LogText] = Field(max_length=64)
