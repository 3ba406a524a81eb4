"""What this archiver lacks and a peer has: a hole is told once when it opens and once when it closes.  No I/O, no clock, no threads.

    (none) ── a comparison finds chunks to pull ──▶ open ── a round leaves none of them ──▶ closed: filled, or what was left is moot
                                                     '── the peer does not deliver, or the round is cut short: stays open, told no more

Rules: one hole for each peer and camera at a time, however many rounds it takes and whatever joins it meanwhile.  What is open is
forgotten by a restart, and is then opened anew.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_OPEN: Final = 4096
"""64 peers of 64 cameras each, about 1 MB; beyond it the one that was opened first is forgotten, and may be told as opened again."""


class HoleAt(NamedTuple):
    peer: str
    camera: str


@dataclass(slots=True)
class _Hole:
    chunks: int = 0
    """The most that were missing, with those that have been pulled since."""
    pulled: int = 0


class Holes:
    """`missing` after each comparison, then `pulled`, then `missing` with what is left; they return what is to be told, "" for nothing."""

    def __init__(self) -> None:
        self._open: OrderedDict[HoleAt, _Hole] = OrderedDict()

    def missing(self, place: HoleAt, chunks: int) -> str:
        """So many chunks are to be pulled there now."""
        hole = self._open.get(place)
        if hole is None:
            return self._opened(place, chunks) if chunks else ""
        hole.chunks = max(hole.chunks, hole.pulled + chunks)
        return "" if chunks else self._closed(place)

    def pulled(self, place: HoleAt, chunks: int) -> None:
        if (hole := self._open.get(place)) is not None:
            hole.pulled += chunks

    def gone(self, peer: str, cameras: Collection[str]) -> list[tuple[str, str]]:
        """The peer has these cameras and no others any more; returns camera and text of each hole that this closes."""
        left = [place for place in self._open if place.peer == peer and place.camera not in cameras]
        return [(place.camera, self._closed(place)) for place in left]

    def _opened(self, place: HoleAt, chunks: int) -> str:
        self._open[place] = _Hole(chunks)
        if len(self._open) > MAX_OPEN:
            self._open.popitem(last=False)
        return f"opened: {chunks} chunk(s) are missing here that {place.peer} has"

    def _closed(self, place: HoleAt) -> str:
        hole = self._open.pop(place)
        pulled = f"{hole.pulled} of {hole.chunks} chunk(s) pulled from {place.peer}"
        if hole.pulled >= hole.chunks:
            return f"filled: {pulled}"
        return f"closed: {pulled}; nothing else of it is missing here, still wanted, and there"
