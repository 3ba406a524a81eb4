"""What an operator's order means for a site: which names it is about, which cameras go where, which window it opens.  No I/O, no clock.

    failover   directory, or the server that leads     another server leads
               a role                                  the next server of its list holds it
               an agent                                its cameras go to whom the plan chooses without it, as far as there is room
               an archiver                             it is used last in every list (uselast.py), until it is given back
    move       cameras, an agent                       that agent records them: it may, and has room for all of them; those that it
                                                       has already keep their terms, and so their epochs
    maintenance                                        a window from now on, or an end of those that are open

Rules: an order is carried out whole or refused with every problem; a name that several kinds have is refused, not guessed.  Cameras that
would go back by themselves are not moved: the order and their rule contradict each other, and the operator is told how to mean either.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ..naming import listed
from .entities import Agent, Camera
from .plan import Alive, plan
from .recorders import preferred
from .room import Inside
from .rules import Problem, recorder_failback
from .site import Change, Key, Site
from .uselast import Turned, give_back, take_out

DIRECTORY: Final = "directory"
AWAY: Final = ("agent", "archiver", "server")
LOOK: Final = "see `watchkeep site show` for what there is"


@dataclass(frozen=True, slots=True)
class Lead:
    """Another server is to lead."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A role goes on."""

    role: str


@dataclass(frozen=True, slots=True)
class Recorders:
    """Cameras to agents; text: what will have been done."""

    recorders: dict[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Edited:
    """Changes of entities: of a maintenance window, of an archiver."""

    changes: tuple[Change, ...]
    text: str


Wanted = Lead | Pass | Recorders | Edited | list[Problem]
"""What is to be written, or everything that speaks against it."""


def failover(site: Site, name: str, leader: str, alive: frozenset[str], now_s: float, silent: frozenset[str] = frozenset()) -> Wanted:
    """alive: agents that are not known to be gone; silent: archivers that are."""
    if name == DIRECTORY:
        return Lead()
    key = _only(site, name, ("role", "server", "agent", "archiver"))
    match key:
        case Problem():
            return [key]
        case Key("archiver", name):
            return _turned(key, take_out(site, name, silent), "is used last until it is given back")
        case Key("role", name):
            return Pass(name)
        case Key("agent", name):
            return _emptied(site, name, alive, now_s)
    return _led(key, leader)


def given_back(site: Site, name: str, silent: frozenset[str] = frozenset()) -> Wanted:
    """The end of an archiver's failover."""
    key = _only(site, name, ("archiver",))
    if isinstance(key, Problem):
        return [key]
    return _turned(key, give_back(site, key.id, silent), "has its place in every list again")


def _led(key: Key, leader: str) -> Wanted:
    if key.id == leader:
        return Lead()
    return [Problem("refused", str(key), "does not lead", f"{leader} does: nothing has to be taken from this one")]


def _turned(key: Key, found: Turned | Problem, turn: str) -> Wanted:
    if isinstance(found, Problem):
        return [found]
    told = [f"{to} has {listed(names)}" for to, names in sorted(found.goes.items())]
    if found.stays:
        told.append(f"{listed(found.stays)} stay with {key.id}, nobody else of their lists is there")
    return Edited((found.change,), f"{key} {turn}: {'; '.join(told) or 'no camera moves'}")


def _emptied(site: Site, agent: str, alive: frozenset[str], now_s: float) -> Wanted:
    has = sorted(name for name, one in site.recorders.items() if one.agent == agent and name in site.entities.get("camera", {}))
    if not has:
        return [Problem("refused", f"agent/{agent}", "records nothing that could go to another one", LOOK)]
    others = plan(_unannounced(site, agent), Alive(alive - {agent}, frozenset(site.stores)), now_s)
    taken = {name: others.recorders[name] for name in has if others.recorders.get(name, agent) != agent}
    if not taken:
        why = others.without.get(has[0], "no other agent may record them, or has room")
        text = f"no camera of it can go to another one: {has[0]}: {why}"
        return [Problem("refused", f"agent/{agent}", text, "add a recorder, or raise max_cameras")]
    if back := _go_back(site, taken, alive, now_s):
        return back
    left = [name for name in has if name not in taken]
    stays = f"; {listed(left)} stay with {agent}, nobody else has room for them" if left else ""
    return Recorders(taken, f"{_whose(taken)}{stays}")


def _unannounced(site: Site, agent: str) -> Site:
    """As if nobody had announced an absence of this agent, in which it would keep its cameras."""
    found = site.copy()
    found.entities["window"] = {name: record for name, record in site.entities.get("window", {}).items()
                                if (record.value["kind"], record.value["target"]) != ("agent", agent)}  # fmt: skip
    return found


def _go_back(site: Site, recorders: Mapping[str, str], there: frozenset[str], now_s: float) -> list[Problem]:
    """Cameras that would not stay with these recorders, because another one that is there is preferred, by it."""
    away = {one.target for one in site.windows.values() if one.kind == "agent" and one.start_s <= now_s < one.end_s}
    cameras, agents, inside = site.cameras, site.agents, Inside(site.locations)
    found: dict[str, list[str]] = {}
    for name, agent in recorders.items():
        one = cameras[name]
        better = preferred(one, agent, agents) if recorder_failback(site, one) == "auto" else ()
        able = (other for other in better if other in there - away and (one.recorders is not None or _reaches(agents[other], one, inside)))
        if (first := next(able, None)) is not None:
            found.setdefault(first, []).append(name)
    return [Problem("refused", f"camera/{names[0]}.recorder_failback", f"is auto: {listed(names)} would go back to {agent}",
                    f"announce its absence first (watchkeep site maintenance on agent/{agent} --for 2h), or set it to sticky")
            for agent, names in found.items()]  # fmt: skip


def _whose(recorders: dict[str, str]) -> str:
    by_agent: dict[str, list[str]] = {}
    for camera, agent in sorted(recorders.items()):
        by_agent.setdefault(agent, []).append(camera)
    return "; ".join(f"{agent} records {listed(names)}" for agent, names in sorted(by_agent.items()))


def move(site: Site, cameras: Iterable[str], agent: str, gone: frozenset[str], now_s: float) -> Wanted:
    """gone: agents that are known to be gone."""
    names = list(dict.fromkeys(name.removeprefix("camera/") for name in cameras))
    to = agent.removeprefix("agent/")
    found = [_unknown(Key("camera", name)) for name in names if Key("camera", name) not in site]
    if Key("agent", to) not in site:
        found.append(_unknown(Key("agent", to)))
    if found:
        return found
    found = [*_may_not(site, names, to), *_no_room(site, names, to)]
    if to in gone:
        found.append(Problem("refused", f"agent/{to}", "is gone", "start it, or choose another one"))
    has = {name for name in names if (recording := site.recorders.get(name)) is not None and recording.agent == to}
    recorders = {name: to for name in names if name not in has}
    found = found or _go_back(site, recorders, frozenset(site.agents) - gone, now_s)
    if not found and not recorders:
        return Edited((), f"{to} has {listed(names)} already")
    return found or Recorders(recorders, f"{to} records {listed(list(recorders))}{_had(has, names)}")


def _had(has: Collection[str], names: list[str]) -> str:
    return f"; it has {listed([name for name in names if name in has])} already" if has else ""


def _may_not(site: Site, names: list[str], agent: str) -> list[Problem]:
    to, inside, cameras, found = site.agents[agent], Inside(site.locations), site.cameras, []
    for name in names:
        one = cameras[name]
        if one.recorders is not None and agent not in one.recorders:
            found.append(Problem("refused", f"camera/{name}.recorders", f"does not name {agent}", "add it to the list first"))
        elif one.recorders is None and not _reaches(to, one, inside):
            found.append(Problem("refused", f"agent/{agent}.reaches", f"does not hold where camera {name} is", "add its location first"))
    return found


def _reaches(agent: Agent, camera: Camera, inside: Inside) -> bool:
    return agent.reaches is None or bool(camera.location and any(at in agent.reaches for at in inside.of(camera.location)))


def _no_room(site: Site, names: list[str], agent: str) -> list[Problem]:
    cameras, one = site.cameras, site.agents[agent]
    after = {name for name, recording in site.recorders.items() if recording.agent == agent and name in cameras} | set(names)
    rate = sum(cameras[name].mbit_s for name in after)
    too_much = (("max_cameras", len(after), one.max_cameras), ("max_mbit_s", rate, one.max_mbit_s))
    return [Problem("refused", f"agent/{agent}.{field}", f"{would:g} would be more than {most:g}", "raise it, or move fewer")
            for field, would, most in too_much if would > most]  # fmt: skip


def maintenance(site: Site, name: str, *, on: bool, lasting_s: float, now_s: float) -> Wanted:
    """A window that is open already is made to end then, so that repeating an order opens no second one."""
    key = _only(site, name, AWAY)
    if isinstance(key, Problem):
        return [key]
    open_now = sorted(window for window, one in site.windows.items()
                      if (one.kind, one.target) == key and one.start_s <= now_s < one.end_s)  # fmt: skip
    if not on and not open_now:
        return [Problem("refused", str(key), "is not in maintenance", LOOK)]
    end_s = round(now_s + lasting_s, 3) if on else round(now_s, 3)
    if open_now:
        changes = tuple(_ends(site, Key("window", window), end_s) for window in (open_now[:1] if on else open_now))
    else:
        window = Key("window", f"{key.id[:46]}-{datetime.fromtimestamp(now_s, UTC):%Y%m%d-%H%M%S}")
        value = {"kind": key.kind, "target": key.id, "start_s": round(now_s, 3), "end_s": end_s}
        changes = (Change(window, value, site.entities["window"][window.id].revision if window in site else 0),)
    until = f"is in maintenance until {datetime.fromtimestamp(end_s, UTC):%Y-%m-%d %H:%M:%S}Z" if on else "is back from maintenance"
    return Edited(changes, f"{key} {until}")


def _ends(site: Site, window: Key, end_s: float) -> Change:
    """A window that began in this very moment cannot end in it: then it never was."""
    record = site.entities["window"][window.id]
    if end_s <= record.value["start_s"]:
        return Change(window, None, record.revision)
    return Change(window, {**record.value, "end_s": end_s}, record.revision)


def _only(site: Site, name: str, kinds: tuple[str, ...]) -> Key | Problem:
    """The one entity of these kinds that a name means."""
    kind, _, rest = name.rpartition("/")
    fitting = [Key(one, rest) for one in kinds if kind in ("", one) and Key(one, rest) in site]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        return Problem("several", name, f"means {' and '.join(map(str, fitting))}", f"write {fitting[0]}")
    return Problem("unknown", name, f"is no {' or '.join(filter(None, (', '.join(kinds[:-1]), kinds[-1])))} of this site", LOOK)


def _unknown(key: Key) -> Problem:
    return Problem("unknown", str(key), "does not exist", LOOK)
