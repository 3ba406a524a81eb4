"""The last epoch of every camera, so that numbers rise over restarts, power cuts and clock steps.

    promise of before          given out, by the clock                   counted on by one                the promise on disk
    ─────────┼──────────────────────────────────────────────────┼───────────────────────────────────────────────┼──────▶
             where this start begins                       promise - KEPT_S                              where the next one begins

Rules: a number is promised on disk before it is given out, so a start goes on above the promise and thereby above every number of
before, whatever was lost in the power cut and whatever the clock says then (invariant 10).  `next` never waits for the disk: where
the clock has leapt above the promise, or the disk takes no new one, it counts on by one; numbers need to rise, not to tell the time.
`save` does wait, and belongs to the sync thread.  Numbers come from wire.ids.next_epoch (a hybrid logical clock), under the term that a
directory gave the camera, or that of its last epoch when that is higher.  Chunks may be with the archivers while this disk takes
nothing: a start that cannot promise anything trusts a clock that was set if that is above what it read, and else goes on a random
distance above.
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
RESERVE_S = 120
"""A promise reaches this far above the clock and the highest number.  A restart skips what is left of it, so a box that restarts
each second gets ahead of UTC by two minutes each time; only the order after a lost disk, or after a camera's move to another box
without a directory, would notice."""
RENEW_S = 60
"""A new promise is written when less than this is left: once a minute."""
KEPT_S = 30
"""The clock leads no further than this below the promise.  RENEW_S - KEPT_S: a disk may take 30 s for a new promise, and numbers
still follow the clock.  KEPT_S: a camera that reconnects while the disk takes none has 30 numbers at least, one for each epoch, before
they are above the promise; from there on the next start needs a clock that has not gone back."""
ASTRAY_S = 1 << 20
"""A start that can promise nothing, with a clock below what it read, goes on at random up to twelve days above: two such starts meet
once in a million."""
UNSET_S = 1_577_836_800
"""2020: a clock that is not beyond it was never set, and two starts of such a box read the same of it."""
_PROMISE = ""
"""Stands among the cameras for the promise."""
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
        promised = self._last.pop(_PROMISE, 0)
        for camera, epoch in recovered.items():
            self._last[camera] = max(epoch, self._last.get(camera, 0))
        self._slots, self._clock = slots, clock
        self._terms: dict[str, int] = {}
        used = max([newest_s, *map(_low, self._last.values())])
        self._floor = promised if promised >= used else used + RESERVE_S  # no promise, or more was given out on a disk that took none
        """Nothing of this start is at or below it, within its term."""
        self._used, self._promised = self._floor, 0
        """The highest number that was given out, and the highest that the next start will stay clear of."""
        self._lock = threading.Lock()
        self._dirty = True
        try:
            self.save()
        except (OSError, WatchkeepError):  # `save` tries again; until then the next start would begin where this one does
            if clock.utc_s() <= max(self._floor, UNSET_S):
                self._floor += below(ASTRAY_S)
            self._promised = max(self._floor, int(clock.utc_s())) + RESERVE_S  # on no disk yet: how far the clock may lead

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
            utc_s = min(int(self._clock.utc_s()), self._promised - KEPT_S)
            epoch = next_epoch(term, max(last, (term << TERM_SHIFT) + self._floor), utc_s)
            self._last[camera], self._used = epoch, max(self._used, _low(epoch))
            self._dirty = True
            return epoch

    def save(self) -> None:
        """Write down what was given out since the last call, and a new promise when it is time.

        Raises OSError or a WatchkeepError, and then tries again next time.  One thread.
        """
        with self._lock:
            top = max(self._used, int(self._clock.utc_s()))
            if not self._dirty and self._promised - top >= RENEW_S:
                return
            promise = max(self._promised, top + RESERVE_S)
            record = _record(promise, self._last)
            self._dirty = False
        try:
            self._slots.write(record)
        except (OSError, WatchkeepError):
            self._dirty = True
            raise
        with self._lock:
            self._promised = promise


def merged(old: bytes | None, new: bytes) -> bytes:
    """Two records of the same agent as one: a start on it stays clear of what both have given out and promised."""
    found, more = _remembered(old), _remembered(new)
    both = {name: max(found.get(name, 0), more.get(name, 0)) for name in {**found, **more}}
    return _record(both.pop(_PROMISE, 0), both)


def _record(promise: int, last: Mapping[str, int]) -> bytes:
    newest = sorted(last.items(), key=lambda item: item[1])[-MAX_CAMERAS:]
    return json.dumps({_PROMISE: promise, **dict(newest)}).encode()


def _low(epoch: int) -> int:
    """An epoch's number within its term."""
    return epoch % (1 << TERM_SHIFT)


def _remembered(data: bytes | None) -> dict[str, int]:
    """Epochs from what was kept on disk; what is damaged there is left out: the journal and UTC cover it."""
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {camera: epoch for camera, epoch in entries if type(epoch) is int and 0 <= epoch <= MAX_EPOCH}
