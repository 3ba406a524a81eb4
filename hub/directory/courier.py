"""A thread that does one job after the other for a directory server: its database, its pulls, its questions to one other server.

Rules: whoever gives a job has waited for the last one's report, so the queue holds one job and the word to stop.  A job reports its own
failures; what it raises all the same is a bug, logged by its supervisor, after `failed` was called.
"""

import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

from ...wire.shell.threads import Supervised


class Job(NamedTuple):
    """do, and what to call when that raises what nobody has thought of."""

    do: Callable[[], None]
    failed: Callable[[], None]


class Courier:
    """start() once, give() jobs, stop() and join() once."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue(4)
        self._worker = Supervised(name, self._run)

    def start(self) -> None:
        self._worker.start()

    def give(self, job: Job) -> None:
        self._jobs.put_nowait(job)

    def stop(self) -> None:
        """Do nothing more than what is under way."""
        self._worker.stop()
        self._jobs.put_nowait(None)

    def join(self, timeout_s: float) -> bool:
        return self._worker.join(timeout_s)

    def _run(self, stop: threading.Event) -> None:
        while (job := self._jobs.get()) is not None and not stop.is_set():
            try:
                job.do()
            except Exception:
                job.failed()
                raise
