"""Which agents live, by the questions that they ask of the site's directory servers.  No I/O, no clock.

    NEW ──asks──▶ LIVES ──its connection breaks──▶ SUSPECT ──CLOSED_S──▶ GONE
     │              ▲  └───────silent for SILENT_S────────────────────────▲ ▲
     │              └──────────asks──────────────────────────────────────┘ │
     └─────────silent for START_S──────────────────────────────────────────┘

Rules: a member proves that it lives by asking one of the servers, every BEAT_S; MQTT is never evidence here, since a broker that dies
silences everybody.  When all that lived fall silent together it is the servers that are cut off: nobody is taken for gone then, until
somebody is heard again (`isolated`), and if that took long the others get START_S to be heard too.  A connection that broke is no
silence: its end was heard.  A new leader gives everybody
START_S, because those who asked the old one have yet to find another.  Times are the own monotonic clock, so no clock step is a death.
A sign counts with the moment of its happening: one that arrives late, behind a later one, says nothing.
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
"""An agent leaves a server that hangs after 3 s, and one that is off the network after 2 s more."""
COLD_S: Final = 20.0
"""A directory that was away finds agents that ask only every 4 s, and servers one after the other."""
ISOLATED_AFTER: Final = 2
"""Fewer members than this say nothing about whose fault it is."""
BLIP_S: Final = 1.0
"""Isolation so short is two beats that came late together, and no reason for grace."""
NEVER: Final = float("-inf")


class Life(Enum):
    NEW = "new"
    LIVES = "lives"
    SUSPECT = "suspect"
    GONE = "gone"


@dataclass(slots=True)
class _Member:
    life: Life
    due: float
    """When it is gone unless it is heard."""
    at: float = NEVER
    """Of the last sign."""


@dataclass(frozen=True, slots=True)
class Turned:
    """A member lives or is gone now, with why."""

    member: str
    life: Life
    why: str


@dataclass(slots=True)
class Liveness:
    """All agents of a site.  cold_until: nobody is gone before, of whom nothing was heard."""

    cold_until: float = NEVER
    _members: dict[str, _Member] = field(default_factory=dict)
    _isolated_since: float | None = None

    def know(self, members: Iterable[str], now: float) -> None:
        """Exactly these exist; those not named are forgotten."""
        named = set(members)
        for name in [name for name in self._members if name not in named]:
            del self._members[name]
        for name in sorted(named - set(self._members)):
            self._members[name] = _Member(Life.NEW, self._grace(now))

    def anew(self, now: float) -> None:
        """This server leads from now on."""
        self._isolated_since = None
        for member in self._members.values():
            if member.life is not Life.GONE:
                member.life, member.due = Life.NEW, self._grace(now)

    def _grace(self, now: float) -> float:
        return max(now + START_S, self.cold_until)

    def beat(self, name: str, at: float, now: float) -> list[Turned]:
        """It asked something at `at`; ignored of whom nobody knows, and when something later is known."""
        member = self._members.get(name)
        if member is None or at <= member.at or at + SILENT_S <= now:
            return []
        before, member.life, member.at, member.due = member.life, Life.LIVES, at, at + SILENT_S
        self._heard(now)
        why = {Life.GONE: "it answers again", Life.NEW: "it has come up"}.get(before)
        return [] if why is None else [Turned(name, Life.LIVES, why)]

    def closed(self, name: str, at: float) -> None:
        """Its connection broke at `at`."""
        member = self._members.get(name)
        if member is None or at <= member.at or member.life is Life.GONE:
            return
        member.life, member.at, member.due = Life.SUSPECT, at, at + CLOSED_S

    def _heard(self, now: float) -> None:
        since, self._isolated_since = self._isolated_since, None
        if since is not None and now - since > BLIP_S:
            for member in self._members.values():
                if member.life in (Life.LIVES, Life.SUSPECT) and member.due <= now + START_S and member.at < now - BEAT_S:
                    member.life, member.due = Life.NEW, now + START_S

    def tick(self, now: float) -> list[Turned]:
        """Verdicts that time has brought, in order of their names."""
        due = {name: _why(member) for name, member in sorted(self._members.items()) if member.life is not Life.GONE and member.due <= now}
        heard = [member for member in self._members.values() if member.life in (Life.LIVES, Life.SUSPECT)]
        silent = any(self._members[name].life is Life.LIVES for name in due)
        if silent and self._isolated_since is None and len(heard) >= ISOLATED_AFTER and all(now - one.at > CLOSED_S for one in heard):
            self._isolated_since = now
        if self.isolated:
            due = {name: why for name, why in due.items() if self._members[name].life is Life.SUSPECT}
        for name in due:
            self._members[name].life = Life.GONE
        return [Turned(name, Life.GONE, why) for name, why in due.items()]

    def next_deadline(self) -> float | None:
        """When tick may say something new; None when only an event can."""
        counting = (Life.SUSPECT,) if self.isolated else (Life.NEW, Life.LIVES, Life.SUSPECT)
        return min((member.due for member in self._members.values() if member.life in counting), default=None)

    @property
    def isolated(self) -> bool:
        return self._isolated_since is not None

    @property
    def alive(self) -> frozenset[str]:
        """Whoever is not gone: who is new or suspect has the benefit of the doubt."""
        return frozenset(name for name, member in self._members.items() if member.life is not Life.GONE)

    @property
    def doubtful(self) -> frozenset[str]:
        """Who keeps what it has, and is given nothing more."""
        return frozenset(name for name, member in self._members.items() if member.life in (Life.NEW, Life.SUSPECT))

    @property
    def unheard(self) -> bool:
        """Whether somebody may yet come up."""
        return any(member.life is Life.NEW for member in self._members.values())

    @property
    def lives(self) -> dict[str, Life]:
        return {name: member.life for name, member in self._members.items()}

    def life(self, name: str) -> Life:
        """GONE for whom nobody knows."""
        member = self._members.get(name)
        return Life.GONE if member is None else member.life


def _why(member: _Member) -> str:
    if member.life is Life.SUSPECT:
        return "its connection was closed, and it has not come back"
    return "it has not been heard of since this directory began" if member.life is Life.NEW else f"silent for {SILENT_S:g} s"
