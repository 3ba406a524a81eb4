"""What backups have beyond a server's own journal, restored and ready: `standby.sqlite` in its data_dir.

Rules: a cache, made only by a server whose own journal is behind its folders; a follower's is not, so this is empty nearly always.  Entries
get here when their whole chain is proven.  No folder is read under the lock, so that one that hangs holds up nobody.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from ....wire.errors import WatchkeepError
from ..database import Database, sqlite_url
from ..entry import FIRST_HASH, Entry
from .chains import chain
from .job import PAGE, Place
from .layout import Backup, Reader
from .restore import joined

FILE: Final = "standby.sqlite"


class Copy:
    """Used by any thread; close() at the end."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        self._lock = threading.Lock()
        self._journal: Database | None = None

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._journal = None

    def feed(self, place: Place, backups: Sequence[Backup], own: tuple[int, int], went_on: Callable[[], None]) -> bool:
        """Bring the copy up to a folder's newest state when that is beyond the server's own; returns whether something was added."""
        way = chain(backups)
        if not way or way[-1].position <= max(own, self._position()):
            return False
        whole = joined({one: [place] for one in way}, way, {})
        if not whole or whole[-1][0].position <= max(own, self._position()):
            return False
        self._begin(_entries(whole))
        entries = _entries(whole)
        while page := list(islice(entries, PAGE)):
            went_on()
            self._take(page)
        return True

    def _position(self) -> tuple[int, int]:
        with self._lock:
            last = self._open().last()
        return (0, 0) if last is None else last.position

    def _begin(self, entries: Iterator[Entry]) -> None:
        """Throw away what is no beginning of these entries."""
        with self._lock:
            last = self._open().last()
        same = last is None or any(entry.hash == last.hash for entry in entries if entry.index == last.index)
        if not same:
            with self._lock:
                self._close()
                self._remove()

    def _take(self, page: Sequence[Entry]) -> None:
        with self._lock:
            journal = self._open()
            last = journal.last()
            journal.append([entry for entry in page if last is None or entry.index > last.index])

    def _open(self) -> Database:
        if self._journal is None:
            self._path.parent.mkdir(exist_ok=True)
            try:
                self._journal = self._opened()
            except WatchkeepError:
                self._remove()  # a cache: a damaged one is made anew from the folders
                self._journal = self._opened()
        return self._journal

    def _opened(self) -> Database:
        journal = Database(sqlite_url(self._path))
        try:
            journal.open()
        except WatchkeepError:
            journal.close()
            raise
        return journal

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def beyond(self, index: int, end: str) -> tuple[Entry, ...]:
        """What follows an entry of this hash; none when the copy is of another branch, or not further."""
        with self._lock:
            if self._journal is None and not self._path.exists():
                return ()
            journal = self._open()
            known = FIRST_HASH if index == 0 else journal.hash_at(index)
            return tuple(journal.entries(index)) if known == end else ()


def _entries(whole: Sequence[tuple[Backup, Place]]) -> Iterator[Entry]:
    return (entry for backup, place in whole for entry in Reader(place.read(backup)))
