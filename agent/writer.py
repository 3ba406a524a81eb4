"""The writer thread: every tick, what all cameras have ready goes into the journal with one write.

    tick: take from every ring ─▶ one vectored append ─▶ offer to replication        sync thread: fdatasync each sync_ms
     ▲                             └─ full: give up the oldest file, declare what had no copy, append again
     └─ tick_ms, or at once when an archiver has taken over: then its cameras are cut early

Rules: records that the journal cannot take stay here, and nothing more is taken from the rings until it can: the rings
hold 30 s and then drop whole GOPs, counted.  fdatasync has its own thread, so that a slow disk does not delay cutting.
A camera whose chunks cannot be built is named and counted, and keeps nobody else from being written (invariant 7).
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..wire.errors import FullError, WatchkeepError
from .clock import Clock, StepWatch
from .epochs import EpochBook
from .line import Line, Record

log = logging.getLogger(__name__)
FAULT_LOG_S = 10.0
"""A fault that lasts is logged at most this often, each kind for itself."""
MAX_TICK_BYTES = 64 << 20
"""After a stall the rings hold 30 s each.  What leaves them in one tick is bounded: 64 MiB, and one camera's take above it
(16 chunks of at most 24 MiB, usually 16 x 0.5 MB)."""


class JournalPort(Protocol):
    """What the writer needs of agent.journal.Journal."""

    def append(self, records: Sequence[Record]) -> Sequence[Any]: ...

    def sync(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the threads of the writer work."""

    tick_ms: int
    sync_ms: int


class Writer:
    """Owns no thread: `run_ticks` and `run_syncs` are the bodies of two supervised threads."""

    def __init__(self, lines: Sequence[Line], journal: JournalPort, epochs: EpochBook, clock: Clock, *, pace: Pace,
                 offer: Callable[[Sequence[Any]], None], reclaim: Callable[[], None], stepped: Callable[[float], None],
                 faulted: Callable[[str, str], None]) -> None:  # fmt: skip
        """`faulted(what, remedy)` is called when the journal begins to fail, and with an empty remedy when it works again."""
        self._lines, self._journal, self._epochs, self._clock, self._pace = lines, journal, epochs, clock, pace
        self._offer, self._reclaim, self._stepped, self._faulted = offer, reclaim, stepped, faulted
        self._waiting: list[Record] = []
        self._watch = StepWatch(clock.utc_s(), clock.monotonic())
        self._logged: dict[str, float] = {}
        """When each kind of fault was logged; one kind a camera and three of the journal's."""
        self._first_line = 0
        self.fault = ""
        """Why the journal takes nothing now; empty when it does."""
        self._sync_fault = ""
        self._hurry = threading.Event()
        self._early: set[str] = set()
        """Cameras whose newest frames a stand-in waits for."""
        self._early_lock = threading.Lock()

    def run_ticks(self, stop: threading.Event) -> None:
        """Tick until stopped, which is noticed within a tick."""
        while not stop.is_set():
            self._hurry.wait(self._pace.tick_ms / 1000)
            self._hurry.clear()
            if not stop.is_set():
                self.tick()

    def hurry(self, cameras: Iterable[str]) -> None:
        """Cut what waits of these cameras now, not when a chunk is full.  Any thread; returns at once."""
        with self._early_lock:
            self._early.update(cameras)
        self._hurry.set()

    def run_syncs(self, stop: threading.Event) -> None:
        while not stop.wait(self._pace.sync_ms / 1000):
            self.sync()

    def tick(self, *, flush: bool = False) -> None:
        """Move what is ready from the rings to the journal and offer it to replication."""
        self._watch_clock()
        now = self._clock.monotonic()
        if not self._waiting:
            self._take(now, flush=flush)
        if not self._waiting:
            return
        try:
            entries = self._append(self._waiting)
        except Exception as error:  # noqa: BLE001 - whatever it is, what waits must be tried again
            self.fault = self._failed("journal cannot be written", error, self.fault)
            return
        self._waiting = []
        self.fault = self._well(self.fault)
        self._offer(entries)

    def _take(self, now: float, *, flush: bool) -> None:
        """Take from each ring in turn; whom the bound leaves out this time comes first the next time."""
        quality, size = self._clock.quality(), 0
        with self._early_lock:
            early, self._early = self._early, set()
        for count in range(len(self._lines)):
            line = self._lines[(self._first_line + count) % len(self._lines)]
            records = line.take(now, quality, flush=flush, early=line.camera in early)
            if line.fault is not None:
                self._complain(f"chunks of {line.camera} cannot be built", line.fault, "please report this with the agent's log")
            self._waiting += records
            size += sum(header.record_bytes for header, _ in records)
            if size > MAX_TICK_BYTES:
                self._first_line = (self._first_line + count + 1) % len(self._lines)
                return

    def _append(self, records: Sequence[Record]) -> Sequence[Any]:
        try:
            return self._journal.append(records)
        except FullError:
            self._reclaim()
            return self._journal.append(records)

    def sync(self) -> None:
        """Make what was appended durable on the local disk."""
        try:
            self._journal.sync()
        except Exception as error:  # noqa: BLE001 - the next sync takes along what this one could not
            self._sync_fault = self._failed("journal cannot be synced", error, self._sync_fault)
            return
        self._sync_fault = self._well(self._sync_fault)
        try:
            self._epochs.save()
        except (OSError, WatchkeepError) as error:  # the journal holds the epochs as well: no fault of the recording
            self._complain("the list of epochs cannot be kept", error, "check the disk of data_dir")

    def drain(self) -> None:
        """Cut and write everything that the rings hold; called after the ingest threads have ended."""
        for _ in range(64):  # 64 x 16 chunks of each camera: more than any ring holds
            held, before = bool(self._waiting), self._chunks()
            self.tick(flush=True)
            if self.fault or (not held and self._chunks() == before):
                break
        self.sync()

    def _chunks(self) -> int:
        return sum(line.stats.chunks + line.stats.unbuilt_chunks for line in self._lines)

    def _watch_clock(self) -> None:
        change = self._watch.step(self._clock.utc_s(), self._clock.monotonic())
        if change:
            self._stepped(change)

    def _failed(self, what: str, error: Exception, before: str) -> str:
        """Log and report a fault of the journal; returns what to show."""
        remedy = error.remedy if isinstance(error, WatchkeepError) else "free space on the journal's disk, or replace it"
        if not before:
            self._faulted(f"{what}: {error}", remedy)
        self._complain(what, error, remedy)
        return f"{what}: {error}"

    def _well(self, before: str) -> str:
        if before:
            self._faulted(f"no more: {before}", "")
        return ""

    def _complain(self, what: str, error: Exception, remedy: str) -> None:
        now = self._clock.monotonic()
        if now - self._logged.get(what, -FAULT_LOG_S) >= FAULT_LOG_S:
            self._logged[what] = now
            expected = isinstance(error, OSError | WatchkeepError)
            log.error(what, extra={"why": str(error), "remedy": remedy}, exc_info=None if expected else error)
