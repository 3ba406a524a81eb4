"""The start of each volume on a thread of its own: identity, lock, probe, recovery; so that a disk that hangs holds up no other.

    open ─▶ (all the others are open, hang, or one is refused) ─▶ recover ─▶ ready ─┐
                                                                                    ├─▶ the store opens with those that are ready
    hangs (pulse.py) ───────────────────────────────────────────────────────────────┘
      '─▶ comes back ─▶ open, recover ─▶ late(volume): taken in while the others record

Rules: what a volume says against being used is raised by `wait`, as long as anybody waits; a volume that is late and refused
stays out of use, and says why.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

from ...wire.errors import VolumeError
from .volume import Volume

log = logging.getLogger(__name__)

LOOK_S: Final = 0.2
Work = Callable[[Volume], None]


class Openings:
    """`opens(volume)`, then `recovers(volume)`; `late(volume)` takes in one that was not waited for, on its own thread."""

    def __init__(self, volumes: list[Volume], opens: Work, recovers: Work, late: Work) -> None:
        self._volumes, self._opens, self._recovers, self._late = volumes, opens, recovers, late
        self._lock = threading.Condition()
        self._opened: set[Volume] = set()
        self._ready: set[Volume] = set()
        self._refused: BaseException | None = None
        self._go = self._waited = self._closed = False
        self._threads = {volume.root: threading.Thread(target=self._run, args=(volume,), name=f"wk-store-open-{number}")
                         for number, volume in enumerate(volumes)}  # fmt: skip

    def start(self) -> None:
        for thread in self._threads.values():
            thread.start()

    def wait(self, look: Callable[[], None]) -> list[Volume]:
        """The volumes that are ready, once the rest hangs; `look` finds those that do.  Raises what refuses a volume, and VolumeError
        when all of them hang."""
        self._wait_for(self._opened, look)
        with self._lock:
            self._go = True
            self._lock.notify_all()
        self._wait_for(self._ready, look)
        with self._lock:
            self._waited = True
            if not self._ready:
                raise VolumeError("; ".join(f"volume {volume.root} {volume.why}" for volume in self._volumes), remedy="look into dmesg")
            return [volume for volume in self._volumes if volume in self._ready]

    def _wait_for(self, there: set[Volume], look: Callable[[], None]) -> None:
        """Until every volume is there or hangs; `look` reports, so it is called without the lock."""
        while True:
            with self._lock:
                if self._refused is not None:
                    raise self._refused
                if all(volume in there or volume.hung for volume in self._volumes):
                    return
                self._lock.wait(LOOK_S)
            look()

    def close(self) -> set[Volume]:
        """Take in nobody any more; returns the volumes whose threads are still held up."""
        with self._lock:
            self._waited = self._closed = True
            self._lock.notify_all()
        for thread in self._threads.values():
            if thread.ident is not None:
                thread.join(LOOK_S)
        return {volume for volume in self._volumes if self._threads[volume.root].is_alive()}

    def _run(self, volume: Volume) -> None:
        try:
            self._opens(volume)
            with self._lock:
                self._opened.add(volume)
                self._lock.notify_all()
                self._lock.wait_for(lambda: self._go or self._closed)
                if self._closed:
                    return
            self._recovers(volume)
        except BaseException as error:  # noqa: BLE001 (raised again by `wait`)
            self._refuse(volume, error)
            return
        with self._lock:
            if not self._waited:
                self._ready.add(volume)
                self._lock.notify_all()
            elif not self._closed:
                self._late(volume)

    def _refuse(self, volume: Volume, error: BaseException) -> None:
        with self._lock:
            if self._waited:
                volume.why = str(error)
                log.error("volume stays out of use", extra={"volume": str(volume.root), "why": str(error)})
            self._refused = self._refused or error
            self._lock.notify_all()
