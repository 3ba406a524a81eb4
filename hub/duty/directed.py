"""How an archiver keeps video by what the directory says and its own hub.toml.  No I/O, no clock.

    hub.toml has retention_days   the directory                                    days
    ───────────────────────────   ──────────────────────────────────────────────   ───────────────────────────────────────
    yes                           whatever it says                                 hub.toml's
    no                            a document with days                             its days, MIN_DAYS at least
    no                            a document without, or no such archiver          the default
    no                            has not said anything yet                        not known: age deletes nothing

    days are said ──longer──▶ they count          the start ─▶ spared for ever
                  └─shorter─▶ what counted until then is spared for another UNDO_S ──▶ they count

Rules: what the box's own file says wins, as with agents.  A number that somebody mistyped, or that a server said which lags behind, can be
put right before it deletes anything; so can one that was changed while this hub was down, hence the start.  The directory's days of single
cameras go the same way: a number of them that sinks spares everything for an hour.  Days of single cameras in hub.toml win over those,
evidence locks and the floor of free space are as ever.  That a document does not go back is for wire/follow.py to see to.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from ...wire import follow
from ...wire.desired import ArchiverDesired
from ..naming import listed

MIN_DAYS: Final = 1.0
"""The directory deletes nothing that is younger.  Who wants less says so in hub.toml."""
UNDO_S: Final = 3600.0
"""An event tells the new days at once; an hour is for who reads it."""
FOR_EVER: Final = 36_500.0
STEPS: Final = 4
"""Changes that a line tells."""


class Follower(follow.Follower[ArchiverDesired]):
    """What is known of the directory; one thread."""

    SECTION = "hub"

    def wrong(self, document: ArchiverDesired) -> str:
        if document.archiver != self._name:
            return f"it is for archiver {document.archiver} of site {document.site}"
        ids = [peer.id for peer in document.peers]
        return "it names an archiver twice" if len(set(ids)) != len(ids) else ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Days of every camera, and of those that have some of their own."""

    days: float
    cameras: Mapping[str, float]

    def of(self, camera: str) -> float:
        return self.cameras.get(camera, self.days)

    @property
    def longest(self) -> float:
        return max(self.days, *self.cameras.values()) if self.cameras else self.days


class _Change(NamedTuple):
    """Of all cameras that have no days of their own, when none is named."""

    days: float
    before: float
    cameras: tuple[str, ...] = ()


class Retention:
    """Which days count; for a hub.toml that does not say.  One thread.  Every `now` is monotonic."""

    def __init__(self, default: float, taken: ArchiverDesired | None, now: float, own: Collection[str] = ()) -> None:
        """taken: what was taken up before the start; own: cameras whose days hub.toml says."""
        self._default, self._own = default, own
        self._known = taken is not None
        self._wanted = self._said(taken)
        self.spared = FOR_EVER
        """What is younger than these days is not deleted for its age, though it may be older than is wanted; 0: nothing is spared."""
        self._until = now + UNDO_S

    @property
    def days(self) -> float:
        """Of every camera that has none of its own; the default while nothing is known."""
        return self._wanted.days

    @property
    def cameras(self) -> Mapping[str, float]:
        """Days of single cameras; none while anything is spared, since a camera with days of its own is not (hub/store/retainer.py).
        What is fetched for a camera goes by `days` for so long, at most an hour."""
        return {} if self.spared else self._wanted.cameras

    def heard(self, document: ArchiverDesired | None, now: float) -> str:
        """It was taken up; None: the directory has no such archiver.  Returns what to tell operators, empty when nothing changes."""
        if document is None and self._known:
            return ""
        old, new = self._wanted, self._said(document)
        changes = list(_changes(old, new))
        fewer = any(one.days < one.before for one in changes)
        if not self._known or fewer:
            self._until = now + UNDO_S
        if not self._known or fewer or self.spared:
            self.spared = max(self.spared, old.longest, new.longest)
        self._known, self._wanted = True, new
        return _told(changes, document, deletes=fewer) if changes else ""

    def tick(self, now: float) -> bool:
        """Whether what was spared is spared no more."""
        if not self._known or self.spared == 0 or now < self._until:
            return False
        self.spared = 0.0
        return True

    def _said(self, document: ArchiverDesired | None) -> _Wanted:
        if document is None:
            return _Wanted(self._default, {})
        days = self._default if document.retention_days is None else max(document.retention_days, MIN_DAYS)
        return _Wanted(days, {name: max(own, MIN_DAYS) for name, own in document.retention.items() if name not in self._own})


def _changes(old: _Wanted, new: _Wanted) -> Iterator[_Change]:
    """Cameras that go from the same days to the same days are one change."""
    if new.days != old.days:
        yield _Change(new.days, old.days)
    found: dict[tuple[float, float], list[str]] = {}
    for name in sorted({*old.cameras, *new.cameras}):
        if (step := (new.of(name), old.of(name)))[0] != step[1]:
            found.setdefault(step, []).append(name)
    yield from (_Change(*step, tuple(names)) for step, names in found.items())


def _told(changes: list[_Change], document: ArchiverDesired | None, *, deletes: bool) -> str:
    said = document.retention_days if document is not None else None
    by = "as nobody says otherwise" if said is None and not changes[-1].cameras else f"as the directory says at {_at(document)}"
    if said is not None and said < MIN_DAYS:
        by += f" (it says {said:g}; less than {MIN_DAYS:g} only hub.toml can say)"
    steps = [f"video{_of(one.cameras)} is kept for {one.days:g} days from now on, {one.before:g} before" for one in changes[:STEPS]]
    more = [f"and {len(changes) - STEPS} changes more"] if len(changes) > STEPS else []
    end = f": what is older is deleted in {UNDO_S / 60:g} minutes" if deletes else ""
    return f"{'; '.join(steps + more)}, {by}{end}"


def _at(document: ArchiverDesired | None) -> str:
    return "" if document is None else f"{document.term}.{document.index}"


def _of(cameras: tuple[str, ...]) -> str:
    return f" of {listed(cameras)}" if cameras else ""


def peers(document: ArchiverDesired | None) -> dict[str, str]:
    """The archivers to compare with that can be reached as the directory says."""
    return {one.id: one.url for one in document.peers if one.url.startswith("http://")} if document is not None else {}
