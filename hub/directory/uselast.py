"""Archivers that are used last: an operator has taken them out of use until they are given back.  No I/O, no clock.

    the camera's list    used last    as agents are told it         copies 1 on    copies 2 on
    A B C                             A B C                         A              A B
    A B C                A            B C A                         B              B C
    A B                  A            B A                           B              B A: nobody else is there

Rules: nothing is taken out of a list, so no copy is given up: where too few others are healthy and have room, the agent goes on with the
one that is used last, by its own ranks, as with any list.  Agents follow a list in another order as they follow an edited one: what lacks
copies is owed to the new targets at once.  The site's own lists stay as they are written or planned, so giving back restores them.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from .entities import Camera
from .rules import Problem, copy_rule
from .site import Change, Key, Site

FIELD: Final = "used_last"


def used_last(site: Site) -> frozenset[str]:
    """By what is written, since it is asked for at every look: no entity has to be made for it."""
    return frozenset(name for name, record in site.entities.get("archiver", {}).items() if record.value.get(FIELD) is True)


def in_turn(listed: tuple[str, ...], last: Collection[str]) -> tuple[str, ...]:
    """A list as it is used."""
    return tuple(sorted(listed, key=lambda name: name in last)) if last else listed


def kept_by(site: Site, name: str, camera: Camera, last: Collection[str]) -> tuple[int, tuple[str, ...] | None]:
    """(copies, list) of a camera as its agent is told them: its own list, its group's or the planned one; None when there is none yet."""
    copies, listed = copy_rule(site, camera)
    found = site.archivers.get(name) if listed is None else listed
    return copies, None if found is None else in_turn(found, last)


@dataclass(frozen=True, slots=True)
class Turned:
    """What an order makes of an archiver, and of the cameras that it has."""

    change: Change
    goes: dict[str, list[str]]
    """Cameras that go to another archiver, by that."""
    stays: list[str]
    """Cameras that it keeps though it is taken out: their lists have nobody else that is there."""


def take_out(site: Site, archiver: str, gone: Collection[str]) -> Turned | Problem:
    """gone: archivers that do not answer.  Refused when it would change nothing; not when it is gone itself, since then it stays away."""
    key, last = Key("archiver", archiver), used_last(site)
    if archiver in last:
        return Problem("refused", str(key), "is used last already", f"give it back by `watchkeep site failover {key} --back`")
    found = _turned(site, key, last, last | {archiver}, gone, on=True)
    if found.stays and not found.goes and archiver not in gone:
        text = f"no camera of it can go to another one: of the list of {found.stays[0]} nobody else is there"
        return Problem("refused", str(key), text, "start another archiver, or list one more for them")
    return found


def give_back(site: Site, archiver: str, gone: Collection[str]) -> Turned | Problem:
    key, last = Key("archiver", archiver), used_last(site)
    if archiver not in last:
        return Problem("refused", str(key), "is not used last", "nothing has to be given back to it")
    return replace(_turned(site, key, last, last - {archiver}, gone, on=False), stays=[])


def _turned(site: Site, key: Key, before: Collection[str], after: Collection[str], gone: Collection[str], *, on: bool) -> Turned:
    record = site.entities["archiver"][key.id]
    value = {name: item for name, item in record.value.items() if name != FIELD} | ({FIELD: True} if on else {})
    goes, stays = _moves(site, key.id, before, after, frozenset(gone) - {key.id})
    return Turned(Change(key, value, record.revision), goes, stays)


def _moves(site: Site, archiver: str, before: Collection[str], after: Collection[str],
           gone: Collection[str]) -> tuple[dict[str, list[str]], list[str]]:  # fmt: skip
    """As the lists say; what agents know of health and room is theirs."""
    goes: dict[str, list[str]] = {}
    stays: list[str] = []
    for name, camera in site.cameras.items():
        had, has = (_targets(site, name, camera, last, gone) for last in (before, after))
        if archiver in had and archiver in has:
            stays.append(name)
        elif archiver in had or archiver in has:
            for to in has - had:
                goes.setdefault(to, []).append(name)
    return goes, stays


def _targets(site: Site, name: str, camera: Camera, last: Collection[str], gone: Collection[str]) -> frozenset[str]:
    copies, listed = kept_by(site, name, camera, last)
    return frozenset([one for one in listed or () if one not in gone][:copies])
