"""Which archivers keep which camera: the other half of the plan.  No I/O, no clock.

Rules: a list that an operator has written is kept as it is; what is planned here is for cameras that name none.  Takeover within a
list is the agent's own affair and needs no directory.  Who is used last (uselast.py) keeps its place in the lists where it stands, since it
will be given back, and counts as whoever stands last there; it comes into another list only when nobody else has room.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from .entities import Camera
from .room import Inside, Pool, empty
from .rules import copy_rule, retention_days
from .site import Site
from .uselast import in_turn, used_last

SPARES: Final = 1
"""Archivers beyond `copies` in a planned list: who takes over when one of them is gone."""
LONGEST: Final = 8


class _Need(NamedTuple):
    """What a camera takes of an archiver: days are its own, None for none."""

    mbit_s: float
    days: float | None


class Lists:
    """Archiver lists of the cameras that name none, neither themselves nor by their group."""

    def __init__(self, site: Site, alive: frozenset[str], cameras: dict[str, Camera]) -> None:
        self._site, self._cameras, self._known = site, cameras, site.stores
        self._alive = [name for name in sorted(self._known) if name in alive]
        self._load = {name: empty(archiver) for name, archiver in self._known.items()}
        self._inside, self._last = Inside(site.locations), used_last(site)
        self._pools: dict[str | None, Pool] = {}

    def assign(self, order: list[str]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
        lists: dict[str, tuple[str, ...]] = {}
        short: dict[str, str] = {}
        for name in order:
            camera = self._cameras[name]
            copies, listed = copy_rule(self._site, camera)
            need = _Need(camera.mbit_s, retention_days(self._site, camera))
            if (chosen := listed) is None:
                chosen = lists[name] = self._chosen(camera.location, need, copies, self._site.archivers.get(name, ()))
            if (why := self._take(need, copies, in_turn(chosen, self._last), listed is None)) is not None:
                short[name] = why
        return lists, short

    def _chosen(self, location: str | None, need: _Need, copies: int, before: tuple[str, ...]) -> tuple[str, ...]:
        """Those of before that live and have room stay, in their order; the emptiest and nearest fill up."""
        wanted = min(copies + SPARES, len(self._known), LONGEST)
        kept = [name for name in before if name in self._load and name in self._alive and self._has_room(name, need)][:wanted]
        if len(kept) == wanted:
            return tuple(kept)
        chosen, pool = kept, self._pool(location)
        while len(chosen) < wanted:
            name = pool.emptiest(self._load, need.mbit_s, beside_reserved=False, but=chosen, days=need.days)
            if name is None:
                break
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

    def _has_room(self, name: str, need: _Need) -> bool:
        return self._load[name].takes(need.mbit_s, beside_reserved=False, days=need.days)

    def _take(self, need: _Need, copies: int, chosen: Iterable[str], planned: bool) -> str | None:
        """Uses room on the first `copies` that live and have it; returns why there are fewer."""
        taken = 0
        for name in chosen:
            if taken < copies and name in self._alive and self._has_room(name, need):
                self._load[name].add(need.mbit_s, days=need.days)
                taken += 1
        if taken == copies:
            return None
        where = "planned" if planned else "listed"
        return f"{taken} of {copies} copies: no other {where} archiver lives and has room"
