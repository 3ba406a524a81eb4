"""The last epoch of every camera, so that numbers rise over restarts, lost disks and clock steps.

Rules: numbers come from wire.ids.next_epoch (a hybrid logical clock); `next` never waits for the disk, `save` does
and belongs to the writer thread.  What is lost with an unsaved number is covered by the journal, which is
read at start, and by UTC.
"""

import json
import threading
from collections.abc import Mapping
from typing import Protocol

from ..wire.errors import WatchkeepError
from ..wire.ids import epoch_term, next_epoch
from .clock import Clock

STATE_BYTES = 256 << 10
"""Two slots; 1000 cameras at 63 + 20 bytes each are 83 kB."""
MAX_CAMERAS = 2500
"""Cameras remembered, also those that have left the configuration: 208 kB.  Above that the oldest are forgotten."""


class Slots(Protocol):
    """A small record that survives power cuts and full disks (agent.journal.slots)."""

    def read(self) -> bytes | None: ...

    def write(self, data: bytes) -> None: ...


class EpochBook:
    """Gives out epochs; thread-safe."""

    def __init__(self, slots: Slots, clock: Clock, recovered: Mapping[str, int], *, term: int = 0) -> None:
        self._last = _remembered(slots.read(), term)
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
        """Write down what was given out since the last call; raises OSError or a WatchkeepError, and then tries again next time."""
        with self._lock:
            if not self._dirty:
                return
            data = json.dumps(dict(sorted(self._last.items(), key=lambda item: item[1])[-MAX_CAMERAS:])).encode()
            self._dirty = False
        try:
            self._slots.write(data)
        except (OSError, WatchkeepError):
            self._dirty = True
            raise


def _remembered(data: bytes | None, term: int) -> dict[str, int]:
    """Epochs from what was kept on disk; what is damaged there is left out: the journal and UTC cover it."""
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {camera: epoch for camera, epoch in entries if type(epoch) is int and 0 <= epoch_term(epoch) <= term}
