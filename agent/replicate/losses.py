"""Declared losses on their way to the archivers: the book of lossbook.py behind a mutex, kept in a small file of data_dir.

    whoever gives something up ─▶ declare ─▶ book ─▶ due ─▶ wk-send-<archiver> tells ─▶ taken
                                              └─ save, when it has changed: by wk-sync each sync_ms, and by wk-spill when
                                                 the quota cost chunks, before it writes over them

Rules: only `save` touches the disk.  A power cut within sync_ms of another loss, of frames that never were in the journal, can forget to
tell it, as it can the chunks of that second; the event has been told.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from ...wire.errors import WatchkeepError
from ...wire.losses import MAX_TEXT, Loss
from .lossbook import LossBook
from .policy import CameraPolicy


class Slots(Protocol):
    """A small record that survives power cuts and full disks (agent.journal.slots)."""

    def read(self) -> bytes | None: ...

    def write(self, data: bytes) -> None: ...


class LossDesk:
    """Thread-safe; without slots it remembers as long as the process lasts."""

    def __init__(self, slots: Slots | None = None, *, wake: Callable[[], None] = lambda: None) -> None:
        """`wake` is called when there is something to tell; it must not wait."""
        self._slots, self._book = slots, LossBook(slots.read() if slots else None)
        self.wake = wake
        self._lock, self._saving = threading.Lock(), threading.Lock()
        """The second is for the slots, one write at a time, and is taken first; who declares or asks never waits for it."""
        self._dirty = False

    def configure(self, cameras: Sequence[CameraPolicy]) -> None:
        with self._lock:
            self._book.configure({camera.camera: camera.archivers for camera in cameras})

    def know(self, archivers: Collection[str]) -> None:
        with self._lock:
            self._book.know(archivers)

    def chunks(self, camera: str, epoch: int, low: int, high: int, text: str) -> None:
        """Chunks low to high of an epoch are lost."""
        self._declare(Loss(camera=camera, epoch=epoch, first_seq=low, last_seq=high, text=_line(text)))

    def frames(self, camera: str, start_s: float, end_s: float, count: int, text: str) -> None:
        """So many frames, or chunks that could not be built, were lost in this time."""
        start_s = max(start_s, 0.0)
        self._declare(Loss(camera=camera, start_s=start_s, end_s=max(start_s, end_s), frames=count, text=_line(text)))

    def due(self, archiver: str) -> list[Loss]:
        with self._lock:
            return self._book.due(archiver)

    def taken(self, archiver: str, losses: Collection[Loss]) -> None:
        with self._lock:
            self._book.taken(archiver, losses)
            self._dirty = True

    def save(self) -> None:
        """Write down what has changed since the last call; raises OSError or a WatchkeepError, and then tries again next time.  Any
        thread that may wait for the disk."""
        with self._saving:
            with self._lock:
                if not self._dirty or self._slots is None:
                    return
                data, self._dirty = self._book.dump(), False
            try:
                self._slots.write(data)
            except (OSError, WatchkeepError):
                self._dirty = True
                raise

    def _declare(self, loss: Loss) -> None:
        with self._lock:
            self._book.declare(loss)
            self._dirty = True
        self.wake()


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_TEXT]
