"""The thread that paces producers in real time and hands their units to the event loop.

Rules: one thread, `wk-source-feed`, stopped by an event and joined; it never runs more than MAX_BACKLOG units ahead
of the loop: when the loop is that late the feed waits, and a live producer then leaves frames out.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .clips import Slot
from .media import Unit

MAX_BACKLOG: Final = 256
"""Units handed over and not yet delivered: 8 s at 30 fps, 4 MB at 4 Mbit/s."""


class Feed:
    """`post` runs a function on the event loop, from any thread; `deliver` runs there for every unit; `failed` when the feed breaks."""

    def __init__(self, producers: Sequence[Iterator[Slot]], post: Callable[[Callable[[], None]], object], deliver: Callable[[Unit], None],
                 failed: Callable[[BaseException], None], origin: float) -> None:  # fmt: skip
        self._slots = heapq.merge(*producers, key=lambda slot: slot.due_s)
        self._post, self._deliver, self._failed, self._origin = post, deliver, failed, origin
        self._stop = threading.Event()
        self._room = threading.BoundedSemaphore(MAX_BACKLOG)
        self._thread = threading.Thread(target=self._run, name="wk-source-feed")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait: at most one frame's encoding."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            for slot in self._slots:
                if self._stop.wait(max(0.0, self._origin + slot.due_s - time.monotonic())):
                    return
                for unit in slot.make():
                    if not self._hand_over(unit):
                        return
        except Exception as error:  # noqa: BLE001 - whatever breaks the feed has to end the service, not just this thread
            self._post(lambda error=error: self._failed(error))  # type: ignore[misc]

    def _hand_over(self, unit: Unit) -> bool:
        """False when the feed was stopped while the loop had no room."""
        while not self._room.acquire(timeout=0.1):
            if self._stop.is_set():
                return False
        self._post(lambda: self._deliver_one(unit))
        return True

    def _deliver_one(self, unit: Unit) -> None:
        self._room.release()
        self._deliver(unit)
