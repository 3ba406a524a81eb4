"""Threads that have an owner: named, supervised, stopped by an event, joined in order.

Rules: a worker never restarts itself; its supervisor does, after a pause that grows with jitter up to a bound.
The kernel knows a thread by its name too, as far as 15 bytes of it go, so that `top -H` and perf tell which one costs what.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


class Supervised:
    """A thread that runs `body(stop)` and runs it again after an unexpected exception, until stopped.

    body returns normally only when stop is set or when its work is finished.  It runs once even when it is stopped before its first
    turn: a last write is part of it.
    """

    def __init__(self, name: str, body: Callable[[threading.Event], None], *,
                 first_pause_s: float = 0.5, max_pause_s: float = 30.0) -> None:  # fmt: skip
        self.name, self._body = name, body
        self._first, self._max = first_pause_s, max_pause_s
        self.stop_event = threading.Event()
        self.failures = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=False)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the body to return; does not wait."""
        self.stop_event.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; False when it did not end in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def started(self) -> bool:
        """False as well when start() raised RuntimeError, because the machine has no room for another thread: it may be called again."""
        return self._thread.ident is not None

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        _tell_kernel(self.name)
        pause = self._first
        while True:
            started = time.monotonic()
            try:
                self._body(self.stop_event)
                return
            except Exception:
                self.failures += 1
                log.exception("thread failed, it starts again", extra={"worker": self.name, "pause_s": round(pause, 1)})
            if time.monotonic() - started > self._max:
                pause = self._first  # it had worked for long: this is a new trouble, not the same one again
            if self.stop_event.wait(pause * random.uniform(0.5, 1.0)):
                return
            pause = min(pause * 2, self._max)


def _tell_kernel(name: str) -> None:
    """Python does it itself from 3.14 on."""
    with contextlib.suppress(OSError):  # a sandbox whose /proc cannot be written: the thread works all the same
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_bytes(name.encode()[:15])
