"""Making and proving a backup: the steps around the journal's database and one destination.

    entries read ─▶ written to the destination ─▶ read back and proven ─▶ what retention lets go is removed

Rules: nothing is removed before the new backup is proven.  An incremental goes on from where a restore of its destination would end, and
only when that file is whole and part of this journal: otherwise (another leader's edits, an empty folder) a full one is made.

Two servers may write to one destination at once, when both hold the role or lead in a torn network.  Each file is whole by itself and
names what it goes on from; what is of both is ordered by (term, index), as a restore does.  The last of them may have lost its full one to
the other's retention: nothing goes on from it then.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ....wire.errors import FormatError, UsageError, WatchkeepError
from ..database import Database
from ..entry import FIRST_HASH, Entry
from .chains import chain, expired
from .layout import Backup, Foot, Head, Kind, Reader, lines

PAGE: Final = 1000
"""Entries after which progress is told."""
Progress = Callable[[int, int], None]
"""Called with (entries done, entries in all)."""


class Place(Protocol):
    """A destination, as place.py's Folder is."""

    def list(self) -> list[Backup]: ...
    def write(self, backup: Backup, lines: Iterable[bytes]) -> int: ...
    def read(self, backup: Backup) -> Iterator[bytes]: ...
    def remove(self, backup: Backup) -> None: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Who makes backups, of which site."""

    site: str
    server: str


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written and proven, and what retention removed after it; why tells when it is not of the kind asked for."""

    backup: Backup
    bytes: int
    removed: tuple[str, ...] = ()
    why: str = ""


def make(database: Database, place: Place, origin: Origin, kind: Kind, now_s: float, *, keep: int,
         progress: Progress = lambda *_: None) -> Made | None:  # fmt: skip
    """Write one backup, prove it and apply retention; None when an incremental would hold nothing.  Raises WatchkeepError."""
    last = database.last()
    if last is None:
        raise UsageError("the journal has no entries", remedy="there is nothing to back up yet")
    here = [one for one in place.list() if one.site == origin.site]
    before, why = _goes_on_from(database, place, here) if kind == "incremental" else (None, "")
    if before is not None and before.last == last.index:
        return None
    head = Head(origin.site, origin.server, now_s, "full" if before is None else "incremental",
                before.last if before else 0, before.hash if before else FIRST_HASH)  # fmt: skip
    backup = Backup(origin.site, int(now_s), head.kind, head.after, last.index, last.term)
    entries = _counted(_until(database.all(head.after), last.index), last.index - head.after, progress)
    size = place.write(backup, lines(head, entries))
    try:
        prove(place, backup)
    except WatchkeepError:
        place.remove(backup)
        raise
    gone = expired([*here, backup], keep)
    for old in gone:
        place.remove(old)
    return Made(backup, size, tuple(old.name for old in gone), why)


def _goes_on_from(database: Database, place: Place, here: Sequence[Backup]) -> tuple[Foot | None, str]:
    """The last line of the backup at which a restore would end when an incremental may go on from it, else why not."""
    way = chain(here)
    if not way:
        return None, "there is no full backup to go on from"
    newest = way[-1]
    try:
        foot = prove(place, newest).foot
    except WatchkeepError as error:
        return None, f"{newest.name}: {error.message}"
    if database.hash_at(foot.last) != foot.hash:
        return None, f"{newest.name} holds entries that are not in this journal"
    return foot, ""


def _until(entries: Iterable[Entry], last: int) -> Iterator[Entry]:
    for entry in entries:
        if entry.index > last:
            return
        yield entry


def _counted(entries: Iterable[Entry], total: int, progress: Progress) -> Iterator[Entry]:
    for done, entry in enumerate(entries, 1):
        yield entry
        if done % PAGE == 0 or done == total:
            progress(done, total)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a whole backup says: its first line, its last one, and when its last entry was made."""

    head: Head
    foot: Foot
    last_s: float


def prove(place: Place, backup: Backup) -> Proof:
    """Read a backup to its end; raises FormatError or VolumeError when anything is wrong with it."""
    last_s = 0.0
    for entry in (reader := Reader(place.read(backup))):
        last_s = entry.at_s
    foot, head = reader.foot, reader.head
    assert foot is not None, "a Reader ends without its last line only by raising"
    named = (backup.site, backup.kind, backup.after, backup.last, backup.term)
    if (head.site, head.kind, head.after, foot.last, foot.term) != named:
        raise FormatError("the backup is not what its name says", remedy="take another destination's copy")
    return Proof(head, foot, last_s)
