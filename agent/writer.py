"""The writer thread: every tick, what all cameras have ready goes into the journal's RAM and is offered to replication.

    tick: take from every ring ─▶ append (RAM) ─▶ offer to replication          spiller.py: from RAM to the disk, fdatasync
     ▲        └─ no room: take nothing
     └─ tick_ms, or at once when an archiver has taken over: then its cameras are cut early

Rules: never waits for a disk.  When the journal's RAM is full, because its disk takes nothing for long, records that did not fit
stay here and nothing more is taken from the rings: they hold 30 s and then drop whole GOPs, counted.
A camera whose chunks cannot be built is named and counted, and keeps nobody else from being written (invariant 7).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ..wire.errors import WatchkeepError
from .beat import next_beat
from .clock import Clock, StepWatch
from .line import Line, Record

log = logging.getLogger(__name__)
FAULT_LOG_S = 10.0
"""A fault that lasts is logged at most this often, each kind for itself."""
MAX_TICK_BYTES = 64 << 20
"""After a stall the rings hold 30 s each.  What leaves them in one tick is bounded: 64 MiB, and one camera's take above it
(16 chunks of at most 24 MiB, usually 16 x 0.5 MB)."""


class JournalPort(Protocol):
    """What the writer needs of agent.journal.staged.StagedJournal."""

    @property
    def room(self) -> int: ...

    def append(self, records: Sequence[Record]) -> Sequence[Any]: ...


class Writer:
    """Owns no thread: `run_ticks` is the body of a supervised one."""

    def __init__(self, lines: Sequence[Line], journal: JournalPort, clock: Clock, *, tick_ms: int, place_s: float = 0.0,
                 offer: Callable[[Sequence[Any]], None], stepped: Callable[[float], None], look: Callable[[], None]) -> None:  # fmt: skip
        """`look` is called at each tick: what others have to do on a thread that never waits for a disk.  place_s: see beat.py."""
        self._place_s = place_s
        self._lines, self._journal, self._clock, self._tick_ms = tuple(lines), journal, clock, tick_ms
        self._offer, self._stepped, self._look = offer, stepped, look
        self._waiting: list[Record] = []
        self._watch = StepWatch(clock.utc_s(), clock.monotonic())
        self._logged: dict[str, float] = {}
        """When each kind of fault was logged; one kind a camera and one of the journal's."""
        self._first_line = 0
        self._hurry = threading.Event()
        self._early: set[str] = set()
        """Cameras whose newest frames a stand-in waits for."""
        self._early_lock = threading.Lock()
        self.settled = 0
        """Ticks that have ended with everything appended and offered that was taken until then."""

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Serve these from the next tick on; any thread.

        When `settled` has risen after this, lines that were left out are not touched any more, and nothing of them waits here.
        """
        self._lines = tuple(lines)

    def run_ticks(self, stop: threading.Event) -> None:
        """Tick until stopped, which is noticed within a tick."""
        while not stop.is_set():
            now = time.monotonic()
            self._hurry.wait(next_beat(now, self._tick_ms / 1000, self._place_s) - now)
            self._hurry.clear()
            if not stop.is_set():
                self.tick()

    def hurry(self, cameras: Iterable[str]) -> None:
        """Cut what waits of these cameras now, not when a chunk is full.  Any thread; returns at once."""
        with self._early_lock:
            self._early.update(cameras)
        self._hurry.set()

    def tick(self, *, flush: bool = False) -> None:
        """Move what is ready from the rings to the journal, as far as it has room, and offer it to replication."""
        self._tick(flush=flush)
        if not self._waiting:
            self.settled += 1

    def _tick(self, *, flush: bool) -> None:
        self._watch_clock()
        self._look()
        if not self._waiting:
            self._take(self._clock.monotonic(), flush=flush)
        if not self._waiting:
            return
        try:
            entries = self._journal.append(self._waiting)
        except Exception as error:  # noqa: BLE001 - whatever it is, what waits must be tried again
            self._complain("the journal refuses what was cut", error, "please report this with the agent's log")
            return
        self._waiting = self._waiting[len(entries) :]
        if entries:
            self._offer(entries)

    def _take(self, now: float, *, flush: bool) -> None:
        """Take from each ring in turn; whom the bound leaves out this time comes first the next time."""
        quality, size, limit = self._clock.quality(), 0, min(self._journal.room, MAX_TICK_BYTES)
        if not limit:
            return
        with self._early_lock:
            early, self._early = self._early, set()
        lines = self._lines  # once: others set them
        for count in range(len(lines)):
            line = lines[(self._first_line + count) % len(lines)]
            records = line.take(now, quality, flush=flush, early=line.camera in early)
            if line.fault is not None:
                self._complain(f"chunks of {line.camera} cannot be built", line.fault, "please report this with the agent's log")
            self._waiting += records
            size += sum(header.record_bytes for header, _ in records)
            if size > limit:
                self._first_line = (self._first_line + count + 1) % len(lines)
                return

    def drain(self, spill: Callable[[], object]) -> None:
        """Cut and append everything that the rings hold; called after the ingest threads have ended.

        `spill` empties the journal's RAM; it is called when there is no more room.
        """
        for _ in range(64):  # 64 x 16 chunks of each camera: more than any ring holds
            waited, before = len(self._waiting), self._chunks()
            self.tick(flush=True)
            if len(self._waiting) == waited and self._chunks() == before:
                if not waited and self._journal.room:
                    break
                spill()
                if not self._journal.room:
                    break

    def _chunks(self) -> int:
        return sum(line.stats.chunks + line.stats.unbuilt_chunks for line in self._lines)

    def _watch_clock(self) -> None:
        change = self._watch.step(self._clock.utc_s(), self._clock.monotonic())
        if change:
            self._stepped(change)

    def _complain(self, what: str, error: Exception, remedy: str) -> None:
        now = self._clock.monotonic()
        if now - self._logged.get(what, -FAULT_LOG_S) >= FAULT_LOG_S:
            self._logged[what] = now
            expected = isinstance(error, OSError | WatchkeepError)
            log.error(what, extra={"why": str(error), "remedy": remedy}, exc_info=None if expected else error)
