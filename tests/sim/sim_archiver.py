"""One simulated archiver: the hub's own store code (sim_store), and the time that its disks take.

    request ─▶ prove, accept (real) ─▶ writer's queue ─▶ (write delay) ─▶ VolumeWriter._do ─▶ answer, after 1.5 s at the latest
                                                       └▶ (sync delay) ─▶ VolumeWriter._tend

Rules: only threads, sockets and disks are replaced.  A process is one incarnation: what an earlier one began never calls back.
"""

import threading
from collections.abc import Callable
from typing import Any

from sim_content import Name, Names
from sim_engine import Loop, Timer
from sim_store import SimCatalog, SimStore
from sim_volume_disk import VolumeDisk

from watchkeep.agent.replicate.verdict import AppendError, Fault
from watchkeep.hub.api.batch import Record, prove
from watchkeep.hub.api.errors import api_error
from watchkeep.hub.api.mentions import mentions, states
from watchkeep.hub.consolidate.share import Share
from watchkeep.hub.duty.maintenance import Maintenance
from watchkeep.hub.store.clock import Clock
from watchkeep.hub.store.keeper import KEEP_S
from watchkeep.hub.store.lossbook import WAIT_S as LOSS_WAIT_S
from watchkeep.hub.store.lossbook import LossJob, late
from watchkeep.hub.store.model import Job, StoreBusy
from watchkeep.hub.store.store import WRITE_WAIT_S
from watchkeep.hub.store.volume import FULL_MARGIN_BYTES
from watchkeep.wire.errors import VolumeError, WatchkeepError
from watchkeep.wire.losses import Loss, LossAnswer, LossReport
from watchkeep.wire.messages import AppendAnswer, ErrorAnswer

Body = bytes | LossReport
Answer = AppendAnswer | LossAnswer | AppendError
Reply = Callable[[Answer], None]

_NEVER = threading.Event()
"""The keeper's order to stop, which nobody gives here."""
APPEND_REQUESTS = 64
"""Requests that a hung process is left with; more are refused by the kernel's backlog."""


class UrgentBody(bytes):
    """A request that came with the header which asks for an fsync at once."""


class _Request:
    def __init__(self, jobs: list[Job], done: Callable[[], None]) -> None:
        self.jobs, self.done = jobs, done
        self.timer: Timer | None = None


class Incarnation:
    """One process of an archiver, from its start to its end."""

    def __init__(self, owner: "SimArchiver", store: SimStore, boot: str) -> None:
        self.owner, self.store, self.boot, self.alive = owner, store, boot, True
        self.open_replies: dict[int, Reply] = {}
        self.maintenance = Maintenance()
        self.share = Share(store, owner.name)
        self._loop = owner.loop
        self._waiting: list[_Request] = []
        self._busy = [False] * len(store.writers)
        self._wakes: list[Timer | None] = [None] * len(store.writers)
        self._count = 0
        for number in range(len(store.writers)):
            self._pump(number)
        self._keep()

    def handle(self, body: Body, reply: Reply) -> None:
        """Answer one request as hub/api/append.py and losses.py do."""
        answer = self._once(reply)
        if isinstance(body, LossReport):
            self._lose(body.losses, answer)
            return
        try:
            records = prove(body)
            jobs = self.store.accept(records, urgent=isinstance(body, UrgentBody))
        except WatchkeepError as error:
            answer(refusal(error))
            return
        request = _Request(jobs, lambda: answer(self._answer(records, jobs)))
        request.timer = self._loop.after(WRITE_WAIT_S, self._finish, request)
        self._waiting.append(request)
        self.pump()
        self._settle()

    def _once(self, reply: Reply) -> Reply:
        self._count += 1
        number = self._count
        self.open_replies[number] = reply

        def answer(what: Answer) -> None:
            if self.alive and number in self.open_replies:
                del self.open_replies[number]
                reply(what)

        return answer

    def _lose(self, losses: list[Loss], answer: Reply) -> None:
        """Answered when they are written, or that they are not yet."""
        self.owner.check_losses(self.owner, losses)
        try:
            job = self.store.losses.queue(losses)
        except StoreBusy as error:
            answer(refusal(error))
            return
        if job is None:
            answer(LossAnswer(archiver=self.owner.name, fresh=0))
            return
        self._loop.after(LOSS_WAIT_S, lambda: answer(refusal(late())))
        self._loop.after(self.owner.sync_s(0), self._write_losses, job, answer)

    def _write_losses(self, job: LossJob, answer: Reply) -> None:
        if not self.alive:
            return
        if any(disk.hanging for disk in self.owner.disks):
            self._loop.after(LOSS_WAIT_S, self._write_losses, job, answer)
            return
        self.store.losses.write_all()
        answer(refusal(job.error) if isinstance(job.error, WatchkeepError) else LossAnswer(archiver=self.owner.name, fresh=len(job.losses)))

    def pump(self) -> None:
        """Something was queued."""
        for each in range(len(self._busy)):
            self._pump(each)

    def end(self) -> list[Reply]:
        """The process is gone; returns what it has not answered."""
        self.alive = False
        return list(self.open_replies.values())

    def _answer(self, records: list[Record], jobs: list[Job]) -> AppendAnswer | AppendError:
        failed = self.store.failure(jobs)
        if failed is not None:
            return refusal(failed)
        answer = AppendAnswer(archiver=self.owner.name, boot=self.boot, cameras=states(mentions(records), self.store.state),
                              maintenance_s=self.maintenance.left_s(self._loop.now))  # fmt: skip
        self.owner.answered(answer)
        return answer

    def _finish(self, request: _Request) -> None:
        if self.alive and request in self._waiting:
            self._waiting.remove(request)
            if request.timer is not None:
                request.timer.cancel()
            request.done()

    def _settle(self) -> None:
        for request in [request for request in self._waiting if all(job.done.is_set() for job in request.jobs)]:
            self._finish(request)

    def _pump(self, number: int) -> None:
        """Let a volume's writer do the next thing that is due, in the time that its disk takes."""
        if not self.alive or self._busy[number]:
            return
        writer, owner = self.store.writers[number], self.owner
        wake = self._wakes[number]
        if wake is not None:
            wake.cancel()
        if writer._queue:
            self._busy[number] = True
            self._loop.after(owner.write_s(number), self._wrote, number)
            return
        if owner.idle:  # writes, answers, and syncs nothing
            self._wakes[number] = self._loop.after(0.5, self._pump, number)
            return
        due = min(writer._tend_at, writer._sync_at if writer._sync_at is not None else writer._tend_at)
        if due > self._loop.now:
            self._wakes[number] = self._loop.at(due, self._pump, number)
            return
        self._busy[number] = True
        self._loop.after(owner.sync_s(number), self._tended, number)

    def _wrote(self, number: int) -> None:
        if self.alive:
            writer = self.store.writers[number]
            if writer._queue:  # given up otherwise
                writer._do(writer._queue.popleft())
            overdue = writer._sync_at is not None and writer._sync_at <= self._loop.now and not self.owner.idle
            if overdue:
                self._loop.after(self.owner.sync_s(number), self._tended, number)
            else:
                self._done(number)

    def _tended(self, number: int) -> None:
        if self.alive:
            self.store.writers[number]._tend(self._loop.now)
            self._done(number)

    def _done(self, number: int) -> None:
        self._busy[number] = False
        self._settle()
        self._pump(number)

    def _keep(self) -> None:
        if self.alive:
            self.store.keeper.round(_NEVER)
            self.pump()  # it may have queued what has to be stored anew
            self._loop.after(KEEP_S, self._keep)


class SimArchiver:
    """An archiver's machine: its disks, its process if one runs, and what faults make of both."""

    def __init__(self, loop: Loop, name: str, known: dict[Name, bytes], utc_s: Callable[[], float], *, volumes: int, capacity: int,
                 min_free_bytes: int) -> None:  # fmt: skip
        self.loop, self.name, self._known, self._utc_s, self._capacity = loop, name, known, utc_s, capacity
        self._rng = loop.random(f"archiver {name}")
        self._min_free_bytes, self._boots = min_free_bytes, 0
        self.disks = [self._disk() for _ in range(volumes)]
        self.catalog = SimCatalog()
        self.removed, self.acked, self.lost_with_disks = Names(), Names(), Names()
        self.disks_lost, self.disks_lost_at = 0, float("-inf")
        self.roomy = capacity + FULL_MARGIN_BYTES
        self.process: Incarnation | None = None
        self.silent = False
        """Powered off: packets go nowhere.  Otherwise a missing process is refused by the kernel."""
        self.hung = self.failing = self.idle = False
        self.slow_s = 0.0
        self._backlog: list[tuple[Body, Reply]] = []
        self.check_losses: Callable[[SimArchiver, list[Loss]], None] = lambda _archiver, _losses: None
        self.check_answer: Callable[[SimArchiver, AppendAnswer], None] = lambda _archiver, _answer: None
        self.on_start: Callable[[SimArchiver], None] = lambda _: None

    def _disk(self) -> VolumeDisk:
        return VolumeDisk(self._rng, self._known, self._utc_s, self._capacity)

    # The process.

    def start(self) -> None:
        """Start the process unless it runs; a store that cannot be opened is tried again in a second, as systemd does."""
        if self.process is not None:
            return
        self.silent = self.hung = False
        clock = Clock(wall_ns=lambda: int(self._utc_s() * 1e9), monotonic=lambda: self.loop.now)
        store = SimStore(self.name, self.disks, self.catalog, clock, self.removed, min_free_bytes=self._min_free_bytes, sync_s=1.0)
        try:
            store.boot()
        except (VolumeError, OSError) as error:
            self.loop.say(self.name, "does not start:", error)
            self.loop.after(1.0, self.start)
            return
        self._boots += 1
        self.process = Incarnation(self, store, f"{self.name}#{self._boots}")
        self.loop.say(self.name, "started", self.process.boot)
        self.on_start(self)

    def stop(self, *, power: bool) -> None:
        """SIGKILL, or a power cut with the loss of what was not synced."""
        self.loop.say(self.name, "power cut" if power else "killed")
        open_replies = self.process.end() if self.process is not None else []
        self.process, self.silent, self.hung = None, power, False
        self._backlog.clear()
        for disk in self.disks:
            disk.power_cut() if power else disk.kill()
        if self._rng.random() < 0.15:
            self.catalog.close()
        if not power:
            for reply in open_replies:
                reply(reset())

    def lose_disks(self) -> None:
        """Every disk is replaced by an empty one while the machine is off."""
        self.stop(power=True)
        self.disks_lost, self.disks_lost_at = self.disks_lost + 1, self.loop.now
        for disk in self.disks:
            self.lost_with_disks.update(disk.durable)
        self.disks = [self._disk() for _ in self.disks]
        self.acked = Names()  # what was told of the old ones says nothing of these
        self.catalog.close()

    def ever(self) -> Names:
        """Everything that was ever durable here, on lost disks too."""
        found = Names()
        for names in (self.lost_with_disks, *(disk.durable for disk in self.disks)):
            found.update(names)
        return found

    # Requests.

    def receive(self, body: Body, reply: Reply) -> None:
        if self.process is None:
            return
        if self.hung:
            if len(self._backlog) < APPEND_REQUESTS:
                self._backlog.append((body, reply))
        elif self.failing:
            reply(AppendError("status 500, without a reason", Fault.STATUS, status=500, remedy="look at the archiver's log"))
        else:
            self.process.handle(body, reply)

    def resume(self) -> None:
        """SIGCONT: what waits is answered now, to whoever still listens."""
        self.hung = False
        backlog, self._backlog = self._backlog, []
        for body, reply in backlog:
            self.receive(body, reply)

    def answered(self, answer: AppendAnswer) -> None:
        self.check_answer(self, answer)
        for camera, epochs in answer.cameras.items():
            for state in epochs:
                for low, high in state.durable:
                    self.acked.add(camera, state.epoch, low, high)

    def write_s(self, number: int) -> float:
        return self.slow_s * self._rng.uniform(0.5, 1.5) + self._rng.uniform(0.0002, 0.005)

    def sync_s(self, number: int) -> float:
        return self.slow_s * self._rng.uniform(0.5, 1.5) + self._rng.uniform(0.002, 0.05)

    def close(self) -> None:
        self.catalog.close()


def reset() -> AppendError:
    return AppendError("connection lost", Fault.RESET, remedy="check that the archiver runs")


def refusal(error: WatchkeepError) -> AppendError:
    """What the agent's client makes of the API's answer to an error."""
    found = api_error(error)
    answer: Any = ErrorAnswer(code=found.code, reason=found.message, remedy=found.remedy, names=list(found.names))
    return AppendError(f"status {found.status}, {found.code}: {found.message}", Fault.STATUS, remedy=found.remedy, status=found.status,
                       answer=answer)  # fmt: skip
