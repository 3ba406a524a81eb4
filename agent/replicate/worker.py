"""One archiver's thread, `wk-send-<id>`: plan a batch, send it, tell the desk how it went, wait for the next tick.

    ┌▶ plan ──(nothing)──▶ wait until something is offered, IDLE_S at most ──┐
    │   └─(batch)──▶ send ──▶ taken ────▶ wait for the end of the tick, or   │
    │                  │                  until catch-up has its turn again, │
    │                  │                  or not at all with live chunks left;
    │                  │                  when all is sent, as above, but no │
    │                  │                  earlier than after half a tick     │
    │                  └────▶ failed ───▶ wait for the back-off ─────────────┤
    └──────────── a connection that its peer closes ends any wait ───────────┘

    Declared losses go on the same connection when the archiver answers; one that does not take them is told again after LOSS_PAUSE_S,
    and is judged by its chunks alone.

Rules: one batch under way, one connection, nothing shared with another archiver's thread but the desk (invariant 7).
Catch-up gets `catchup_share` of the link's time, as measured: after a batch of t seconds that carried some, batches carry
none for t / share - t seconds, and the live lane goes on meanwhile.
Whatever plan() counted as sent is answered for, also when this thread fails.  What an error means: verdict.py.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from ...wire.causes import EventKind
from ...wire.http import CONFLICT, STORAGE_FULL
from ...wire.losses import Loss, LossAnswer
from ...wire.messages import AppendAnswer
from ...wire.shell.threads import Supervised
from .client import AppendClient
from .desk import Desk
from .losses import LossDesk
from .pace import TRIAL, Backoff, Budget, Pace
from .parcel import Parcel, orphans, pack
from .ports import ChunkRef, Spool
from .verdict import AppendError, Fault, Verdict, judge
from .waker import Heard, Waker

log = logging.getLogger(__name__)
IDLE_S: Final = 0.5
"""How late an ask or a probe may be: lanes.ASK_EVERY_S."""
AT_ONCE: Final = -1.0
"""Not even the end of the tick is waited for; only an answered connection can be stale, so this never spins."""
MAX_BLAMED_ALONE: Final = 3
"""Chunks in a row that may be blamed for being refused alone; then the archiver is to blame, which refuses everything."""


LOSS_PAUSE_S: Final = 30.0
"""An older archiver never takes a loss; one whose disk is busy, later."""


class SendWorker:
    """Carries chunks to one archiver; start, wake as often as there is something new, stop, join."""

    def __init__(self, archiver: str, url: str, desk: Desk, spool: Spool, *, agent: str, tick_s: float, ack_timeout_s: float,
                 catchup_share: float, random: Random, losses: LossDesk | None = None,
                 absent: Callable[[str], float] = lambda _archiver: 0.0) -> None:  # fmt: skip
        """`absent`: how long the archiver may be away as planned by others than itself; it may say so of itself too."""
        self._absent = absent
        self.archiver, self.url = archiver, url
        self._desk, self._spool, self._tick_s = desk, spool, tick_s
        self._client = AppendClient(url, agent, read_timeout_s=ack_timeout_s)
        self._pace, self._backoff = Pace(), Backoff(random)
        self._share, self._catchup_at = catchup_share, 0.0
        """When catch-up has its turn again, monotonic."""
        self._failing = self._catching_up = self._more = False
        self._settled = False
        """The last batch was taken whole, and there was nothing more to send."""
        self._blamed_alone = 0
        self._losses, self._losses_at = losses or LossDesk(), 0.0
        """When losses have their turn again, monotonic."""
        self._known: set[tuple[str, int]] = set()
        """(camera, epoch) whose init segment this connection has carried."""
        self._connection = 0
        self._waker = Waker()
        self._thread = Supervised(f"wk-send-{archiver}", self._run)

    def start(self) -> None:
        self._thread.start()

    @property
    def started(self) -> bool:
        return self._thread.started

    def wake(self) -> None:
        """Something was offered."""
        self._waker.wake()

    def stop(self) -> None:
        """Ask the thread to end, also out of a request under way; does not wait."""
        self._thread.stop()
        self._client.abort()
        self._waker.wake()

    def join(self, timeout_s: float) -> bool:
        return self._thread.join(timeout_s)

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                began = time.monotonic()
                pause = self._round()
                if pause != AT_ONCE:
                    self._rest(stop, began, time.monotonic(), pause)
        finally:
            self._client.close()
            self._waker.close()

    def _rest(self, stop: threading.Event, began: float, now: float, pause: float | None) -> None:
        """Wait after a round that ended `now`, as the picture says; back at once when the peer closes the connection."""
        offered, idle = self._until(began, now, pause)
        woken = False
        while not stop.is_set() and now < (until := offered if woken else idle):
            heard = self._waker.wait(until - now, self._client.idle_socket)
            if Heard.PEER in heard:
                self._client.hung_up()
                return
            woken = woken or Heard.WOKEN in heard
            now = time.monotonic()

    def _until(self, began: float, now: float, pause: float | None) -> tuple[float, float]:
        """Until when to rest if something is offered, and if nothing is; takes note of when catch-up has its turn again."""
        if pause is not None and not self._settled:
            end = max(began + self._tick_s, now + pause)
            if self._catching_up and not self._failing:
                self._catchup_at = now + (now - began) * (1 / self._share - 1)
                end = max(min(end, self._catchup_at), now + pause)
            elif self._more:
                end = now + pause
            return end, end
        idle = min(now + IDLE_S, self._catchup_at) if self._catchup_at > now else now + IDLE_S
        # offers come a tick apart: half of one keeps batches apart, and needs no second waking for the rest of it
        offered = now if pause is None else max(began + self._tick_s / 2, now + pause)
        return offered, max(offered, idle)

    def _round(self) -> float | None:
        """One batch; returns how long to pause at least, None when there was nothing to send."""
        self._settled = False
        now = time.monotonic()
        losses = self._due_losses(now)
        batch = self._desk.plan(self.archiver, self._budget(now, asked=bool(losses) or self._client.left))
        self._catching_up, self._more = bool(batch.catchup), batch.more
        refs = batch.refs
        try:
            self._client.reconnect()
            self._declare(losses)
            if not batch:
                return None
            self._connect()
            parcel = pack(batch, self._spool, self._known)
            self._set_aside(parcel)
            refs = tuple(parcel.refs)
            return self._send(parcel, refs, batch.urgent) if parcel.buffers else 0.0
        except AppendError as error:
            return self._failed(refs, error)
        except BaseException:
            self._desk.unsent(self.archiver, refs)
            raise

    def _budget(self, now: float, *, asked: bool) -> Budget:
        """asked: something is wanted of the archiver before the batch, a connection or that it takes losses.  Then the batch is a
        question at least: with it the ack time-out runs, so that what hangs meanwhile, as a look-up of its name may for half a minute,
        delays no takeover."""
        budget = TRIAL if self._failing else self._pace.budget(catching_up=now >= self._catchup_at)
        return replace(budget, probe_s=0.0) if asked else budget

    def _declare(self, due: list[Loss]) -> None:
        """Tell what was declared lost, one report a round."""
        if not due:
            return
        try:
            self._connect()
            answer = self._client.declare(due)
        except AppendError as error:
            log.info("declared losses are told later", extra={"archiver": self.archiver, "why": error.message})
            return
        self._has_losses(due, answer)

    def _due_losses(self, now: float) -> list[Loss]:
        """What to tell now; told again after LOSS_PAUSE_S unless it is taken."""
        due = self._losses.due(self.archiver) if not self._failing and now >= self._losses_at else []
        if due:
            self._losses_at = now + LOSS_PAUSE_S
        return due

    def _has_losses(self, told: list[Loss], answer: LossAnswer) -> None:
        if answer.archiver != self.archiver:
            self._client.close()
            return
        self._losses_at = 0.0
        self._losses.taken(self.archiver, told)

    def _connect(self) -> None:
        self._client.connect()
        if self._client.connections != self._connection:
            self._connection = self._client.connections
            self._known.clear()

    def _send(self, parcel: Parcel, refs: tuple[ChunkRef, ...], urgent: bool) -> float:
        began = time.monotonic()
        answer = self._client.append(parcel.buffers, urgent=urgent)
        if answer.archiver != self.archiver:
            self._client.close()
            raise AppendError(f"archiver {answer.archiver[:63]!r} answers at this address", Fault.FOREIGN, remedy="correct address or id")
        needed = self._know(parcel, answer)
        if (left_s := self._absent(self.archiver)) > answer.maintenance_s:
            answer = answer.model_copy(update={"maintenance_s": left_s})
        if not self._desk.stored(self.archiver, refs, answer, parcel.size):
            self._failing = True
            return self._backoff.pause()
        self._pace.stored(parcel.size, time.monotonic() - began)
        self._backoff.reset()
        self._failing, self._blamed_alone = False, 0
        self._settled = not (self._more or self._catching_up or parcel.left or needed)
        return 0.0

    def _know(self, parcel: Parcel, answer: AppendAnswer) -> bool:
        """Whether it asks for init segments."""
        self._known |= parcel.introduced
        needed = {(camera, state.epoch) for camera, states in answer.cameras.items() for state in states if state.need_init}
        self._known -= needed
        if parcel.bare and (lost := orphans(parcel, needed, self._spool)):
            why = "it does not know their epoch, and the journal has lost the init segment"
            self._desk.blamed(self.archiver, lost, why, EventKind.DISK, "look for earlier journal errors", orphans=True)
        return bool(needed)

    def _failed(self, refs: tuple[ChunkRef, ...], error: AppendError) -> float:
        """Tell the desk what the error means; returns the pause before the next batch."""
        verdict = judge(error)
        if verdict is Verdict.BLAME and self._blame_named(refs, error):
            return 0.0
        if verdict in (Verdict.BLAME, Verdict.SPLIT) and refs and self._split(refs, error):
            return 0.0
        if verdict is Verdict.AGAIN:
            self._desk.unheard(self.archiver, refs)
            return AT_ONCE
        if error.fault is Fault.FOREIGN:
            self._desk.foreign(self.archiver, refs, error.message)
        else:
            full = error.answer is not None and error.answer.code == STORAGE_FULL
            self._desk.lost(self.archiver, refs, error.message, at_once=verdict is Verdict.BROKEN, full=full)
        if error.fault in (Fault.SILENT, Fault.STATUS):  # one that is not there says nothing of how much it can take
            self._pace.failed()
        self._failing = True
        return self._backoff.pause()

    def _blame_named(self, refs: tuple[ChunkRef, ...], error: AppendError) -> bool:
        """Exclude the chunks that the answer names; False when it names none of ours."""
        names = {(name.camera, name.epoch, name.seq) for name in error.answer.names} if error.answer else set()
        guilty = tuple(ref for ref in refs if (ref.camera, ref.epoch, ref.seq) in names)
        if guilty:
            self._blame(guilty, error)
            self._desk.unsent(self.archiver, refs)
        return bool(guilty)

    def _split(self, refs: tuple[ChunkRef, ...], error: AppendError) -> bool:
        """Halve the next batch, or blame the only chunk of this one; False when too many were blamed like that."""
        if len(refs) == 1:
            self._blamed_alone += 1
            if self._blamed_alone > MAX_BLAMED_ALONE:
                return False
            self._blame(refs, error)
        self._pace.refused(len(refs))
        self._desk.unsent(self.archiver, refs)
        return True

    def _blame(self, guilty: tuple[ChunkRef, ...], error: AppendError) -> None:
        conflict = error.answer is not None and error.answer.code == CONFLICT
        self._desk.blamed(self.archiver, guilty, error.message, EventKind.TAMPER if conflict else EventKind.HOLE, error.remedy)

    def _set_aside(self, parcel: Parcel) -> None:
        """Answer for the planned chunks that are not in the parcel."""
        self._desk.unsent(self.archiver, tuple(parcel.left))
        for ref in parcel.gone:
            self._desk.dropped(ref.camera, ref.epoch, ref.seq, ref.seq)
        if parcel.damaged:
            self._desk.unreadable(self.archiver, parcel.damaged)
        for ref, why in parcel.unreadable:
            self._desk.blamed(self.archiver, (ref,), why, EventKind.DISK, "check the disk of this agent; other copies stay as they are")
