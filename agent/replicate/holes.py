"""Where the live lane has left chunks behind: holes, told once when they open and once when they close.  No I/O, no clock, no threads.

    (none) ── older than LIVE_S and owed ──▶ open ── nothing older is owed any more ──▶ closed: filled, moved, or ended with a loss

    closed as   when
    FILLED      the archiver has acknowledged all of it
    MOVED       it is owed to another archiver now, or this one has left
    LOST        the journal's quota took some of it; the rest is there

Rules: what is owed has to stay so for PATIENCE_S: what a takeover brings along goes within it and is none.  One hole for each
camera and archiver at a time, so one outage is two events for each, however long it lasts.  Chunks of before the agent's restart
are UNKNOWN until the archiver has said what it lacks: they open none before.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from .book import EpochBook
from .lanes import LIVE_S
from .ledger import CopyLedger
from .stages import UNACKNOWLEDGED, Stage

LOOK_BACK_S: Final = 1.0
"""What left the live lane lately: five rounds of the pacer, and twice book.MARK_EVERY_S."""

PATIENCE_S: Final = 2.0
"""The catch-up lane's first batches, and twenty ticks."""


class Ending(Enum):
    FILLED = "filled"
    MOVED = "moved"
    LOST = "lost"


class Place(NamedTuple):
    camera: str
    archiver: str


@dataclass(frozen=True, slots=True)
class Opened:
    place: Place
    epoch: int
    seq: int
    """The oldest chunk that it lacks."""


@dataclass(frozen=True, slots=True)
class Closed:
    place: Place
    ending: Ending
    lasted_s: float
    lost: int


@dataclass(slots=True)
class _Hole:
    since: float
    lost: int = 0


class Holes:
    """The open holes; bounded by cameras times archivers."""

    def __init__(self) -> None:
        self._open: dict[Place, _Hole] = {}
        self._seen: dict[Place, float] = {}
        """Since when a place without a hole owes what would be one."""

    def cameras(self) -> set[str]:
        """Those with an open hole."""
        return {place.camera for place in self._open}

    def look(self, ledger: CopyLedger, archivers: Collection[str], now: float) -> list[Opened | Closed]:
        """What has opened and closed since the last look."""
        found: list[Opened | Closed] = []
        seen: dict[Place, float] = {}
        for place, epoch, seq in _behind(ledger, archivers, now):
            if place in self._open:
                continue
            seen[place] = self._seen.get(place, now)
            if now >= seen[place] + PATIENCE_S:
                self._open[place] = _Hole(seen.pop(place))
                found.append(Opened(place, epoch, seq))
        self._seen = seen
        for place, hole in list(self._open.items()):
            ending = self._ending(ledger, archivers, place, now)
            if ending is not None:
                del self._open[place]
                found.append(Closed(place, ending, now - hole.since, hole.lost))
        return found

    def open(self) -> dict[Place, float]:
        """The open holes, and since when."""
        return {place: hole.since for place, hole in self._open.items()}

    def dropped(self, ledger: CopyLedger, camera: str, epoch: int, low: int, high: int) -> None:
        """The journal gives these chunks up: call before the ledger forgets them."""
        for place, hole in self._open.items():
            book = ledger.cameras[camera].epochs.get(epoch) if place.camera == camera else None
            if book is not None:
                hole.lost += sum(len(book.at(place.archiver)[stage].clip(low, high)) for stage in UNACKNOWLEDGED)

    def _ending(self, ledger: CopyLedger, archivers: Collection[str], place: Place, now: float) -> Ending | None:
        """How a hole has ended, None while it is open."""
        if place.archiver not in archivers:
            return Ending.MOVED
        camera = ledger.cameras[place.camera]
        for stage in UNACKNOWLEDGED:
            for epoch in ledger.open_epochs(place.archiver, stage).get(place.camera, ()):
                if _older(camera.epochs[epoch], place.archiver, stage, now) is not None:
                    return None
        if self._open[place].lost:
            return Ending.LOST
        return Ending.FILLED if place.archiver in camera.targets else Ending.MOVED


def _behind(ledger: CopyLedger, archivers: Collection[str], now: float) -> Iterator[tuple[Place, int, int]]:
    """Places that lack what is older than the live lane, with the oldest such chunk that is known to be missing."""
    for archiver in archivers:
        owed, sent = (ledger.open_epochs(archiver, stage) for stage in (Stage.OWED, Stage.SENT))
        for camera in {**owed, **sent}:
            for epoch in sorted({*owed.get(camera, ()), *sent.get(camera, ())}):
                book = ledger.cameras[camera].epochs[epoch]
                firsts = [_older(book, archiver, stage, now) for stage in (Stage.OWED, Stage.SENT)]
                if known := [first for first in firsts if first is not None]:
                    yield Place(camera, archiver), epoch, min(known)
                    break


def is_late(ledger: CopyLedger, archiver: str, cameras: Collection[str], now: float) -> bool:
    """Whether a chunk of one of the cameras has left the live lane lately and is still owed: the lane cannot keep up."""
    for camera, epochs in ledger.open_epochs(archiver, Stage.OWED).items():
        if camera in cameras:
            for epoch in epochs:
                book = ledger.cameras[camera].epochs[epoch]
                low, high = book.first_since(now - LIVE_S - LOOK_BACK_S), book.first_since(now - LIVE_S) - 1
                if low <= high and book.at(archiver)[Stage.OWED].clip(low, high):
                    return True
    return False


def _older(book: EpochBook, archiver: str, stage: Stage, now: float) -> int | None:
    """The first chunk at a stage that the live lane has left behind."""
    first = book.at(archiver)[stage].first()
    return first if first is not None and first < book.first_since(now - LIVE_S) else None
