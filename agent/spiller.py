"""What waits for the journal's disk: the threads wk-spill and wk-sync, and what operators are told of that disk.

    wk-spill: RAM ─▶ one write ─▶ the journal's files        wk-sync: fdatasync each sync_ms, then the lists of epochs and losses
               └─ full: give up the oldest file, declare what had no copy, save that, write again

Rules: nobody else waits for this disk: cutting and sending go on from RAM (journal/stage.py has the bound), then the rings fill.
What the disk could not take is tried again, for ever.  Faults are noted here and told by `look`, which the writer's tick
calls: a thread that hangs in the disk could tell nobody.  Each kind of fault is told once when it begins and once when it ends.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from ..wire.errors import FullError, WatchkeepError
from .epochs import EpochBook
from .replicate.losses import LossDesk

log = logging.getLogger(__name__)
FAULT_LOG_S: Final = 10.0
MAX_FAULT_LOG_S: Final = 640.0
"""A fault that lasts is logged after 10 s, 20 s and so on up to this, each kind for itself: a disk dead for a night fills no log."""
RETRY_S: Final = 0.2
"""After a write that failed; a disk that came back gets 30 s of video within seconds."""
MAX_RECLAIMS: Final = 16
"""Before one write, as long as no chunk is lost; one that costs chunks is the last: others may be what fills the disk, and would
take what each of them frees."""
IDLE_S: Final = 0.5
"""How late a stop is noticed at most."""
STALL_S: Final = 5.0
"""A call to the disk that takes longer is told: peers report stalls of 20 s and more, and a healthy disk answers within one."""
STALLED: Final = f"journal's disk has not answered for {STALL_S:.0f} s"
DISK_REMEDY: Final = "free space on the journal's disk, or replace it"
STALL_REMEDY: Final = "dmesg, smartctl: replace the disk if it hangs often; archivers get new video from RAM meanwhile"


class SpillPort(Protocol):
    """What is needed of agent.journal.staged.StagedJournal."""

    def spill(self, *, everything: bool = False) -> bool: ...

    def wait_due(self, timeout_s: float) -> None: ...

    def sync(self) -> Any: ...


class Spiller:
    """Owns no thread: `run_spills` and `run_syncs` are the bodies of two supervised threads."""

    def __init__(self, journal: SpillPort, epochs: EpochBook, losses: LossDesk | None = None, *, sync_ms: int, reclaim: Callable[[], bool],
                 faulted: Callable[[str, str], None], monotonic: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        """`reclaim` makes room and returns whether no chunk was lost by it; it raises FullError when it cannot.  `faulted(what, remedy)`
        is called by `look` when the disk begins to fail, and with an empty remedy when it works again."""
        self._journal, self._epochs, self._sync_ms, self._monotonic = journal, epochs, sync_ms, monotonic
        self._reclaim, self._faulted, self._losses = reclaim, faulted, losses or LossDesk()
        self._noting = threading.Lock()
        self._faults: dict[str, tuple[str, str]] = {}
        """What is wrong now, by kind, with its remedy; three kinds."""
        self._since: dict[str, float] = {}
        """When each of them began, monotonic."""
        self._told: dict[str, str] = {}
        self._busy: dict[str, float] = {}
        """Calls under way and since when; two kinds."""
        self._logged: dict[str, tuple[float, float]] = {}
        """When each was logged last, and how long it is not logged again; four kinds."""

    @property
    def fault(self) -> str:
        """Why the disk takes nothing now; empty when it does."""
        with self._noting:
            return next((text for text, _ in self._faults.values()), "")

    @property
    def trouble(self) -> tuple[str, float | None]:
        """The same, or that it does not answer; and since when, monotonic, None when nothing is wrong.  Any thread."""
        now = self._monotonic()
        with self._noting:
            if self._faults:
                kind = next(iter(self._faults))
                return self._faults[kind][0], self._since[kind]
            oldest = min(self._busy.values(), default=now)
        return (STALLED, oldest) if now - oldest > STALL_S else ("", None)

    def fails(self, error: WatchkeepError) -> None:
        """The disk is known to take nothing before the first write was tried."""
        self._failed("written", "journal cannot be written", error)

    def works(self) -> None:
        """It is known to be well again before the next one was."""
        self._well("written")

    def run_spills(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if not self.spill():
                if "written" in self._faults:
                    stop.wait(RETRY_S)
                else:
                    self._journal.wait_due(IDLE_S)

    def run_syncs(self, stop: threading.Event) -> None:
        while not stop.wait(self._sync_ms / 1000):
            self.sync()

    def spill(self, *, everything: bool = False) -> bool:
        """One write of what is due; False when nothing is, or when the disk did not take it: then it is due again."""
        try:
            with self._call("written"):
                wrote = self._write(everything=everything)
        except Exception as error:  # noqa: BLE001 - whatever it is, what is in RAM must be tried again
            self._failed("written", "journal cannot be written", error)
            return False
        if wrote:
            self._well("written")
        return wrote

    def sync(self) -> None:
        """Make what was spilled durable on the local disk."""
        synced = self._synced()
        try:
            self._epochs.save()  # also when the journal fails: numbers are promised in a file of their own, which a full disk takes
        except (OSError, WatchkeepError) as error:  # numbers rise without it: no fault of the recording
            self._complain("the list of epochs cannot be kept", error, "check the disk of data_dir")
        if synced:
            self._save_losses()

    def _synced(self) -> bool:
        try:
            with self._call("synced"):
                self._journal.sync()
        except Exception as error:  # noqa: BLE001 - the next sync takes along what this one could not
            self._failed("synced", "journal cannot be synced", error)
            return False
        self._well("synced")
        return True

    def drain(self, *, everything: bool = False) -> None:
        """Write what is due, or everything, and sync it; ends at the first write that fails.  After the threads have ended."""
        while self.spill(everything=everything):
            pass
        self.sync()

    def look(self) -> None:
        """Tell what has become wrong or well since the last look; one thread, which never waits for the disk."""
        now = self._monotonic()
        with self._noting:
            faults = dict(self._faults)
            oldest = min(self._busy.values(), default=now)
        if now - oldest > STALL_S:
            faults["stalled"] = STALLED, STALL_REMEDY
        for kind, (text, remedy) in faults.items():
            if kind not in self._told:
                self._told[kind] = text
                self._faulted(text, remedy)
        for kind in [kind for kind in self._told if kind not in faults]:
            self._faulted(f"no more: {self._told.pop(kind)}", "")

    def _write(self, *, everything: bool) -> bool:
        for _ in range(MAX_RECLAIMS):
            try:
                return self._journal.spill(everything=everything)
            except FullError as full:
                try:
                    free_of_loss = self._reclaim()
                except FullError:
                    raise full from None  # that nothing can be freed helps nobody: what has filled the disk does
                if not free_of_loss:
                    self._save_losses()  # before the next write goes over what was lost: until then a power cut brings it back
                    break
        return self._journal.spill(everything=everything)

    def _save_losses(self) -> None:
        try:
            self._losses.save()
        except (OSError, WatchkeepError) as error:  # told from memory; forgotten when the agent ends before the next sync saves it
            self._complain("the list of declared losses cannot be kept", error, "check the disk of data_dir")

    @contextmanager
    def _call(self, kind: str) -> Iterator[None]:
        with self._noting:
            self._busy[kind] = self._monotonic()
        try:
            yield
        finally:
            with self._noting:
                del self._busy[kind]

    def _failed(self, kind: str, what: str, error: Exception) -> None:
        remedy = error.remedy if isinstance(error, WatchkeepError) else DISK_REMEDY
        with self._noting:
            self._faults[kind] = f"{what}: {error}", remedy
            self._since.setdefault(kind, self._monotonic())
        self._complain(what, error, remedy)

    def _well(self, kind: str) -> None:
        with self._noting:
            self._faults.pop(kind, None)
            self._since.pop(kind, None)

    def _complain(self, what: str, error: Exception, remedy: str) -> None:
        now = self._monotonic()
        last, pause_s = self._logged.get(what, (float("-inf"), FAULT_LOG_S))
        if now - last >= pause_s:
            anew = now - last >= 2 * pause_s  # one that lasted would have been here earlier
            self._logged[what] = now, FAULT_LOG_S if anew else min(2 * pause_s, MAX_FAULT_LOG_S)
            expected = isinstance(error, OSError | WatchkeepError)
            log.error(what, extra={"why": str(error), "remedy": remedy}, exc_info=None if expected else error)
