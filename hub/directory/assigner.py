"""When the leader plans, what of a plan it writes down, and what it tells the site about it.  No I/O, no clock.

    RESTING ──agent lives or is gone, site, archivers or a window changed──▶ DUE ──DEBOUNCE_S──▶ PLANNING ──nothing differs──▶ RESTING
       ▲                                                                      ▲                      │
       └──────────────────────────── durable ◀── WRITING ◀── differs ─────────┼──────────────────────┤
                                                    └──not written, RETRY_S───┘      not the leader ──▶ RESTING

Rules:
  - Who lives is watched by every server, so a new leader begins with what it has seen itself; it writes only when it leads.
  - A plan is followed by a pause REST times as long as it took, so a large site costs a quarter of a core at most.
  - Who stands in has a higher term than who it stands in for: the leader gives them (cluster/leading.py).
  - A camera that finds no recorder stays with an agent that is gone: it may be recording it, cut off, and goes on when it is back.
    From one that lives it is taken away: there it is that has no room for it.
  - Who is relieved stops when its successor has begun (leaving.py): written as Relieve says, with or without a plan.
  - Who has lived for its hold (steady.py) gets those cameras back that go there by themselves: RETURNS at a time, the next ones when their
    recorders have begun.
  - Balance comes last: one camera at a time, after BALANCE_S in which nothing else was to be done.

Bounds: one plan under way; naming.NAMED cameras in a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ...wire.causes import EventKind
from ...wire.ids import MAX_TERM
from ..naming import listed
from .cluster.terms import BLOCK
from .desire import NOBODY
from .leaving import HAND_OVER_S, Late, Leaving, Release
from .liveness import COLD_S, Life, Liveness
from .plan import Alive, Plan
from .rules import any_returns
from .signs import Sign
from .site import Lease, Site
from .steady import Steadiness

DEBOUNCE_S: Final = 0.1
"""Agents that lose their power together are found dead within a few looks."""
RETRY_S: Final = 0.5
REST: Final = 3.0
BALANCE_S: Final = 60.0
RETURNS: Final = 4
"""Cameras that are handed over at once for nothing but a preference: each is recorded twice meanwhile, and 64 take a few minutes."""
USED_UP: Final = "it has had as many recorders as epochs can count"


@dataclass(frozen=True, slots=True)
class Scene:
    """What one server knows at one moment.  gone: archivers that do not answer."""

    site: Site
    leads: bool
    signs: Mapping[str, Sign]
    gone: frozenset[str]
    utc_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """To be told to the site."""

    kind: EventKind
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Make:
    """Plan now, hand the plan to planned(), write what differs, and report to written()."""

    alive: Alive
    max_moves: int
    max_returns: int


@dataclass(frozen=True, slots=True)
class Relieve:
    """Write that nobody leaves these cameras any more, and report to written(); told: to be told once it is."""

    left: dict[str, int]
    told: list[Told]


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be written down; moves: to be told once it is, short: at once."""

    recorders: dict[str, str]
    archivers: dict[str, tuple[str, ...] | None]
    moves: list[Told] = field(default_factory=list)
    short: list[Told] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.recorders or self.archivers)


class Assigner:
    """look() several times a second; planned() and written() after a Make, written() after a Relieve, before the next look()."""

    def __init__(self, now: float, *, cold_s: float = COLD_S, steadiness: Steadiness | None = None) -> None:
        self.agents = Liveness(cold_until=now + cold_s)
        self._steadiness = steadiness or Steadiness()
        self._handing_over, self._may_return, self._more = 0, 0, False
        """Cameras under way; how many might return by the last plan, and whether others may want to when they have arrived."""
        self.without: dict[str, str] = {}
        """Cameras that nobody records or that have too few copies, with why, by the leader's last plan."""
        self._leaving = Leaving()
        self._leads = False
        self._seen: tuple[object, ...] = ()
        self._hash = ""
        self._at = self._own = 0
        """Index of the state that was looked at or planned for last; of the last entry that was written for a plan and follows it."""
        self._due: float | None = None
        self._not_before = self._quiet_since = now
        self._leases: dict[str, Lease] = {}

    def look(self, scene: Scene, now: float) -> list[Told | Make | Relieve]:
        """Take in how things are; the caller tells, makes and writes in order."""
        edited, self._hash = scene.site.hash != self._hash, scene.site.hash
        self._at = scene.site.index
        if edited:
            self.agents.know(scene.site.entities.get("agent", {}), now)
        found: list[Told | Make | Relieve] = list(self._turned(scene, now))
        steadier = self._steadiness.look(self.agents.lives, now)
        if not scene.leads:
            self._leads, self._due = False, None
            self._leaving.reset()
            return found
        if not self._leads:
            self._leads, self._leases = True, dict(scene.site.leases)
            self.agents.anew(now)
            self._wanted(now)
        before, self._handing_over = self._handing_over, self._under_way(scene.site)
        if (steadier or (self._more and before > self._handing_over == 0)) and any_returns(scene.site):
            self._wanted(now)
        found += self._roles(scene.site) if edited else []
        self._changes(scene, now, edited=edited)
        found += self._make(scene, now)
        release = self._leaving.look(scene.site, scene.signs, now)
        return found if release is None else [*found, Relieve(release.left, self._late(release))]

    # -- what has happened ---------------------------------------------------------------------------------------------

    def _turned(self, scene: Scene, now: float) -> list[Told]:
        turned = []
        for name, sign in sorted(scene.signs.items()):
            if sign.closed:
                self.agents.closed(name, sign.at)
            else:
                turned += self.agents.beat(name, sign.at, now)
        turned += self.agents.tick(now)
        if turned and scene.leads:
            self._wanted(now + DEBOUNCE_S)
        if not (scene.leads and self._leads):
            return []
        what = {Life.LIVES: "is there", Life.GONE: "is gone"}
        return [Told(EventKind.ASSIGNMENT, f"agent {one.member} {what[one.life]}: {one.why}") for one in turned]

    def _roles(self, site: Site) -> list[Told]:
        changed = sorted(name for name, lease in site.leases.items() if self._leases.get(name) != lease)
        self._leases = dict(site.leases)
        return [Told(EventKind.ROLE, f"role {name} is {_held(site.leases[name])}") for name in changed]

    def _changes(self, scene: Scene, now: float, *, edited: bool) -> None:
        """Whatever a plan depends on, beside who lives."""
        site = scene.site
        windows = tuple(name for name, one in site.windows.items() if one.start_s <= scene.utc_s < one.end_s)
        seen = (scene.gone, windows)
        if seen != self._seen or (edited and site.index != self._own):
            self._seen = seen
            self._wanted(now + DEBOUNCE_S)

    def _late(self, release: Release) -> list[Told]:
        """Of those whose camera somebody who lives was recording; else it is told already that nobody does."""
        late = [one for one in release.late if self.agents.life(one.before) is Life.LIVES]
        in_time = f"within {HAND_OVER_S:g} s"
        return [Told(EventKind.ASSIGNMENT, f"{agent} has not begun with {listed(names)} {in_time}: {before} stops all the same",
                     f"look what {agent} says of the camera; one that takes a single session is free only now")
                for (agent, before), names in _ways(late).items()]  # fmt: skip

    def _wanted(self, when: float) -> None:
        self._due = when if self._due is None else min(self._due, when)

    # -- plans ---------------------------------------------------------------------------------------------------------

    def _make(self, scene: Scene, now: float) -> list[Make]:
        settled = not self.agents.doubtful and not self.agents.isolated
        balance = self._due is None and settled and now >= self._quiet_since + BALANCE_S
        if not balance and (self._due is None or now < max(self._due, self._not_before)):
            return []
        self._due, self._quiet_since = None, now
        self._may_return = 0 if self.agents.isolated else max(RETURNS - self._under_way(scene.site), 0)
        return [Make(self._alive(scene), 1 if balance else 0, self._may_return)]

    def _under_way(self, site: Site) -> int:
        """Cameras that are being handed over to agents that live: it ends within HAND_OVER_S."""
        return sum(self.agents.life(site.recorders[camera].agent) is not Life.GONE for camera in site.leaving)

    def _alive(self, scene: Scene) -> Alive:
        """An archiver in a maintenance window keeps its places."""
        excused = {one.target for one in scene.site.windows.values() if one.kind == "archiver" and one.start_s <= scene.utc_s < one.end_s}
        there = frozenset(name for name in scene.site.entities.get("archiver", {}) if name not in scene.gone or name in excused)
        return Alive(self.agents.alive, there, self.agents.doubtful, self._steadiness.steady)

    def planned(self, plan: Plan, site: Site, cost_s: float, now: float) -> Difference:
        """What of a plan for this state is to be written; it took so long to make."""
        self._not_before, self._at = now + REST * cost_s, site.index
        self._more = plan.returns == self._may_return or self._may_return < RETURNS  # who is being handed over goes back afterwards
        worn = {name for name, one in site.recorders.items() if one.term > MAX_TERM - BLOCK}
        recorders = {name: agent for name, agent in plan.recorders.items() if _agent(site, name) != agent and name not in worn}
        recorders |= {name: NOBODY for name in self._taken_away(plan, site) if name not in worn}
        archivers: dict[str, tuple[str, ...] | None] = {name: listed for name, listed in plan.archivers.items()
                                                        if listed and site.archivers.get(name) != listed}  # fmt: skip
        archivers |= dict.fromkeys(name for name in site.archivers if not plan.archivers.get(name))
        stores = bool(site.entities.get("archiver"))  # without any, agents have archivers of their own
        without = {name: why for name, why in plan.without.items() if stores or name not in plan.recorders}
        without |= {name: USED_UP for name, agent in plan.recorders.items() if name in worn and _agent(site, name) != agent}
        return Difference(recorders, archivers, _moves(recorders, site), self._short(without, plan))

    def _taken_away(self, plan: Plan, site: Site) -> list[str]:
        """Cameras that lose their recorder without getting another one."""
        lost = [(name, one.agent) for name, one in site.recorders.items() if one.agent != NOBODY and name not in plan.recorders]
        cameras, agents = site.entities.get("camera", {}), site.entities.get("agent", {})
        return [name for name, agent in lost
                if name not in cameras or agent not in agents or self.agents.life(agent) is Life.LIVES]  # fmt: skip

    def _short(self, without: Mapping[str, str], plan: Plan) -> list[Told]:
        """Not before everybody has had time to come up: until then it would be a false alarm."""
        if self.agents.unheard:
            return []
        news = {name: why for name, why in without.items() if self.without.get(name) != why}
        mended = sorted(self.without.keys() - without.keys())
        self.without = dict(without)
        found = []
        for nobody, what in ((True, "not recorded by anybody"), (False, "short of copies")):
            names = sorted(name for name in news if (name not in plan.recorders or news[name] == USED_UP) is nobody)
            if names:
                found.append(Told(EventKind.ASSIGNMENT, f"{listed(names)}: {what}; {names[0]}: {news[names[0]]}",
                                  "add a recorder or an archiver, or raise what they may take"))  # fmt: skip
        return [*found, *([Told(EventKind.ASSIGNMENT, f"{listed(mended)}: all that was missing is there again")] if mended else [])]

    def written(self, index: int | None, now: float) -> None:
        """The difference, or who is relieved, is entry `index`; None: it is not in the journal, as far as is known."""
        if index is None:
            self._wanted(now + RETRY_S)
        elif index == self._at + 1:  # else somebody's edit came in between, and is planned for
            self._own = self._at = index


def _agent(site: Site, camera: str) -> str:
    found = site.recorders.get(camera)
    return NOBODY if found is None else found.agent


def _ways(late: list[Late]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for one in late:
        found.setdefault((one.agent, one.before), []).append(one.camera)
    return found


def _moves(recorders: Mapping[str, str], site: Site) -> list[Told]:
    ways: dict[tuple[str, str], list[str]] = {}
    for name, agent in sorted(recorders.items()):
        ways.setdefault((_agent(site, name), agent), []).append(name)
    found = []
    for (before, agent), names in sorted(ways.items()):
        was = f", {before} did before" if before else ""
        text = f"{agent} records {listed(names)}{was}" if agent else f"nobody records {listed(names)}{was}"
        found.append(Told(EventKind.ASSIGNMENT, text))
    return found


def _held(lease: Lease) -> str:
    return f"held by server {lease.holder} (number {lease.number})" if lease.holder else f"held by nobody (number {lease.number})"
