"""mDNS: announcing a hub and finding the others.  The only file that imports zeroconf and ifaddr.

    zeroconf's threads ─▶ names to look at (bounded) ─▶ wk-mdns-browse resolves ─▶ on_change(hubs by id)

Rules: discovery only (invariant 11): what is found is a hint until it is authenticated, and nothing waits for it.
An id with several addresses is that of the first that answers: a hub that was killed and came back elsewhere stays listed at
its old address for an hour and more.  IPv4 only.  Nothing is resolved inside a listener callback.  start() raises
DiscoveryError when mDNS cannot run here; whoever owns it (mdns_follow.py) tells it, goes on without, and tries again with a new object.
"""

import contextlib
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

import ifaddr
from zeroconf import Error, InterfaceChoice, IPVersion, ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from ..errors import DiscoveryError, UsageError, WatchkeepError
from ..mdns import SERVICE_TYPE, Announcement, Found, Sightings, parse_txt
from .threads import Supervised

log = logging.getLogger(__name__)

RESOLVE_MS: Final = 3000
"""zeroconf asks three times within this; an instance that stays silent is looked at again when it announces itself."""
MAX_PENDING: Final = 1024
"""Names waiting to be resolved: a flood of announcements costs this many short strings and no more."""

RECHECK_S: Final = 10.0
"""How often the addresses of an id that has several are tried."""
KNOCK_S: Final = 1.0
MAX_KNOCKS: Final = 4
"""Addresses of one id that are tried: four silent ones hold up the others for 4 s."""

OnChange = Callable[[dict[str, Found]], None]
OnClash = Callable[[str, tuple[str, ...]], None]
"""Called with an id and the addresses, more than one, that answer for it; the first is used."""


class Advertiser:
    """Announces one hub until stop(), under another instance name when its own is taken.

    addresses are those put into the announcement: by default the interfaces', or all but loopback.
    """

    def __init__(self, announcement: Announcement, port: int, *, addresses: Sequence[str] | None = None,
                 interfaces: Sequence[str] | None = None) -> None:  # fmt: skip
        self._announcement, self._port = announcement, port
        self._addresses, self._interfaces = addresses, interfaces
        self._zeroconf: Zeroconf | None = None
        self._instance = announcement.instance(port)

    @property
    def instance(self) -> str:
        """The instance name in use; differs from the preferred one after a conflict."""
        return self._instance

    def start(self) -> None:
        """Probe and announce; takes about a second.  Raises DiscoveryError or UsageError and leaves nothing behind."""
        addresses = self._addresses or usable(self._interfaces)
        info = ServiceInfo(SERVICE_TYPE, self._announcement.instance(self._port), self._port, properties=self._announcement.txt(),
                           addresses=[ipaddress.IPv4Address(_checked(address)).packed for address in addresses])  # fmt: skip
        with contextlib.ExitStack() as undo:
            zeroconf = _open(self._interfaces)
            undo.callback(_close, zeroconf)
            try:
                zeroconf.register_service(info, allow_name_change=True)
            except (Error, OSError, TimeoutError) as error:
                raise _failed(error) from error
            undo.pop_all()
        self._zeroconf, self._instance = zeroconf, info.name

    def stop(self) -> None:
        """Withdraw the announcement and close; safe to call when start() failed."""
        if self._zeroconf is not None:
            _close(self._zeroconf)
            self._zeroconf = None


class Browser:
    """Calls on_change with all hubs of one site, or of all sites, by id, whenever that changes.

    on_change and on_clash run on the thread wk-mdns-browse.  A hub that died silently stays listed for 19 to 75 minutes.
    """

    def __init__(self, interfaces: Sequence[str] | None, site: str | None, on_change: OnChange, on_clash: OnClash | None = None) -> None:
        self._interfaces, self._on_change, self._on_clash = interfaces, on_change, on_clash
        self._sightings = Sightings(site)
        self._hubs: dict[str, Found] = {}
        self._shown: tuple[Found, ...] = ()
        self._conflicts: dict[str, tuple[str, ...]] = {}
        self._clashes: dict[str, frozenset[str]] = {}
        self._pending: dict[str, bool] = {}
        self._arrived = threading.Condition()
        self._zeroconf: Zeroconf | None = None
        self._browser: ServiceBrowser | None = None
        self._worker = Supervised("wk-mdns-browse", self._work)

    @property
    def conflicts(self) -> dict[str, tuple[str, ...]]:
        """Ids announced with several addresses: the url in use, then the others."""
        return self._conflicts

    @property
    def shown(self) -> tuple[Found, ...]:
        """Every hub that is announced, also two of one id."""
        return self._shown

    def start(self) -> None:
        """Begin to listen.  Raises DiscoveryError or UsageError and leaves nothing behind."""
        with contextlib.ExitStack() as undo:
            self._zeroconf = _open(self._interfaces)
            undo.callback(self.stop)
            self._worker.start()
            try:
                self._browser = ServiceBrowser(self._zeroconf, SERVICE_TYPE, listener=_Listener(self._note))
            except (Error, OSError, RuntimeError) as error:
                raise _failed(error) from error
            undo.pop_all()

    def stop(self) -> None:
        """Stop listening and join; takes at most RESOLVE_MS.  Safe to call when start() failed."""
        if self._zeroconf is None:
            return
        self._worker.stop()
        with self._arrived:
            self._arrived.notify_all()
        if self._browser is not None:
            self._browser.cancel()
        _close(self._zeroconf)
        self._worker.join(2 * RESOLVE_MS / 1000)
        self._zeroconf = self._browser = None

    def _note(self, instance: str, present: bool) -> None:
        """On zeroconf's thread: remember the name and its latest state."""
        with self._arrived:
            if instance in self._pending or len(self._pending) < MAX_PENDING:
                self._pending[instance] = present
                self._arrived.notify_all()

    def _work(self, stop: threading.Event) -> None:
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: bool(self._pending) or stop.is_set(), RECHECK_S if self._conflicts else None)
                if stop.is_set():
                    return
                instance = next(iter(self._pending), None)
                present = instance is not None and self._pending.pop(instance)
            if instance is not None:
                self._look(instance, present)
            self._settle()
            self._report()

    def _look(self, instance: str, present: bool) -> None:
        found = self._resolve(instance) if present else None
        if found is not None:
            self._sightings.saw(instance, found)
        elif not present:
            self._sightings.gone(instance)

    def _settle(self) -> None:
        """Prefer an address that answers to one that does not, and tell when several answer."""
        conflicts = self._sightings.conflicts()
        self._clashes = {hub: told for hub, told in self._clashes.items() if hub in conflicts}
        for hub, urls in conflicts.items():
            answering = tuple(filter(_answers, urls[:MAX_KNOCKS]))
            if answering and answering[0] != urls[0]:
                self._sightings.prefer(hub, answering[0])
            if len(answering) > 1 and self._clashes.get(hub) != frozenset(answering):
                self._clashes[hub] = frozenset(answering)
                if self._on_clash is not None:
                    self._on_clash(hub, answering)

    def _resolve(self, instance: str) -> Found | None:
        """What the instance says about itself; None when it does not answer or is not one of ours."""
        zeroconf, info = self._zeroconf, ServiceInfo(SERVICE_TYPE, instance)
        try:
            if zeroconf is None or not info.request(zeroconf, RESOLVE_MS):
                return None
            txt = {key: value or "" for key, value in info.decoded_properties.items()}
            said = parse_txt(txt)
        except (WatchkeepError, ValueError) as error:
            log.warning("an mDNS announcement is not ours", extra={"instance": instance[:80], "why": str(error)})
            return None
        except (Error, RuntimeError, TimeoutError):  # the browser is being closed
            return None
        address = _best(info.parsed_addresses(IPVersion.V4Only))
        if address is None or not info.port:
            return None
        return Found(said.id, f"http://{address}:{info.port}", said.roles, said.site, said.version)

    def _report(self) -> None:
        hubs, conflicts = self._sightings.hubs(), self._sightings.conflicts()
        for hub in conflicts.keys() - self._conflicts.keys():
            log.warning("two hubs announce one id, the first that answers is used", extra={"hub": hub, "urls": " ".join(conflicts[hub])})
        self._conflicts, self._shown = conflicts, self._sightings.all()
        if hubs != self._hubs:
            self._hubs = hubs
            self._on_change(dict(hubs))


def _answers(url: str) -> bool:
    """Whether somebody accepts connections there; who it is, is for those to check who use it."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), KNOCK_S).close()
    except OSError:
        return False
    return True


class _Listener(ServiceListener):
    """Passes names on; zeroconf calls it on its own thread."""

    def __init__(self, note: Callable[[str, bool], None]) -> None:
        self._note = note

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._note(name, True)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._note(name, True)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._note(name, False)


def _open(interfaces: Sequence[str] | None) -> Zeroconf:
    """zeroconf itself starts without a usable interface and then finds nobody, silently: so look first."""
    found = usable(interfaces)
    try:
        return Zeroconf(interfaces=InterfaceChoice.All if interfaces is None else found, use_asyncio=False)
    except (Error, OSError, TimeoutError) as error:
        raise _failed(error) from error


def _close(zeroconf: Zeroconf) -> None:
    """Close with goodbyes; when they cannot be sent the sockets are closed all the same."""
    with contextlib.suppress(Error, TimeoutError):  # a network that is gone takes no goodbye: the others time us out
        zeroconf.unregister_all_services()
    zeroconf.close()


def _failed(error: BaseException) -> DiscoveryError:
    return DiscoveryError(f"mDNS cannot start: {error or type(error).__name__}",
                          remedy="check that UDP port 5353 and multicast are allowed here; static lists work without mDNS")  # fmt: skip


def usable(interfaces: Sequence[str] | None) -> list[str]:
    """The wanted interfaces that this machine has; all but loopback when none are named.  Raises DiscoveryError or UsageError."""
    wanted = None if interfaces is None else [_checked(address) for address in interfaces]
    try:
        present = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    except OSError as error:
        raise _failed(error) from error
    if wanted is None:
        found = [address for address in present if not ipaddress.ip_address(address).is_loopback] or present
    else:
        found = [address for address in wanted if address in present]
    if not found:
        raise DiscoveryError(f"mDNS has no interface to use: {', '.join(wanted or ()) or 'none is up'}",
                             remedy="name addresses of this machine in discovery.interfaces, or wait for the network")  # fmt: skip
    return found


def _checked(address: str) -> str:
    try:
        return str(ipaddress.IPv4Address(address))
    except ValueError:
        raise UsageError(f"{address!r} is not an IPv4 address", remedy="name interfaces by their address, such as 192.0.2.10") from None


def _best(addresses: Iterable[str]) -> str | None:
    """One address to try: a routable one before link-local before loopback, then the lowest, so that all agree."""

    def rank(address: str) -> tuple[bool, bool, int]:
        parsed = ipaddress.ip_address(address)
        return parsed.is_loopback, parsed.is_link_local, int(parsed)

    return min(addresses, key=rank, default=None)
