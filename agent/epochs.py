"""The last epoch of every camera, so that numbers rise over restarts, lost disks and clock steps.

Rules: numbers come from wire.ids.next_epoch (a hybrid logical clock); `next` never waits for the disk, `save` does
and belongs to the writer thread.  What is lost with an unsaved number is covered by the journal, which is
read at start, and by UTC.
"""

import json
import threading
from collections.abc import Mapping
from typing import Protocol

from ..wire.ids import next_epoch
from .clock import Clock

STATE_BYTES = 256 << 10
"""Two slots; 1000 cameras at 63 + 20 bytes each are 90 kB."""


class Slots(Protocol):
    """A small record that survives power cuts and full disks (agent.journal.slots)."""

    def read(self) -> bytes | None: ...

    def write(self, data: bytes) -> None: ...


class EpochBook:
    """Gives out epochs; thread-safe."""

    def __init__(self, slots: Slots, clock: Clock, recovered: Mapping[str, int], *, term: int = 0) -> None:
        saved = slots.read()
        self._last: dict[str, int] = json.loads(saved) if saved else {}
        for camera, epoch in recovered.items():
            self._last[camera] = max(epoch, self._last.get(camera, 0))
        self._slots, self._clock, self._term = slots, clock, term
        self._lock = threading.Lock()
        self._dirty = False

    def known(self, camera: str) -> bool:
        """Whether the camera was recorded before."""
        return camera in self._last

    def next(self, camera: str) -> int:
        """A number above every one given out for this camera."""
        with self._lock:
            epoch = next_epoch(self._term, self._last.get(camera, 0), int(self._clock.utc_s()))
            self._last[camera] = epoch
            self._dirty = True
            return epoch

    def save(self) -> None:
        """Write down what was given out since the last call; raises OSError."""
        with self._lock:
            if not self._dirty:
                return
            data = json.dumps(self._last).encode()
            self._dirty = False
        try:
            self._slots.write(data)
        except OSError:
            self._dirty = True
            raise
