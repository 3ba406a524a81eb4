"""How a site is, as the server that watches over it tells: the answer of /v1/site/health.  No I/O.

Rules: as all messages: fields may be added, readers ignore what they do not know.
"""

from enum import StrEnum

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
