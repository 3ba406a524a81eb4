"""How full agents and archivers are, and who is the emptiest of those that may have a camera.  No I/O.

Rules: room is counted in cameras, in Mbit/s, and of an archiver's disk in Mbit/s for so many days; the scarcest decides.  What cameras
hold that the plan has not come to yet is reserved: it counts as taken as long as there is other room.
"""

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from .entities import Archiver, Location

SUMMED: Final = 1e-6
"""Mbit/s that adding up ten thousand rates may be off by, and the part of a disk."""


@dataclass(slots=True)
class Load:
    """Room of one agent or archiver: firmly used, and reserved for those that are there and not looked at yet.

    disk: Mbit/s times days, None without a bound; days: how long it keeps a camera that has no days of its own.
    """

    cameras: float
    mbit_s: float
    disk: float | None = None
    days: float = 1.0
    used: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    reserved: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    def takes(self, mbit_s: float, *, beside_reserved: bool, days: float | None = None) -> bool:
        """days: of the camera's own, None for none."""
        more = self.reserved if beside_reserved else (0.0, 0.0, 0.0)
        count, rate = self.used[0] + more[0] + 1, self.used[1] + more[1] + mbit_s
        if count > self.cameras or rate > self.mbit_s + SUMMED:
            return False
        return self.disk is None or self.used[2] + more[2] + mbit_s * (days or self.days) <= self.disk * (1 + SUMMED)

    def add(self, mbit_s: float, *, reserved: bool = False, sign: int = 1, days: float | None = None) -> None:
        to = self.reserved if reserved else self.used
        to[0] += sign
        to[1] += sign * mbit_s
        to[2] += sign * mbit_s * (days or self.days)

    @property
    def share(self) -> float:
        """How full, 0 to 1, by the scarcest of the three."""
        used, reserved = self.used, self.reserved
        share = max(_ratio(used[0] + reserved[0], self.cameras), _ratio(used[1] + reserved[1], self.mbit_s))
        return share if self.disk is None else max(share, _ratio(used[2] + reserved[2], self.disk))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 1.0 if part == 0 else float("inf")


class Pool:
    """Those who may have the same cameras, the emptiest of the lowest rank first: a heap whose entries are corrected when they come up."""

    def __init__(self, ranks: Mapping[str, int]) -> None:
        self.members = list(ranks)
        self._heap = [(rank, 0.0, member) for member, rank in ranks.items()]
        heapq.heapify(self._heap)
        self._closed: dict[tuple[bool, float | None], float] = {}
        """The smallest rate for which nobody had room: asked for thousands of cameras when a site is full."""

    def emptiest(self, load: Mapping[str, Load], mbit_s: float, *, beside_reserved: bool, but: Collection[str] = (),
                 days: float | None = None) -> str | None:  # fmt: skip
        """Who has room and the smallest share of it taken; None when nobody has, or only those in `but`."""
        closed = self._closed.get((beside_reserved, days))
        if closed is not None and mbit_s >= closed:
            return None
        full: list[tuple[int, float, str]] = []
        found = None
        while self._heap:
            rank, share, member = self._heap[0]
            if share != (now := load[member].share):
                heapq.heapreplace(self._heap, (rank, now, member))
            elif member not in but and load[member].takes(mbit_s, beside_reserved=beside_reserved, days=days):
                found = member
                break
            else:
                full.append(heapq.heappop(self._heap))
        for entry in full:
            heapq.heappush(self._heap, entry)
        if found is None and not but:
            self._closed[beside_reserved, days] = mbit_s
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


def empty(archiver: Archiver) -> Load:
    """All room of an archiver: its network's limit, and what its disk holds."""
    disk = None if archiver.disk_bytes is None else archiver.disk_bytes * 8 / 86_400 / 1e6
    return Load(archiver.max_cameras, archiver.max_mbit_s, disk, archiver.retention_days)
