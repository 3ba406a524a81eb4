"""Replication as the agent sees it: owns the desk, a worker for each archiver, and the pacer thread.

    offer, recovered ─▶ desk ◀─ wk-send-<id> (one for each archiver) ─▶ archivers
                         │
                    wk-replicate ─▶ journal.release, on_event

Rules: offering never waits for a network or a disk.  The pacer alone releases chunks and publishes events, so that
neither delays a worker; a release that fails is tried again, because forgetting it would fill the journal.
Start once; stop joins every thread.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Final

from ...wire.causes import EventKind, Protection
from ...wire.errors import WatchkeepError
from ...wire.ids import check_id
from ...wire.messages import ArchiverLink, Event
from ...wire.shell.threads import Supervised
from .desk import Desk
from .events import Release
from .health import HealthLimits
from .losses import LossDesk
from .overview import Overview
from .policy import CameraPolicy
from .ports import ChunkRef, Spool
from .protection import ProtectionView
from .worker import SendWorker

log = logging.getLogger(__name__)
PACE_S: Final = 0.5
"""How often releases and events are carried out; health deadlines are kept more exactly."""
JOIN_S: Final = 5.0
"""A worker ends within a connect time-out of 1.5 s once it is told to."""


class Replicator:
    """Keeps copies of what is offered on the archivers that it was told of."""

    def __init__(self, spool: Spool, *, agent: str, cameras: Sequence[CameraPolicy], limits: HealthLimits | None = None,
                 tick_s: float = 0.1, catchup_share: float = 0.5, hurry: Callable[[Sequence[str]], None] = lambda _cameras: None,
                 on_event: Callable[[Event], None] | None = None, on_protection: Callable[[], None] = lambda: None,
                 utc_s: Callable[[], float] = time.time, random: Random | None = None, crowded: Callable[[], bool] = lambda: False,
                 cold: Collection[str] = (), wake_up: Callable[[str], None] = lambda _archiver: None,
                 losses: LossDesk | None = None, absent: Callable[[str], float] = lambda _archiver: 0.0) -> None:  # fmt: skip
        """`on_event`, and `on_protection` when a camera is judged otherwise, are called on the pacer's thread, `hurry` (desk.py) on any;
        they must not wait for anything.  `crowded` says whether the journal is so full that it can bridge nothing more, `wake_up` wakes
        one of the `cold` archivers, as often as it takes; both are called on the pacer's thread.  `absent` says how long an archiver may
        be away as planned by others than itself; any thread."""
        self._spool, self._agent, self._tick_s, self._share = spool, agent, tick_s, catchup_share
        self._limits, self._random = limits or HealthLimits(), random or Random()
        self._on_event, self._utc_s, self._crowded = on_event or (lambda _event: None), utc_s, crowded
        self._wake_up, self._losses, self._absent = wake_up, losses or LossDesk(), absent
        self._on_protection, self._judged = on_protection, dict[str, Protection]()
        self._losses.wake = self._wake
        self._losses.configure(cameras)
        self._workers: dict[str, SendWorker] = {}
        """Replaced, never changed: the desk wakes workers without a lock of ours."""
        self._desk = Desk(agent, self._limits, monotonic=time.monotonic, utc_s=utc_s, wake=self._wake, hurry=hurry, cold=cold)
        self._desk.configure(cameras)
        self._ending: list[SendWorker] = []
        """Those that have not ended in time."""
        self._hiring = threading.Lock()
        """Held while workers come and go.  Lock order: this one, then the desk's mutex."""
        self._unreleased: deque[Release] = deque()
        """Ranges that the journal has not taken back yet; bounded by what it holds."""
        self._release_failed = False
        self._pacer = Supervised("wk-replicate", self._run)
        self._stopped = False

    def start(self) -> None:
        self._pacer.start()

    def offer(self, refs: Iterable[ChunkRef]) -> None:
        """Chunks just appended to the journal; seqs of an epoch ascend over all calls."""
        self._desk.offer(refs)

    def recovered(self, refs: Iterable[ChunkRef]) -> None:
        """Chunks that the journal held at start: archivers are asked before anything is sent again.  Call before offer."""
        self._desk.offer(refs, recovered=True)

    def dropped(self, camera: str, epoch: int, low: int, high: int) -> None:
        """The journal gave seqs low..high up (quota): nobody is owed them any more."""
        self._desk.dropped(camera, epoch, low, high)

    def has_copy(self, camera: str, epoch: int, seq: int) -> bool:
        """Whether a chunk of the journal has a durable copy: the journal's quota drops those first (invariant 4)."""
        return self._desk.has_copy(camera, epoch, seq)

    def set_cameras(self, cameras: Sequence[CameraPolicy]) -> None:
        """The cameras that are recorded from now on; what others have left is delivered as they were kept.  Waits for nothing."""
        self._losses.configure(cameras)
        self._desk.configure(cameras)

    def set_archivers(self, urls: Mapping[str, str]) -> None:
        """All archivers that are known now, id to base URL.  May wait seconds for workers of those that left or moved.

        Raises UsageError or IdError before anything has changed.
        """
        with self._hiring:
            if self._stopped:
                return
            stay = {name: worker for name, worker in self._workers.items() if urls.get(name) == worker.url}
            new = {name: self._hire(check_id("archiver", name), url) for name, url in urls.items() if name not in stay}
            leave = [worker for name, worker in self._workers.items() if name not in stay]
            self._end(leave)
            self._losses.know(urls)
            self._desk.know(urls)
            self._workers = stay | new
            self._begin()

    def move(self, archiver: str) -> None:
        """Use an archiver in its hold-down again now; the operator's word against `failback = "sticky"`."""
        self._desk.move(archiver)

    def place(self, cameras: Sequence[str], archiver: str | None) -> None:
        """Put an archiver first for these cameras, None gives them back to their lists."""
        self._desk.place(cameras, archiver)

    def overview(self) -> Overview:
        return self._desk.overview()

    def links(self) -> tuple[ArchiverLink, ...]:
        return self._desk.links()

    def protections(self) -> dict[str, Protection]:
        return self._desk.protections()

    def protection(self, camera: str) -> ProtectionView:
        return self._desk.protection(camera)

    def drain(self, deadline_s: float) -> bool:
        """Wait until everything offered has its durable copies; True then.

        False after deadline_s seconds, or as soon as only archivers that cannot be reached are owed anything.
        """
        return self._desk.wait_settled(time.monotonic() + deadline_s)

    def stop(self) -> None:
        """End every thread and release what was acknowledged last.  What is not stays in the journal for the next start."""
        with self._hiring:
            self._stopped = True
            self._end(list(self._workers.values()))
            self._workers = {}
            self._pacer.stop()
            if self._pacer.join(JOIN_S):
                self._pace()

    @property
    def stragglers(self) -> list[str]:
        """Senders that did not end: a look-up of a name that nothing can interrupt."""
        return [f"wk-send-{worker.archiver}" for worker in self._ending if not worker.join(0)]

    def _end(self, workers: Sequence[SendWorker]) -> None:
        """Within JOIN_S, all together."""
        deadline = time.monotonic() + JOIN_S
        for worker in workers:
            worker.stop()
        late = [worker for worker in workers if not worker.join(max(deadline - time.monotonic(), 0.01))]
        for worker in late:
            log.error("a sender does not end", extra={"archiver": worker.archiver})
        self._ending = [*(worker for worker in self._ending if not worker.join(0)), *late]

    def _hire(self, name: str, url: str) -> SendWorker:
        return SendWorker(name, url, self._desk, self._spool, agent=self._agent, tick_s=self._tick_s,
                          ack_timeout_s=self._limits.ack_timeout_s, catchup_share=self._share,
                          random=Random(self._random.getrandbits(64)), losses=self._losses, absent=self._absent)  # fmt: skip

    def _wake(self) -> None:
        for worker in self._workers.values():
            worker.wake()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            deadline = self._pace()
            wait_s = PACE_S if deadline is None else min(PACE_S, max(deadline - time.monotonic(), 0.01))
            stop.wait(wait_s)

    def _begin(self) -> None:
        """Start the senders that do not run yet: new ones, and those for which the machine had no room.  Under `_hiring`."""
        for worker in self._workers.values():
            if not worker.started:
                worker.start()

    def _begin_late(self) -> None:
        if self._hiring.acquire(blocking=False):  # whoever has it begins them himself, or ends them
            try:
                with suppress(RuntimeError):  # still no room for a thread: told by whoever wanted it first, tried again at the next pace
                    self._begin()
            finally:
                self._hiring.release()

    def _pace(self) -> float | None:
        self._begin_late()
        self._desk.crowded(self._crowded())
        for archiver in self._desk.wakes():
            self._wake_up(archiver)
        releases, told, deadline = self._desk.tick()
        for gone in [release for release in releases if release.lost]:
            self._losses.chunks(gone.camera, gone.epoch, gone.low, gone.high, "damaged in the journal, nobody is known to have them")
        self._unreleased.extend(releases)
        if (judged := self._desk.protections()) != self._judged:
            self._judged = judged
            self._on_protection()
        for event in told:
            self._on_event(event)
        self._release()
        return deadline

    def _release(self) -> None:
        while self._unreleased:
            release = self._unreleased[0]
            try:
                self._spool.release(release.camera, release.epoch, release.low, release.high)
            except (WatchkeepError, OSError) as error:
                if not self._release_failed:
                    self._on_event(Event(kind=EventKind.DISK, source=self._agent, at_s=self._utc_s(), camera=release.camera,
                                        text=f"the journal cannot release chunks: {error}",
                                        remedy="check the agent's data_dir"))  # fmt: skip
                self._release_failed = True
                return
            self._release_failed = False
            self._unreleased.popleft()
        self._desk.forget_left()
