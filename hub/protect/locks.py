"""Which video the locks of one moment keep.  No I/O, no clock, no threads.

    lock            [ start .............. end )
    files    a     ][  b       ][  c  ][    d     ][  e         b, c and d overlap it and stay whole; a and e may go

Rules: a file that overlaps a lock by any of its time stays; a file may go when it fits between the locks of its camera.
A set is never changed: the shelf puts a new one in its place.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from .model import Lock

FAR_PAST_NS: Final = -(1 << 62)
"""Within SQLite's 64-bit integers: before everything."""


class Window(NamedTuple):
    """A file with low <= start and end <= high (UTC ns) lies inside."""

    low: int
    high: int


class Locks:
    """`everything` stands for locks that cannot be read: then all video is kept, because any of it may be locked."""

    def __init__(self, locks: Iterable[Lock] = (), *, everything: bool = False) -> None:
        self._locks = {lock.id: lock for lock in locks}
        self.everything = everything
        self._merged: dict[str, list[Window]] = {}
        for lock in sorted(self._locks.values(), key=lambda lock: lock.start_ns):
            _join(self._merged.setdefault(lock.camera, []), Window(lock.start_ns, lock.end_ns))

    def __len__(self) -> int:
        return len(self._locks)

    def __iter__(self) -> Iterator[Lock]:
        """In the order of their making."""
        return iter(self._locks.values())

    def get(self, lock_id: str) -> Lock | None:
        return self._locks.get(lock_id)

    def keeps(self, camera: str, start_ns: int, end_ns: int) -> bool:
        """Whether a file with this time has to stay."""
        return self.everything or self.covers(camera, start_ns, end_ns)

    def covers(self, camera: str, start_ns: int, end_ns: int) -> bool:
        """Whether a lock that is known overlaps this time."""
        ranges = self._merged.get(camera, [])
        before = bisect_right(ranges, end_ns - 1, key=lambda one: one.low) - 1
        return before >= 0 and ranges[before].high > start_ns

    def holders(self, camera: str, start_ns: int, end_ns: int) -> list[Lock]:
        """The locks that keep a file."""
        return [lock for lock in self if lock.camera == camera and lock.start_ns < end_ns and lock.end_ns > start_ns]

    def free(self, camera: str, before_ns: int) -> Iterator[Window]:
        """Where between a camera's locks its files may go, of those that ended before before_ns; oldest first."""
        if self.everything:
            return
        low = FAR_PAST_NS
        for kept in self._merged.get(camera, []):
            if kept.low >= before_ns:
                break
            yield Window(low, kept.low)
            low = kept.high
        if low < before_ns:
            yield Window(low, before_ns - 1)

    def ranges(self) -> Iterator[tuple[str, Window]]:
        """(camera, time) of everything locked, each moment once."""
        return ((camera, kept) for camera, ranges in self._merged.items() for kept in ranges)

    def expired(self, now_ns: int) -> list[Lock]:
        """The locks whose time is over at now_ns (UTC)."""
        return [lock for lock in self if lock.expires_ns is not None and lock.expires_ns <= now_ns]


def _join(ranges: list[Window], one: Window) -> None:
    """Add a range that starts no earlier than the last one; touching ranges become one."""
    if ranges and one.low <= ranges[-1].high:
        ranges[-1] = Window(ranges[-1].low, max(ranges[-1].high, one.high))
    else:
        ranges.append(one)
