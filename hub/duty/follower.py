"""The archiver's link to the directory, `wk-directory`: what it is told goes to the store and to consolidation.

    wire/shell/directory_link.py ──document──▶ directed.py ──days──▶ store          ──peers──▶ consolidation

Rules: nothing waits for the thread; without a directory the archiver goes on with what it was told last (invariant 9).  A server holds the
question for HOLD_S: an archiver is no agent, whose questions are its signs of life.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from ...wire import follow, http
from ...wire.desired import ArchiverDesired
from ...wire.errors import WatchkeepError
from ...wire.shell.directory_client import DirectoryClient, NotOfSiteError
from ...wire.shell.directory_finder import ServerFinder
from ...wire.shell.directory_link import CACHE, DirectoryLink, cached
from .directed import Follower, Retention, peers

HOLD_S: Final = 10.0
REMEDY: Final = "if it is not what you want say it in the directory, or by archiver.retention_days in hub.toml, which wins"


class Keeps(Protocol):
    """What of the store is needed here."""

    def keep_for(self, days: float, spared: float, cameras: Mapping[str, float]) -> None: ...


class DirectoryFollower:
    """start() once, stop() once.  Made before the store is opened: what it spares is spared from the beginning."""

    def __init__(self, folder: Path, site: str, archiver: str, servers: Sequence[str], store: Keeps, default_days: float | None,
                 tell: Callable[[str, str], None], finder: ServerFinder | None = None,
                 own: Collection[str] = ()) -> None:  # fmt: skip
        """default_days: what counts while the directory says nothing; None: hub.toml says days, and the directory's do not count.
        `tell` makes an event of a text and a remedy.  finder: of an archiver without a list of servers.  own: cameras whose days
        hub.toml says."""
        self._store, self._tell = store, tell
        self._listed: Callable[[dict[str, str]], None] = lambda _: None
        cache, client = folder / CACHE, DirectoryClient(ArchiverDesired, "archiver", HOLD_S)
        taken = cached(cache, ArchiverDesired)
        follower = Follower(site, archiver, servers, taken)

        def ask(known: follow.Follower[ArchiverDesired]) -> ArchiverDesired | None:
            return client.question(known.server, http.archiver_desired(archiver), known.at)

        self._link = DirectoryLink(cache, follower, client, ask, self._taken, self._asked,
                                  found=None if finder is None else finder.urls)  # fmt: skip
        self._retention = None if default_days is None else Retention(default_days, follower.taken, time.monotonic(), own)
        self._apply()

    @property
    def at(self) -> tuple[int, int]:
        """(term, index) of what was taken up; (0, 0) before."""
        return self._link.at

    def start(self, listed: Callable[[dict[str, str]], None]) -> None:
        """`listed` is called with the url by id of the site's other archivers, now and with every change."""
        self._listed = listed
        listed(peers(self._link.document))
        self._link.start()

    def stop(self) -> None:
        self._link.stop()

    def _taken(self) -> None:
        """On the link's thread: there is another document."""
        document = self._link.document
        if self._retention is not None:
            self._say(self._retention.heard(document, time.monotonic()))
        self._listed(peers(document))

    def _asked(self, error: WatchkeepError | None) -> None:
        """On the link's thread, after every question."""
        if self._retention is None:
            return
        if isinstance(error, NotOfSiteError):
            self._say(self._retention.heard(None, time.monotonic()))
        if self._retention.tick(time.monotonic()):
            self._apply()

    def _say(self, text: str) -> None:
        if text:
            self._tell(text, REMEDY)
        self._apply()

    def _apply(self) -> None:
        if self._retention is not None:
            self._store.keep_for(self._retention.days, self._retention.spared, self._retention.cameras)
