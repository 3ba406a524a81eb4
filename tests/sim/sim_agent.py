"""One simulated agent: the product's journal, writer, desk and workers, with simulated threads, cameras and connections.

    SimLine ─▶ Writer.tick ─▶ Journal ─▶ Desk.offer        SimWorker ◀─▶ Desk, one for each archiver
               Spiller.spill, sync        Desk.tick ─▶ Journal.release, events

Rules: what a thread's loop would do is an event here; everything that decides is the product's own code.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sim_camera import SimClock, SimLine
from sim_content import Cuts, Name, Names
from sim_engine import Broken, Loop
from sim_journal_disk import JournalDisk, Slots
from sim_losses import Note, Notes
from sim_network import Link
from sim_worker import SCALE, SimWorker

from watchkeep.agent.epochs import EpochBook
from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.journal import Journal
from watchkeep.agent.journal.stage import AT_ONCE, Hold
from watchkeep.agent.journal.staged import StagedJournal
from watchkeep.agent.replicate.desk import Desk
from watchkeep.agent.replicate.events import Release
from watchkeep.agent.replicate.health import HealthLimits
from watchkeep.agent.replicate.lanes import Batch
from watchkeep.agent.replicate.losses import LossDesk
from watchkeep.agent.replicate.pace import Budget
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.replicate.replicator import PACE_S
from watchkeep.agent.service import CROWDED_SHARE
from watchkeep.agent.spiller import Spiller
from watchkeep.agent.spool import JournalSpool, runs
from watchkeep.agent.writer import Writer
from watchkeep.wire.causes import Cause
from watchkeep.wire.errors import WatchkeepError
from watchkeep.wire.messages import AppendAnswer, Event
from watchkeep.wire.record import RecordKind


class Ref(NamedTuple):
    """A chunk as replication sees it, at its pretended size."""

    kind: RecordKind
    camera: str
    epoch: int
    seq: int
    segment_seq: int
    record_bytes: int
    wall_start_ns: int
    duration_ns: int


def _refs(entries: Iterable[Entry]) -> list[Ref]:
    return [Ref(one.kind, one.camera, one.epoch, one.seq, one.segment_seq, one.record_bytes * SCALE, one.wall_start_ns, one.duration_ns)
            for one in entries]  # fmt: skip


@dataclass(slots=True)
class Recorder:
    """How an agent is set up."""

    cameras: list[CameraPolicy]
    limits: HealthLimits
    max_bytes: int
    file_bytes: int
    tick_s: float
    sync_s: float
    pace_s: float = PACE_S
    stage_bytes: int = 1 << 20
    hold: Hold = AT_ONCE


class SimAgent:
    """An edge box: its disk and clock, and its process if one runs."""

    def __init__(self, loop: Loop, name: str, setup: Recorder, cuts: Cuts, links: dict[str, Link],
                 cold: frozenset[str] = frozenset()) -> None:  # fmt: skip
        self.loop, self.name, self.setup, self._cuts, self.links, self._cold = loop, name, setup, cuts, links, cold
        self.clock = SimClock(loop)
        self._rng = loop.random(f"agent {name}")
        self.disk = JournalDisk(loop.random(f"journal {name}"))
        self.notes = Notes()
        self.heard: dict[str, Names] = {}
        """What each known archiver has told this process to be durable."""
        self.disk.on_slot = self._saved
        self._promised = False
        """Whether this process has promised its epochs on the disk (agent/epochs.py)."""
        self.known = tuple(links)
        self.running = False
        self.stall_s = 0.0
        self.writing = 0
        """The journal's file that was written when room had to be made: it could not be freed."""
        self.hung_until = 0.0
        """The journal's disk answers nothing before."""
        self.filming = True
        self.workers: dict[str, SimWorker] = {}
        self.journaled: set[Name] = set()
        """Every chunk that was offered, as long as the journal may have it."""
        self.released, self.lost, self.copied, self.declared = Names(), Names(), Names(), Names()
        self.never: set[Name] = set()
        """Cut and never journaled: lost in the ring with the process."""
        self.fewest: dict[str, int] = {}
        """The smallest `copies` that each camera ever had."""
        self.in_force = {policy.camera: policy.copies for policy in setup.cameras}
        """What a release may have been decided by: after a change both, until the pacer has come round."""
        self._life = 0
        self.on_release: Callable[[SimAgent, Release], None] = lambda _agent, _release: None
        self.on_reclaim: Callable[[SimAgent, Sequence[Entry], Sequence[Entry]], None] = lambda _agent, _copied, _lost: None
        self.on_event: Callable[[SimAgent, Event], None] = lambda _agent, _event: None
        self.on_plan: Callable[[SimAgent, str, Budget, Batch], None] = lambda *_: None
        self.on_offer: Callable[[SimAgent, Sequence[Entry]], None] = lambda _agent, _entries: None
        self.on_wake: Callable[[str], None] = lambda _archiver: None
        self.on_pace: Callable[[SimAgent], None] = lambda _agent: None

    @property
    def life(self) -> str:
        """Which process of this box runs, or ran last."""
        return f"{self.name} {self._life}"

    def start(self) -> None:
        """Begin as agent/service.py does; a journal that cannot be opened is tried again in a second."""
        if self.running:
            return
        setup = self.setup
        try:
            self.log = Journal.open(Path("/sim") / self.name, max_bytes=setup.max_bytes, file_bytes=setup.file_bytes,
                                    ram_bytes=64 << 10, disk=self.disk)  # fmt: skip
        except WatchkeepError as error:
            self.loop.say(self.name, "does not start:", error)
            self.loop.after(1.0, self.start)
            return
        self.journal = StagedJournal(self.log, max_bytes=setup.stage_bytes, monotonic=self.clock.monotonic, hold=setup.hold)
        self.running, self._life = True, self._life + 1
        last: dict[str, int] = {}
        for entry in self.journal.recovered:
            last[entry.camera] = max(entry.epoch, last.get(entry.camera, 0))
        newest_s = max((entry.wall_start_ns for entry in self.journal.recovered), default=0) // 1_000_000_000
        self._promised = False
        self.epochs = EpochBook(Slots(self.disk, "epochs"), self.clock, last, newest_s=newest_s, below=self._rng.randrange)
        self.lines = [self._line(policy.camera) for policy in setup.cameras]
        self.desk = Desk(self.name, setup.limits, monotonic=self.clock.monotonic, utc_s=self.clock.utc_s, wake=self._wake,
                         hurry=lambda cameras, life=self._life: self._hurry(cameras, life), cold=self._cold)  # fmt: skip
        self.desk.configure(setup.cameras)
        self.losses = LossDesk(Slots(self.disk, "losses"), wake=self._wake)
        self.losses.configure(setup.cameras)
        self.spiller = Spiller(self.journal, self.epochs, self.losses, sync_ms=1000, reclaim=self._reclaim, faulted=self._faulted,
                               monotonic=self.clock.monotonic)  # fmt: skip
        self.writer = Writer(self.lines, self.journal, self.clock, tick_ms=100, offer=self._offer,  # type: ignore[arg-type]
                             stepped=self._stepped, look=self.spiller.look)  # fmt: skip
        self.heard.clear()
        self._recovered()
        self.hire()
        for camera, epoch, seq in [cut.name for cut in self.journal.cuts if cut.name is not None]:
            self.notes.may.add(camera, epoch, seq, seq)
            self.losses.chunks(camera, epoch, seq, seq, "damaged in the journal")
        self._tick(self._life)
        self._sync(self._life)
        self._pace(self._life)

    def _line(self, camera: str) -> SimLine:
        line = SimLine(camera, self._cuts, self.epochs.next, self.clock, segment=self._rng.choice((2, 3, 5)),
                       begin_at=self.loop.now + self._rng.uniform(0.0, 1.0))  # fmt: skip
        line.ended = not self.filming
        return line

    def _recovered(self) -> None:
        entries = [entry for entry in self.journal.recovered if entry.kind is RecordKind.CHUNK]
        self.journaled = {entry.name for entry in entries}
        self.loop.say(self.name, "started,", len(entries), "chunks in its journal")
        self.desk.offer(_refs(self.journal.recovered), recovered=True)

    def hire(self) -> None:
        """Know the archivers of `known`, with a worker each."""
        spool = JournalSpool(self.journal)
        for name in [name for name in self.workers if name not in self.known]:
            self.workers.pop(name).end()
            self.heard.pop(name, None)
        self.losses.know(self.known)
        self.desk.know(self.known)
        for name in self.known:
            if name not in self.workers:
                self.workers[name] = SimWorker(
                    name, self.desk, spool, self.links[name], self.loop, agent=self.name, ack_timeout_s=self.setup.limits.ack_timeout_s,
                    tick_s=self.setup.tick_s, random=self.loop.random(f"backoff {self.name} {name} {self._life}"),
                    losses=self.losses, heard=self._heard,
                    planned=lambda to, budget, batch: self.on_plan(self, to, budget, batch))  # fmt: skip
                self.workers[name].begin()

    def stop(self, *, power: bool) -> None:
        """SIGKILL, or a power cut that takes what the journal has not synced."""
        if not self.running:
            return
        durable = self.log.usage().durable
        self.loop.say(self.name, "power cut" if power else "killed", "durable up to", durable)
        self.running = False
        self.notes.died()
        self.never |= {(header.camera, header.epoch, header.seq) for header, _ in self.writer._waiting}
        for worker in self.workers.values():
            worker.end()
        self.workers = {}
        for name in self.journaled:
            camera, epoch, seq = name
            stands = self.log.chunk(*name)
            if stands is None or (power and stands.position > durable):
                self.lost.add(camera, epoch, seq, seq)
        if power:
            self.disk.power_cut()
        else:
            self.disk.kill()
        if not self._promised:
            known = json.loads(self.disk.slots.get("epochs", b"{}"))
            for line in self.lines:
                self._cuts.went_astray(line.camera, known.get(line.camera, 0))

    def configure(self, cameras: list[CameraPolicy]) -> None:
        self.setup.cameras = cameras
        self.in_force.update({policy.camera: min(policy.copies, self.in_force[policy.camera]) for policy in cameras})
        if self.running:
            self.losses.configure(cameras)
            self.desk.configure(cameras)

    def end_filming(self) -> None:
        self.filming = False
        for line in self.lines if self.running else ():
            line.ended = True

    def _saved(self, slots: str) -> None:
        if slots == "losses":
            self.notes.saved()
        self._promised |= slots == "epochs"

    # The threads.

    def _wake(self) -> None:
        for worker in self.workers.values():
            worker.wake()

    def _hurry(self, cameras: Sequence[str], life: int) -> None:
        self.writer.hurry(cameras)
        self.loop.after(0.0, self._early_tick, life)

    def _early_tick(self, life: int) -> None:
        if self.running and life == self._life:
            self.writer.tick()
            self._spill()

    def _tick(self, life: int) -> None:
        if self.running and life == self._life:
            self.writer.tick()
            self._spill()
            self.loop.after(self.setup.tick_s, self._tick, life)

    def _spill(self) -> None:
        if self.loop.now < self.hung_until:
            return
        while self.spiller.spill():
            pass
        if self.setup.hold == AT_ONCE and not self.spiller.fault and len(self.journal._stage):
            raise Broken(4, f"{self.name} keeps {len(self.journal._stage)} chunks from a disk that takes them")

    def _sync(self, life: int) -> None:
        if self.running and life == self._life:
            if self.loop.now >= self.hung_until:
                self.spiller.sync()
            self.loop.after(self.setup.sync_s + self.stall_s, self._sync, life)

    def _pace(self, life: int) -> None:
        if not self.running or life != self._life:
            return
        usage = self.log.usage()
        self.desk.crowded(usage.bytes > CROWDED_SHARE * usage.max_bytes)
        for archiver in self.desk.wakes():
            self.on_wake(archiver)
        releases, told, deadline = self.desk.tick()
        for event in told:
            self.loop.say(self.name, event.kind, event.text)
            self.on_event(self, event)
        for release in releases:
            self.on_release(self, release)
            if release.lost:
                self._give_up(release.camera, release.epoch, release.low, release.high, "damaged in the journal", mortal=True)
            self.journal.release(release.camera, release.epoch, release.low, release.high)
            self._forget(release.camera, release.epoch, release.low, release.high, self.declared if release.lost else self.released)
        self.in_force.update({policy.camera: policy.copies for policy in self.setup.cameras})
        self.on_pace(self)
        wait_s = self.setup.pace_s if deadline is None else min(self.setup.pace_s, max(deadline - self.loop.now, 0.01))
        self.loop.after(wait_s, self._pace, life)

    def _offer(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.kind is RecordKind.CHUNK:
                self.journaled.add(entry.name)
        self.desk.offer(_refs(entries))
        self.on_offer(self, entries)

    def _reclaim(self) -> bool:
        active = self.log._files._active
        self.writing = active.number if active is not None else 0
        gone = self.journal.reclaim(self.desk.has_copy)
        self.loop.say(self.name, "reclaims file", gone.file, "with", len(gone.copied), "copied,", len(gone.carried),
                      "carried and", len(gone.lost), "lost chunks")  # fmt: skip
        self.on_reclaim(self, gone.copied, gone.lost)
        for entries, into in ((gone.copied, self.copied), (gone.lost, self.declared)):
            for camera, epoch, low, high in runs(entries):
                self.desk.dropped(camera, epoch, low, high)
                self._forget(camera, epoch, low, high, into)
        for camera, epoch, low, high in runs(gone.lost):
            self._give_up(camera, epoch, low, high, "the journal was full and no archiver had them", mortal=self.disk.fail_syncs > 0)
        return not gone.lost

    def _give_up(self, camera: str, epoch: int, low: int, high: int, why: str, *, mortal: bool) -> None:
        listed = next(policy.archivers for policy in self.setup.cameras if policy.camera == camera)
        wanted = frozenset(self.known if listed is None else listed)
        self.notes.lose(Note(camera, epoch, low, high, wanted, self.loop.now, mortal=mortal))
        self.losses.chunks(camera, epoch, low, high, why)

    def _heard(self, archiver: str, answer: AppendAnswer) -> None:
        durable = self.heard.setdefault(archiver, Names())
        for camera, epochs in answer.cameras.items():
            for state in epochs:
                for low, high in state.durable:
                    durable.add(camera, state.epoch, low, high)

    def _faulted(self, what: str, _remedy: str) -> None:
        self.loop.say(self.name, what)

    def _stepped(self, change: float) -> None:
        self.loop.say(self.name, f"clock stepped by {change:+.0f} s")
        for line in self.lines:
            line.begin(Cause.CLOCK_STEP)

    def _forget(self, camera: str, epoch: int, low: int, high: int, into: Names) -> None:
        into.add(camera, epoch, low, high)
        for seq in range(low, high + 1):
            self.journaled.discard((camera, epoch, seq))
