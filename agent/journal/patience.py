"""Reads of the journal's disk with an end: whoever asks waits for a disk that works, and not for one that hangs.

    wk-send-* ─ read ─▶ queue ─▶ wk-read ─▶ disk          a read that takes longer than PATIENCE_S: BusyError for all who wait,
        ▲                            │                    and for all who come, until it has returned; the same for
        │                            │                    REST_S after an I/O error
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

from watchkeep.wire.errors import BusyError, VolumeError

PATIENCE_S: Final = 1.0
"""Half the ack time-out.  24 MiB, the largest chunk, take 0.6 s from an SD card at 40 MB/s."""
REST_S: Final = 1.0
"""How long a disk is left alone after an I/O error.  A chunk that it does not give back is not asked for again before the next start, and
a disk in trouble for seconds, as behind a cable or a bus that is reset, would cost every chunk that is wanted meanwhile."""
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
        self._rests_until = float("-inf")
        self._open = True

    def read(self, read: Callable[[], bytes]) -> bytes:
        """What `read` returns or raises; BusyError when the disk hangs, or has just failed.  Any thread."""
        job = _Job(read)
        with self._changed:
            if self._hangs():
                raise _busy()
            self._jobs.append(job)
            self._changed.notify()
        while not job.done.wait(_LOOK_S):
            with self._changed:
                if self._hangs() and not job.done.is_set():
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
                if job is not None:
                    self._do(job)
        finally:
            with self._changed:
                self._open = False

    def _hangs(self) -> bool:
        """Also when it rests, and when nobody reads any more.  Under the lock."""
        now = self._monotonic()
        return not self._open or now < self._rests_until or (self._since is not None and now - self._since > PATIENCE_S)

    def _next(self, stop: threading.Event) -> _Job | None:
        """Whatever is waited for by nobody any more is passed over, and is no read under way."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: bool(self._jobs) or stop.is_set())
                job = self._jobs.popleft() if self._jobs else None
                if job is None or not job.given_up:
                    break
            self._since = None if job is None else self._monotonic()
            return job

    def _do(self, job: _Job) -> None:
        try:
            job.result = job.read()
        except BaseException as error:  # noqa: BLE001 - it is the asker's, on whose thread it is raised
            job.error = error
        with self._changed:
            self._since = None
            if isinstance(job.error, VolumeError) and not isinstance(job.error, BusyError):
                self._rest()
            job.done.set()
            self._changed.notify_all()

    def _rest(self) -> None:
        """Under the lock."""
        self._rests_until = self._monotonic() + REST_S
        while self._jobs:
            job = self._jobs.popleft()
            job.error = _busy()
            job.done.set()


def _busy() -> BusyError:
    return BusyError("the journal's disk does not answer", remedy="nothing to do: it is read as soon as it answers")
