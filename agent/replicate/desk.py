"""Every decision of replication behind one mutex: policy, ledger and lanes, fed by the workers.

    worker: plan ─▶ (send) ─▶ stored | lost | blamed          pacer: tick ─▶ releases and events to carry out

Rules: no method does I/O or waits for anything but the mutex, which is held for microseconds to milliseconds; what
has to be done outside is put into the outbox and carried out by the pacer.  Lock order: the desk's mutex is the last
one taken; nothing is called under it that waits.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ...wire.causes import EventKind, Protection
from ...wire.messages import AppendAnswer, ArchiverLink, Event
from ...wire.record import RecordKind
from . import events, policy, told
from .book import CameraBook
from .durable import DurableWatch
from .health import Health, HealthLimits
from .holes import Holes, is_late
from .lanes import Batch, Lanes
from .ledger import CopyLedger
from .overview import Overview, kept_away, overview
from .pace import TARGET_PROBE_S, Budget
from .policy import CameraPolicy, CopyPolicy
from .ports import ChunkRef
from .protection import Judgement, ProtectionView, is_protected, judge
from .standby import Rest, Waking

URGENT_S = 2.0
"""From a takeover on: what it brought along, and the chunk after that, of a tick and a back-off each."""
MAX_EVENTS = 1024
"""Waiting for the pacer, which takes them ten times a second; the oldest go first when nobody takes them."""


@dataclass(slots=True)
class _Judged:
    judgement: Judgement
    since: float


class Desk:
    def __init__(self, agent: str, limits: HealthLimits, *, monotonic: Callable[[], float], utc_s: Callable[[], float],
                 wake: Callable[[], None], hurry: Callable[[Sequence[str]], None] = lambda _cameras: None,
                 cold: Collection[str] = ()) -> None:  # fmt: skip
        """`wake` is called when chunks have become owed, also under the mutex, `hurry` when an archiver has just taken these cameras
        over and waits for their newest video: they may set events, no more.  `cold` are powered off until they are needed."""
        self._agent, self._monotonic, self._utc_s, self._wake, self._hurry = agent, monotonic, utc_s, wake, hurry
        self._mutex = threading.Lock()
        self._changed = threading.Condition(self._mutex)
        self._settling = 0
        """Threads in wait_settled: telling nobody is left out, as every batch would do it four times."""
        self._ledger, self._policy = CopyLedger(), CopyPolicy(limits, cold)
        self._rests, self._waking = {name: Rest(limits.sleep_after_s) for name in cold}, Waking()
        self._configured: frozenset[str] = frozenset()
        self._lanes: dict[str, Lanes] = {}
        self._limits, self._durables = limits, dict[str, DurableWatch]()
        self._holes, self._urgent_until = Holes(), dict[str, float]()
        self._sent_bytes: dict[str, int] = {}
        self._judged: dict[str, _Judged] = {}
        self._releases: list[events.Release] = []
        """Bounded by what the journal holds: a release is a range of its chunks."""
        self._events: list[Event] = []
        self._reported: set[str] = set()
        """Archivers reported as foreign since they last answered properly; whoever else answers next is not news until then."""

    # What the agent says.

    def offer(self, refs: Iterable[ChunkRef], *, recovered: bool = False) -> None:
        """New chunks of the journal, or those that it found at start; records that are no chunks are left out."""
        chunks = tuple(ref for ref in refs if ref.kind is RecordKind.CHUNK)
        with self._mutex:
            strange = {ref.camera for ref in chunks if ref.camera not in self._policy.cameras()}
            if strange:
                self._decide(policy.Configured(tuple(CameraPolicy(camera, 1) for camera in sorted(strange))))
            self._account(events.Recovered(chunks) if recovered else events.Offered(chunks))
        self._wake()  # not under the mutex, for which those who wake would sleep again at once

    def dropped(self, camera: str, epoch: int, low: int, high: int) -> None:
        with self._mutex:
            if camera in self._ledger.cameras:
                self._holes.dropped(self._ledger, camera, epoch, low, high)
            self._account(events.Dropped(camera, epoch, low, high))

    def configure(self, cameras: Sequence[CameraPolicy]) -> None:
        """The cameras that are recorded now; what others have left in the journal is kept as it was until nobody is owed it."""
        with self._mutex:
            self._configured = frozenset(one.camera for one in cameras)
            self._decide(policy.Configured(tuple(cameras)))

    def forget_left(self) -> None:
        """Forget cameras that are recorded no more and have nothing in the journal; after every release, for the quota's has_copy."""
        with self._mutex:
            if self._releases:
                return
            held = {name for name, book in self._ledger.cameras.items() if book.epochs}
            left = frozenset(self._policy.cameras() - self._configured - held - self._holes.cameras())
            if left:
                self._decide(policy.Configured((), left))
            for camera in left:
                self._ledger.forget(camera)
                self._judged.pop(camera, None)

    def know(self, archivers: Iterable[str]) -> None:
        """The archivers that exist now."""
        with self._mutex:
            known = frozenset(archivers)
            left = self._lanes.keys() - known
            self._decide(policy.Known(known))
            for name in left:
                del self._lanes[name], self._sent_bytes[name], self._durables[name]
                self._account(events.Gone(name))
            for name in sorted(known - self._lanes.keys()):
                self._lanes[name], self._sent_bytes[name] = Lanes(name), 0
                self._durables[name] = DurableWatch(name, self._limits.durable_timeout_s)

    def crowded(self, crowded: bool) -> None:
        """Whether the journal is so full that it can bridge nothing more."""
        with self._mutex:
            self._decide(policy.Crowded(crowded))

    def move(self, archiver: str) -> None:
        """An operator ends an archiver's hold-down."""
        with self._mutex:
            self._decide(policy.Moved(archiver))

    def place(self, cameras: Sequence[str], archiver: str | None) -> None:
        """An operator puts an archiver first for these cameras, or gives them back to their lists: from their next segment cut on."""
        with self._changed:
            self._decide(policy.Placed(tuple(cameras), archiver))

    # What the workers say.

    def plan(self, archiver: str, budget: Budget) -> Batch:
        """The next batch for an archiver, counted as sent; one of stored, unsent, lost or blamed has to follow."""
        with self._mutex:
            # Deadlines of the others are checked here too: a pacer that waits for the disk delays no takeover.
            self._decide(policy.Tick())
            if archiver not in self._lanes or self._policy.health(archiver).state is Health.COLD:
                return Batch()
            often = budget.probe_s > TARGET_PROBE_S and self._policy.in_use(archiver)
            batch = self._lanes[archiver].plan(self._ledger, budget, self._monotonic(), self._policy.order(archiver),
                                               self._durables[archiver].witness, TARGET_PROBE_S if often else budget.probe_s)  # fmt: skip
            if batch:
                self._account(events.Sent(archiver, batch.refs))
                self._decide(policy.Waiting(archiver))
            urgent = bool(batch.live) and self._monotonic() < self._urgent_until.get(archiver, 0.0)
            return replace(batch, urgent=True) if urgent else batch

    def stored(self, archiver: str, refs: tuple[ChunkRef, ...], answer: AppendAnswer, sent_bytes: int) -> bool:
        """The archiver answered 200 to a batch of these chunks; False when not one of them was taken, or nothing becomes durable."""
        with self._mutex:
            if archiver not in self._lanes:
                return True
            self._sent_bytes[archiver] += sent_bytes
            self._account(events.Answered(archiver, refs, answer))
            taken = not refs or self._ledger.acknowledged(archiver, refs)
            if not self._durables[archiver].answered(answer, self._ledger, self._monotonic()):
                self._decide(policy.Broken(archiver, self._durables[archiver].why))
                return False
            if taken:
                self._reported.discard(archiver)
                self._decide(policy.Answered(archiver, answer.maintenance_s))
            else:
                self._decide(policy.Failed(archiver, "it answers, and takes no chunk"))
            return taken

    def unsent(self, archiver: str, refs: tuple[ChunkRef, ...]) -> None:
        """These chunks of a batch were not stored, through no fault of the archiver."""
        with self._mutex:
            self._account(events.Unsent(archiver, refs))

    def unheard(self, archiver: str, refs: tuple[ChunkRef, ...]) -> None:
        """The same for a whole batch, whose asks did not arrive either: the next one asks them again."""
        with self._mutex:
            self._account(events.Unsent(archiver, refs))
            if archiver in self._lanes:
                self._lanes[archiver].ask_again()

    def lost(self, archiver: str, refs: tuple[ChunkRef, ...], why: str, *, at_once: bool, full: bool = False) -> None:
        """A batch of these chunks got no answer, or one that helps nobody; `full` when it said storage-full."""
        with self._mutex:
            self._account(events.Unsent(archiver, refs))
            if full:
                self._decide(policy.Full(archiver, why))
            self._decide(policy.Broken(archiver, why) if at_once else policy.Failed(archiver, why))

    def foreign(self, archiver: str, refs: tuple[ChunkRef, ...], why: str) -> None:
        """Somebody else answers at this archiver's address (invariant 11); reported once until it answers properly."""
        self.lost(archiver, refs, why, at_once=True)
        with self._mutex:
            if archiver not in self._reported:
                self._reported.add(archiver)
                self._tell(EventKind.TAMPER, f"archiver {archiver}: {why}", "check its address and id", archiver=archiver)

    def blamed(self, archiver: str, guilty: Sequence[ChunkRef], why: str, kind: EventKind, remedy: str, *, orphans: bool = False) -> None:
        """These chunks cannot be stored there: excluded for good and reported, one event a camera; `orphans` lack their init segment."""
        with self._mutex:
            # A chunk may have been released between plan and read: then nothing is wrong.
            guilty = tuple(ref for ref in guilty if self._ledger.holds(ref))
            self._account(events.Orphaned(archiver, guilty) if orphans else events.Refused(archiver, guilty))
            for camera in sorted({ref.camera for ref in guilty}):
                names = [f"{ref.epoch}.{ref.seq}" for ref in guilty if ref.camera == camera]
                self._tell(kind, f"chunk {told.named(names)} is not stored on {archiver}: {why}", remedy, camera=camera, archiver=archiver)

    def unreadable(self, archiver: str, found: Sequence[tuple[ChunkRef, str]]) -> None:
        """The journal gave other bytes than were cut for these chunks of a batch: sent to nobody any more, and reported once."""
        with self._mutex:
            self._account(events.Unsent(archiver, tuple(ref for ref, _ in found)))
            fresh = [(ref, why) for ref, why in found if self._ledger.holds(ref) and not self._ledger.spoiled(ref)]
            for camera in sorted({ref.camera for ref, _ in fresh}):
                names = [f"{ref.epoch}.{ref.seq}" for ref, _ in fresh if ref.camera == camera]
                why = next(why for ref, why in fresh if ref.camera == camera)
                self._tell(EventKind.DISK, f"chunk {told.named(names)} is damaged in the journal and sent to nobody: {why}",
                           "check this agent's disk (dmesg, smartctl); archivers that have it keep it", camera=camera)  # fmt: skip
            for ref, _ in fresh:
                self._holes.dropped(self._ledger, ref.camera, ref.epoch, ref.seq, ref.seq)
            self._account(events.Unreadable(tuple(ref for ref, _ in fresh)))

    # What the pacer takes, and what anybody may ask.

    def wakes(self) -> list[str]:
        """The cold standbys to send a magic packet now."""
        with self._mutex:
            asleep = [name for name in self._rests.keys() & self._lanes.keys()
                      if self._policy.in_use(name) and not self._policy.health(name).serves]  # fmt: skip
            return self._waking.due(asleep, self._monotonic())

    def tick(self) -> tuple[list[events.Release], list[Event], float | None]:
        """Let time take effect; returns what to release, what to publish, and the next deadline."""
        with self._mutex:
            self._decide(policy.Tick())
            self._account(events.Tick())
            self._look_back()
            self._let_rest()
            for camera in self._ledger.cameras:
                self._judge(camera)
            (releases, self._releases), (said, self._events) = (self._releases, []), (self._events, [])
            return releases, said, self._policy.next_deadline()

    def protections(self) -> dict[str, Protection]:
        """How each camera was judged last, which is at each tick of the pacer at least; one that is not named has nothing to protect."""
        with self._mutex:
            return {camera: judged.judgement.state for camera, judged in self._judged.items()}

    def protection(self, camera: str) -> ProtectionView:
        with self._mutex:
            judged, now = self._judge(camera), self._monotonic()
            book = self._ledger.cameras.get(camera)
            age = now - book.durable_at if book and book.durable_at is not None else None
            return ProtectionView(judged.judgement.state, self._utc(judged.since), judged.judgement.why, age,
                                  self._ledger.owed(camera), self._oldest_owed_age(camera, now))  # fmt: skip

    def links(self) -> tuple[ArchiverLink, ...]:
        with self._mutex:
            return tuple(self._link(name) for name in sorted(self._lanes))

    def overview(self) -> Overview:
        with self._changed:
            return overview(self._ledger, self._policy, self._holes, self._lanes, self._monotonic())

    def has_copy(self, camera: str, epoch: int, seq: int) -> bool:
        with self._mutex:
            return self._ledger.has_copy(camera, epoch, seq)

    def wait_settled(self, deadline: float) -> bool:
        """Wait until every chunk offered has its copies, up to a monotonic deadline; False at once when only archivers
        that cannot be reached are still owed something."""
        with self._mutex:
            while self._is_owed():
                reachable = [name for name in self._lanes if self._policy.health(name).serves]
                left_s = deadline - self._monotonic()
                if left_s <= 0 or not any(self._ledger.pending(name) for name in reachable):
                    return False
                self._settling += 1
                try:
                    self._changed.wait(left_s)
                finally:
                    self._settling -= 1
            return True

    # Under the mutex.

    def _is_owed(self) -> bool:
        """Whether the journal still has anything; what nobody can get any more is given up."""
        self._account(events.Tick())
        return any(camera.epochs for camera in self._ledger.cameras.values())

    def _account(self, event: events.Event) -> None:
        releases = self._ledger.handle(event, self._monotonic())
        self._releases += releases
        for gone in [release for release in releases if release.lost]:
            self._tell_all(told.damaged(gone))
        if self._settling:
            self._changed.notify_all()

    def _decide(self, event: policy.Event) -> None:
        actions = self._policy.handle(event, self._monotonic())
        if not actions:
            return
        moves = [told.Move(action.camera, self._targets(action.camera), action.targets)
                 for action in actions if isinstance(action, policy.Retarget)]  # fmt: skip
        failed = any(isinstance(action, policy.PauseEnded)
                     or (isinstance(action, policy.HealthChanged) and action.after is Health.UNHEALTHY) for action in actions)  # fmt: skip
        for action in actions:
            match action:
                case policy.Retarget(camera, targets, copies, at_cut):
                    self._account(events.Moved(camera, targets, copies, at_cut))
                case policy.HealthChanged(name):
                    self._tell_all(told.health(action, moves, self._maintenance_s(name)))
                case policy.PauseEnded(archivers):
                    for name in archivers:
                        self._tell_all(told.unawaited(name, moves))
                case policy.RoomChanged(archiver, _, floor, _):
                    left = [camera for camera in self._ledger.cameras
                            if self._policy.priority(camera) < floor and archiver in self._policy.targets(camera)]  # fmt: skip
                    self._tell_all(told.room(action, moves, sorted(left)))
        if failed and (taken_over := [move.camera for move in moves if move.gained]):
            self._urgent_until.update({name: self._monotonic() + URGENT_S for move in moves for name in move.gained})
            self._hurry(taken_over)
        if self._settling:
            self._changed.notify_all()
        self._wake()

    def _targets(self, camera: str) -> tuple[str, ...]:
        """Where a camera's chunks go now, whatever its next segment cut will change."""
        book = self._ledger.cameras.get(camera)
        return book.targets if book is not None else ()

    def _look_back(self) -> None:
        """What the live lanes have left behind: a lane that cannot keep up, and holes."""
        now = self._monotonic()
        for name in self._lanes:
            order = self._policy.order(name)
            served = {camera for camera in self._ledger.cameras if not order.left_out(camera)}
            if is_late(self._ledger, name, served, now):
                self._decide(policy.Late(name, "its live lane cannot keep up"))
        for news in self._holes.look(self._ledger, self._lanes.keys(), now):
            self._tell_all(told.hole(news, self._targets(news.place.camera)))

    def _let_rest(self) -> None:
        """Standbys that nobody needs: no camera goes there, and nothing there is left to become durable."""
        for name in self._rests.keys() & self._lanes.keys():
            used = self._ledger.pending(name) or any(name in camera.targets for camera in self._ledger.cameras.values())
            if self._rests[name].look(self._monotonic(), needed=used or self._policy.in_use(name)):
                self._decide(policy.Rested(name))

    def _tell_all(self, found: told.Told | None) -> None:
        if found is not None:
            self._tell(found.kind, found.text, found.remedy, camera=found.camera, archiver=found.archiver)

    def _tell(self, kind: EventKind, text: str, remedy: str, *, camera: str = "", archiver: str = "") -> None:
        self._events.append(Event(kind=kind, source=self._agent, at_s=self._utc_s(), camera=camera, archiver=archiver,
                                  text=text, remedy=remedy))  # fmt: skip
        del self._events[:-MAX_EVENTS]

    def _judge(self, camera: str) -> _Judged:
        book, now = self._ledger.cameras.get(camera), self._monotonic()
        found = Judgement(Protection.PROTECTED) if book is None or is_protected(book, now) else self._judgement(camera, book, now)
        judged = self._judged.get(camera)
        if judged is None or judged.judgement.state is not found.state:
            judged = self._judged[camera] = _Judged(found, now)
        judged.judgement = found
        return judged

    def _judgement(self, camera: str, book: CameraBook, now: float) -> Judgement:
        healths = {name: self._policy.health(name) for name in self._policy.wanted(camera)}
        unhealthy = {name: self._why(name) for name, health in healths.items() if not health.serves and health.state is not Health.COLD}
        short = {name: f"no room on {name} for priority {self._policy.priority(camera)}: {why}"
                 for name, why in self._policy.no_room(camera).items() if name not in unhealthy}  # fmt: skip
        return judge(book, unhealthy, now, tuple(short.values()))

    def _oldest_owed_age(self, camera: str, now: float) -> float:
        oldest = self._ledger.oldest_owed(camera)
        if oldest is None:
            return 0.0
        if oldest.offered_at is not None:
            return now - oldest.offered_at
        return max(self._utc_s() - oldest.ref.wall_start_ns / 1e9, 0.0)  # of before the restart: there is no other clock

    def _link(self, name: str) -> ArchiverLink:
        health, counts = self._policy.health(name), self._ledger.counts(name)
        return ArchiverLink(
            archiver=name, healthy=health.serves or health.state is Health.COLD, why=self._why(name), since_s=self._utc(health.since),
            received=counts.received, durable=counts.durable, missing=counts.missing, sent_bytes=self._sent_bytes[name],
            maintenance_s=round(self._maintenance_s(name), 1))  # fmt: skip

    def _why(self, name: str) -> str:
        return told.why(self._policy.health(name), self._maintenance_s(name), kept_away(self._policy, name))

    def _maintenance_s(self, name: str) -> float:
        health = self._policy.health(name)
        return max(health.paused_until - self._monotonic(), 0.0) if health.state is Health.PAUSED else 0.0

    def _utc(self, monotonic: float) -> float:
        return self._utc_s() - (self._monotonic() - monotonic)
