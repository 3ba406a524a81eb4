"""What a site consists of: one strict, frozen model for each kind of entity.  No I/O.

    kind       is                                               refers to
    location   a building, a floor, a network segment           its parent
    camera     one RTSP stream profile                          location, group, agents that may record it, archivers
    agent      a recorder                                       locations that it reaches, agents that stand by for it
    archiver   a server that stores chunks                      location
    group      list and copies that its cameras share           archivers
    server     a directory server, in the order of `rank`
    role       a duty of the hub that exactly one server has    servers that may hold it, in order
    window     planned absence of an agent, archiver or server  what it is about

Rules: a model says what one entity may be; whether entities fit together is rules.py.  No entity holds a password: a
camera names its credentials, and the recorder's own file has them, so neither journal nor backup nor topic ever does.
"""

from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from ...wire.config import ID_PATTERN, TEXT_PATTERN, WORD_PATTERN, Config
from ...wire.desired import Failback, Ingest, Stream, Transport
from .wording import described

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Text = Annotated[str, StringConstraints(max_length=200, pattern=TEXT_PATTERN)]
"""One printable line: it ends in tables and events."""
Url = Annotated[str, StringConstraints(max_length=500, pattern=WORD_PATTERN)]
Ids = Annotated[tuple[Id, ...], Field(max_length=64)]
Capacity = Annotated[float, Field(ge=0, le=1e9)]
Copies = Annotated[int, Field(ge=1, le=8)]
Priority = Annotated[int, Field(ge=0, le=9)]
Days = Annotated[float, Field(ge=1, le=36_500)]
"""Of a camera's video.  Less only an archiver's own file can say (hub/duty/directed.py)."""

MAX_ENTITIES: Final = 50_000
"""Of one site: 10 000 cameras with five times as many of everything else.  At 400 bytes each the state is 20 MB of JSON."""
MAX_SERVERS: Final = 7
MAX_WINDOW_S: Final = 366 * 86_400.0


class Entity(Config):
    """One thing of the site; its id is its key, not a field."""

    model_config = ConfigDict(json_schema_extra=described)

    name: Text = ""

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        """(kind, id) of everything that has to exist for this to make sense."""
        return ()


class Location(Entity):
    parent: Id | None = None

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        return _one("location", self.parent)


class Camera(Entity):
    url: Url | None = None
    host: Annotated[str, StringConstraints(max_length=255, pattern=WORD_PATTERN)] | None = None
    channel: Annotated[int, Field(ge=1, le=999)] = 1
    stream: Stream = "main"
    profile: Id = "generic"
    transport: Transport | None = None
    ingest: Ingest | None = None
    """What reads it; None: the agent's default."""
    credentials: Id | None = None
    """Name of an entry in the recorder's own credentials file."""
    location: Id | None = None
    group: Id | None = None
    copies: Copies | None = None
    archivers: Ids | None = None
    priority: Priority | None = None
    failback: Failback | None = None
    mbit_s: Annotated[float, Field(gt=0, le=1000)] = 4.0
    """What it is expected to send, for planning."""
    recorders: Ids | None = None
    """Agents that may record it, the preferred one first; None: every agent that reaches its location."""
    recorder_failback: Failback | None = None
    retention_days: Days | None = None
    """None: as its group says, else as each archiver keeps video."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.host is None):
            raise ValueError("exactly one of url and host is needed")
        if self.host is not None and "@" in self.host:
            raise ValueError("host holds credentials: name them in `credentials`, and put them into the recorder's own file")
        if self.url is not None:
            _check_url(self.url, ("rtsp",))
        return self

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        return (*_one("location", self.location), *_one("group", self.group),
                *_all("archiver", self.archivers), *_all("agent", self.recorders))  # fmt: skip


class Agent(Entity):
    location: Id | None = None
    reaches: Ids | None = None
    """Locations, with all that lies in them; None: every camera."""
    max_cameras: Annotated[int, Field(ge=0, le=10_000)] = 64
    max_mbit_s: Capacity = 400.0
    standby: bool = False
    """Is given cameras only when no other agent has room; keeps those that are sticky."""
    standbys: Ids = ()
    """Who takes its cameras when it is gone, in order, before anybody else."""

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        return (*_one("location", self.location), *_all("location", self.reaches), *_all("agent", self.standbys))


class Archiver(Entity):
    url: Url | None = None
    """None: as mDNS announces it."""
    location: Id | None = None
    max_cameras: Annotated[int, Field(ge=0, le=10_000)] = 1000
    max_mbit_s: Capacity = 4000.0
    disk_bytes: Annotated[int, Field(ge=0)] | None = None
    retention_days: Annotated[float, Field(gt=0, le=36_500)] = 30.0
    """With disk_bytes: how many Mbit/s fit for how long."""
    used_last: bool = False
    """Out of use until it is given back: behind all others of every list (uselast.py)."""

    @model_validator(mode="after")
    def _address(self) -> Self:
        if self.url is not None:
            _check_url(self.url, ("http", "https"))
        return self

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        return _one("location", self.location)


class Group(Entity):
    copies: Copies = 1
    archivers: Ids | None = None
    priority: Priority = 5
    failback: Failback | None = None
    """Whether its cameras return to an archiver that was away; None: as each agent's own configuration says."""
    recorder_failback: Failback = "sticky"
    """auto: its cameras return to a recorder that they prefer: an earlier one of their list, else any that does not stand by."""
    retention_days: Days | None = None
    """How long their video stays; None: as each archiver keeps video."""

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        return _all("archiver", self.archivers)


class Server(Entity):
    url: Url
    rank: Annotated[int, Field(ge=0, lt=MAX_SERVERS)]
    """Its own place in the order: the lowest that lives leads, among those that know the newest edits."""
    recovery: bool = False
    """Disaster recovery: serves no agent, and leads only when no other server lives."""

    @model_validator(mode="after")
    def _address(self) -> Self:
        _check_url(self.url, ("http", "https"))
        return self


class Role(Entity):
    """A duty of the hub; its id is the duty's name (roles.py)."""

    servers: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MAX_SERVERS)]
    holder: Literal["sticky", "highest"] = "sticky"
    """highest: goes back to the first server of the list as soon as it lives."""

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        return _all("server", self.servers)


class MaintenanceWindow(Entity):
    kind: Literal["agent", "archiver", "server"]
    target: Id
    start_s: Annotated[float, Field(ge=0, le=4e9)]
    end_s: Annotated[float, Field(ge=0, le=4e9)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 < self.end_s - self.start_s <= MAX_WINDOW_S:
            raise ValueError("end_s has to be behind start_s, by a year at most")
        return self

    def refers_to(self) -> tuple[tuple[str, str], ...]:
        return ((self.kind, self.target),)


KINDS: Final[dict[str, type[Entity]]] = {
    "location": Location, "camera": Camera, "agent": Agent, "archiver": Archiver, "group": Group,
    "server": Server, "role": Role, "window": MaintenanceWindow,
}  # fmt: skip


def _one(kind: str, name: str | None) -> tuple[tuple[str, str], ...]:
    return () if name is None else ((kind, name),)


def _all(kind: str, names: tuple[str, ...] | None) -> tuple[tuple[str, str], ...]:
    return tuple((kind, name) for name in names or ())


def _check_url(url: str, schemes: tuple[str, ...]) -> None:
    """Raises ValueError without the URL in it: it may hold what must not be shown."""
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"url is not one of {' or '.join(schemes)}://host")
    if "@" in parts.netloc:
        raise ValueError("url holds credentials: name them in `credentials`, and put them into the recorder's own file")
    parts.port  # noqa: B018 - raises ValueError when it is no number
