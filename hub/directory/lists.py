"""Which archivers keep which camera: the other half of the plan.  No I/O, no clock.

Rules: a list that an operator has written is kept as it is; what is planned here is for cameras that name none.  Takeover within a
list is the agent's own affair and needs no directory.  Who is used last (uselast.py) keeps its place in the lists where it stands, since it
will be given back, and counts as whoever stands last there; it comes into another list only when nobody else has room.
"""

from collections.abc import Iterable
from typing import Final

from .entities import Camera
from .room import Inside, Load, Pool, room_mbit_s
from .rules import copy_rule
from .site import Site
from .uselast import in_turn, used_last

SPARES: Final = 1
"""Archivers beyond `copies` in a planned list: who takes over when one of them is gone."""
LONGEST: Final = 8


class Lists:
    """Archiver lists of the cameras that name none, neither themselves nor by their group."""

    def __init__(self, site: Site, alive: frozenset[str], cameras: dict[str, Camera]) -> None:
        self._site, self._cameras, self._known = site, cameras, site.stores
        self._alive = [name for name in sorted(self._known) if name in alive]
        self._load = {name: Load(archiver.max_cameras, room_mbit_s(archiver)) for name, archiver in self._known.items()}
        self._inside, self._last = Inside(site.locations), used_last(site)
        self._pools: dict[str | None, Pool] = {}

    def assign(self, order: list[str]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
        lists: dict[str, tuple[str, ...]] = {}
        short: dict[str, str] = {}
        for name in order:
            camera = self._cameras[name]
            copies, listed = copy_rule(self._site, camera)
            chosen = self._chosen(camera, copies, self._site.archivers.get(name, ())) if listed is None else listed
            if listed is None:
                lists[name] = chosen
            if (why := self._take(camera, copies, in_turn(chosen, self._last), listed is None)) is not None:
                short[name] = why
        return lists, short

    def _chosen(self, camera: Camera, copies: int, before: tuple[str, ...]) -> tuple[str, ...]:
        """Those of before that live and have room stay, in their order; the emptiest and nearest fill up."""
        wanted = min(copies + SPARES, len(self._known), LONGEST)
        kept = [name for name in before if name in self._load and name in self._alive and self._has_room(name, camera)][:wanted]
        if len(kept) == wanted:
            return tuple(kept)
        chosen, pool = kept, self._pool(camera.location)
        while len(chosen) < wanted and (name := pool.emptiest(self._load, camera.mbit_s, beside_reserved=False, but=chosen)) is not None:
            chosen.append(name)
        gone = (name for name in (*before, *sorted(self._known)) if name in self._known and name not in chosen)
        return tuple(dict.fromkeys((*chosen, *gone)))[:wanted]

    def _pool(self, location: str | None) -> Pool:
        """Archivers that live, those near the location first, those that are used last behind all others."""
        pool = self._pools.get(location)
        if pool is None:
            near = self._inside.of(location) if location is not None else ()
            pool = self._pools[location] = Pool({name: 2 * (name in self._last) + (self._known[name].location not in near)
                                                   for name in self._alive})  # fmt: skip
        return pool

    def _has_room(self, name: str, camera: Camera) -> bool:
        return self._load[name].takes(camera.mbit_s, beside_reserved=False)

    def _take(self, camera: Camera, copies: int, chosen: Iterable[str], planned: bool) -> str | None:
        """Uses room on the first `copies` that live and have it; returns why there are fewer."""
        taken = 0
        for name in chosen:
            if taken < copies and name in self._alive and self._has_room(name, camera):
                self._load[name].add(camera.mbit_s)
                taken += 1
        if taken == copies:
            return None
        where = "planned" if planned else "listed"
        return f"{taken} of {copies} copies: no other {where} archiver lives and has room"
