"""How long ago the newest chunk of each camera became durable here.  No I/O, no clock, no threads.

Rules: the newest one has the highest (epoch, seq), so no clock makes video older or newer (invariant 10), and chunks of the past that a
catch-up brings say nothing.  Times are the own monotonic clock.  Of a camera of which no chunk has become durable since the start nothing
is said: what lies on the disks from before is not looked at.

Bounds: MAX_CAMERAS; beyond it the one that was silent longest is forgotten.
"""

from typing import Final, NamedTuple

MAX_CAMERAS: Final = 10_000
"""A hundred bytes each: 1 MB."""


class Newest(NamedTuple):
    """The newest durable chunk of a camera, and when its file was synced."""

    epoch: int
    seq: int
    at: float
    end_ns: int
    """UTC, by its recorder's clock: where what is written of its file ends."""


class Freshness:
    """The caller serialises everything."""

    def __init__(self) -> None:
        self._newest: dict[str, Newest] = {}

    def note(self, camera: str, epoch: int, seq: int, now: float, end_ns: int) -> None:
        """Chunks of the camera up to this one are durable."""
        before = self._newest.get(camera)
        if before is not None and (epoch, seq) <= before[:2]:
            return
        self._newest.pop(camera, None)  # so that the dictionary is in order of time
        self._newest[camera] = Newest(epoch, seq, now, end_ns)
        if len(self._newest) > MAX_CAMERAS:
            del self._newest[next(iter(self._newest))]

    def all(self) -> dict[str, Newest]:
        return dict(self._newest)
