"""What a leader does with entries of another branch: merged when they touch nothing else changed, else kept for an operator.  No I/O.

    common ancestor ──▶ entries of the leader                    ──▶ merged: a new entry, same actor, note "merged from b"
                   └──▶ entries set aside by server b ──parcel──▶    kept: both versions, until somebody settles it

    delivered   becomes
    edit        an edit when every entity that it touches or refers to is as the branch knew it, else a keep
    settle      a settle when the contingency is still open here and the changes fit, else as an edit
    keep        a keep, unless the edit in it is known here already
    assign      higher terms for the recorders that the branch has appointed, so that theirs are never above the present ones
    lease       a higher number, for the same reason
    lead        nothing: it is never delivered

Rules: an entry that was taken in once is not taken in again (Site.taken, by hash), so delivering twice changes nothing.  An entity is
as the branch knew it when its revision here is the one that the branch's change names (`was`), or the entry here that took in the
branch's entry of that number.  What both sides have made equal is no contradiction.  In doubt it is kept: an operator loses
a minute then, and no edit.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from ....wire.errors import FormatError
from ..entry import Entry, Kind
from ..rules import problems
from ..site import Change, Key, Lease, Recording, Site, typed
from .terms import next_number, recorder_term

PARCEL_ENTRIES: Final = 200
PARCEL_BYTES: Final = 4 << 20
"""Of one delivery, but always one entry: those are up to MAX_ENTRY_BYTES."""
MAX_KEPT: Final = 1000
"""Contingencies that wait for an operator; deliveries after that stay with their server, where nothing is lost either."""
DELIVERED: Final = frozenset(("edit", "settle", "keep", "assign", "lease"))
NUMBERED: Final = frozenset(("assign", "lease"))
"""Whoever has such entries set aside has given numbers that its journal does not know, and gives no others before it does."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Entries of one branch, in the order in which they are to be judged.

    hashes: of all its entries from `base` + 1 on, also of those in earlier parcels.
    """

    server: str
    base: int
    base_hash: str
    hashes: tuple[str, ...]
    entries: tuple[Entry, ...]

    def hash_of(self, index: int) -> str | None:
        place = index - self.base - 1
        return self.hashes[place] if 0 <= place < len(self.hashes) else None


class Written(NamedTuple):
    """An entry to be written: its kind, payload and the actor that it names."""

    kind: Kind
    payload: dict[str, Any]
    actor: str


def branches(aside: Sequence[Entry]) -> Iterator[list[Entry]]:
    """What is set aside as runs, each from where it left the journal to its end.

    Two of them share their beginning when a server has cut a branch off another one, and then that one too.
    """
    known = {entry.hash: entry for entry in aside}
    inner = {entry.prev for entry in aside}
    for end in sorted((entry for entry in aside if entry.hash not in inner), key=lambda entry: (entry.index, entry.hash)):
        run: list[Entry] = []
        step: Entry | None = end
        while step is not None:
            run.append(step)
            step = known.get(step.prev)
        yield run[::-1]


def parcel(server: str, aside: Sequence[Entry], done: Set[str]) -> Parcel | None:
    """The next delivery of what is set aside and not done; None when there is none.

    Numbers go first, since they wait for nobody, and the newest first: the one above it is then above all that the branch gave.
    """
    runs = list(branches(aside))
    for run in runs:
        if found := _parcel(server, run, [entry for entry in reversed(run) if entry.kind in NUMBERED and entry.hash not in done]):
            return found
    for run in runs:
        if found := _parcel(server, run, [entry for entry in run if entry.kind in DELIVERED and entry.hash not in done]):
            return found
    return None


def _parcel(server: str, run: list[Entry], entries: list[Entry]) -> Parcel | None:
    chosen: list[Entry] = []
    size = 0
    for entry in entries:
        size += len(entry.body())
        if chosen and (size > PARCEL_BYTES or len(chosen) == PARCEL_ENTRIES):
            break
        chosen.append(entry)
    return Parcel(server, run[0].index - 1, run[0].prev, tuple(entry.hash for entry in run), tuple(chosen)) if chosen else None


def judge(site: Site, sent: Parcel, entry: Entry, rank: int, *, base_known: bool) -> Written | None:
    """What the leader writes for one delivered entry; None when it has taken it in already.

    base_known: whether the branch leaves the leader's journal where the parcel says; if not, nothing can be compared.
    """
    of = [entry.hash, *entry.payload.get("of", ())]
    if entry.hash in site.taken:
        return None
    match entry.kind:
        case "assign":
            return Written("assign", _raised(site, entry, rank, of), entry.actor)
        case "lease":
            return _lease(site, entry, rank, of)
        case _ if any(origin in site.taken for origin in of):
            return Written("edit", {"changes": [], "note": f"merged from {sent.server}: known already", "of": of}, entry.actor)
        case "keep":
            return Written("keep", {**entry.payload, "of": of}, entry.actor)
        case _:
            return _merged(site, sent, entry, of, base_known=base_known)


def _merged(site: Site, sent: Parcel, entry: Entry, of: list[str], *, base_known: bool) -> Written:
    changes = tuple(Change.from_json(change) for change in entry.payload["changes"])
    why = _against(site, sent, changes) if base_known else "its branch leaves a journal that is not known here any more"
    if why is not None:
        return Written("keep", _kept(site, entry, changes, why, of), entry.actor)
    fresh = [change.to_json() for change in _now(site, changes) if not _agrees(site, change)]
    if entry.kind == "settle" and entry.payload["origin"] in site.contingencies:
        return Written("settle", {**entry.payload, "changes": fresh, "of": of}, entry.actor)
    return Written("edit", {"changes": fresh, "note": f"merged from {sent.server}", "of": of}, entry.actor)


def _against(site: Site, sent: Parcel, changes: tuple[Change, ...]) -> str | None:
    """Why these changes cannot be made here, in one line; None when they can."""
    ours = frozenset(index for origin in sent.hashes if (index := site.taken.get(origin)) is not None)
    for change in changes:
        if not _agrees(site, change) and _revision(site, change.key) != _expected(site, sent, change.was):
            return f"{change.key} was changed on both sides"
        for target in _targets(change):
            record = site.get(target)
            if record is not None and record.revision > sent.base and record.revision not in ours:
                return f"{change.key} refers to {target}, which was changed on the other side"
    found = problems(site, tuple(change for change in _now(site, changes) if not _agrees(site, change)))
    return found[0].line() if found else None


def _expected(site: Site, sent: Parcel, was: int | None) -> int | None:
    """The revision here of what had the revision `was` on the branch; None: it came of an entry that is not merged here."""
    if was is None or was <= sent.base:
        return was
    origin = sent.hash_of(was)
    return None if origin is None or origin in site.contingencies else site.taken.get(origin)


def _revision(site: Site, key: Key) -> int:
    record = site.get(key)
    return record.revision if record else 0


def _agrees(site: Site, change: Change) -> bool:
    """Whether the entity is here what the change makes of it."""
    record = site.get(change.key)
    return change.value is None if record is None else record.value == change.value


def _targets(change: Change) -> list[Key]:
    if change.value is None:
        return []
    try:
        return [Key(*target) for target in typed(change.key.kind, change.value).refers_to()]
    except (FormatError, ValidationError):
        return []  # problems() says what is wrong with it


def _now(site: Site, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The same changes, of the revisions that there are here."""
    return tuple(Change(change.key, change.value, _revision(site, change.key)) for change in changes)


def _kept(site: Site, entry: Entry, changes: tuple[Change, ...], why: str, of: list[str]) -> dict[str, Any]:
    now = {}
    for change in changes:
        record = site.get(change.key)
        now[str(change.key)] = None if record is None else {"value": record.value, "revision": record.revision}
    theirs = {"actor": entry.actor, "at_s": entry.at_s, "kind": entry.kind, "changes": [change.to_json() for change in changes], "now": now}
    return {"origin": entry.hash, "entries": [theirs], "why": why, "of": of}


def _raised(site: Site, entry: Entry, rank: int, of: list[str]) -> dict[str, Any]:
    recorders = {}
    for camera, (_, term) in sorted(entry.payload["recorders"].items()):
        present = site.recorders.get(camera, Recording("", 0))
        if present.term < term:
            recorders[camera] = [present.agent, recorder_term(term, rank)]
    return {"recorders": recorders, "archivers": {}, "of": of}


def _lease(site: Site, entry: Entry, rank: int, of: list[str]) -> Written:
    role, number = entry.payload["role"], entry.payload["number"]
    present = site.leases.get(role, Lease("", 0))
    if present.number >= number:
        return Written("edit", {"changes": [], "note": "a lease that is over", "of": of}, entry.actor)
    return Written("lease", {"role": role, "holder": present.holder, "number": next_number(number, rank), "of": of}, entry.actor)
