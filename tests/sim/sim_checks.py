"""The invariants of docs/STORAGE.md as checks: some at every step, the rest once the faults have stopped.

    at every step                                                            at the end
    1, 2   what is written has the bytes that were cut (sim_volume_disk)     1, 2  and so has what stands in the files
    3      a durable answer is about synced bytes under synced names         3     everything acknowledged survives a power cut
    4      released only with `copies` durable copies; reclaimed ones are    4     every chunk is copied, declared lost, or was
           copied or declared                                                      not synced when its box lost power
    7      live before catch-up, catch-up within its budget;                 5     what was durable is there, but for disks and retention
           unhealthy within the ack time-out; one archiver never            7     holes are filled, on the first healthy archivers
           delays another (sim_delays)                                      8     journals within their quota
    8      batches, queues, events, open files within their bounds
    10     epochs rise (sim_content)

Rules: checks keep books of their own and ask the product only for what it claims.
"""

from collections.abc import Sequence

from sim_agent import SimAgent
from sim_archiver import SimArchiver
from sim_content import Names
from sim_delays import Delays
from sim_engine import Broken
from sim_store import MOST_LEDGERS
from sim_worker import SimWorker

from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.reclaim import Candidate
from watchkeep.agent.replicate.book import EpochBook, at_least
from watchkeep.agent.replicate.desk import MAX_EVENTS
from watchkeep.agent.replicate.events import Release
from watchkeep.agent.replicate.health import Health
from watchkeep.agent.replicate.lanes import LIVE_S, MAX_ASKS, Batch
from watchkeep.agent.replicate.pace import Budget
from watchkeep.agent.replicate.stages import PENDING, Stage
from watchkeep.hub.store.openparts import MAX_OPEN
from watchkeep.hub.store.register import MAX_INITS
from watchkeep.hub.store.writer import MAX_QUEUE_BYTES
from watchkeep.wire.causes import EventKind
from watchkeep.wire.messages import AppendAnswer, Event
from watchkeep.wire.ranges import RangeSet
from watchkeep.wire.record import MAX_BATCH_BYTES

CARRY_SHARE = 1 / 8
"""Of a file that has a copy: then what has none is carried elsewhere before anything is lost."""
MAX_BUSY_LEDGERS = 64
"""Of epochs on their way or in files that are being written."""
IDLE_S = 3.0
"""Beyond the time-out: an answer of 2 s, a question each 0.5 s."""
LOOK_S = 1.5
"""The pacer looks once a second."""
MARGIN_S = 0.05
"""Of time-outs, for what floats make of sums."""


class Checks:
    """Hooks that the world hangs into its agents and archivers."""

    def __init__(self, archivers: dict[str, SimArchiver]) -> None:
        self._archivers = archivers
        self.delays = Delays()
        self.misrouted = False
        """Whether another archiver answers at an address now and then: then an event says so (invariant 11)."""
        self.done = dict.fromkeys(("answers", "releases", "reclaims", "lost", "batches", "takeovers", "holes", "floors",
                                   "bridged", "woken", "idle", "rounds", "torn", "pulled", "told"), 0)  # fmt: skip
        self.cold: frozenset[str] = frozenset()
        """Standbys: used last, and off until then."""
        self._progress: dict[tuple[SimWorker, str], tuple[int, float, float]] = {}
        """(worker, boot of its archiver) to chunks durable there, and since when there are no more although some wait for it."""
        self.holes: set[tuple[str, str, str]] = set()
        """(life of an agent, camera, archiver) of the holes that it has told of and not closed."""

    # At every step.

    def answer(self, archiver: SimArchiver, answer: AppendAnswer) -> None:
        """Invariant 3, against the disks' own books."""
        self.done["answers"] += 1
        for camera, epochs in answer.cameras.items():
            for state in epochs:
                for low, high in state.durable:
                    if not self._ever(archiver, camera, state.epoch).covers(low, high):
                        raise Broken(3, f"{archiver.name} calls {camera} {state.epoch}.{low}-{high} durable, and it is not")

    def release(self, agent: SimAgent, release: Release) -> None:
        """Invariant 4: enough archivers have, or had until they lost it by a fault, each chunk on their disks; of a loss none has any."""
        self.done["releases"] += 1
        if release.lost:
            self.done["lost"] += release.high - release.low + 1
            key = (release.camera, release.epoch)
            if who := [name for name, durable in agent.heard.items() if durable.of(key).clip(release.low, release.high)]:
                raise Broken(4, f"{agent.name} declares {release} lost, of which {who} have some durable as it was told")
            return
        copies = agent.in_force[release.camera]
        held = [self._ever(archiver, release.camera, release.epoch) for archiver in self._archivers.values()]
        if not at_least(copies, held).covers(release.low, release.high):
            raise Broken(4, f"{agent.name} releases {release} with fewer than {copies} durable copies")

    def reclaim(self, agent: SimAgent, copied: Sequence[Entry], lost: Sequence[Entry]) -> None:
        """Invariant 4: what the quota takes undeclared has a copy; what has none goes only when nothing else can."""
        self.done["reclaims"] += 1
        may_carry = self._had_reserve(agent) and not agent.disk.full and not agent.log._broken
        for entry in copied:
            if not any(entry.seq in self._ever(archiver, entry.camera, entry.epoch) for archiver in self._archivers.values()):
                raise Broken(4, f"{agent.name} drops {entry.name}, which has no copy, undeclared")
        for entry in lost:
            if who := [name for name, durable in agent.heard.items() if durable.has(entry.name)]:
                raise Broken(4, f"{agent.name} declares {entry.name} lost, which {who} have durable as it was told")
        spared = [file.number for file in self._freeable(agent) if _copied_share(agent, file) >= (CARRY_SHARE if may_carry else 1.0)]
        if lost and spared:
            raise Broken(4, f"{agent.name} loses {len(lost)} chunks while files {spared} hold copied ones")
        self.done["lost"] += len(lost)

    @staticmethod
    def _had_reserve(agent: SimAgent) -> bool:
        """Whether the reserve was free before a file went; a power cut may bring back the file that it was."""
        files = agent.log._files
        in_use = files.used - sum(files._sizes[number] for number in files._spares)
        return files.reserve_bytes > 0 and in_use + 2 * files.reserve_bytes <= agent.setup.max_bytes

    @staticmethod
    def _freeable(agent: SimAgent) -> list[Candidate]:
        """The files that the quota could have taken."""
        log = agent.log
        return [file for file in log._book.owed(log._held.durable) if not log._files.is_open(file.number) and file.number != agent.writing]

    def event(self, agent: SimAgent, event: Event) -> None:
        if event.kind is EventKind.HOLE and event.text.startswith("hole "):
            self._hole(agent, event)
        elif event.kind in (EventKind.TAMPER, EventKind.HOLE) and not (self.misrouted and not event.camera):
            raise Broken(2, f"{agent.name} reports {event.kind}: {event.text}")
        self.done["takeovers"] += event.kind is EventKind.TAKEOVER
        if event.archiver in agent.workers and f"archiver {event.archiver} is unhealthy" in event.text:
            self._not_awaited(agent, event)

    def _not_awaited(self, agent: SimAgent, event: Event) -> None:
        """Who has announced to be away is not given up before that; what was found before the announcement is told at the next tick."""
        worker = agent.workers[event.archiver]
        left_s, found_at = worker.promised - agent.loop.now, agent.loop.now - (agent.clock.utc_s() - event.at_s)
        if left_s > MARGIN_S and found_at >= worker.promised_since:
            raise Broken(7, f"{agent.name} gives up {event.archiver} {left_s:.1f} s before the end of its maintenance: {event.text}")

    def _hole(self, agent: SimAgent, event: Event) -> None:
        """A hole is opened once and closed once; an agent that starts anew knows of none."""
        place, opened = (agent.life, event.camera, event.archiver), event.text.startswith("hole opened")
        if opened == (place in self.holes):
            raise Broken(8, f"{agent.name} tells twice: {event.text}")
        (self.holes.add if opened else self.holes.remove)(place)
        self.done["holes"] += opened

    def plan(self, agent: SimAgent, archiver: str, budget: Budget, batch: Batch) -> None:
        """Invariants 7 and 8 of one batch."""
        self.done["batches"] += 1
        for lane, limit in ((batch.live, budget.live_bytes), (batch.catchup, budget.catchup_bytes)):
            if sum(ref.record_bytes for ref in lane) > limit and len(lane) > 1:
                raise Broken(8, f"a lane of {len(lane)} chunks is over its {limit} bytes")
        if len(batch.refs) > budget.chunks or len(batch.asks) > MAX_ASKS or sum(ref.record_bytes for ref in batch.refs) > MAX_BATCH_BYTES:
            raise Broken(8, f"a batch of {len(batch.refs)} chunks and {len(batch.asks)} asks is over its bounds")
        if batch.catchup:
            self._no_live_left(agent, archiver)
        self._by_priority(agent, archiver, batch)
        self._idle_since(agent, archiver)

    def _no_live_left(self, agent: SimAgent, archiver: str) -> None:
        order = agent.desk._policy.order(archiver)
        for name, camera in agent.desk._ledger.cameras.items():
            if order.left_out(name):
                continue
            for book in camera.epochs.values():
                last = book.at(archiver)[Stage.OWED].last()
                if last is not None and last >= book.first_since(agent.loop.now - LIVE_S):
                    raise Broken(7, f"catch-up goes to {archiver} while live chunk {camera.newest} waits")

    def _by_priority(self, agent: SimAgent, archiver: str, batch: Batch) -> None:
        """Nothing of a camera goes while a more important one has live chunks waiting; and no floor leaves all out."""
        order, now = agent.desk._policy.order(archiver), agent.loop.now
        self.done["floors"] += order.floor > 0
        if not batch.refs:
            return
        lowest = min(order.priority(ref.camera) for ref in batch.refs)
        sent = {(ref.camera, ref.epoch, ref.seq) for ref in batch.refs}
        for name, camera in agent.desk._ledger.cameras.items():
            if order.priority(name) <= lowest or order.left_out(name):
                continue
            for book in camera.epochs.values():
                last = book.at(archiver)[Stage.OWED].last()
                if last is not None and last >= book.first_since(now - LIVE_S) and (name, book.epoch, last) not in sent:
                    raise Broken(7, f"{archiver} gets priority {lowest} from {agent.name} while {name} {book.epoch}.{last} waits")

    def pace(self, agent: SimAgent) -> None:
        """Whatever holds at any time: health in time, everything owed, bounds."""
        self.delays.look(agent)
        limits, now = agent.setup.limits, agent.loop.now
        policy = agent.desk._policy
        for name, worker in agent.workers.items():
            since = worker.waiting_since
            state = policy.health(name).state
            self.done["bridged"] += state is Health.PAUSED and policy.health(name).silent
            if state is Health.WAKING and now > policy.health(name).since + limits.wake_timeout_s + MARGIN_S:
                raise Broken(7, f"{agent.name} still waits for standby {name}")
            if state in (Health.COLD, Health.WAKING):
                continue
            self._durable(agent, name)
            if since is not None and now > max(since + limits.ack_timeout_s, worker.promised) + MARGIN_S and state is not Health.UNHEALTHY:
                raise Broken(7, f"{agent.name} takes {name} for {state} after {now - since:.2f} s without an acknowledgement")
        usage = agent.log.usage()
        if usage.bytes > agent.setup.max_bytes or len(agent.desk._events) > MAX_EVENTS:
            raise Broken(8, f"journal of {agent.name} has {usage.bytes} bytes, its quota is {agent.setup.max_bytes}")
        if agent.journal._stage.bytes > agent.setup.stage_bytes:
            raise Broken(8, f"{agent.name} has {agent.journal._stage.bytes} bytes in RAM, its bound is {agent.setup.stage_bytes}")
        for camera in agent.desk._ledger.cameras.values():
            wanted = min(camera.copies, len(camera.targets))
            for book in camera.epochs.values():
                self._owed(agent, book, wanted)

    def _durable(self, agent: SimAgent, name: str) -> None:
        """Who answers and makes nothing durable is found out in time; answers may take a while, and so may the question."""
        since, now = self._idle_since(agent, name), agent.loop.now
        self.done["idle"] += agent.desk._durables[name].witness is not None
        worker, health = agent.workers[name], agent.desk._policy.health(name)
        if worker.waiting_since is None and health.state is Health.HEALTHY and now > since + agent.setup.limits.durable_timeout_s + IDLE_S:
            raise Broken(3, f"{agent.name} takes {name} for healthy, which has made nothing durable for {now - since:.1f} s")

    def _idle_since(self, agent: SimAgent, name: str) -> float:
        """Since when an archiver has received something and made no more durable.

        Looked at before each batch, too: it may lose what it has received, with a volume, and get it again before the next pace.
        """
        ledger, now = agent.desk._ledger, agent.loop.now
        place = agent.workers[name], ledger._boots.get(name, "")  # one that was restarted, or removed and given back, has its time anew
        durable, since, looked = self._progress.get(place, (-1, now, now))
        unseen = now > looked + LOOK_S  # the agent stood still, and what happened between the looks nobody saw
        absent = agent.desk._policy.health(name).state is not Health.HEALTHY  # silent, announced or not: durable.py counts answers alone
        if unseen or absent or ledger.durable_at(name) != durable or not ledger.open_epochs(name, Stage.RECEIVED):
            since = now
        self._progress[place] = ledger.durable_at(name), since, now
        return since

    def _owed(self, agent: SimAgent, book: EpochBook, wanted: int) -> None:
        """A chunk that lacks copies is owed to somebody, or it would be forgotten.

        Not when its init segment is gone: a power cut brings back chunks that were released, but not the init that went with them.
        `accounts` sees to it that such a chunk has a copy.
        """
        if agent.journal.init_of(book.camera, book.epoch) is None:
            return
        claims: list[RangeSet] = []
        for stages in book.stages.values():
            claim = RangeSet()
            for stage in (*PENDING, Stage.DURABLE):
                claim.update(stages[stage])
            claims.append(claim)
        forgotten = book.present.minus(at_least(wanted, claims))
        if wanted and forgotten:
            raise Broken(4, f"{agent.name} owes {book.camera} {book.epoch}.{forgotten} to fewer than {wanted} archivers")

    def bounds(self) -> None:
        """Invariant 8 of the archivers."""
        for archiver in self._archivers.values():
            store = archiver.process.store if archiver.process is not None else None
            for writer in store.writers if store is not None else ():
                if (len(writer._queue) > 1 and writer._queued_bytes > MAX_QUEUE_BYTES) or len(writer._open) > MAX_OPEN + 1:
                    raise Broken(8, f"{archiver.name} has {writer._queued_bytes} bytes queued and {len(writer._open)} files open")
            if store is not None and len(store.register._inits) > MAX_INITS:
                raise Broken(8, f"{archiver.name} keeps {len(store.register._inits)} init segments")
            if store is not None and len(store.register.ledgers.known) > MOST_LEDGERS + MAX_BUSY_LEDGERS:
                raise Broken(8, f"{archiver.name} keeps {len(store.register.ledgers.known)} ledgers")

    # At the end.

    def settled(self, agent: SimAgent, alive: set[str]) -> None:
        """No camera is left out where there is room again, and every hole that was told of is told to be closed."""
        for name in sorted(alive & set(agent.known)):
            if floor := agent.desk._policy.order(name).floor:
                raise Broken(7, f"{agent.name} still leaves cameras below priority {floor} out on {name}")
        open_still = sorted(place for place in self.holes if place[0] == agent.life and place[2] in alive)
        if open_still:
            raise Broken(8, f"{agent.name} never closes the holes {open_still}")

    def copies(self, agent: SimAgent, alive: set[str]) -> None:
        """Every chunk has the copies that the living archivers of its list allow, and the journal nothing but what it must keep."""
        for policy in agent.setup.cameras:
            listed = [name for name in (policy.archivers or sorted(agent.known)) if name in agent.known]
            able = sorted((name for name in listed if name in alive), key=lambda name: name in self.cold)
            camera = agent.desk._ledger.cameras.get(policy.camera)
            books = camera.epochs.values() if camera is not None else ()
            for book in [book for book in books if agent.journal.init_of(book.camera, book.epoch) is not None]:
                for name in able[: policy.copies]:
                    missing = book.present.minus(book.at(name)[Stage.DURABLE]).minus(self._elsewhere(book, name, policy.copies))
                    if missing:
                        raise Broken(7, f"{name} never gets {policy.camera} {book.epoch}.{missing} from {agent.name}: {_stages(book)}")
                if len(able) >= policy.copies:
                    raise Broken(4, f"{agent.name} never releases {policy.camera} {book.epoch}.{book.present}: {_stages(book)}")
            if agent.setup.limits.failback == "auto" and agent.desk._policy.targets(policy.camera) != _first(listed, able, policy.copies):
                raise Broken(7, f"{agent.name} sends {policy.camera} to {agent.desk._policy.targets(policy.camera)}, its list is {listed}")

    def _elsewhere(self, book: EpochBook, name: str, copies: int) -> RangeSet:
        """Chunks that are not owed to an archiver because others had made enough copies of them before a new list named it.

        Who is on both lists and never comes back keeps them in the journal; that makes them nobody else's to get.
        """
        found = at_least(copies, [self._ever(archiver, book.camera, book.epoch) for archiver in self._archivers.values()])
        for stage in PENDING:
            found = found.minus(book.at(name)[stage])
        return found

    def accounts(self, agent: SimAgent, cut: Names) -> None:
        """Invariant 4: no silent loss.  `cut` is what this agent's journal ever took."""
        held = {name: archiver.ever() for name, archiver in self._archivers.items()}
        still = Names()
        for name in agent.journaled:
            if agent.journal.init_of(*name[:2]) is not None:
                still.add(*name, name[2])
        for key, seqs in cut.epochs.items():
            copied = at_least(1, [names.of(key) for names in held.values()])
            silent = seqs.minus(copied).minus(agent.declared.of(key)).minus(agent.lost.of(key)).minus(still.of(key))
            if silent:
                raise Broken(4, f"{agent.name} lost {key}: {silent} silently")

    def archive(self, archiver: SimArchiver) -> None:
        """After a last power cut: invariants 1, 2, 3 and 5 of what stands on the disks."""
        assert archiver.process is not None, "it was started"
        files, register = Names(), archiver.process.store.register
        for disk in archiver.disks:
            files.update(disk.holds())
        durable = Names()
        for disk in archiver.disks:
            durable.update(disk.durable)
        for key, seqs in durable.epochs.items():
            expected = seqs.minus(archiver.removed.of(key))
            if any(disk.ever_hung for disk in archiver.disks):
                # A sync that hung counts as failed, whatever it did: what nobody was told to be durable may be cut off and sent again.
                expected = expected.minus(expected.minus(archiver.acked.of(key)))
            known = RangeSet(register.state(*key, 0, seqs.last() or 0).durable)
            for what, there in (("in its files", files.of(key)), ("in its ledger", known)):
                if missing := expected.minus(there):
                    raise Broken(5, f"{archiver.name} had {key}: {missing} durable, which is not {what} any more")
        for key, seqs in archiver.acked.epochs.items():
            if missing := seqs.minus(durable.of(key)):
                raise Broken(3, f"{archiver.name} has acknowledged {key}: {missing} and never had it")

    def kept(self, agents: Sequence[SimAgent]) -> None:
        """A chunk that was released with `copies` copies is lost only when as many archivers have lost it with their disks."""
        now = {name: Names() for name in self._archivers}
        for name, archiver in self._archivers.items():
            for disk in archiver.disks:
                now[name].update(disk.holds())
            now[name].update(archiver.removed)
        for agent in agents:
            for policy in agent.setup.cameras:
                for (camera, epoch), seqs in agent.released.epochs.items():
                    if camera == policy.camera:
                        gone = [archiver.lost_with_disks.of((camera, epoch)) for archiver in self._archivers.values()]
                        lost = seqs.minus(at_least(1, [names.of((camera, epoch)) for names in now.values()]))
                        if silent := lost.minus(at_least(agent.fewest[camera], gone)):
                            raise Broken(4, f"{camera} {epoch}.{silent} was released and is nowhere, and too few disks with it were lost")

    def _ever(self, archiver: SimArchiver, camera: str, epoch: int) -> RangeSet:
        """What was ever durable there of one epoch."""
        parts = [names.epochs[camera, epoch] for names in (archiver.lost_with_disks, *(disk.durable for disk in archiver.disks))
                 if (camera, epoch) in names.epochs]  # fmt: skip
        return parts[0] if len(parts) == 1 else RangeSet(span for part in parts for span in part)


def _first(listed: list[str], able: list[str], copies: int) -> tuple[str, ...]:
    """The first `copies` that live, filled up with the first that do not, in the order of the list."""
    chosen = {*(able + [name for name in listed if name not in able])[:copies]}
    return tuple(name for name in listed if name in chosen)


def _copied_share(agent: SimAgent, file: Candidate) -> float:
    """How much of what is owed in a file has a durable copy, by bytes; 1 when nothing else is in it."""
    if all(agent.desk.has_copy(*chunk.name) for chunk in file.chunks):
        return 1.0
    return sum(chunk.record_bytes for chunk in file.chunks if agent.desk.has_copy(*chunk.name)) / file.bytes


def _stages(book: EpochBook) -> dict[str, dict[str, str]]:
    return {name: {stage.name: str(stages[stage]) for stage in Stage if stages[stage]} for name, stages in sorted(book.stages.items())}
