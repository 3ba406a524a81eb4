"""The start of each volume on a thread of its own: identity, lock, probe, recovery; so that a disk that hangs holds up no other.

    open ─▶ (all the others are open, hang, are away, or one is refused) ─▶ recover ─▶ ready ─┐
                                                                                              ├─▶ the store opens with those that are ready
    hangs (pulse.py) ─────────────────────────────────────────────────────────────────────────┤
      '─▶ comes back ─▶ open, recover ─▶ late(volume): taken in while the others record       │
    is away: unmounted, failing, another process's ───────────────────────────────────────────┘
      '─▶ tried again every AGAIN_S ─▶ as one that comes back

Rules: what an operator has to mend before a volume can be used is raised by `wait`, as long as anybody waits; a volume that is late and
refused stays out of use, and says why.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

from ...wire.errors import VolumeError
from ...wire.shell.files import passes
from .identity import AwayError
from .volume import Volume

log = logging.getLogger(__name__)

LOOK_S: Final = 0.2
AGAIN_S: Final = 5.0
"""As often as a volume that was lost while in use is tried (writer.PROBE_S)."""
Work = Callable[[Volume], None]


class Openings:
    """`opens(volume)`, then `recovers(volume)`; `late(volume)` takes in one that was not waited for, on its own thread, and `away(volume)`
    tells of one that nobody waits for, when it has another reason than before."""

    def __init__(self, volumes: list[Volume], opens: Work, recovers: Work, late: Work, away: Work) -> None:
        self._volumes, self._opens, self._recovers, self._late, self._tell_away = volumes, opens, recovers, late, away
        self._lock = threading.Condition()
        self._opened: set[Volume] = set()
        self._ready: set[Volume] = set()
        self._away: dict[Volume, Exception] = {}
        self._refused: BaseException | None = None
        self._go = self._waited = self._closed = False
        self._threads = {volume.root: threading.Thread(target=self._run, args=(volume,), name=f"wk-store-open-{number}")
                         for number, volume in enumerate(volumes)}  # fmt: skip

    def start(self) -> None:
        for thread in self._threads.values():
            thread.start()

    def wait(self, look: Callable[[], None]) -> list[Volume]:
        """The volumes that are ready, once the rest hangs or is away; `look` finds those that hang.  Raises what refuses a volume, and
        AwayError when none is ready."""
        self._wait_for(self._opened, look)
        with self._lock:
            self._go = True
            self._lock.notify_all()
        self._wait_for(self._ready, look)
        with self._lock:
            self._waited = True
            if not self._ready:
                raise self._nothing()
            return [volume for volume in self._volumes if volume in self._ready]

    def _nothing(self) -> Exception:
        if len(self._volumes) == len(self._away) == 1:
            return self._away[self._volumes[0]]
        found = [str(self._away.get(volume, f"volume {volume.root} {volume.why}")) for volume in self._volumes]
        remedies = [error.remedy for error in self._away.values() if isinstance(error, VolumeError)]
        return AwayError("; ".join(found), remedy=next(iter(remedies), "look into dmesg"))

    def _wait_for(self, there: set[Volume], look: Callable[[], None]) -> None:
        """Until every volume is there or hangs; `look` reports, so it is called without the lock."""
        while True:
            with self._lock:
                if self._refused is not None:
                    raise self._refused
                if all(volume in there or volume.hung or volume in self._away for volume in self._volumes):
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
            while not self._prepare(volume):
                with self._lock:
                    if self._lock.wait_for(lambda: self._closed, AGAIN_S):
                        return
        except BaseException as error:  # noqa: BLE001 (raised again by `wait`)
            self._refuse(volume, error)
            return
        with self._lock:
            if self._closed:
                return
            if self._waited:
                self._late(volume)
            else:
                self._away.pop(volume, None)
                self._ready.add(volume)
                self._lock.notify_all()

    def _prepare(self, volume: Volume) -> bool:
        """Whether it can be used now, or nobody wants it any more; raises what does not pass by itself."""
        try:
            self._opens(volume)
            with self._lock:
                self._opened.add(volume)
                self._lock.notify_all()
                self._lock.wait_for(lambda: self._go or self._closed)
                if self._closed:
                    return True
            self._recovers(volume)
        except (AwayError, OSError) as error:
            if isinstance(error, OSError) and not passes(error):
                raise
            volume.close()
            self._leave(volume, error)
            return False
        return True

    def _leave(self, volume: Volume, error: Exception) -> None:
        """Nobody waits for it."""
        with self._lock:
            news = str(self._away.get(volume, "")) != str(error)
            self._away[volume], volume.why = error, str(error)
            self._lock.notify_all()
        if news:
            self._tell_away(volume)

    def _refuse(self, volume: Volume, error: BaseException) -> None:
        with self._lock:
            if self._waited:
                volume.why = str(error)
                log.error("volume stays out of use", extra={"volume": str(volume.root), "why": str(error)})
            self._refused = self._refused or error
            self._lock.notify_all()
