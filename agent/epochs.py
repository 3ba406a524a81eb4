"""The last epoch of every camera, so that numbers rise over restarts, lost disks and clock steps.

Rules: numbers come from wire.ids.next_epoch (a hybrid logical clock), under the term that a directory gave the camera, or that of its last
epoch when that is higher; `next` never waits for the disk, `save` does
and belongs to the writer thread.  Numbers that were given out and not saved when the power went are stayed clear of by
UNSAVED_S.  Chunks may be with the archivers while this disk takes nothing, so a start that cannot save does not rely on what the next one
will read: it goes on a random distance above.
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from ..wire.errors import WatchkeepError
from ..wire.ids import MAX_EPOCH, TERM_SHIFT, epoch_term, next_epoch
from .clock import Clock

STATE_BYTES = 256 << 10
"""Two slots; 1000 cameras at 63 + 20 bytes each are 83 kB."""
UNSAVED_S = 60
"""A start goes on this far above every number and second that the disk remembers: what was given out in the last moments before
a power cut was not saved yet, and a clock that went back or starts in 1970 does not cover it.  A minute of failing or stalled
syncs, or 60 epochs of one camera.  Where UTC is above it nothing changes; a box that restarts each second gets ahead of UTC by
a minute each time, which only the order after a lost disk would notice."""
ASTRAY_S = 1 << 20
"""A start whose numbers cannot be saved goes on at random up to twelve days above: two such starts with a clock in 1970 meet once in a
million."""
_FLOOR = ""
"""Stands among the cameras for the floor of the last start, so that a start after a second power cut goes on above it."""
MAX_CAMERAS = 2500
"""Cameras remembered, also those that have left the configuration: 208 kB.  Above that the oldest are forgotten."""


class Slots(Protocol):
    """A small record that survives power cuts and full disks (agent.journal.slots)."""

    def read(self) -> bytes | None: ...

    def write(self, data: bytes) -> None: ...


class EpochBook:
    """Gives out epochs; thread-safe."""

    def __init__(self, slots: Slots, clock: Clock, recovered: Mapping[str, int], *, newest_s: int = 0,
                 below: Callable[[int], int] = secrets.randbelow) -> None:  # fmt: skip
        """`recovered` has the last epoch of each camera in the journal, newest_s the UTC second of its newest chunk; `below` draws."""
        self._last = _remembered(slots.read())
        for camera, epoch in recovered.items():
            self._last[camera] = max(epoch, self._last.get(camera, 0))
        self._slots, self._clock = slots, clock
        self._terms: dict[str, int] = {}
        self._floor = max([newest_s, *(epoch % (1 << TERM_SHIFT) for epoch in self._last.values())]) + UNSAVED_S
        """Nothing of this start is at or below it within its term, unless UTC is above it."""
        self._last[_FLOOR] = self._floor
        self._lock = threading.Lock()
        self._dirty = True
        try:
            self.save()
        except (OSError, WatchkeepError):  # `save` tries again; until then the next start would begin where this one does
            self._floor += below(ASTRAY_S)
            self._last[_FLOOR] = self._floor

    def known(self, camera: str) -> bool:
        """Whether the camera was recorded before."""
        return camera in self._last

    def lead(self, terms: Mapping[str, int]) -> None:
        """The directory's terms by camera, from the next epochs on; others go on in the term that they are in."""
        with self._lock:
            self._terms = dict(terms)

    def next(self, camera: str) -> int:
        """A number above every one given out for this camera."""
        with self._lock:
            last = self._last.get(camera, 0)
            term = max(self._terms.get(camera, 0), epoch_term(last))
            epoch = next_epoch(term, max(last, (term << TERM_SHIFT) + self._floor), int(self._clock.utc_s()))
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


def _remembered(data: bytes | None) -> dict[str, int]:
    """Epochs from what was kept on disk; what is damaged there is left out: the journal and UTC cover it."""
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {camera: epoch for camera, epoch in entries if type(epoch) is int and 0 <= epoch <= MAX_EPOCH}
