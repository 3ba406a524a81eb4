"""Two archives of one camera, chunk by chunk.  No I/O.

Rules: compares names and hashes as the seals state them; that the bytes match their seals is `scan`'s to prove.
"""

from collections.abc import Iterable, Iterator

from .order import Key
from .report import CameraComparison, Difference

Named = tuple[Key, bytes]
"""((epoch, seq), chunk hash)."""


def compare(camera: str, here: Iterable[Named], there: Iterable[Named]) -> CameraComparison:
    """Both streams as `order.merge` brings them; memory grows with the number of differing ranges only."""
    mine, theirs = _once(here), _once(there)
    left, right = next(mine, None), next(theirs, None)
    missing_here, missing_there, different = _Ranges(), _Ranges(), _Ranges()
    same = 0
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            missing_there.add(left[0])
            left = next(mine, None)
        elif left is None or right[0] < left[0]:
            missing_here.add(right[0])
            right = next(theirs, None)
        else:
            if left[1] == right[1]:
                same += 1
            else:
                different.add(left[0])
            left, right = next(mine, None), next(theirs, None)
    return CameraComparison(camera=camera, same=same, missing_here=missing_here.found(), missing_there=missing_there.found(),
                            different=different.found())  # fmt: skip


def _once(stream: Iterable[Named]) -> Iterator[Named]:
    """Each name once, ascending; a name below the last one comes from a file whose name misleads, which `verify` reports."""
    last: Key | None = None
    for named in stream:
        if last is None or named[0] > last:
            last = named[0]
            yield named


class _Ranges:
    """Names that are added in ascending order, as ranges."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int, int]] = []

    def add(self, key: Key) -> None:
        epoch, seq = key
        if self._ranges and self._ranges[-1][0] == epoch and self._ranges[-1][2] == seq - 1:
            self._ranges[-1] = (epoch, self._ranges[-1][1], seq)
        else:
            self._ranges.append((epoch, seq, seq))

    def found(self) -> tuple[Difference, ...]:
        return tuple(Difference(epoch=epoch, first_seq=first, last_seq=last) for epoch, first, last in self._ranges)
