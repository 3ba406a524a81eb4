"""Opening the journal on a thread of its own, `wk-disk`, because its disk may hang, fail now and be well later.

    first ─▶ try ─┬─ opened in time ──▶ the caller has it, the thread ends
                  ├─ nobody's disk: another agent, a wrong path ──▶ raised, the thread ends
                  └─ the disk fails, or has not answered yet ──▶ None: the caller does without, and says what is to be done
                         └──▶ tried on, pauses from LOOK_S to MAX_LOOK_S ─ opened ─▶ `came`, the thread ends

Rules: nobody waits for the disk but this thread; one that hangs in it for good is left behind when the agent ends.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from ...wire.errors import VolumeError, WatchkeepError
from ...wire.shell.threads import Supervised
from ..datadir import FailingDiskError
from ..journal.journal import Journal

log = logging.getLogger(__name__)
LOOK_S: Final = 1.0
"""A disk that is mounted some seconds after the agent's start is used some seconds after it."""
MAX_LOOK_S: Final = 30.0
GROWTH: Final = 0.1
"""The pause in parts of the time since the start: a dead disk is asked some dozen times in its first minutes, and its kernel's log stays
readable."""
STOP_S: Final = 1.0
REMEDY: Final = "mount the disk of data_dir, or mend it (dmesg, smartctl): it is used once it is well, archivers get all from RAM meanwhile"


class DiskWatch:
    """`first` once, then either nothing more or `go_on`; `stop` at the end in any case."""

    def __init__(self, attempt: Callable[[], Journal], salvage: Callable[[], dict[str, bytes]],
                 monotonic: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        """`attempt` opens the journal; it raises FailingDiskError when its disk is to blame.  `salvage` reads the small files that can be
        read: first of all, since a journal of many hours may take minutes to open on a disk that is well."""
        self._attempt, self._salvage, self._monotonic = attempt, salvage, monotonic
        self._lock = threading.Lock()
        """Never held over I/O of the disk."""
        self._tried = threading.Event()
        self._journal: Journal | None = None
        """Opened, and nobody's yet."""
        self._came: Callable[[Journal], None] | None = None
        self._error: Exception | None = None
        self._closed, self._waited_for = False, True
        self._told = ""
        self.salvaged: dict[str, bytes] = {}
        self._thread = Supervised("wk-disk", self._run)

    def first(self, patience_s: float) -> Journal | VolumeError:
        """The journal; or why its disk gives none now, be it only that it takes longer than patience_s.

        Raises whatever is not the disk's fault: another agent has it, or the configuration is wrong.
        """
        self._thread.start()
        self._tried.wait(patience_s)
        with self._lock:
            answered, self._waited_for = self._tried.is_set(), False
            journal, self._journal = self._journal, None
            error = self._error
        if journal is not None:
            return journal
        if not answered:
            return VolumeError(f"its disk has not answered for {patience_s:g} s", remedy=REMEDY)
        if isinstance(error, FailingDiskError):
            return VolumeError(error.message, remedy=error.remedy)
        self.stop()
        assert error is not None, "tried, and neither opened nor failed"
        raise error

    def go_on(self, came: Callable[[Journal], None]) -> None:
        """`came` has the journal from then on; it is called once, on the thread as a rule, when the disk is well."""
        with self._lock:
            self._came = came
            journal, self._journal = self._journal, None
        if journal is not None:
            came(journal)

    def stop(self) -> bool:
        """Look no more; False when the thread hangs in the disk."""
        self._thread.stop()
        ended = self._thread.join(STOP_S)
        with self._lock:
            self._closed = True
            journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()
        return ended

    @property
    def alive(self) -> bool:
        return self._thread.alive

    def _run(self, stop: threading.Event) -> None:
        began = self._monotonic()
        self.salvaged = self._salvage()
        while not self._try():
            if stop.wait(min(max(LOOK_S, GROWTH * (self._monotonic() - began)), MAX_LOOK_S)):
                return

    def _try(self) -> bool:
        """Whether it was opened; what is in the way is for `first`, and whatever else comes into it is told once."""
        try:
            journal = self._attempt()
        except Exception as error:  # noqa: BLE001 - `first` raises it, or it is told: the thread that looks for the disk goes on
            self._failed(error)
            return False
        with self._lock:
            closed, came = self._closed, self._came
            if not closed and came is None:
                self._journal = journal
        self._tried.set()
        if closed:
            journal.close()
        elif came is not None:
            came(journal)
        return True

    def _failed(self, error: Exception) -> None:
        """A disk that hung for longer than `first` waits and then fails, as the kernel gives it up after half a minute, is told."""
        told, self._told = self._told, str(error)
        with self._lock:
            waited, self._waited_for = self._waited_for, False
            if waited:
                self._error = error
            self._tried.set()
        if not waited and self._told != told:
            log.warning("data_dir cannot be used now", extra={"why": str(error), "remedy": getattr(error, "remedy", "") or REMEDY},
                        exc_info=None if isinstance(error, OSError | WatchkeepError) else error)  # fmt: skip
