"""When each agent asked which directory server last, known to every server by what they tell each other.  No I/O, no clock.

    an agent asks b ──▶ b: (b, boot, count 7, age 0) ──with every Status──▶ a, c: once for each count ──▶ c to a: known, says nothing new

Rules: a sign is stamped with the own clock when it is first heard of, less the age that came with it; it is passed on by everybody, so it
reaches a leader that the server itself cannot reach.  Only the server that was asked counts, so nobody can keep a dead agent alive by
passing its last sign round.

Bounds: agents of the site, one sign for each server that they have asked; of others nothing is kept.  A sign is passed on for
RELAYED_S, the newest MAX_SAID of them: 3 kB for 200 agents.  What agents have begun goes along, MAX_BEGUN_SAID cameras of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from heapq import nlargest
from types import MappingProxyType
from typing import Final, NamedTuple

from .exchange import SignsText

RELAYED_S: Final = 8.0
"""Twice SILENT_S: what is older changes nothing."""
MAX_SAID: Final = 4000
"""400 kB, if ids are as long as they may be; agents beyond them count as silent unless they ask the leader itself."""
MAX_BEGUN_SAID: Final = 4000
"""300 kB more, for as long as cameras move: the rest of it is said when these need not be said any more."""
SAID_BYTES: Final = 1 << 20
NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
MAX_ORIGINS: Final = 14
"""Twice MAX_SERVERS: those of before and after a change of all servers."""


class Sign(NamedTuple):
    """The newest of an agent: when, by the own clock; closed: its connection broke then, else it asked, and named what it has begun."""

    at: float
    closed: bool
    begun: Mapping[str, int] = NOTHING
    """Terms by camera (wire/begun.py)."""


@dataclass(frozen=True, slots=True)
class _Sign:
    boot: str
    count: int
    at: float
    closed: bool
    begun: Mapping[str, int]


class Signs:
    """Signs by agent and by the server that was asked."""

    def __init__(self, me: str, boot: str) -> None:
        self._me, self._boot, self._count = me, boot, 0
        self._known: dict[str, dict[str, _Sign]] = {}

    def keep(self, agents: Collection[str]) -> None:
        """These are the agents of the site."""
        for gone in self._known.keys() - set(agents):
            del self._known[gone]
        for agent in agents:
            self._known.setdefault(agent, {})

    def own(self, agent: str, now: float, *, closed: bool, begun: Mapping[str, int] = NOTHING) -> bool:
        """It has asked this server, or its connection to this server broke.  Returns whether it is an agent of the site."""
        if agent not in self._known:
            return False
        self._count += 1
        self._known[agent][self._me] = _Sign(self._boot, self._count, now, closed, begun)
        return True

    def hear(self, said: dict[str, SignsText], now: float) -> None:
        """What another server has said."""
        for origin, text in said.items():
            if origin != self._me:
                for agent, (count, age_s, closed) in text.agents.items():
                    self._learn(agent, origin, _Sign(text.boot, count, now - age_s, closed, text.begun.get(agent, NOTHING)))

    def _learn(self, agent: str, origin: str, sign: _Sign) -> None:
        known = self._known.get(agent)
        if known is None:
            return
        before = known.get(origin)
        if before is None and len(known) >= MAX_ORIGINS:
            del known[min(known, key=lambda name: known[name].at)]
        if before is None or (before.boot == sign.boot and sign.count > before.count) or (before.boot != sign.boot and sign.at > before.at):
            known[origin] = sign

    def say(self, now: float) -> dict[str, SignsText]:
        """What this server tells every other one."""
        young = [(sign.at, agent, origin, sign) for agent, known in self._known.items() for origin, sign in known.items()
                 if now - sign.at < RELAYED_S]  # fmt: skip
        found: dict[str, SignsText] = {}
        room = MAX_BEGUN_SAID
        for _, agent, origin, sign in young if len(young) <= MAX_SAID else nlargest(MAX_SAID, young):
            text = found.setdefault(origin, SignsText(boot=sign.boot))
            if text.boot == sign.boot:
                text.agents[agent] = (sign.count, max(0.0, round(now - sign.at, 3)), sign.closed)
                if sign.begun and (room := room - len(sign.begun)) >= 0:
                    text.begun[agent] = dict(sign.begun)
        return found

    def newest(self) -> dict[str, Sign]:
        """The last sign of each agent that gave one."""
        last = {agent: max(known.values(), key=lambda sign: sign.at) for agent, known in self._known.items() if known}
        return {agent: Sign(sign.at, sign.closed, sign.begun) for agent, sign in last.items()}
