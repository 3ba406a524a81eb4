"""How full agents and archivers are, and who is the emptiest of those that may have a camera.  No I/O.

Rules: room is counted in cameras and in Mbit/s, and the scarcer one decides.  What cameras hold that the plan has not come to yet is
reserved: it counts as taken as long as there is other room.
"""

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from .entities import Archiver, Location

SUMMED: Final = 1e-6
"""Mbit/s that adding up ten thousand rates may be off by."""


@dataclass(slots=True)
class Load:
    """Room of one agent or archiver: firmly used, and reserved for those that are there and not looked at yet."""

    cameras: float
    mbit_s: float
    used: list[float] = field(default_factory=lambda: [0.0, 0.0])
    reserved: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def takes(self, mbit_s: float, *, beside_reserved: bool) -> bool:
        more = self.reserved if beside_reserved else (0.0, 0.0)
        count, rate = self.used[0] + more[0] + 1, self.used[1] + more[1] + mbit_s
        return count <= self.cameras and rate <= self.mbit_s + SUMMED

    def add(self, mbit_s: float, *, reserved: bool = False, sign: int = 1) -> None:
        to = self.reserved if reserved else self.used
        to[0] += sign
        to[1] += sign * mbit_s

    @property
    def share(self) -> float:
        """How full, 0 to 1, by the scarcer of the two."""
        return max(_ratio(self.used[0] + self.reserved[0], self.cameras), _ratio(self.used[1] + self.reserved[1], self.mbit_s))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 1.0 if part == 0 else float("inf")


class Pool:
    """Those who may have the same cameras, the emptiest of the lowest rank first: a heap whose entries are corrected when they come up."""

    def __init__(self, ranks: Mapping[str, int]) -> None:
        self.members = list(ranks)
        self._heap = [(rank, 0.0, member) for member, rank in ranks.items()]
        heapq.heapify(self._heap)
        self._closed: dict[bool, float] = {}
        """The smallest rate for which nobody had room: asked for thousands of cameras when a site is full."""

    def emptiest(self, load: Mapping[str, Load], mbit_s: float, *, beside_reserved: bool, but: Collection[str] = ()) -> str | None:
        """Who has room and the smallest share of it taken; None when nobody has, or only those in `but`."""
        closed = self._closed.get(beside_reserved)
        if closed is not None and mbit_s >= closed:
            return None
        full: list[tuple[int, float, str]] = []
        found = None
        while self._heap:
            rank, share, member = self._heap[0]
            if share != (now := load[member].share):
                heapq.heapreplace(self._heap, (rank, now, member))
            elif member not in but and load[member].takes(mbit_s, beside_reserved=beside_reserved):
                found = member
                break
            else:
                full.append(heapq.heappop(self._heap))
        for entry in full:
            heapq.heappush(self._heap, entry)
        if found is None and not but:
            self._closed[beside_reserved] = mbit_s
        return found

    def reopen(self) -> None:
        """Somebody has more room than before."""
        self._closed.clear()


class Inside:
    """Locations that a location lies in, itself first."""

    def __init__(self, locations: Mapping[str, Location]) -> None:
        self._locations = locations
        self._found: dict[str, tuple[str, ...]] = {}

    def of(self, name: str) -> tuple[str, ...]:
        found = self._found.get(name)
        if found is None:
            chain: list[str] = []
            step: str | None = name
            while step is not None and step not in chain:
                chain.append(step)
                step = self._locations[step].parent if step in self._locations else None
            found = self._found[name] = tuple(chain)
        return found


def room_mbit_s(archiver: Archiver) -> float:
    """What it takes of live video: its network's limit, or what its disk holds for as long as it is to keep it."""
    if archiver.disk_bytes is None:
        return archiver.max_mbit_s
    return min(archiver.max_mbit_s, archiver.disk_bytes * 8 / (archiver.retention_days * 86_400) / 1e6)
