"""Which agents and archivers live, by the requests that they make of the directory.  No I/O, no clock.

    NEW ──beat──▶ LIVES ──connection closed──▶ SUSPECT ──CLOSED_S──▶ GONE
     │              ▲  └──────────no beat for SILENT_S───────────────▲ │
     │              └──────────────beat──────────────────────────────┼─┘
     └────────────────────no beat for START_S────────────────────────┘      LEFT: said goodbye; GONE at once

Rules: a member proves that it lives by asking the directory itself, every BEAT_S; MQTT is never evidence here, since a broker that dies
silences everybody.  When all that lived fall silent together it is this server that is cut off: nobody is taken for gone then, until
somebody is heard again (`isolated`).  A new leader knows nobody and gives everybody START_S.  Times are the leader's monotonic clock, so no
clock step is a death.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

BEAT_S: Final = 1.0
SILENT_S: Final = 4.0
"""Four beats: a recorder that stands still for three seconds comes back; after a silent death cameras are recorded again in
SILENT_S + a plan + a second until the standby asks + the camera's answer, under ten seconds."""
CLOSED_S: Final = 2.0
"""A closed connection may be a restart; what is back within two seconds keeps its cameras."""
START_S: Final = 6.0
ISOLATED_AFTER: Final = 2
"""Fewer members than this say nothing about whose fault it is."""


class Life(Enum):
    NEW = "new"
    LIVES = "lives"
    SUSPECT = "suspect"
    GONE = "gone"


@dataclass(slots=True)
class _Member:
    life: Life
    heard: float
    """When it was heard last, or became known."""
    closed: float = 0.0


@dataclass(frozen=True, slots=True)
class Turned:
    """A member lives or is gone now, with why."""

    member: str
    life: Life
    why: str


@dataclass(slots=True)
class Liveness:
    """One kind of members (agents, or archivers)."""

    isolated: bool = False
    _members: dict[str, _Member] = field(default_factory=dict)

    def know(self, members: Iterable[str], now: float) -> None:
        """Exactly these exist; those not named are forgotten."""
        named = set(members)
        for name in [name for name in self._members if name not in named]:
            del self._members[name]
        for name in sorted(named - set(self._members)):
            self._members[name] = _Member(Life.NEW, now)

    def beat(self, name: str, now: float) -> list[Turned]:
        """It asked something; ignored of whom nobody knows."""
        member = self._members.get(name)
        if member is None:
            return []
        before, member.life, member.heard = member.life, Life.LIVES, now
        self.isolated = False
        why = {Life.GONE: "it answers again", Life.NEW: "it has come up"}.get(before)
        return [] if why is None else [Turned(name, Life.LIVES, why)]

    def closed(self, name: str, now: float) -> None:
        """Its connection was closed or reset."""
        member = self._members.get(name)
        if member is not None and member.life is Life.LIVES:
            member.life, member.closed = Life.SUSPECT, now

    def left(self, name: str) -> list[Turned]:
        """It said goodbye."""
        member = self._members.get(name)
        if member is None or member.life is Life.GONE:
            return []
        member.life = Life.GONE
        return [Turned(name, Life.GONE, "it was stopped")]

    def tick(self, now: float) -> list[Turned]:
        """Verdicts that time has brought, in order of their names."""
        due = {name: why for name, member in sorted(self._members.items()) if (why := _overdue(member, now))}
        heard = [member for name, member in self._members.items() if member.life in (Life.LIVES, Life.SUSPECT)]
        if len(heard) >= ISOLATED_AFTER and all(now - member.heard > CLOSED_S for member in heard) and due:
            self.isolated = True
        if self.isolated:
            return []
        for name in due:
            self._members[name].life = Life.GONE
        return [Turned(name, Life.GONE, why) for name, why in due.items()]

    def next_deadline(self) -> float | None:
        """When tick may say something new; None when only an event can."""
        times = [_deadline(member) for member in self._members.values() if member.life is not Life.GONE]
        return None if self.isolated or not times else min(times)

    @property
    def alive(self) -> frozenset[str]:
        """Whoever is not gone: who is new or suspect has the benefit of the doubt."""
        return frozenset(name for name, member in self._members.items() if member.life is not Life.GONE)

    def life(self, name: str) -> Life:
        """GONE for whom nobody knows."""
        member = self._members.get(name)
        return Life.GONE if member is None else member.life


def _deadline(member: _Member) -> float:
    if member.life is Life.SUSPECT:
        return min(member.closed + CLOSED_S, member.heard + SILENT_S)
    return member.heard + (START_S if member.life is Life.NEW else SILENT_S)


def _overdue(member: _Member, now: float) -> str:
    """Why it is gone; empty when it is not, or was before."""
    if member.life is Life.GONE or now < _deadline(member):
        return ""
    if member.life is Life.SUSPECT:
        return "its connection was closed, and it has not come back"
    return "it has not been heard of since this directory began" if member.life is Life.NEW else f"silent for {SILENT_S:g} s"
