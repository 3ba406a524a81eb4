"""Who of a site is there: agents, archivers, directory servers, roles.  No I/O, no clock.

                 up                          down                       unknown
    agent        it asks a directory server  it is gone (liveness.py)   not heard yet; everybody is silent at once
    archiver     it answers                  it is silent (reports.py)  no address of it is known; nobody answers at all
    server       it answers                  it does not
    role         a server that is up has it  nobody, or who is down      this version knows none of its name

Rules: who is in a maintenance window is `planned`, there or not, so that two windows of different luck compare.  The role `directory` is
the lead itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ..duty import holder
from ..orders import DIRECTORY
from ..roles import NOWHERE, ROLES
from ..site import Key, Site
from .model import MemberHealth, Standing

UP: Final = (Standing.UP, "")


@dataclass(frozen=True, slots=True)
class Members:
    """What one server knows of who is there.  lives: agents, in the words of liveness.py; leader: empty when none is known."""

    lives: Mapping[str, str]
    isolated: bool
    heard: frozenset[str]
    silent: frozenset[str]
    servers: Collection[str]
    leader: str

    @property
    def asked(self) -> frozenset[str]:
        """Archivers of which it is known whether they answer."""
        return self.heard | self.silent

    @property
    def agents_heard(self) -> bool:
        return not self.isolated and "lives" in self.lives.values()

    @property
    def blind(self) -> bool:
        """Nobody answers at all: it is this server that is cut off, or everything is down."""
        return not self.heard and bool(self.silent) and not self.agents_heard


class Roll:
    """Since when everybody is as he is."""

    def __init__(self) -> None:
        self.members: dict[Key, MemberHealth] = {}

    def look(self, found: Mapping[Key, tuple[Standing, str]], utc_s: float) -> None:
        """Everybody, as it is now."""
        before, self.members = self.members, {}
        for key, (state, why) in found.items():
            known = before.get(key)
            since_s = known.since_s if known is not None and known.state is state else utc_s
            self.members[key] = MemberHealth(state=state, since_s=since_s, why=why)

    def of(self, kind: str) -> dict[str, MemberHealth]:
        """Those of a kind, by id."""
        return {key.id: one for key, one in sorted(self.members.items()) if key.kind == kind}


def absences(site: Site, now_s: float) -> dict[Key, float]:
    """Who is in a maintenance window now, and until when."""
    found: dict[Key, float] = {}
    for window in site.windows.values():
        if window.start_s <= now_s < window.end_s:
            key = Key(window.kind, window.target)
            found[key] = max(found.get(key, 0.0), window.end_s)
    return found


def standings(site: Site, members: Members, away: Collection[Key]) -> dict[Key, tuple[Standing, str]]:
    """Of everybody, with why."""
    found = {Key("agent", name): _agent(name, members) for name in site.entities.get("agent", {})}
    found |= {Key("archiver", name): _archiver(name, members) for name in site.entities.get("archiver", {})}
    found |= {Key("server", name): UP if name in members.servers else (Standing.DOWN, "does not answer")
              for name in site.entities.get("server", {})}  # fmt: skip
    found |= {key: (Standing.PLANNED, "in maintenance") for key in found if key in away}
    for name in site.entities.get("role", {}):
        found[Key("role", name)] = _held(holder(site, name), members) if name in ROLES else (Standing.UNKNOWN, NOWHERE)
    return found | {Key("role", DIRECTORY): _held(members.leader, members)}


def _agent(name: str, members: Members) -> tuple[Standing, str]:
    life = members.lives.get(name, "new")
    if life == "gone":
        return Standing.DOWN, "is gone"
    if life == "new":
        return Standing.UNKNOWN, "not heard of yet"
    return (Standing.UNKNOWN, "all agents are silent at once") if members.isolated else UP


def _archiver(name: str, members: Members) -> tuple[Standing, str]:
    if name in members.heard:
        return UP
    if name not in members.silent:
        return Standing.UNKNOWN, "not asked yet: its address is not known, or it is of an older version"
    return (Standing.UNKNOWN, "nobody answers at all") if members.blind else (Standing.DOWN, "does not answer")


def _held(holder: str, members: Members) -> tuple[Standing, str]:
    if not holder:
        return Standing.DOWN, "held by nobody"
    return UP if holder in members.servers else (Standing.DOWN, f"held by {holder}, which does not answer")
