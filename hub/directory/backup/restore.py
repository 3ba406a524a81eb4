"""Bringing a journal back from its backups, into a database without entries.

    chain chosen ─▶ each backup proven, from whichever destination has it whole, and joined to the one before ─▶ entries and mark written

Rules: a restore writes into a database without entries, so it can never overwrite one.  What it writes is one transaction, read back and
proven before it stands: one that is killed or fails in the middle leaves a database without entries, and is simply repeated.
Its last entry is a mark of its own: who restored what.  The mark's term is above all that the backups know, by a margin for the leaders
that came after them: so the restored journal is the newer state for agents and servers, also when it goes back on purpose, and what the
operator went back from does not come again from a backup.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ....wire.errors import FormatError, UsageError, VolumeError
from ..cluster.terms import MARGIN, next_number
from ..database import ConflictError, Database
from ..entry import Entry, next_entry
from ..site import Site
from .chains import chain
from .job import PAGE, Place, Progress, prove
from .layout import Backup, Foot, Reader


@dataclass(frozen=True, slots=True)
class Mark:
    """Who restores: the actor of the mark, the rank of its server, and when."""

    actor: str
    rank: int
    now_s: float


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back: entries without its mark, the last one's number and time, and when its newest backup was made.

    newest: the last backup that is there and whole; damaged names backups that could not be proven in any destination, with why.
    """

    site: Site
    last: int
    last_s: float
    newest: Backup
    used: tuple[str, ...]
    damaged: dict[str, str]


def restore(places: Sequence[Place], site: str, database: Database, mark: Mark, *, until: int | None = None, until_s: float | None = None,
            progress: Progress = lambda *_: None) -> Restored:  # fmt: skip
    """Fill an open, empty database up to an entry or a moment, or as far as the backups go; raises WatchkeepError.

    An entry that they do not reach is refused, since less would be another state than the one that was asked for."""
    if database.last() is not None:
        raise _filled(database)
    known = listed(places, site)
    terms = [one.term for one in known]
    damaged: dict[str, str] = {}
    while found := chain(known, until):
        if until is not None and found[-1].last < until:
            why = f", since {len(damaged)} damaged one(s) had to be passed over" if damaged else ""
            raise UsageError(f"the backups end at entry {found[-1].last}, before entry {until}{why}",
                             remedy="leave --to out to restore all that they have; `watchkeep hub backups` lists them")  # fmt: skip
        whole = joined(known, found, damaged)
        if len(whole) == len(found):
            pages = _marked(_pages(whole, until, until_s, progress), mark, next_number(max(terms) + MARGIN, mark.rank), found[-1].name)
            try:
                state = database.fill(pages)
            except ConflictError as error:
                raise _filled(database) from error
            (last,) = database.entries(state.index - 2, limit=1)  # the one before the mark
            return Restored(state, last.index, last.at_s, found[-1], tuple(one.name for one in found), damaged)
        del known[found[len(whole)]]
    raise UsageError(f"no backup of site {site} is there that can be restored", remedy="name the destinations that backups were written to")


def listed(places: Sequence[Place], site: str) -> dict[Backup, list[Place]]:
    """Every backup of a site, with the destinations that have it."""
    known: dict[Backup, list[Place]] = {}
    for place in places:
        for backup in place.list():
            if backup.site == site:
                known.setdefault(backup, []).append(place)
    return known


def joined(known: dict[Backup, list[Place]], found: Sequence[Backup], damaged: dict[str, str]) -> list[tuple[Backup, Place]]:
    """As much of a chain as is proven and goes on from the one before, each with a destination whose copy is whole."""
    whole: list[tuple[Backup, Place]] = []
    before: Foot | None = None
    for backup in found:
        proven = _whole(known[backup], backup, before, damaged)
        if proven is None:
            break
        place, before = proven
        whole.append((backup, place))
    return whole


def _whole(places: Sequence[Place], backup: Backup, before: Foot | None, damaged: dict[str, str]) -> tuple[Place, Foot] | None:
    for place in places:
        try:
            proof = prove(place, backup)
        except (FormatError, VolumeError) as error:
            damaged[f"{place}: {backup.name}"] = error.message
            continue
        if before is None or proof.head.after_hash == before.hash:
            return place, proof.foot
        damaged[f"{place}: {backup.name}"] = "it goes on from another branch of the journal"
    return None


def _pages(used: Sequence[tuple[Backup, Place]], until: int | None, until_s: float | None, progress: Progress) -> Iterator[list[Entry]]:
    """Progress is told of what has been taken."""
    total = used[-1][0].last if until is None else min(until, used[-1][0].last)
    source = (entry for backup, place in used for entry in Reader(place.read(backup)))
    wanted = _wanted(source, until, until_s)
    while page := list(islice(wanted, PAGE)):
        yield page
        progress(page[-1].index, total)


def _marked(pages: Iterator[list[Entry]], mark: Mark, term: int, newest: str) -> Iterator[list[Entry]]:
    """The pages, and the mark behind them; raises UsageError when there is none."""
    last: Entry | None = None
    for page in pages:
        yield page
        last = page[-1]
    if last is None:
        raise UsageError("the first entry is younger than the wanted moment", remedy="see `watchkeep hub backups` for what is there")
    note = f"restored to entry {last.index}, from backups up to {newest}"
    yield [next_entry(last, term=term, actor=mark.actor, at_s=mark.now_s, kind="edit", payload={"changes": [], "note": note})]


def _filled(database: Database) -> UsageError:
    away = "move this one away" if database.file else "stop all servers, rename this one (ALTER DATABASE), create an empty one of its name"
    return UsageError(f"{database.where} has entries", remedy=f"restore into a database without entries: {away}")


def _wanted(entries: Iterator[Entry], until: int | None, until_s: float | None) -> Iterator[Entry]:
    """Entries up to a number, and before the first one that is younger than a moment."""
    for entry in entries:
        if (until is not None and entry.index > until) or (until_s is not None and entry.at_s > until_s):
            return
        yield entry
