"""The writer thread: every tick, what all cameras have ready goes into the journal with one write.

    tick: take from every ring ─▶ one vectored append ─▶ offer to replication        sync thread: fdatasync each sync_ms
                                   └─ full: give up the oldest file, declare what had no copy, append again

Rules: records that the journal cannot take stay here, and nothing more is taken from the rings until it can: the rings
hold 30 s and then drop whole GOPs, counted.  fdatasync has its own thread, so that a slow disk does not delay cutting.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..wire.errors import FullError, WatchkeepError
from .clock import Clock, StepWatch
from .epochs import EpochBook
from .line import Line, Record

log = logging.getLogger(__name__)
FAULT_LOG_S = 10.0
"""A journal that cannot be written is logged at most this often."""


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
                 offer: Callable[[Sequence[Any]], None], reclaim: Callable[[], None],
                 stepped: Callable[[float], None]) -> None:  # fmt: skip
        self._lines, self._journal, self._epochs, self._clock, self._pace = lines, journal, epochs, clock, pace
        self._offer, self._reclaim, self._stepped = offer, reclaim, stepped
        self._waiting: list[Record] = []
        self._watch = StepWatch(clock.utc_s(), clock.monotonic())
        self._logged_at = -FAULT_LOG_S
        self.fault = ""

    def run_ticks(self, stop: threading.Event) -> None:
        while not stop.wait(self._pace.tick_ms / 1000):
            self.tick()

    def run_syncs(self, stop: threading.Event) -> None:
        while not stop.wait(self._pace.sync_ms / 1000):
            self.sync()

    def tick(self, *, flush: bool = False) -> None:
        """Move what is ready from the rings to the journal and offer it to replication."""
        self._watch_clock()
        now = self._clock.monotonic()
        if not self._waiting:
            quality = self._clock.quality()
            for line in self._lines:
                self._waiting += line.take(now, quality, flush=flush)
        if not self._waiting:
            return
        try:
            entries = self._append(self._waiting)
        except (OSError, WatchkeepError) as error:
            self._failed("journal cannot be written", error)
            return
        self._waiting = []
        self.fault = ""
        self._offer(entries)

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
            self._epochs.save()
        except (OSError, WatchkeepError) as error:
            self._failed("journal cannot be synced", error)

    def drain(self) -> None:
        """Cut and write everything that the rings hold; called after the ingest threads have ended."""
        for _ in range(64):  # 64 x 16 chunks of each camera: more than any ring holds
            before = sum(line.stats.chunks for line in self._lines)
            self.tick(flush=True)
            if sum(line.stats.chunks for line in self._lines) == before and not self._waiting:
                break
        self.sync()

    def _watch_clock(self) -> None:
        change = self._watch.step(self._clock.utc_s(), self._clock.monotonic())
        if change:
            self._stepped(change)

    def _failed(self, what: str, error: Exception) -> None:
        self.fault = f"{what}: {error}"
        if self._clock.monotonic() - self._logged_at >= FAULT_LOG_S:
            self._logged_at = self._clock.monotonic()
            remedy = error.remedy if isinstance(error, WatchkeepError) else "free space on the journal's disk, or replace it"
            log.error(what, extra={"why": str(error), "remedy": remedy})
