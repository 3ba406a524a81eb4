"""What mDNS finds: archivers into the book, to replication, and onto the disk for the next start; directory servers to who follows them.

Rules: discovery alone never takes an address away (archivers.py), and may fail at any time without any effect on recording
(invariant 9); what it finds is kept in slots that survive a full disk.
"""

import json
import logging
from collections.abc import Callable, Mapping

from ..wire.errors import WatchkeepError
from ..wire.mdns import Found
from ..wire.shell.directory_finder import ServerFinder
from ..wire.shell.mdns import Browser
from ..wire.shell.mdns_follow import Following
from .archivers import ArchiverBook
from .config import DiscoverySection
from .epochs import Slots

log = logging.getLogger(__name__)


class Discovery:
    """`start` and `stop` once each, also when it is switched off; `known` hears of all addresses whenever one is new, on its thread."""

    def __init__(self, settings: DiscoverySection, site: str, book: ArchiverBook, kept: Slots, known: Callable[[Mapping[str, str]], None],
                 clash: Callable[[str, str], None], finder: ServerFinder | None = None) -> None:  # fmt: skip
        """clash: told, with a remedy, of two hubs with one id.  finder: of an agent that follows the directory servers that are found."""
        self._book, self._kept, self._known, self._tell, self._finder = book, kept, known, clash, finder
        self._following = Following("wk-mdns", lambda: Browser(settings.interfaces, site, self._found, self._clash),
                                    settings.interfaces, _off) if settings.mdns else None  # fmt: skip

    def start(self) -> None:
        if self._following is not None:
            self._following.start()

    def stop(self) -> None:
        """May take some seconds."""
        if self._following is not None:
            self._following.stop()

    def _found(self, hubs: dict[str, Found]) -> None:
        if self._finder is not None:
            self._finder.found(hubs)
        if not self._book.found({hub.id: hub.url for hub in hubs.values() if "archiver" in hub.roles}):
            return
        self._known(self._book.urls())
        try:
            self._kept.write(json.dumps(self._book.last_known()).encode())
        except (OSError, WatchkeepError) as error:
            log.warning("the list of known archivers cannot be kept", extra={"why": str(error)})

    def _clash(self, hub: str, urls: tuple[str, ...]) -> None:
        self._tell(f"two hubs announce the id {hub}: {' and '.join(urls)}; the first is used", "give one of the two another hub.id")


def _off(why: str) -> None:
    log.warning("mDNS is off for now, static and last known archivers are used", extra={"why": why})
