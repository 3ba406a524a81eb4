"""hub.toml: typed, strict, frozen; what each key means to an operator is in docs/OPERATIONS.md.

Rules: `load_hub` either returns a configuration that makes sense as a whole or raises ConfigError naming file, dotted
key and remedy.  It looks at nothing but the file: sockets, directories and volumes are service.py's to try.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from ..wire.broker import parse_url
from ..wire.config import Config, interface_faults, load
from ..wire.errors import ConfigError, IdError, UsageError, redact_url, together
from ..wire.ids import check_id
from .directory.backup.chains import Schedule, check_cron
from .directory.entities import MAX_SERVERS, Server
from .directory.health.watch import DEFAULT_LIMIT_S

Role = Literal["archiver", "directory", "broker"]
File = Annotated[Path, Field(strict=False)]
"""A path written as a TOML string: strict models take no str for a Path otherwise."""

Days = Annotated[float, Field(gt=0, le=36_500)]
MAX_CAMERAS: Final = 10_000
"""As many as fit into a configuration file; each costs the keeper a look at the catalog in any case."""
MAX_VOLUMES: Final = 64
"""More disks than one server holds; bounds the threads and the open files of the store."""
MAX_PEERS: Final = 64
"""Archivers of one site that this one compares itself with (consolidate.schedule)."""
MAX_FOLDERS: Final = 8
"""Destinations of the directory's backups; each has a thread of its own."""


class HubSection(Config):
    id: str
    site: str
    roles: tuple[Role, ...] = Field(min_length=1, max_length=3)
    listen: str
    data_dir: File


class MqttSection(Config):
    url: str | None = None


class BrokerSection(Config):
    listen: str | None = None


class ArchiverSection(Config):
    volumes: tuple[File, ...] = Field(min_length=1, max_length=MAX_VOLUMES)
    retention_days: Days = 30
    min_free_bytes: int = Field(default=5_000_000_000, ge=0)
    sync_ms: int = Field(default=1000, ge=10, le=60_000)
    retention: dict[str, Days] = Field(default={}, max_length=MAX_CAMERAS)
    """Days of single cameras; the others have retention_days."""


class DiscoverySection(Config):
    mdns: bool = True
    interfaces: tuple[str, ...] = ()


class ConsolidationSection(Config):
    auto: bool = True
    cameras: Literal["held", "all"] = "held"
    max_mbit_s: float = Field(default=100, gt=0, le=100_000)
    every_s: float = Field(default=3600, ge=1, le=604_800)
    settle_s: float = Field(default=60, ge=0, le=86_400)


class PatrolSection(Config):
    every_days: float = Field(default=30, ge=0, le=3650)
    max_mbit_s: float = Field(default=200, gt=0, le=100_000)


class StandbySection(Config):
    sleep_command: tuple[str, ...] = Field(default=(), max_length=32)
    sleep_after_s: float = Field(default=600, ge=1, le=604_800)


class PeerSection(Config):
    id: str
    url: str


class DirectoryServerSection(Config):
    id: str
    url: str
    rank: int = Field(ge=0, lt=MAX_SERVERS)
    recovery: bool = False


class BackupSection(Config):
    folders: tuple[File, ...] = Field(min_length=1, max_length=MAX_FOLDERS)
    full: str = "0 3 * * *"
    incremental: str = "*/15 * * * *"
    keep_full: int = Field(default=7, ge=1, le=1000)

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.full or None, self.incremental or None)


class DirectorySection(Config):
    servers: tuple[DirectoryServerSection, ...] = Field(default=(), max_length=MAX_SERVERS)
    """All of them, the same on each; of an archiver without the role: those that it follows."""
    mdns: bool = False
    """Of an archiver without the role: follow the servers that mDNS shows."""
    database: str | None = None
    """None: a file in data_dir.  A path, or a PostgreSQL URL."""
    backup: BackupSection | None = None
    mqtt_commands: tuple[Literal["failover", "move", "maintenance"], ...] = ("failover", "move", "maintenance")
    """What may be ordered over MQTT: whoever may publish at the broker can."""
    durable_age_alarm_s: float = Field(default=DEFAULT_LIMIT_S, ge=5, le=3600)
    """How old the newest durable chunk of a camera may become.  Less than 5 s is less than two looks."""


class HubConfig(Config):
    hub: HubSection
    mqtt: MqttSection = MqttSection()
    broker: BrokerSection = BrokerSection()
    archiver: ArchiverSection | None = None
    directory: DirectorySection | None = None
    discovery: DiscoverySection = DiscoverySection()
    consolidation: ConsolidationSection = ConsolidationSection()
    patrol: PatrolSection = PatrolSection()
    standby: StandbySection = StandbySection()
    peer: tuple[PeerSection, ...] = Field(default=(), max_length=MAX_PEERS)

    def holds(self, role: Role) -> bool:
        return role in self.hub.roles

    def followed(self, own: str) -> tuple[str, ...]:
        """Addresses of the directory's servers that the archiver asks; `own` is this hub's.  None without a directory, or a list."""
        listed = tuple(one.url for one in self.directory.servers) if self.directory else ()
        return listed or ((own,) if self.holds("directory") else ())

    @property
    def finds(self) -> bool:
        """Whether the archiver asks the servers that mDNS shows."""
        return self.directory is not None and self.directory.mdns

    @property
    def says_days(self) -> bool:
        """Whether retention_days stands in the file: it wins over the directory's then."""
        return self.archiver is not None and "retention_days" in self.archiver.model_fields_set


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; host is a name or an address without brackets, port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the meaning of a configuration, at a dotted key."""

    key: str
    text: str
    remedy: str


def load_hub(path: Path) -> HubConfig:
    """Read hub.toml; raises ConfigError for what is wrong, several things together."""
    config = load(path, HubConfig)
    if found := [ConfigError(str(path), problem.key, problem.text, remedy=problem.remedy) for problem in problems(config)]:
        raise together(found)
    return config


def problems(config: HubConfig) -> Iterator[Problem]:
    """Everything that types alone do not catch, in the order of the file."""
    yield from check_ids(config)
    yield from check_roles(config)
    yield from check_addresses(config)
    yield from check_paths(config)
    yield from check_peers(config)
    yield from check_directory(config)
    yield from check_backup(config)


def check_ids(config: HubConfig) -> Iterator[Problem]:
    for key, kind, value in (("hub.id", "hub", config.hub.id), ("hub.site", "site", config.hub.site)):
        try:
            check_id(kind, value)
        except IdError as error:
            yield Problem(key, error.message, error.remedy)
    for camera in config.archiver.retention if config.archiver else ():
        try:
            check_id("camera", camera)
        except IdError as error:
            yield Problem("archiver.retention", error.message, error.remedy)


def check_roles(config: HubConfig) -> Iterator[Problem]:
    """Every role once, every role with what it needs."""
    if len(set(config.hub.roles)) != len(config.hub.roles):
        yield Problem("hub.roles", "names a role twice", "name each role once")
    if config.directory is not None and not config.holds("directory"):
        yield from _followed(config, config.directory)
    if config.holds("archiver") and config.archiver is None:
        yield Problem("archiver", "is missing, and hub.roles holds archiver", "add [archiver] with its volumes")
    if config.archiver is not None and not config.holds("archiver"):
        yield Problem("archiver", "is given, and hub.roles does not hold archiver", 'add "archiver" to hub.roles, or remove [archiver]')
    if config.standby.sleep_command and set(config.hub.roles) != {"archiver"}:
        yield Problem("standby.sleep_command", "is given, and this hub is more than an archiver",
                      "let other hubs hold the other roles: they would sleep as well")  # fmt: skip
    if config.standby.sleep_command and not config.standby.sleep_command[0]:
        yield Problem("standby.sleep_command", "names no program", 'write it as ["systemctl", "suspend"]')
    if config.holds("broker") and not (config.broker.listen or config.mqtt.url):
        yield Problem("broker.listen", "is missing, and hub.roles holds broker", "give broker.listen or mqtt.url")
    if config.broker.listen and not config.holds("broker"):
        yield Problem("broker.listen", "is given, and hub.roles does not hold broker", 'add "broker" to hub.roles, or remove it')


def _followed(config: HubConfig, wanted: DirectorySection) -> Iterator[Problem]:
    """Of a directory that others serve, an archiver wants to know where they are, and nothing else."""
    if not config.holds("archiver") or not (wanted.servers or wanted.mdns):
        yield Problem("directory", "is given, and hub.roles does not hold directory",
                      'add "directory" to hub.roles, or remove [directory]; an archiver that follows one gives servers only')  # fmt: skip
        return
    for key in sorted(wanted.model_fields_set - {"servers", "mdns"}):
        yield Problem(f"directory.{key}", "is given, and hub.roles does not hold directory", "remove it: it is for the servers themselves")


def check_addresses(config: HubConfig) -> Iterator[Problem]:
    for key, value in (("hub.listen", config.hub.listen), ("broker.listen", config.broker.listen)):
        if value is not None and parse_address(value) is None:
            yield Problem(key, f"{value!r} is not host:port", 'write it as "0.0.0.0:9701" or "[::]:9701"')
    if config.mqtt.url is not None:
        try:
            parse_url(config.mqtt.url)
        except UsageError as error:
            yield Problem("mqtt.url", error.message, error.remedy)
    for number, problem, remedy in interface_faults(config.discovery.interfaces):
        yield Problem(f"discovery.interfaces[{number}]", problem, remedy)


def check_paths(config: HubConfig) -> Iterator[Problem]:
    """Absolute, because a service's working directory is not its operator's; and every volume once."""
    named = [("hub.data_dir", config.hub.data_dir)]
    named += [(f"archiver.volumes[{number}]", path) for number, path in enumerate(config.archiver.volumes if config.archiver else ())]
    for key, path in named:
        if not path.is_absolute():
            yield Problem(key, f"{str(path)!r} is not an absolute path", "start it with /")
    seen: list[Path] = []
    for key, path in named[1:]:
        if any(path == other or other in path.parents or path in other.parents for other in seen):
            yield Problem(key, f"{str(path)!r} is, holds or lies in another volume of the list", "name every disk once")
        seen.append(path)


def check_peers(config: HubConfig) -> Iterator[Problem]:
    """Known by valid ids, each once, at addresses over HTTP."""
    for number, peer in enumerate(config.peer):
        try:
            check_id("hub", peer.id)
        except IdError as error:
            yield Problem(f"peer[{number}].id", error.message, error.remedy)
        if peer.id == config.hub.id:
            yield Problem(f"peer[{number}].id", f"{peer.id!r} is this hub itself", "name the other archivers only")
        if any(peer.id == other.id for other in config.peer[:number]):
            yield Problem(f"peer[{number}].id", f"{peer.id!r} is named twice", "name each peer once")
        if not peer.url.startswith(("http://", "https://")):
            yield Problem(f"peer[{number}].url", f"{redact_url(peer.url)!r} is no archiver's address", "write it as http://host:9701")


def check_directory(config: HubConfig) -> Iterator[Problem]:
    """Servers by valid ids and addresses, each id and rank once, this hub among them."""
    wanted = config.directory or DirectorySection()
    for number, one in enumerate(wanted.servers):
        key, before = f"directory.servers[{number}]", wanted.servers[:number]
        try:
            check_id("server", one.id)
            Server(url=one.url, rank=one.rank, recovery=one.recovery)
        except IdError as error:
            yield Problem(f"{key}.id", error.message, error.remedy)
        except ValidationError:
            yield Problem(f"{key}.url", "is no server's address", "write it as http://host:9701, without user and password")
        else:
            if not one.url.startswith("http://"):
                yield Problem(f"{key}.url", "is not http, and agents and archivers reach directory servers by http alone",
                              "write it as http://host:9701")  # fmt: skip
        if any(one.id == other.id or one.rank == other.rank for other in before):
            yield Problem(key, f"{one.id!r} has the id or the rank of another server", "give each server its own")
    if wanted.mdns:
        yield from _found(config, wanted)
    if wanted.servers and config.holds("directory") and all(one.id != config.hub.id for one in wanted.servers):
        yield Problem("directory.servers", f"does not hold this hub, {config.hub.id!r}", "list all servers, the same on each of them")
    where = wanted.database
    if where is not None and not where.startswith(("/", "postgresql+psycopg://")):
        yield Problem("directory.database", "is neither an absolute path nor a PostgreSQL URL", "write it as postgresql+psycopg://host/name")


def _found(config: HubConfig, wanted: DirectorySection) -> Iterator[Problem]:
    """What does not go with servers that anybody on the network can announce."""
    if config.holds("directory"):
        yield Problem("directory.mdns", "is true, and this hub is a directory server itself", "list directory.servers instead")
    elif wanted.servers:
        yield Problem("directory.mdns", "is true, and directory.servers lists them", "remove one of the two")
    elif not config.discovery.mdns:
        yield Problem("directory.mdns", "is true, and discovery.mdns is false", "set discovery.mdns = true, or list directory.servers")


def check_backup(config: HubConfig) -> Iterator[Problem]:
    """Schedules that come, and every folder once, by itself."""
    wanted = config.directory.backup if config.directory else None
    if wanted is None:
        return
    for key, expression in (("full", wanted.full), ("incremental", wanted.incremental)):
        try:
            if expression:
                check_cron(expression)
        except UsageError as error:
            yield Problem(f"directory.backup.{key}", error.message, error.remedy)
    for number, path in enumerate(wanted.folders):
        key = f"directory.backup.folders[{number}]"
        if not path.is_absolute():
            yield Problem(key, f"{str(path)!r} is not an absolute path", "start it with /")
        if path in wanted.folders[:number]:
            yield Problem(key, f"{str(path)!r} is named twice", "name every folder once: two copies on one disk are lost together")
        if any(path == volume or volume in path.parents for volume in (config.archiver.volumes if config.archiver else ())):
            yield Problem(key, f"{str(path)!r} lies in a volume of the archiver", "choose a folder of another disk: video fills that one")


def parse_address(text: str) -> Address | None:
    """`host:port` or `[v6]:port` as an Address; None when it is neither."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65_535) or any(c.isspace() or c in "/@[]" for c in host):
        return None
    return Address(host, int(port))


def broker_address(config: HubConfig) -> Address:
    """Where the embedded broker listens: broker.listen, or else the host and port of mqtt.url."""
    if config.broker.listen is None:
        site_broker = parse_url(config.mqtt.url or "")
        return Address(site_broker.host, site_broker.port)
    found = parse_address(config.broker.listen)
    assert found is not None, "check_addresses has passed"
    return found


def http_address(config: HubConfig) -> Address:
    """Where the HTTP API listens."""
    found = parse_address(config.hub.listen)
    assert found is not None, "check_addresses has passed"
    return found


def local(address: Address) -> Address:
    """Where this machine itself reaches what listens there."""
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host), address.port)  # noqa: S104 (compared with)
