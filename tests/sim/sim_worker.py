"""SendWorker as two events: plan and send, then take the outcome; what lies between is the simulated network's time.

Rules: verdicts, blame, back-off and pace are the product's own methods; only the loop around them is written anew.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from sim_archiver import Answer, UrgentBody
from sim_engine import Loop, Timer
from sim_network import Link

from watchkeep.agent.replicate.desk import Desk
from watchkeep.agent.replicate.lanes import Batch
from watchkeep.agent.replicate.losses import LossDesk
from watchkeep.agent.replicate.pace import Budget
from watchkeep.agent.replicate.parcel import Parcel, pack
from watchkeep.agent.replicate.verdict import AppendError, Fault
from watchkeep.agent.replicate.worker import SendWorker
from watchkeep.wire.losses import Loss, LossAnswer, LossReport
from watchkeep.wire.messages import AppendAnswer

SCALE = 1000
"""Chunks of 420 bytes are planned and timed as if they had 420 kB: 3.4 Mbit/s a camera."""


class SimWorker(SendWorker):
    """Carries chunks to one simulated archiver; `begin` once, `end` once."""

    def __init__(self, archiver: str, desk: Desk, spool: Any, link: Link, loop: Loop, *, agent: str, ack_timeout_s: float, tick_s: float,
                 random: Random, losses: LossDesk, planned: Callable[[str, Budget, Batch], None],
                 heard: Callable[[str, AppendAnswer], None]) -> None:  # fmt: skip
        super().__init__(archiver, "http://sim", desk, spool, agent=agent, tick_s=tick_s, ack_timeout_s=ack_timeout_s, catchup_share=0.5,
                         random=random, losses=losses)  # fmt: skip
        self._client: Any = link
        self._link, self._loop, self._planned, self._heard, self._agent = link, loop, planned, heard, agent
        self._timer: Timer | None = None
        self._idle = self._woken = self._stopped = False
        self._began = self._offered_at = 0.0
        """When the round began, and from when on an offer ends the rest behind it."""
        self.waiting_since: float | None = None
        """The first batch since something was acknowledged: what the ack time-out is measured from, kept here without health.py."""
        self.promised = float("-inf")
        """Until when it has announced to be away, as its last answer had it."""
        self.promised_since = float("-inf")
        """When it first said that it would be."""

    def begin(self) -> None:
        self._timer = self._loop.after(0, self._plan)

    def wake(self) -> None:
        self._woken = True
        if self._idle and not self._stopped:
            self._sleep(max(self._offered_at - self._loop.now, 0.0), idle=False)

    def end(self) -> None:
        self._stopped = True
        self._link.abort()
        if self._timer is not None:
            self._timer.cancel()

    def _sleep(self, pause_s: float, *, idle: bool) -> None:
        if self._stopped:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._idle = idle
        self._timer = self._loop.after(pause_s, self._plan)

    def _plan(self) -> None:
        self._began = self._loop.now
        self._idle = self._woken = self._settled = False
        due = self._due_losses(self._began)
        budget = self._budget(self._began, asked=bool(due))
        batch = self._desk.plan(self.archiver, budget)
        self._catching_up, self._more = bool(batch.catchup), batch.more
        if batch:
            self._planned(self.archiver, budget, batch)
            if self.waiting_since is None:
                self.waiting_since = self._loop.now
        if due:
            self._link.open(lambda error: self._declaring(due, batch, error))
        else:
            self._carry(batch)

    def _declaring(self, due: list[Loss], batch: Batch, error: AppendError | None) -> None:
        if error is not None:
            self._say("is told later of", len(due), "losses:", error.message)
            self._carry(batch)
            return
        self._say("is told of", len(due), "losses")
        self._link.exchange(LossReport(losses=due), 16_000, lambda what: self._declared(due, batch, what))

    def _declared(self, due: list[Loss], batch: Batch, what: Answer) -> None:
        if isinstance(what, LossAnswer):
            self._has_losses(due, what)
        self._carry(batch)

    def _carry(self, batch: Batch) -> None:
        if not batch:
            self._ended(None)
            return
        if self._loop.trace is not None:
            self._say("sends", *(f"{ref.camera}.{ref.epoch % 1000}.{ref.seq}" for ref in batch.refs), *batch.asks)
        self._link.open(lambda error: self._opened(batch, error))

    def _opened(self, batch: Batch, error: AppendError | None) -> None:
        if error is not None:
            self._ended(self._fault(batch.refs, error))
            return
        self._connect()
        parcel = pack(batch, self._spool, self._known)
        self._set_aside(parcel)
        refs = tuple(parcel.refs)
        if not parcel.buffers:
            self._ended(0.0)
            return
        size = parcel.size + sum(ref.record_bytes - ref.record_bytes // SCALE for ref in refs)
        body = b"".join(parcel.buffers)
        self._link.exchange(UrgentBody(body) if batch.urgent else body, size, lambda what: self._outcome(parcel, refs, size, what))

    def _outcome(self, parcel: Parcel, refs: tuple[Any, ...], size: int, what: Answer) -> None:
        assert not isinstance(what, LossAnswer), "it was asked to take chunks"
        if isinstance(what, AppendAnswer) and what.archiver != self.archiver:
            self._client.close()
            what = AppendError(f"archiver {what.archiver} answers at this address", Fault.FOREIGN, remedy="correct address or id")
        if isinstance(what, AppendError):
            self._ended(self._fault(refs, what))
            return
        if self._loop.trace is not None:
            self._say("has", *(f"{camera} {state.epoch % 1000} {state.received} {state.durable} {state.missing}"
                               for camera, states in what.cameras.items() for state in states))  # fmt: skip
        needed = self._know(parcel, what)
        self._heard(self.archiver, what)
        if not self._desk.stored(self.archiver, refs, what, size):
            self._failing = True
            self._ended(self._backoff.pause())
            return
        self.waiting_since = None
        if what.maintenance_s and self.promised <= self._loop.now:
            self.promised_since = self._loop.now
        self.promised = self._loop.now + what.maintenance_s
        self._pace.stored(size, self._loop.now - self._began)
        self._backoff.reset()
        self._failing, self._blamed_alone = False, 0
        self._settled = not (self._more or self._catching_up or parcel.left or needed)
        self._ended(0.0)

    def _say(self, *what: object) -> None:
        self._loop.say(f"{self._agent} {self.archiver}", *what)

    def _fault(self, refs: tuple[Any, ...], error: AppendError) -> float:
        self._say("fails:", error.message)
        if error.fault in (Fault.REFUSED, Fault.RESET, Fault.FOREIGN):
            self.waiting_since = None  # counts at once, nothing is waited for
        return self._failed(refs, error)

    def _ended(self, pause_s: float | None) -> None:
        now = self._loop.now
        self._offered_at, idle = self._until(self._began, now, pause_s)
        # a wake that came meanwhile, perhaps from our own plan, is one that the real thread would find when it begins to rest
        self._sleep(max((self._offered_at if self._woken else idle) - now, 0.0), idle=not self._woken)
