"""Which agent records which camera: one half of the plan.  No I/O, no clock.

Rules: see plan.py; a camera keeps its recorder as long as it may.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from .entities import Agent, Camera
from .room import Inside, Load, Pool
from .rules import priority, recorder_failback
from .site import Site

UNEVEN: Final = 0.25
"""Two agents whose load differs by more than a quarter of their capacity are worth a move: a camera is recorded by both for some seconds
then (leaving.py), and its next recorder asks it for a stream of its own."""
FULLEST: Final = 4
"""Agents that a move for balance looks at; the cameras of a fuller one may all be bound to it."""


def preferred(camera: Camera, agent: str, agents: Mapping[str, Agent]) -> Sequence[str]:
    """Whom a camera prefers to an agent that may record it; whether they may, live and have room is to be looked at."""
    if camera.recorders is not None:
        return camera.recorders[: camera.recorders.index(agent)]
    return [name for name, one in agents.items() if not one.standby] if agents[agent].standby else ()


class Recorders:
    """Assigns cameras to agents: assign() first, then what improves on it.

    placed, without: who records what by then, and why nobody records the rest.
    """

    def __init__(self, site: Site, alive: frozenset[str], doubtful: frozenset[str], now_s: float, cameras: dict[str, Camera]) -> None:
        self._site, self._cameras = site, cameras
        self._agents = site.agents
        excused = {window.target for window in site.windows.values() if window.kind == "agent" and window.start_s <= now_s < window.end_s}
        self._excused = excused
        self._there = {name for name in self._agents if name in alive or name in excused}
        self._open = self._there - (excused - set(alive)) - doubtful
        self._load = {name: Load(self._agents[name].max_cameras, self._agents[name].max_mbit_s) for name in self._there}
        self._inside = Inside(site.locations)
        self._pools: dict[tuple[object, ...], Pool] = {}
        self.placed: dict[str, str] = {}
        self.without: dict[str, str] = {}

    def assign(self, order: list[str]) -> None:
        """A recorder for every camera that can have one."""
        for name in order:
            if (agent := self._holder(name)) is not None:
                self._load[agent].add(self._cameras[name].mbit_s, reserved=True)
        for _, names in groupby(order, lambda name: priority(self._site, self._cameras[name])):
            self._house([name for name in names if not self._keep(name)])

    def _house(self, homeless: list[str]) -> None:
        why = {name: self._place(name) for name in homeless}
        self.without |= {name: reason for name, reason in why.items() if reason}

    def _holder(self, name: str) -> str | None:
        """The agent that records it and may go on doing so."""
        recording = self._site.recorders.get(name)
        if recording is None or recording.agent not in self._there or not self._may(recording.agent, self._cameras[name]):
            return None
        return recording.agent

    def _may(self, agent: str, camera: Camera) -> bool:
        if camera.recorders is not None:
            return agent in camera.recorders
        return self._reaches(agent, camera.location)

    def _reaches(self, agent: str, location: str | None) -> bool:
        reaches = self._agents[agent].reaches
        return reaches is None or (location is not None and any(place in reaches for place in self._inside.of(location)))

    def _keep(self, name: str) -> bool:
        agent, mbit_s = self._holder(name), self._cameras[name].mbit_s
        if agent is None:
            return False
        load = self._load[agent]
        load.add(mbit_s, reserved=True, sign=-1)
        if not load.takes(mbit_s, beside_reserved=False):
            self._reopen()
            return False
        load.add(mbit_s)
        self.placed[name] = agent
        return True

    def _reopen(self) -> None:
        for pool in self._pools.values():
            pool.reopen()

    def _place(self, name: str) -> str:
        """Empty when it has a recorder now, else why not."""
        camera = self._cameras[name]
        pool = self._pool(camera)
        if not pool.members:
            return self._nobody(camera)
        for beside_reserved in (True, False):
            for agent in self._preferred(name, camera):
                if self._load[agent].takes(camera.mbit_s, beside_reserved=beside_reserved):
                    return self._take(name, agent)
            agent = pool.emptiest(self._load, camera.mbit_s, beside_reserved=beside_reserved) or ""
            if agent:
                return self._take(name, agent)
        return f"no room: its {len(pool.members)} possible recorder(s) are full of cameras of the same or a higher priority"

    def _take(self, name: str, agent: str) -> str:
        self._load[agent].add(self._cameras[name].mbit_s)
        self.placed[name] = agent
        return ""

    def _preferred(self, name: str, camera: Camera) -> Iterator[str]:
        if camera.recorders is not None:
            yield from (agent for agent in camera.recorders if agent in self._open)
            return
        recording = self._site.recorders.get(name)
        if recording is not None and recording.agent in self._agents:
            standbys = self._agents[recording.agent].standbys
            yield from (agent for agent in standbys if agent in self._open and self._may(agent, camera))

    def _pool(self, camera: Camera) -> Pool:
        key = (camera.recorders, None if camera.recorders is not None else camera.location)
        pool = self._pools.get(key)
        if pool is None:
            agents = [agent for agent in sorted(self._open) if self._may(agent, camera)]
            pool = self._pools[key] = Pool({agent: int(self._agents[agent].standby) for agent in agents})
        return pool

    def _nobody(self, camera: Camera) -> str:
        if camera.recorders is not None:
            return f"none of its recorders is there: {', '.join(camera.recorders)}"
        return f"no agent that is there reaches location {camera.location!r}" if camera.location else "no agent is there"

    def give_back(self, order: list[str], steady: frozenset[str], most: int) -> int:
        """Cameras that go back by themselves to a steady agent that they prefer and that has room; one in maintenance gets none."""
        done, ready = 0, {name for name in steady & self._open if name not in self._excused}
        pools: dict[str | None, Pool] = {}
        for name in order if ready else ():
            if done == most:
                break
            if (target := self._preferring(name, ready, pools)) is not None:
                self._load[self.placed[name]].add(self._cameras[name].mbit_s, sign=-1)
                self._take(name, target)
                done += 1
        if done and self.without:  # they may have the room that was left
            self._reopen()
            homeless, self.without = [name for name in order if name in self.without], {}
            self._house(homeless)
        return done

    def _preferring(self, name: str, ready: set[str], pools: dict[str | None, Pool]) -> str | None:
        """Of a camera that stays where it is, and that nobody is leaving just now."""
        camera, recording = self._cameras[name], self._site.recorders.get(name)
        if recording is None or self.placed.get(name) != recording.agent or name in self._site.leaving:
            return None
        if recorder_failback(self._site, camera) != "auto":
            return None
        if camera.recorders is not None:
            listed = preferred(camera, recording.agent, self._agents)
            return next((one for one in listed if one in ready and self._load[one].takes(camera.mbit_s, beside_reserved=True)), None)
        if not self._agents[recording.agent].standby:
            return None
        if camera.location not in pools:
            able = [one for one in preferred(camera, recording.agent, self._agents) if one in ready and self._reaches(one, camera.location)]
            pools[camera.location] = Pool(dict.fromkeys(able, 0))
        return pools[camera.location].emptiest(self._load, camera.mbit_s, beside_reserved=True)

    def balance(self, max_moves: int) -> None:
        """From the fullest to the emptiest, the least important cameras first."""
        by_agent: dict[str, list[str]] = {}
        for name, agent in self.placed.items():
            by_agent.setdefault(agent, []).append(name)
        for _ in range(max_moves):
            if not self._move_one(by_agent):
                return

    def _move_one(self, by_agent: dict[str, list[str]]) -> bool:
        fullest = sorted(by_agent, key=lambda agent: (-self._load[agent].share, agent))
        for source in fullest[:FULLEST]:
            for name in reversed(by_agent[source]):
                target = self._emptier(source, self._cameras[name])
                if target is not None:
                    self._load[source].add(self._cameras[name].mbit_s, sign=-1)
                    by_agent[source].remove(name)
                    by_agent.setdefault(target, []).append(name)
                    self._take(name, target)
                    return True
        return False

    def _emptier(self, source: str, camera: Camera) -> str | None:
        """An agent that the camera is better off with; an operator's own list is kept to."""
        if camera.recorders is not None:
            return None
        target = self._pool(camera).emptiest(self._load, camera.mbit_s, beside_reserved=True)
        if target is None or self._agents[target].standby or self._load[source].share - self._load[target].share <= UNEVEN:
            return None
        return target
