"""agent.toml: what one edge recorder records, and where the copies go (docs/examples/agent.toml explains each key).

Rules: strict and frozen; a key that is not known is an error; nothing is touched while checking.
"""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from ..wire.broker import parse_url
from ..wire.config import ID_PATTERN, Config, interface_faults, load
from ..wire.desired import Failback, Ingest, Transport
from ..wire.errors import ConfigError, UsageError, redact_url, together
from .engine_choice import DEFAULT_INGEST
from .replicate.room import DEFAULT_PRIORITY
from .wake import DEFAULT_BROADCAST, sleeper

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Item = TypeVar("Item")
MAX_COPIES = 8
"""A camera of 4 Mbit/s with eight copies uploads 32 Mbit/s; more than that is a mistake in the file."""
MAX_PRIORITY = 9
Copies = Annotated[int, Field(ge=1, le=MAX_COPIES)]
Priority = Annotated[int, Field(ge=0, le=MAX_PRIORITY)]


class AgentSection(Config):
    id: Id
    site: Id
    data_dir: str
    profile: str = "generic"
    log: Literal["text", "json"] = "text"


class MqttSection(Config):
    url: str
    beacon_s: float = Field(default=5.0, ge=0.5, le=60)


class DiscoverySection(Config):
    mdns: bool = True
    interfaces: tuple[str, ...] | None = None


class JournalSection(Config):
    max_bytes: int | None = Field(default=None, ge=256 << 20)
    mode: Literal["always", "on-outage"] = "always"


class RecordingSection(Config):
    chunk_ms: int | None = Field(default=None, ge=100, le=1000)
    segment_s: float | None = Field(default=None, ge=1, le=3600)


class ReplicationSection(Config):
    ack_timeout_ms: int = Field(default=2000, ge=200, le=60_000)
    failback: Failback = "auto"
    failback_hold_s: float = Field(default=60.0, ge=0)
    catchup_share: float = Field(default=0.5, ge=0.05, le=1.0)
    durable_timeout_s: float = Field(default=30.0, ge=2, le=3600)
    wake_timeout_s: float = Field(default=300.0, ge=1, le=3600)
    sleep_after_s: float = Field(default=600.0, ge=1, le=86_400)


class DirectorySection(Config):
    servers: tuple[str, ...] = Field(default=(), max_length=7)
    mdns: bool = False
    """Follow the directory servers that mDNS shows: whoever can announce one decides what is recorded."""

    @property
    def followed(self) -> bool:
        return self.mdns or bool(self.servers)


class ArchiverSection(Config):
    id: Id
    url: str
    cold: bool = False
    mac: str | None = None
    wake_broadcast: str = DEFAULT_BROADCAST


class GroupSection(Config):
    """What its cameras have unless they say otherwise themselves."""

    id: Id
    copies: Copies = 1
    archivers: tuple[Id, ...] | None = None
    priority: Priority = DEFAULT_PRIORITY
    failback: Failback | None = None


class CameraSection(Config):
    id: Id
    url: str | None = Field(default=None, repr=False)
    host: str | None = None
    channel: int = Field(default=1, ge=1, le=999)
    stream: Literal["main", "sub"] = "main"
    user: str | None = None
    password: str | None = Field(default=None, repr=False)
    group: Id | None = None
    copies: Copies | None = None
    archivers: tuple[Id, ...] | None = None
    priority: Priority | None = None
    failback: Failback | None = None
    transport: Transport | None = None
    ingest: Ingest = DEFAULT_INGEST
    profile: str = "generic"


class CopyRule(NamedTuple):
    """How one camera is kept, its group's defaults taken in; archivers None means all known, by id, failback None as for all."""

    copies: int
    archivers: tuple[str, ...] | None
    priority: int
    failback: Failback | None


class AgentConfig(Config):
    agent: AgentSection
    mqtt: MqttSection | None = None
    discovery: DiscoverySection = DiscoverySection()
    journal: JournalSection = JournalSection()
    recording: RecordingSection = RecordingSection()
    replication: ReplicationSection = ReplicationSection()
    directory: DirectorySection = DirectorySection()
    archiver: tuple[ArchiverSection, ...] = ()
    group: tuple[GroupSection, ...] = ()
    camera: tuple[CameraSection, ...] = ()

    def rule(self, camera: CameraSection) -> CopyRule:
        """The camera's own values, else its group's, else the defaults; the group is one that exists (`read` has checked it)."""
        group = next((group for group in self.group if group.id == camera.group), GroupSection(id="none"))
        return CopyRule(group.copies if camera.copies is None else camera.copies,
                        group.archivers if camera.archivers is None else camera.archivers,
                        group.priority if camera.priority is None else camera.priority, camera.failback or group.failback)  # fmt: skip


def read(path: Path) -> AgentConfig:
    """Load and check agent.toml; raises ConfigError naming file, dotted key and remedy, with further mistakes in `also`."""
    config, found = load(path, AgentConfig), list[ConfigError]()
    for check in _checks(path, config):
        try:
            check()
        except ConfigError as error:
            found.append(error)
    if found:
        raise together(found)
    return config


def _checks(path: Path, config: AgentConfig) -> Iterator[Callable[[], None]]:
    """Everything that types alone do not catch, each to be called by itself."""
    yield partial(_check_unique, path, "camera", [camera.id for camera in config.camera])
    yield partial(_check_unique, path, "archiver", [archiver.id for archiver in config.archiver])
    yield partial(_check_unique, path, "group", [group.id for group in config.group])
    for number, group in enumerate(config.group):
        yield partial(_check_list, path, f"group[{number}]", group.archivers, f" (group {group.id})")
    for number, server in enumerate(config.directory.servers):
        yield partial(_check_url, path, f"directory.servers[{number}]", server, ("http",), "http://host:9701")
    for number, archiver in enumerate(config.archiver):
        of = f" (archiver {archiver.id})"
        yield partial(_check_url, path, f"archiver[{number}].url", archiver.url, ("http",), "http://host:9701", of)
        yield partial(_check_cold, path, number, archiver)
    for number, camera in enumerate(config.camera):
        yield partial(_check_source, path, number, camera)
        yield partial(_check_credentials, path, number, camera)
        yield partial(_check_group, path, number, camera, config.group)
        yield partial(_check_list, path, f"camera[{number}]", camera.archivers, f" (camera {camera.id})")
        yield partial(_check_copies, path, number, camera, config.rule(camera))
    if config.mqtt is not None:
        yield partial(_check_broker, path, config.mqtt.url)
    yield partial(_check_folder, path, config.agent.data_dir)
    yield partial(_check_interfaces, path, config.discovery.interfaces or ())
    yield partial(_check_found, path, config)
    yield partial(_check_servers, path, config)


def _check_folder(path: Path, data_dir: str) -> None:
    """A service's working directory is not its operator's."""
    if not Path(data_dir).is_absolute():
        raise ConfigError(str(path), "agent.data_dir", f"{data_dir!r} is not an absolute path", remedy="start it with /")


def _check_interfaces(path: Path, interfaces: tuple[str, ...]) -> None:
    for number, problem, remedy in interface_faults(interfaces):
        raise ConfigError(str(path), f"discovery.interfaces[{number}]", problem, remedy=remedy)


def _check_found(path: Path, config: AgentConfig) -> None:
    if not (config.discovery.mdns or config.archiver or config.directory.servers):
        raise ConfigError(str(path), "archiver", "no archiver is listed and mDNS is off", remedy="list one or set discovery.mdns = true")


def _check_servers(path: Path, config: AgentConfig) -> None:
    """A list and what anybody can announce are not mixed: whoever lists servers means these."""
    if config.directory.mdns and config.directory.servers:
        raise ConfigError(str(path), "directory.mdns", "is true, and directory.servers lists them", remedy="remove one of the two")
    if config.directory.mdns and not config.discovery.mdns:
        raise ConfigError(str(path), "directory.mdns", "is true, and discovery.mdns is false",
                          remedy="set discovery.mdns = true, or list directory.servers")  # fmt: skip


def _check_source(path: Path, number: int, camera: CameraSection) -> None:
    of = f" (camera {camera.id})"
    if (camera.url is None) == (camera.host is None):
        raise ConfigError(str(path), f"camera[{number}].url", f"exactly one of url and host is needed{of}",
                          remedy="give url, or host with the camera's profile")  # fmt: skip
    if camera.url is not None:
        _check_url(path, f"camera[{number}].url", camera.url, ("rtsp",), "rtsp://host:554/path", of)


def _check_unique(path: Path, section: str, ids: list[str]) -> None:
    for number, value in enumerate(ids):
        if value in ids[:number]:
            raise ConfigError(str(path), f"{section}[{number}].id", f"{value!r} is used twice", remedy=f"give each {section} its own id")


def _check_url(path: Path, key: str, url: str, schemes: tuple[str, ...], example: str, of: str = "") -> None:
    try:
        parts = urlsplit(url)
        printable = url.isprintable() and " " not in url  # urlsplit drops line ends, RTSP would not
        valid = printable and parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        login = ", with / ? # % [ ] and spaces of a user or password as %2F %3F %23 %25 %5B %5D %20" if "@" in url else ""
        raise ConfigError(str(path), key, f"{redact_url(url)!r} is not a valid URL{of}", remedy=f"write it like {example}{login}")


def _check_cold(path: Path, number: int, archiver: ArchiverSection) -> None:
    if archiver.cold and archiver.mac is None:
        raise ConfigError(str(path), f"archiver[{number}].mac", "is missing, and the archiver is a cold standby",
                          remedy="give the MAC address of its network card")  # fmt: skip
    if archiver.mac is None:
        return
    if not archiver.cold:
        raise ConfigError(str(path), f"archiver[{number}].cold", "is not set, and there is a mac", remedy="set cold = true, or remove mac")
    try:
        sleeper(archiver.mac, archiver.wake_broadcast)
    except UsageError as error:
        key = "mac" if "MAC" in error.message else "wake_broadcast"
        raise ConfigError(str(path), f"archiver[{number}].{key}", error.message, remedy=error.remedy) from error


def _check_broker(path: Path, url: str) -> None:
    try:
        parse_url(url)
    except UsageError as error:
        raise ConfigError(str(path), "mqtt.url", error.message, remedy=error.remedy) from error


def _check_credentials(path: Path, number: int, camera: CameraSection) -> None:
    for key, value in (("user", camera.user), ("password", camera.password)):
        if camera.url is not None and value is not None:
            raise ConfigError(str(path), f"camera[{number}].{key}", f"goes with host, and camera {camera.id} has a url",
                              remedy="write rtsp://user:password@host/path in url, or give host instead")  # fmt: skip
    if camera.password is not None and camera.user is None:
        raise ConfigError(str(path), f"camera[{number}].user", f"is missing, and there is a password (camera {camera.id})", remedy="add it")


def _check_group(path: Path, number: int, camera: CameraSection, groups: tuple[GroupSection, ...]) -> None:
    known = [group.id for group in groups]
    if camera.group is not None and camera.group not in known:
        near = get_close_matches(camera.group, known, 1)
        remedy = f"did you mean {near[0]}?" if near else f"known groups: {', '.join(known)}" if known else "add a [[group]] with this id"
        raise ConfigError(str(path), f"camera[{number}].group", f"there is no group {camera.group!r} (camera {camera.id})", remedy=remedy)


def _check_list(path: Path, section: str, listed: tuple[str, ...] | None, of: str) -> None:
    if listed is not None and len(set(listed)) != len(listed):
        raise ConfigError(str(path), f"{section}.archivers", f"names an archiver twice{of}", remedy="list each archiver once")


def _check_copies(path: Path, number: int, camera: CameraSection, rule: CopyRule) -> None:
    """Where copies and list come from different places, the camera is what does not fit."""
    if rule.archivers is None or rule.copies <= len(rule.archivers):
        return
    own = [key for key, value in (("copies", camera.copies), ("archivers", camera.archivers)) if value is not None]
    key, taken = own[0] if own else "group", f" (of group {camera.group!r})" if camera.group is not None and len(own) < 2 else ""
    raise ConfigError(str(path), f"camera[{number}].{key}",
                      f"{rule.copies} copies cannot stand on {len(rule.archivers)} archivers{taken} (camera {camera.id})",
                      remedy="list more archivers or ask for fewer copies")  # fmt: skip
