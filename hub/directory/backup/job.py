"""Making, proving and restoring backups: the steps around the journal's database and its destinations.

    backup    entries read ─▶ written to a destination ─▶ read back and proven ─▶ what retention lets go is removed
    restore   chain chosen ─▶ each backup proven, from whichever destination has it whole ─▶ entries into an empty database

Rules: nothing is removed before the new backup is proven.  An incremental goes on from the newest one of its destination, and only when
that one is whole and part of this journal: otherwise (another leader's edits, an empty folder) a full one is made.  A restore writes into
a database without entries, so it can never overwrite one, and what it has written is proven again there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from ....wire.errors import FormatError, UsageError, VolumeError, WatchkeepError
from ..database import Database
from ..entry import FIRST_HASH, Entry
from ..site import Site
from .chains import chain, expired
from .layout import Backup, Foot, Head, Kind, Reader, lines

PAGE: Final = 1000
"""Entries that a restore commits at once."""
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


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back; damaged names backups that could not be proven in any destination, with why."""

    site: Site
    entries: int
    last_s: float
    used: tuple[str, ...]
    damaged: dict[str, str]


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
    backup = Backup(origin.site, int(now_s), head.kind, head.after, last.index)
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
    """The last line of the newest backup when an incremental may go on from it, else why not."""
    if not here:
        return None, "there is no full backup to go on from"
    newest = here[-1]
    try:
        foot = prove(place, newest)
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


def prove(place: Place, backup: Backup) -> Foot:
    """Read a backup to its end and return its last line; raises FormatError or VolumeError when anything is wrong with it."""
    for _ in (reader := Reader(place.read(backup))):
        pass
    foot, head = reader.foot, reader.head
    assert foot is not None, "a Reader ends without its last line only by raising"
    if (head.site, head.kind, head.after, foot.last) != (backup.site, backup.kind, backup.after, backup.last):
        raise FormatError("the backup is not what its name says", remedy="take another destination's copy")
    return foot


def restore(places: Sequence[Place], site: str, database: Database, *, until: int | None = None, until_s: float | None = None,
            progress: Progress = lambda *_: None) -> Restored:  # fmt: skip
    """Fill an open, empty database up to an entry or a moment, or as far as the backups go; raises WatchkeepError."""
    if database.last() is not None:
        raise UsageError(f"{database.where} has entries", remedy="restore into a file that does not exist yet")
    known: dict[Backup, list[Place]] = {}
    for place in places:
        for backup in place.list():
            if backup.site == site:
                known.setdefault(backup, []).append(place)
    damaged: dict[str, str] = {}
    while found := chain(known, until):
        whole = {backup: _whole(known[backup], backup, damaged) for backup in found}
        bad = [backup for backup, place in whole.items() if place is None]
        if not bad:
            used = [(backup, place) for backup, place in whole.items() if place is not None]
            return _write(used, database, until, until_s, damaged, progress)
        for backup in bad:
            del known[backup]
    raise UsageError(f"no backup of site {site} is there that can be restored", remedy="name the destinations that backups were written to")


def _whole(places: Sequence[Place], backup: Backup, damaged: dict[str, str]) -> Place | None:
    """A destination whose copy is proven."""
    for place in places:
        try:
            prove(place, backup)
        except (FormatError, VolumeError) as error:
            damaged[f"{place}: {backup.name}"] = error.message
        else:
            return place
    return None


def _write(used: Sequence[tuple[Backup, Place]], database: Database, until: int | None, until_s: float | None,
           damaged: dict[str, str], progress: Progress) -> Restored:  # fmt: skip
    total = used[-1][0].last if until is None else min(until, used[-1][0].last)
    source = (entry for backup, place in used for entry in Reader(place.read(backup)))
    wanted = _wanted(source, until, until_s)
    count, last_s = 0, 0.0
    while page := list(islice(wanted, PAGE)):
        database.append(page)
        count, last_s = count + len(page), page[-1].at_s
        progress(count, total)
    return Restored(database.check(), count, last_s, tuple(backup.name for backup, _ in used), damaged)


def _wanted(entries: Iterator[Entry], until: int | None, until_s: float | None) -> Iterator[Entry]:
    """Entries up to a number, and before the first one that is younger than a moment."""
    for entry in entries:
        if (until is not None and entry.index > until) or (until_s is not None and entry.at_s > until_s):
            return
        yield entry
