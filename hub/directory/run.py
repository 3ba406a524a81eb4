"""A directory server as a hub runs it: made from hub.toml, with its beacon and its events, started and stopped as one.

Rules: without a broker it does everything but tell of itself; stopping never waits for the broker longer than its client does.
"""

import time
from collections.abc import Callable
from pathlib import Path

from ...wire import VERSION, topics
from ...wire.causes import EventKind
from ...wire.errors import ConfigError, WatchkeepError
from ...wire.messages import Event
from ..config import DirectorySection, HubConfig
from .agents import AgentDesk
from .announcer import Announcer
from .backup.clock import local_zone
from .backup.copy import Copy
from .backup.desk import BackupDesk
from .backup.job import Origin
from .backup.memory import Memory
from .backup.runner import Plan, Runner
from .backup.spare import Note
from .beacon import Beacon
from .cluster.status import Member, Status
from .commander import Commander
from .database import Database, sqlite_url
from .desk import SiteDesk
from .fitness import problems
from .health.desk import HealthDesk
from .health.monitor import Monitor
from .health.recorder import Recorder
from .lease import SharedDatabase
from .orderdesk import OrderDesk
from .server import DirectoryServer, Settings
from .steward import Steward
from .whereabouts import Whereabouts

FILE = "directory.sqlite"


def members(config: HubConfig, url: str) -> tuple[Member, ...]:
    """The servers of the configuration; without a list this one alone."""
    listed = (config.directory or DirectorySection()).servers
    if not listed:
        return (Member(config.hub.id, url, 0),)
    return tuple(Member(one.id, one.url, one.rank, one.recovery) for one in listed)


def database(config: HubConfig) -> Database:
    where = (config.directory or DirectorySection()).database or str(config.hub.data_dir / FILE)
    return Database(sqlite_url(Path(where))) if where.startswith("/") else SharedDatabase(where)


class DirectoryPart:
    """The directory of one hub.  start() once, stop() once."""

    def __init__(self, config: HubConfig, file: str, boot: str, url: str, report: Callable[[Event], None]) -> None:
        self._config, self._file, self._url, self._report = config, file, url, report
        known = members(config, url)
        me = next(one for one in known if one.id == config.hub.id)
        self.server = DirectoryServer(Settings(me, known, boot, VERSION), database(config), self._turned)
        self.where = Whereabouts()
        self.steward = Steward(self.server, self.where, report)
        self.desk = SiteDesk(self.server, self.steward, me.id)
        self.orders = OrderDesk(self.desk, self.server, me.id, lambda: self.steward.lives, lambda: self.steward.stores, time.time)
        limit_s = (config.directory or DirectorySection()).durable_age_alarm_s
        self.recorder = Recorder(config.hub.data_dir, self.server)
        self.monitor = Monitor(self.server, self.steward, self.recorder, self.where, limit_s, report)
        self.health = HealthDesk(self.server, self.monitor, self.recorder)
        self.agents = AgentDesk(self.server, config.hub.site)
        self.backups = self._make_backups()
        self.saved = BackupDesk(self.server, self.backups)
        self._beacon: Beacon | None = None
        self._announcer: Announcer | None = None
        self._unlisten: Callable[[], None] = lambda: None
        self._commander: Commander | None = None

    def start(self) -> None:
        """Raises ConfigError when the database cannot be used; nothing is left running then."""
        try:
            self._config.hub.data_dir.mkdir(exist_ok=True)
            self.server.start()
        except OSError as error:
            raise ConfigError(self._file, "hub.data_dir", f"cannot be used ({error.strerror})", remedy="check it") from error
        except WatchkeepError as error:
            self.server.stop()
            raise ConfigError(self._file, "directory.database", error.message, remedy=error.remedy) from error
        self.agents.start()
        self.steward.start()
        self.recorder.start()
        self.monitor.start()
        if self._config.mqtt.url is not None:
            self._announcer = Announcer(self._config.hub.site, self._config.hub.id, self._keep)
            self._beacon = Beacon(self._config.mqtt.url, self._config.hub.site, self._url, self.server, self.backups, self._announcer.birth)
            self._take_commands(self._beacon)
            self._beacon.start()
            self._unlisten = self.agents.listen(self._announce)
            self._announce()  # what the last pass has found, when nothing changes any more
        if self.backups is not None:
            self.backups.start()

    def _announce(self) -> None:
        """On the thread of the documents, after each of its passes."""
        if self._announcer is not None:
            self._announcer.look(self.server.view(), time.time(), leads=self.server.leads)

    def _keep(self, topic: str, payload: bytes) -> None:
        if self._beacon is not None:
            self._beacon.keep(topic, payload)

    def _take_commands(self, beacon: Beacon) -> None:
        hub, wanted = self._config.hub, self._config.directory or DirectorySection()
        self._commander = Commander(hub.site, hub.id, self.orders, wanted.mqtt_commands, beacon.say, beacon.since)
        self._commander.start()
        beacon.listen(topics.commands(hub.site), self._commander.heard)

    def let_go(self) -> None:
        """The first step of a stop, while HTTP is still served: nobody is made to wait."""
        self.agents.let_go()

    def give_up(self) -> None:
        """The second one, once HTTP has waited for requests under way: whoever waits for an answer is told that there is none."""
        self.server.give_up()

    def stop(self) -> None:
        """The last one."""
        self._unlisten()
        if self._commander is not None:
            self._commander.stop()
        if self._beacon is not None:
            self._beacon.stop()
        if self.backups is not None:
            self.backups.stop()
        self.monitor.stop()
        self.recorder.stop()
        self.steward.stop()
        self.agents.stop()
        self.server.stop()

    def _make_backups(self) -> Runner | None:
        wanted, hub = (self._config.directory or DirectorySection()).backup, self._config.hub
        if wanted is None:
            return None
        plan = Plan(wanted.folders, wanted.schedule, wanted.keep_full, local_zone())
        copy = Copy(hub.data_dir) if self.server.database.file is not None else None  # others share their database, and its standby
        runner = Runner(plan, Origin(hub.site, hub.id), self.server, Memory(hub.data_dir), copy, self._noted)
        self.server.spare = runner.beyond
        return runner

    def _noted(self, note: Note) -> None:
        self._report(Event(kind=EventKind.BACKUP, source=self._config.hub.id, at_s=time.time(), text=note.text, remedy=note.remedy))

    def problems(self) -> tuple[str, ...]:
        """What an operator should look at here (fitness.py)."""
        return tuple(problems(self.server.status, [] if self.backups is None else self.backups.states()))

    def publish(self, event: Event) -> None:
        if self._beacon is not None:
            self._beacon.publish(event)

    def _turned(self, status: Status, why: str) -> None:
        """On the deciding thread, so it only enqueues."""
        self.steward.turned()
        if self._beacon is not None:
            self._beacon.turned()
        text = f"directory server {status.server} is {status.role}: {why}"
        self._report(Event(kind=EventKind.ROLE, source=status.server, at_s=time.time(), text=text))
