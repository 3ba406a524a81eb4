"""What directory servers tell each other, and which of two journals is the better one.  No I/O.

    Status    one server at one moment: its role, the end of its journal, and the newest leader that it knows of
    Lead      that leader, with a `beat` that only the leader raises: as long as the beat rises somewhere, the leader lives

Rules: the better journal is the one with the greater (term, index), then that of the lower rank: one order for everybody, so
that servers which see each other agree.  Fields that are not known are ignored, so that mixed versions understand each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ..entities import MAX_SERVERS, Id
from ..entry import FIRST_HASH
from ..site import Site


class Role(StrEnum):
    """What a server is doing (cluster.py draws how it gets from one to the other)."""

    LOOKING = "looking"
    CLAIMING = "claiming"
    LEADING = "leading"
    FOLLOWING = "following"


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Lead(_Said):
    """A leader as others pass it on; term 0 is none."""

    term: int = Field(default=0, ge=0)
    server: str = ""
    beat: int = Field(default=0, ge=0)


class Status(_Said):
    """What one server says of itself."""

    server: Id
    boot: str = Field(max_length=64)
    rank: int = Field(ge=0, lt=MAX_SERVERS)
    recovery: bool = False
    able: bool = True
    """Whether it may lead: it is a server of the site, and its database takes entries."""
    rests: bool = False
    """It has handed the lead over just now and leaves it to others."""
    role: Role = Role.LOOKING
    term: int = Field(default=0, ge=0)
    index: int = Field(default=0, ge=0)
    hash: str = Field(default=FIRST_HASH, max_length=64)
    lead: Lead = Lead()
    named: int = Field(default=0, ge=0)
    """The latest term that agents have taken up, as far as this server has heard and believes it (witness.py)."""
    url: str = Field(default="", max_length=500)
    version: str = Field(default="", max_length=40)

    @property
    def position(self) -> tuple[int, int]:
        return self.term, self.index

    @property
    def merit(self) -> tuple[int, int, int]:
        """The greatest one leads."""
        return self.term, self.index, -self.rank

    @property
    def leads(self) -> bool:
        return self.role is Role.LEADING


class Member(NamedTuple):
    """A directory server as the configuration, or the site, describes it."""

    id: str
    url: str
    rank: int
    recovery: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """What a server begins with.  aside: hash to kind of what is set aside in its database; members: those of the configuration."""

    me: Member
    members: tuple[Member, ...]
    site: Site
    aside: Mapping[str, str]
    boot: str
    version: str
    spare: bool = False
    """Whether there are backups to ask before it leads."""
