"""One hub process: its roles composed, started in order and stopped in the opposite one.

    sockets bound ─▶ volumes looked at ─▶ data_dir held ─▶ store ─▶ broker ─▶ beacon ─▶ directory ─▶ HTTP ─▶ consolidation
        ─▶ what the directory says ─▶ mDNS
    what may be refused, first: nothing is touched        what others see of us, last

Rules: recording needs the store and HTTP only; a broker or a network without mDNS is logged and gone without
(invariant 9).  A stop takes no new requests, finishes those under way, and closes the store when nobody uses it any more.
"""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from ..wire import VERSION
from ..wire.causes import ConsolidationPhase, EventKind
from ..wire.errors import VolumeError
from ..wire.mdns import Announcement, Found
from ..wire.messages import Event
from ..wire.shell.directory_finder import ServerFinder
from ..wire.shell.mdns import Advertiser, Browser
from ..wire.shell.mdns_follow import Following, Service
from .api.activity import Activity
from .api.app import Api, Part
from .api.operations import HubFacts
from .api.server import HttpServer
from .ballast import settle
from .beacon import BEACON_S, Beacon, Identity, Vitals
from .broker import EmbeddedBroker
from .config import Address, ArchiverSection, HubConfig, http_address, local
from .consolidate.patrol import PatrolSettings
from .consolidate.round import Rules
from .consolidate.share import Share
from .consolidate.worker import Consolidator, Settings
from .datadir import hold
from .duty.follower import DirectoryFollower
from .duty.maintenance import Maintenance
from .duty.sleeper import Sleeper
from .duty.standby import Standing
from .events.log import EventLog
from .events.site import SiteEvents
from .preflight import addresses, bind, config_error, refusals
from .store import Store

if TYPE_CHECKING:
    from .directory.run import DirectoryPart

log = logging.getLogger(__name__)

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound


class HubService:
    """A hub from its configuration; start() once, then stop() once, from one thread.  file names the configuration in errors."""

    def __init__(self, config: HubConfig, file: str) -> None:
        self._config, self._file = config, file
        self._boot = secrets.token_hex(8)
        self._maintenance = Maintenance()
        self._running = ExitStack()
        self._beacon: Beacon | None = None
        self._events: EventLog | None = None
        self._http: HttpServer | None = None
        self._directory: DirectoryPart | None = None
        self._parts: Sequence[Part] = ()
        self._finder: ServerFinder | None = None
        self.address = http_address(config)

    @property
    def url(self) -> str:
        """Where others reach the API; the bound port once started."""
        host = _reachable(self.address.host)
        return f"http://{Address(host, self.address.port)}"

    @property
    def alive(self) -> bool:
        """Whether the API is still served."""
        return self._http is not None and self._http.alive

    def start(self) -> None:
        """Return once every role is up; raises ConfigError, VolumeError or WatchkeepError and leaves nothing running."""
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise

    def stop(self) -> None:
        """Stop within 10 s unless a disk hangs; what was acknowledged as durable is on disk in any case."""
        log.info("stopping")
        self._running.close()
        log.info("stopped")

    def _start(self) -> None:
        config, running, given_up = self._config, self._running, False
        sockets = self._bind()
        for problem in refusals(config, self._file):
            raise problem
        if config.archiver is not None or config.holds("directory"):
            running.callback(os.close, hold(config.hub.data_dir, self._file))
            given_up = self._open_data_dir()
        store = None if config.archiver is None else self._make_store(config.archiver)
        follower = None if store is None else self._make_follower(store)
        if store is not None:
            self._open_store(store)
        if "broker" in sockets:
            broker = EmbeddedBroker(sockets["broker"])
            broker.start()
            running.callback(broker.stop)
        share = None if store is None else Share(store, config.hub.id)
        consolidator = None if store is None or share is None else self._make_consolidator(store, share)
        if store is not None and config.mqtt.url is not None:
            self._start_beacon(config.mqtt.url, store, consolidator, follower)
        if config.holds("directory"):
            self._start_directory()
        self._start_http(sockets["http"], store, share, consolidator)
        if consolidator is not None:
            consolidator.start()
            running.callback(consolidator.stop)
            if follower is not None:
                follower.start(consolidator.listed)
                running.callback(follower.stop)
        if store is not None and consolidator is not None and config.standby.sleep_command:
            self._start_standby(store, consolidator)
        if config.discovery.mdns:
            peers = consolidator if config.consolidation.auto else None
            if peers is not None or self._finder is not None or self._directory is not None:
                self._look_for_others(peers, self._finder)
            self._announce()
        if given_up:
            self._tell_given_up()
        log.info("hub is up", extra={"hub": config.hub.id, "roles": ",".join(config.hub.roles), "url": self.url, "version": VERSION})

    def _bind(self) -> dict[str, socket.socket]:
        """Take every port before anything else, so that one in use is found while nothing is touched."""
        found = {}
        for key, address in addresses(self._config).items():
            listener = bind(self._file, key, address)
            self._running.callback(listener.close)
            found["http" if key == "hub.listen" else "broker"] = listener
        host, port = found["http"].getsockname()[:2]
        self.address = Address(host, port)
        return found

    def _tell_given_up(self) -> None:
        hub = self._config.hub
        text = "the disk of data_dir is full: this start used the room that was kept for it"
        remedy = "free space: the next start finds none"
        log.warning(text, extra={"data_dir": str(hub.data_dir), "remedy": remedy})
        self._report(Event(kind=EventKind.DISK, source=hub.id, at_s=time.time(), text=text, remedy=remedy))

    def _open_data_dir(self) -> bool:
        """The events of before; whether the ballast had to be given up for that."""
        folder = self._config.hub.data_dir
        events = EventLog(folder)
        self._running.callback(events.close)
        try:
            given_up = settle(folder)
            events.open()
        except OSError as error:
            raise config_error(self._file, "hub.data_dir", error, f"cannot be used ({error.strerror})", "check it") from error
        self._events = events
        return given_up

    def _make_store(self, archiver: ArchiverSection) -> Store:
        config = self._config
        return Store(config.hub.id, list(archiver.volumes), retention_days=archiver.retention_days, min_free_bytes=archiver.min_free_bytes,
                     sync_ms=archiver.sync_ms, state_dir=config.hub.data_dir, on_event=self._report,
                     camera_days=archiver.retention)  # fmt: skip

    def _make_follower(self, store: Store) -> DirectoryFollower | None:
        config = self._config
        servers = config.followed(f"http://{local(self.address)}")
        if not (servers or config.finds) or config.archiver is None:
            return None
        if config.finds:
            self._finder = ServerFinder(config.hub.data_dir)
        return DirectoryFollower(config.hub.data_dir, config.hub.site, config.hub.id, servers, store,
                                 None if config.says_days else config.archiver.retention_days,
                                 lambda text, remedy: store.report(EventKind.CONFIGURATION, text, remedy), self._finder,
                                 config.archiver.retention)  # fmt: skip

    def _open_store(self, store: Store) -> None:
        self._running.callback(store.close)
        try:
            store.open()
        except VolumeError as error:
            raise config_error(self._file, "archiver.volumes", error) from error
        except OSError as error:
            raise config_error(self._file, "hub.data_dir", error, f"cannot be used ({error.strerror})", "check it") from error

    def _make_consolidator(self, store: Store, share: Share) -> Consolidator:
        hub, wanted, walk = self._config.hub, self._config.consolidation, self._config.patrol
        rules = Rules(wanted.cameras, wanted.max_mbit_s, wanted.settle_s)
        patrol = PatrolSettings(hub.data_dir, walk.every_days, walk.max_mbit_s) if walk.every_days else None
        return Consolidator(store, share, Settings(hub.id, hub.site, rules, {peer.id: peer.url for peer in self._config.peer},
                                                   wanted.every_s, wanted.auto, patrol))  # fmt: skip

    def _start_beacon(self, url: str, store: Store, consolidator: Consolidator | None, follower: DirectoryFollower | None) -> None:
        def vitals() -> Vitals:
            stats = store.stats()
            return Vitals(stats.cameras, stats.received, stats.durable, stats.refused, stats.volumes,
                          None if consolidator is None else consolidator.state,
                          self._maintenance.left_s(time.monotonic()), (0, 0) if follower is None else follower.at)  # fmt: skip

        beacon = Beacon(url, Identity(self._config.hub.id, self._config.hub.site, self._boot, self.url), vitals, period_s=BEACON_S)
        if self._events is not None:
            beacon.listen(self._hear(self._events))
        beacon.start()
        self._running.callback(beacon.stop)
        self._beacon = beacon

    def _start_directory(self) -> None:
        from .api.directory_parts import directory_parts  # not at the top: an archiver alone goes without SQLAlchemy
        from .directory.run import DirectoryPart

        part = DirectoryPart(self._config, self._file, self._boot, self.url, self._report)
        part.start()
        self._running.callback(part.stop)
        self._directory, self._parts = part, directory_parts(part)

    def _start_http(self, listener: socket.socket, store: Store | None, share: Share | None, consolidator: Consolidator | None) -> None:
        hub = self._config.hub
        facts = HubFacts(hub.id, hub.site, hub.roles, self._boot, None if store is None else store.stats,
                         tuple if self._directory is None else self._directory.problems)  # fmt: skip
        api = Api(facts, store, share, consolidator, self._events, self._maintenance, self._parts)
        self._running.callback(api.close)
        self._activity = Activity(api.app, time.monotonic)
        self._http = HttpServer(self._activity, listener, *([] if self._directory is None else [self._directory.give_up]))
        self._http.start()
        self._running.callback(self._http.stop)
        if self._directory is not None:
            self._running.callback(self._directory.let_go)

    def _start_standby(self, store: Store, consolidator: Consolidator) -> None:
        wanted = self._config.standby

        def standing() -> Standing:
            state = consolidator.state
            consolidating = not state.ended and state.phase is not ConsolidationPhase.IDLE
            return Standing(self._activity.asked_at, self._activity.under_way, consolidating,
                            self._maintenance.left_s(time.monotonic()) > 0)  # fmt: skip

        sleeper = Sleeper(wanted.sleep_command, wanted.sleep_after_s, standing, store.unsynced,
                          lambda text, remedy: store.report(EventKind.ARCHIVER, text, remedy))  # fmt: skip
        sleeper.start()
        self._running.callback(sleeper.stop)

    def _announce(self) -> None:
        hub, wanted = self._config.hub, self._config.discovery.interfaces
        addresses_ = None if self.address.host in _EVERYWHERE else [self.address.host]
        said, port = Announcement(hub.id, hub.roles, hub.site, VERSION), self.address.port
        self._follow("wk-hub-announce", lambda: Advertiser(said, port, addresses=addresses_, interfaces=wanted or None),
                     "agents need a static list")  # fmt: skip

    def _look_for_others(self, peers: Consolidator | None, finder: ServerFinder | None) -> None:
        """Other archivers of the site, for consolidation and the directory, and directory servers; without mDNS only those that are listed
        or remembered."""
        directory = self._directory

        def changed(hubs: dict[str, Found]) -> None:
            archivers = {name: hub.url for name, hub in hubs.items() if "archiver" in hub.roles}
            if finder is not None:
                finder.found(hubs)
            if peers is not None:
                peers.sighted(archivers)
            if directory is not None:
                directory.where.shown(archivers)

        interfaces, site = self._config.discovery.interfaces or None, self._config.hub.site
        self._follow("wk-hub-peers", lambda: Browser(interfaces, site, changed), "peers need to be listed")

    def _follow(self, name: str, make: Callable[[], Service], without: str) -> None:
        following = Following(name, make, self._config.discovery.interfaces or None,
                              lambda why: log.warning("mDNS is off for now, %s", without, extra={"why": why}))  # fmt: skip
        following.start()
        self._running.callback(following.stop)

    @staticmethod
    def _hear(events: EventLog) -> Callable[[str, bytes], None]:
        """What others of the site tell goes to the list as well; called on the MQTT client's thread alone."""
        site = SiteEvents(time.monotonic())

        def heard(topic: str, payload: bytes) -> None:
            event = site.take(topic, payload, time.monotonic())
            if event is not None:
                events.add(event)

        return heard

    def _report(self, event: Event) -> None:
        """Events of store and directory, from their own threads, to the list and to the site when there is a broker; both log them too."""
        if self._events is not None:
            self._events.add(event)
        if self._beacon is not None:
            self._beacon.publish(event)
        elif self._directory is not None:
            self._directory.publish(event)


def _reachable(host: str) -> str:
    """A name for others to connect to when the hub listens everywhere."""
    return socket.gethostname() if host in _EVERYWHERE else host
