"""Reads of the journal's disk with an end: whoever asks waits for a disk that works, and not for one that hangs.

    wk-send-* ─ read ─▶ queue ─▶ wk-read ─▶ disk          a read that takes longer than PATIENCE_S: BusyError for all who wait,
        ▲                            │                    and for all who come, until it has returned
        └──────── bytes, error ──────┘

Rules: one thread reads for all, so a hung disk holds up that thread and no archiver's (invariant 7); live chunks come from RAM
and do not come here.  Bound: one read for each asker; an asker that gave up has left its read behind, and none is added while
the disk hangs.  Who is told to come again comes again by itself: the chunk is still owed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from watchkeep.wire.errors import BusyError

PATIENCE_S: Final = 1.0
"""Half the ack time-out.  24 MiB, the largest chunk, take 0.6 s from an SD card at 40 MB/s."""
_LOOK_S: Final = 0.1
"""How often an asker looks whether the read under way has hung."""


class _Job:
    __slots__ = ("done", "error", "given_up", "read", "result")

    def __init__(self, read: Callable[[], bytes]) -> None:
        self.read, self.done, self.given_up = read, threading.Event(), False
        self.result = b""
        self.error: BaseException | None = None


class PatientReader:
    """`run` is the body of a supervised thread, which reads for all who call `read`."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition(threading.Lock())
        self._jobs: deque[_Job] = deque()
        self._since: float | None = None
        """When the read under way began."""
        self._open = True

    def read(self, read: Callable[[], bytes]) -> bytes:
        """What `read` returns or raises; BusyError when the disk hangs.  Any thread."""
        job = _Job(read)
        with self._changed:
            if self._hangs():
                raise _busy()
            self._jobs.append(job)
            self._changed.notify()
        while not job.done.wait(_LOOK_S):
            with self._changed:
                if self._hangs():
                    job.given_up = True
                    raise _busy()
        if job.error is not None:
            raise job.error
        return job.result

    def wake(self) -> None:
        """Notice that `run` is to stop."""
        with self._changed:
            self._changed.notify_all()

    def run(self, stop: threading.Event) -> None:
        """Read what is asked for until stopped; `wake` follows a stop."""
        with self._changed:
            self._open = True
        try:
            while not stop.is_set():
                job = self._next(stop)
                if job is not None and not job.given_up:
                    self._do(job)
        finally:
            with self._changed:
                self._open = False

    def _hangs(self) -> bool:
        """Also when nobody reads any more.  Under the lock."""
        return not self._open or (self._since is not None and self._monotonic() - self._since > PATIENCE_S)

    def _next(self, stop: threading.Event) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._jobs) or stop.is_set())
            job = self._jobs.popleft() if self._jobs else None
            self._since = None if job is None else self._monotonic()
            return job

    def _do(self, job: _Job) -> None:
        try:
            job.result = job.read()
        except BaseException as error:  # noqa: BLE001 - it is the asker's, on whose thread it is raised
            job.error = error
        with self._changed:
            self._since = None
            self._changed.notify_all()
        job.done.set()


def _busy() -> BusyError:
    return BusyError("the journal's disk does not answer", remedy="nothing to do: it is read as soon as it answers")
