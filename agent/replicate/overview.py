"""Replication at one moment, for an operator who asks the agent itself.  No I/O, no clock, no threads.

Rules: readers only look; what a beacon says already is not said again here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from .health import Health
from .holes import Holes, Place
from .lanes import LIVE_S
from .ledger import CopyLedger
from .policy import CopyPolicy
from .stages import Stage


@dataclass(frozen=True, slots=True)
class Copies:
    """Where one camera's chunks go."""

    camera: str
    copies: int
    listed: tuple[str, ...]
    targets: tuple[str, ...]
    """Now; `next` is what the next segment cut changes it to, empty when it does not."""
    next: tuple[str, ...]
    moved_to: str
    """Where an operator has put it first; empty when nobody has."""
    stages: Mapping[str, Mapping[str, int]]
    """Archiver to stage to chunks of the journal; none is left out."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One archiver, beside what its link says."""

    archiver: str
    state: str
    cameras: int
    """That go there now."""
    live: int
    catchup: int
    """Chunks that are owed to it and not under way, by lane."""
    floor: int
    """Cameras of lower priority have no room there; 0 when all have."""


@dataclass(frozen=True, slots=True)
class Overview:
    copies: tuple[Copies, ...] = ()
    lanes: tuple[Lane, ...] = ()
    holes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Camera to archiver to since how many seconds it lacks chunks that the live lane left behind."""


def overview(ledger: CopyLedger, policy: CopyPolicy, holes: Holes, archivers: Collection[str], now: float) -> Overview:
    cameras = sorted({*ledger.cameras, *policy.cameras()})
    open_holes: dict[str, dict[str, float]] = {}
    for place, since in sorted(holes.open().items(), key=_by_place):
        open_holes.setdefault(place.camera, {})[place.archiver] = round(now - since, 1)
    return Overview(tuple(_copies(ledger, policy, camera) for camera in cameras),
                    tuple(_lane(ledger, policy, name, now) for name in sorted(archivers)), open_holes)  # fmt: skip


def kept_away(policy: CopyPolicy, archiver: str) -> int:
    """How many sticky cameras stay with a stand-in although this archiver is back, and before it in their list."""
    health = policy.health(archiver)
    if not health.was_away or health.state is not Health.HEALTHY:
        return 0
    sticky = (camera for camera in policy.cameras() if policy.sticky(camera))
    return sum(_is_before(archiver, policy.targets(camera), policy.wanted(camera)) for camera in sticky)


def _is_before(archiver: str, targets: tuple[str, ...], listed: tuple[str, ...]) -> bool:
    after = listed[listed.index(archiver) + 1 :] if archiver in listed else ()
    return archiver not in targets and any(name in after for name in targets)


def _by_place(item: tuple[Place, float]) -> Place:
    return item[0]


def _copies(ledger: CopyLedger, policy: CopyPolicy, camera: str) -> Copies:
    book = ledger.cameras.get(camera)
    stages: dict[str, dict[str, int]] = {}
    for epoch in book.epochs.values() if book is not None else ():
        for archiver, held in epoch.stages.items():
            for stage in Stage:
                if count := len(held[stage]):
                    found = stages.setdefault(archiver, {})
                    found[stage.name.lower()] = found.get(stage.name.lower(), 0) + count
    targets = book.targets if book is not None and book.targets else policy.targets(camera)
    following = (book.at_cut if book is not None else None) or ()
    return Copies(camera, policy.copies(camera), policy.wanted(camera), targets, following, policy.moved_to(camera),
                  dict(sorted(stages.items())))  # fmt: skip


def _lane(ledger: CopyLedger, policy: CopyPolicy, archiver: str, now: float) -> Lane:
    live = owed = 0
    for camera, epochs in ledger.open_epochs(archiver, Stage.OWED).items():
        for epoch in epochs:
            book = ledger.cameras[camera].epochs[epoch]
            waits = book.at(archiver)[Stage.OWED]
            owed += len(waits)
            live += len(waits.clip(book.first_since(now - LIVE_S), book.last_seq))
    users = sum(archiver in (book.targets or policy.targets(name)) for name, book in ledger.cameras.items())
    return Lane(archiver, policy.health(archiver).state.value, users, live, owed - live, policy.order(archiver).floor)
