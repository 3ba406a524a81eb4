"""Which archivers owe the chunks of each camera: `copies` copies on the first `copies` healthy of its list.  No I/O.

    targets: the first `copies` of the camera's list by rank (rank.py)

    change                                            the targets move
    a target became UNHEALTHY, or left, or was missing   at once, with every chunk that lacks copies (takeover)
    a target has no room for the camera any more         the same
    a silent PAUSED target may not keep its place        the same
    anything else, such as the end of a hold-down        at the camera's next segment cut (failback)

Rules: DESIGN 4.  The caller performs the actions in order and passes its monotonic clock; events are dataclasses, so
a simulation can drive this file and ledger.py alone.
"""

from collections.abc import Callable, Collection, Iterable, Set
from dataclasses import dataclass

from ...wire.desired import Failback
from .health import ArchiverHealth, Health, HealthLimits, Sign
from .rank import bridged, choose, placeable, sticky_states
from .room import DEFAULT_PRIORITY, Order, Room


@dataclass(frozen=True, slots=True)
class CameraPolicy:
    """How one camera is kept; archivers None means every known one, ordered by id."""

    camera: str
    copies: int
    archivers: tuple[str, ...] | None = None
    priority: int = DEFAULT_PRIORITY
    """Higher is more important: who keeps its place when an archiver has not room for all."""
    failback: Failback | None = None
    """None: as the agent's limits say."""

    @property
    def place(self) -> tuple[object, ...]:
        """What decides where it belongs."""
        return self.copies, self.archivers


@dataclass(frozen=True, slots=True)
class Known:
    """The archivers that exist now; those not named have left."""

    archivers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Configured:
    """The cameras that exist now; those not named keep what they had, for the chunks that they left behind, until they are forgotten."""

    cameras: tuple[CameraPolicy, ...]
    forgotten: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request to this archiver is wanted or under way."""

    archiver: str


@dataclass(frozen=True, slots=True)
class Answered:
    """Sign.ANSWERED of health.py, or ANNOUNCED when it says that it is in maintenance for so long."""

    archiver: str
    maintenance_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A request failed; counts when nothing is answered until the ack time-out."""

    archiver: str
    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Sign.BROKEN of health.py."""

    archiver: str
    why: str


@dataclass(frozen=True, slots=True)
class Full:
    """It answered storage-full; room.py, FULL."""

    archiver: str
    why: str


@dataclass(frozen=True, slots=True)
class Late:
    """Its live lane cannot keep up; room.py, LATE."""

    archiver: str
    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """An operator wants this archiver used again now."""

    archiver: str


@dataclass(frozen=True, slots=True)
class Rested:
    """A cold standby has not been needed for long enough: standby.py."""

    archiver: str


@dataclass(frozen=True, slots=True)
class Placed:
    """An operator puts an archiver first for these cameras; None gives them back to their lists."""

    cameras: tuple[str, ...]
    archiver: str | None


@dataclass(frozen=True, slots=True)
class Crowded:
    """Whether the journal is so full that it can bridge nothing more."""

    crowded: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


ArchiverEvent = Waiting | Answered | Failed | Broken | Full | Late | Moved | Rested
Event = Known | Configured | Placed | Crowded | Tick | ArchiverEvent


@dataclass(frozen=True, slots=True)
class HealthChanged:
    archiver: str
    before: Health
    after: Health
    why: str


@dataclass(frozen=True, slots=True)
class Retarget:
    """A camera's chunks are owed to these archivers, at once or from its next segment cut on."""

    camera: str
    targets: tuple[str, ...]
    copies: int
    at_cut: bool


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """Cameras below `floor` have no room on this archiver now."""

    archiver: str
    before: int
    floor: int
    why: str


@dataclass(frozen=True, slots=True)
class PauseEnded:
    """Nobody waits for these silent archivers in maintenance any more, where another one can take their place."""

    archivers: tuple[str, ...]


Action = HealthChanged | RoomChanged | PauseEnded | Retarget


class CopyPolicy:
    """Health of every archiver and targets of every camera."""

    def __init__(self, limits: HealthLimits | None = None, cold: Collection[str] = ()) -> None:
        """`cold` are standbys, whether they are known yet or not."""
        self._limits, self._cold = limits or HealthLimits(), frozenset(cold)
        self._archivers: dict[str, ArchiverHealth] = {}
        self._rooms: dict[str, Room] = {}
        self._priorities: dict[str, int] = {}
        self._cameras: dict[str, CameraPolicy] = {}
        self._targets: dict[str, tuple[str, ...]] = {}
        self._crowded = False
        self._placed: dict[str, str] = {}
        """Camera to the archiver that an operator has put first; bounded by the cameras, gone with the process."""

    def handle(self, event: Event, now: float) -> list[Action]:
        """Advance; the caller performs the actions in order.  Events about unknown archivers are too late and ignored."""
        actions = self._handle(event, now)
        if not actions:
            return actions
        if any(isinstance(action, Retarget) for action in actions):
            actions += self._wake(now)
        for action in actions:
            match action:
                case HealthChanged(name):
                    self._rooms[name].moved(now)
                case Retarget(_, targets, _, at_cut=False):
                    for name in targets:
                        self._rooms[name].moved(now)
        return actions

    def _handle(self, event: Event, now: float) -> list[Action]:
        match event:
            case Tick():
                actions: list[Action] = []
                for name, health in self._archivers.items():
                    if health.is_due(now):
                        actions += self._after(name, now, None, "")
                    if self._rooms[name].is_due(now):
                        actions += self._room_over(name, now)
                return actions
            case Known(archivers):
                return self._know(archivers, now)
            case Configured(cameras, forgotten):
                return self._configure(cameras, forgotten)
            case Crowded(crowded):
                return self._crowd(crowded=crowded)
            case Placed(cameras, archiver):
                return self._place(cameras, archiver, now)
        return self._of_archiver(event, now) if event.archiver in self._archivers else []

    def next_deadline(self) -> float | None:
        """Monotonic time at which the next Tick is wanted, or None."""
        deadlines = [health.next_deadline() for health in self._archivers.values()]
        deadlines += [room.next_deadline() for room in self._rooms.values()]
        return min((at for at in deadlines if at is not None), default=None)

    def health(self, archiver: str) -> ArchiverHealth:
        """State, since and why of a known archiver; KeyError of an unknown one."""
        return self._archivers[archiver]

    def order(self, archiver: str) -> Order:
        """Whom this known archiver's lanes serve, and in which order."""
        room = self._rooms[archiver]
        return Order(self._priorities, room.floor, room.full)

    def no_room(self, camera: str) -> dict[str, str]:
        """The known archivers of a camera's list that have no room for it, with the reason."""
        short = self._short(camera)
        return {name: self._rooms[name].why for name in self.wanted(camera) if name in short}

    def priority(self, camera: str) -> int:
        return self._priorities.get(camera, DEFAULT_PRIORITY)

    def cameras(self) -> Set[str]:
        return self._cameras.keys()

    def wanted(self, camera: str) -> tuple[str, ...]:
        """The known archivers of a camera's list, in its order."""
        policy = self._cameras.get(camera)
        order = policy.archivers if policy and policy.archivers is not None else sorted(self._archivers)
        return tuple(name for name in order if name in self._archivers)

    def copies(self, camera: str) -> int:
        policy = self._cameras.get(camera)
        return policy.copies if policy is not None else 1

    def sticky(self, camera: str) -> bool:
        return (self._cameras[camera].failback or self._limits.failback) == "sticky"

    def moved_to(self, camera: str) -> str:
        """Which archiver an operator has put first for it, empty when nobody has."""
        return self._placed.get(camera, "")

    def targets(self, camera: str) -> tuple[str, ...]:
        return self._targets.get(camera, ())

    def in_use(self, archiver: str) -> bool:
        """Whether it is any camera's target."""
        return any(archiver in targets for targets in self._targets.values())

    def _of_archiver(self, event: ArchiverEvent, now: float) -> list[Action]:
        match event:
            case Waiting(name):
                self._archivers[name].waiting(now)
            case Failed(name, why):
                self._archivers[name].failed(why)
            case Answered(name, left_s):
                return self._after(name, now, Sign.ANNOUNCED if left_s > 0 else Sign.ANSWERED, "", left_s)
            case Broken(name, why):
                return self._after(name, now, Sign.BROKEN, why)
            case Moved(name) | Rested(name) if isinstance(event, Moved) or (name in self._cold and not self.in_use(name)):
                return self._after(name, now, Sign.MOVED if isinstance(event, Moved) else Sign.REST, "")
            case Full(name, why):
                return self._room(name, lambda room, served: room.is_full(served, now, why))
            case Late(name, why) if self._archivers[name].serves:
                return self._room(name, lambda room, served: room.is_late(served, now, why))
        return []

    def _room(self, name: str, sign: Callable[[Room, set[int]], bool]) -> list[Action]:
        room, served = self._rooms[name], {self.priority(camera) for camera, targets in self._targets.items() if name in targets}
        before = room.floor
        return [RoomChanged(name, before, room.floor, room.why), *self._retarget()] if sign(room, served) else []

    def _room_over(self, name: str, now: float) -> list[Action]:
        room = self._rooms[name]
        before = room.floor
        return [RoomChanged(name, before, room.floor, room.why), *self._retarget()] if room.tick(self._listed(name), now) else []

    def _listed(self, name: str) -> set[int]:
        """The priorities of all cameras that may go to an archiver."""
        return {policy.priority for policy in self._cameras.values() if policy.archivers is None or name in policy.archivers}

    def _short(self, camera: str) -> set[str]:
        return {name for name, room in self._rooms.items() if self.priority(camera) < room.floor}

    def _know(self, archivers: frozenset[str], now: float) -> list[Action]:
        left = self._archivers.keys() - archivers
        for name in left:
            del self._archivers[name], self._rooms[name]
        for name in sorted(archivers - self._archivers.keys()):
            self._archivers[name] = ArchiverHealth(self._limits, now, cold=name in self._cold)
            self._rooms[name] = Room(self._limits.failback_hold_s, now)
        return self._retarget(left=left)

    def _wake(self, now: float) -> list[Action]:
        """The standbys that are targets now and asleep."""
        asleep = [name for name in self._cold & self._archivers.keys() if self._archivers[name].state is Health.COLD and self.in_use(name)]
        return [action for name in sorted(asleep) for action in self._after(name, now, Sign.WANTED, "")]

    def _configure(self, cameras: tuple[CameraPolicy, ...], forgotten: frozenset[str]) -> list[Action]:
        relisted = {one.camera for one in cameras if (had := self._cameras.get(one.camera)) is None or had.place != one.place}
        changed = relisted | {one.camera for one in cameras if one.priority != self.priority(one.camera)}
        self._cameras.update((policy.camera, policy) for policy in cameras)
        for camera in forgotten:
            for book in (self._cameras, self._targets, self._placed):
                book.pop(camera, None)
        self._priorities = {policy.camera: policy.priority for policy in self._cameras.values()}
        for name, room in self._rooms.items():
            room.cap(max(self._listed(name), default=0))
        return self._retarget(reconfigured=changed, relisted=relisted)

    def _crowd(self, *, crowded: bool) -> list[Action]:
        if crowded is self._crowded:
            return []
        self._crowded = crowded
        silent = tuple(name for name, health in self._archivers.items() if health.silent) if crowded else ()
        moves = self._retarget()
        return [PauseEnded(silent), *moves] if silent and moves else moves

    def _after(self, name: str, now: float, sign: Sign | None, why: str, left_s: float = 0.0) -> list[Action]:
        health = self._archivers[name]
        before, was_silent = health.state, health.silent
        if not (health.tick(now) if sign is None else health.handle(sign, now, why, left_s)):
            moves = self._retarget(failed={name}) if health.silent and not was_silent else []
            if sign is Sign.MOVED and before is Health.HEALTHY and (moves := self._retarget()):  # sticky cameras were waiting for it
                return [HealthChanged(name, before, before, ""), *moves]
            return [PauseEnded((name,)), *moves] if moves else []
        failed = {name} if health.state is Health.UNHEALTHY else set()
        return [HealthChanged(name, before, health.state, health.why), *self._retarget(failed=failed)]

    def _retarget(self, *, failed: Iterable[str] = (), left: Iterable[str] = (), reconfigured: Collection[str] = (),
                  relisted: Collection[str] = ()) -> list[Action]:  # fmt: skip
        """Retarget what has to move.  An archiver that failed or left may hold chunks from before the last cut, which no
        longer shows in the targets, so every camera that lists it is told again.  A new list is followed: sticky says nothing of it."""
        plain = {name: health.state for name, health in self._archivers.items()}
        lost, actions = {*failed, *left}, list[Action]()
        for camera, policy in self._cameras.items():
            order = policy.archivers if policy.archivers is not None else sorted({*plain, *left})
            now_on = self._targets.get(camera, ())
            short, kept = self._short(camera), set() if self._crowded else bridged(now_on, self._archivers)
            sticky = self.sticky(camera)
            stays = sticky and bool(now_on) and camera not in relisted
            states = sticky_states(self._archivers, now_on) if stays else plain
            if (first := self._placed.get(camera)) is not None:
                order = [first, *order]
                kept |= {first} if placeable(states.get(first), sticky=sticky) else set()
            gone = (lost - kept) & set(order)
            chosen = choose(order, policy.copies, states, now_on, short, kept, self._cold)
            if chosen == now_on and camera not in reconfigured and not gone:
                continue
            urgent = (camera in reconfigured or bool(gone) or len(now_on) < len(chosen)
                      or any(name in short or name not in states or not (name in kept or self._archivers[name].serves)
                             for name in now_on))  # fmt: skip
            self._targets[camera] = chosen
            actions.append(Retarget(camera, chosen, policy.copies, at_cut=not urgent))
        return actions

    def _place(self, cameras: tuple[str, ...], archiver: str | None, now: float) -> list[Action]:
        """Back to the lists ends the hold-downs there as well, and what sticky cameras wait for."""
        actions: list[Action] = []
        for camera in cameras:
            if archiver is not None:
                self._placed[camera] = archiver
                continue
            self._placed.pop(camera, None)
            for name in self.wanted(camera):
                if self._archivers[name].state in (Health.HOLDING, Health.PAUSED):
                    actions += self._after(name, now, Sign.MOVED, "")
                self._archivers[name].handle(Sign.MOVED, now)
        return [*actions, *self._retarget()]
