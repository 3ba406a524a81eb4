"""What a directory wants of one agent or archiver: answer to `GET /v1/site/agents/<id>/desired` and `GET /v1/site/archivers/<id>/desired`,
and what of it is told on MQTT.

Rules: as in messages.py: readers ignore fields that they do not know, and here they keep them: who is updated finds them in what it
was told last, which nobody tells it again.  So with words: one that a reader does not know counts as not said.  A document is whole: a
camera that is not in it is not this agent's any more.  No password is ever in it: a camera names its `credentials`, and the agent's own
file has them.  (term, index) is the directory's journal as far as it was folded in: a later document has a higher one, and nobody goes
back to an earlier one.
"""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints

from .ids import MAX_TERM
from .messages import Message

MAX_CAMERAS: Final = 10_000
"""As many as an agent of the site may be given; about 3 MB.  How many it can record is its profile's affair."""
MAX_ARCHIVERS: Final = 1000
MAX_RETENTIONS: Final = 50_000
"""As many as a site has entities; 4 MB of the longest ids.  None may be left out: its video would be kept for fewer days than wanted."""
MAX_ABSENCES: Final = 1000
"""Of windows past and to come; 80 kB.  Those that end last."""
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
Days = Annotated[float, Field(gt=0, le=36_500)]
Address = Annotated[str, StringConstraints(max_length=500, pattern=r"^[\x21-\x7e]+$")]

Failback = Literal["auto", "sticky"]
"""Whether a camera returns to who had it before and is back; sticky: it stays until the stand-in fails or an operator says so."""


Stream = Literal["main", "sub"]
Transport = Literal["tcp", "udp"]
Ingest = Literal["auto", "native", "pyav"]


class Kept(Message):
    """Fields of a newer version go along, from the answer to the cache."""

    model_config = ConfigDict(extra="allow")


class Document(Kept):
    """What every document says of itself."""

    site: Id
    term: Annotated[int, Field(ge=0)]
    index: Annotated[int, Field(ge=0)]


class DesiredCamera(Kept):
    """One camera to record: exactly one of url and host, as in agent.toml.  Where words are listed a newer version may say others."""

    id: Id
    url: Address | None = None
    host: Address | None = None
    channel: Annotated[int, Field(ge=1, le=999)] = 1
    stream: Stream | Id = "main"
    profile: Id = "generic"
    transport: Transport | Id | None = None
    ingest: Ingest | Id | None = None
    """None: the agent's default."""
    credentials: Id | None = None
    """Name of an entry in the agent's credentials.toml."""
    copies: Annotated[int, Field(ge=1, le=8)] = 1
    archivers: Annotated[tuple[Id, ...], Field(max_length=64)] | None = None
    """In order; None: all that are known, by id."""
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    failback: Failback | Id | None = None
    """Whether it returns to an archiver that was away; None: the agent's default."""
    term: Annotated[int, Field(ge=0, le=MAX_TERM)] = 0
    """Of the recorder: the high bits of the camera's epochs, so that whoever stands in sorts behind."""
    relieves: bool = False
    """Another agent may be recording it, and goes on until this one says that it does (begun.py)."""
    leaving: bool = False
    """This agent is the other one: it records as before, until the camera is in its document no more."""


class DesiredArchiver(Kept):
    id: Id
    url: Address


class DesiredAbsence(Kept):
    """An operator has planned that an archiver may be silent from then until then, in UTC: nobody takes over from it meanwhile."""

    archiver: Id
    start_s: float
    end_s: float


class AgentDesired(Document):
    agent: Id
    cameras: Annotated[tuple[DesiredCamera, ...], Field(max_length=MAX_CAMERAS)] = ()
    archivers: Annotated[tuple[DesiredArchiver, ...], Field(max_length=MAX_ARCHIVERS)] = ()
    """Those with an address; others are found by mDNS."""
    absences: Annotated[tuple[DesiredAbsence, ...], Field(max_length=MAX_ABSENCES)] = ()


class ArchiverDesired(Document):
    archiver: Id
    retention_days: Days | None = None
    """None: the site does not say, and the archiver's own configuration counts."""
    retention: Annotated[dict[Id, Days], Field(default_factory=dict, max_length=MAX_RETENTIONS)]
    """Days of single cameras; the others have retention_days."""
    peers: Annotated[tuple[DesiredArchiver, ...], Field(max_length=MAX_ARCHIVERS)] = ()
    """The site's other archivers with an address; others are found by mDNS."""


class PlannedCamera(Message):
    """One camera that an agent is to record; where it is and by which login says only its document over HTTP."""

    id: str
    term: int = 0
    """Of its epochs with this recorder."""
    copies: int = 1
    archivers: list[str] | None = None
    """In order; None: all that are known, by id."""
    priority: int = 5
    relieves: bool = False
    leaving: bool = False
    """As in a DesiredCamera."""


class AgentPlan(Message):
    """`agent/<id>/desired`, retained: what the directory wants of an agent."""

    agent: str
    site: str
    server: str
    at_s: float
    term: int
    index: int
    digest: str
    cameras: int = 0
    plan: tuple[PlannedCamera, ...] = ()
    """The most important cameras, as many as fit."""


class ArchiverPlan(Message):
    """`archiver/<id>/desired`, retained: what the directory wants of an archiver."""

    archiver: str
    site: str
    server: str
    at_s: float
    term: int
    index: int
    digest: str
    retention_days: float | None = None
    """None: the archiver's own configuration counts."""
    own_days: int = 0
    """Cameras that have days of their own."""
    retention: dict[str, float] = Field(default_factory=dict)
    """Theirs, of the first ones by id."""
    peers: tuple[str, ...] = ()
    """Those that it is to compare itself with, by id, as many as fit."""
