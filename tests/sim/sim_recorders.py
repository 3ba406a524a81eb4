"""One seed's world of directory servers and the agents that follow them: who dies, is cut off and comes back on both sides.

    per round: faults of servers and agents, edits ─▶ quiet ─▶ when all servers see each other: every camera has a recorder in touch
    at the end: healed, all started ─▶ as in sim_directory_world.py, and each camera is recorded by exactly one agent, the directory's;
                                       one that goes back by itself by the first of its list
    whenever an agent stops a camera   ─▶ who has it now has begun with it, or had HAND_OVER_S to

Rules: signs, liveness, plan, what is written and what agents take up are the product's; only threads, HTTP and disks are played.  Whatever
happens, no two agents ever record one camera under one term: names of chunks would be given twice.  A planned
move between two that are in touch leaves no moment without a recorder.
"""

from collections.abc import Callable
from typing import Any

from sim_directory_server import SimServer
from sim_directory_world import World
from sim_engine import START_S, Broken, Result, broken_by
from sim_follower import SINGLE, SimAgent

from watchkeep.agent.directory.client import HOLD_S
from watchkeep.hub.directory.assigner import Assigner, Make, Relieve, Scene
from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.status import Role
from watchkeep.hub.directory.cluster.witness import named
from watchkeep.hub.directory.desire import desired
from watchkeep.hub.directory.entry import Entry
from watchkeep.hub.directory.leaving import HAND_OVER_S
from watchkeep.hub.directory.plan import plan
from watchkeep.hub.directory.signs import Signs
from watchkeep.hub.directory.site import Change, Key, Recording
from watchkeep.hub.directory.steady import Steadiness
from watchkeep.wire.begun import read
from watchkeep.wire.desired import AgentDesired

LOOK_S = 0.2
HOME, LIST = "cam3", ("one", "two", "three")
"""A camera that goes back by itself, and its recorders, the preferred first."""
SETTLED_S = 60.0
"""A cold directory's grace, an agent's round of servers, and a plan."""
HERMIT_S = 8.0
"""Until it has found the agents that it does not hear dead, and has given their cameras to others."""
FAULTS = ("kill", "kill", "power", "start", "start", "start", "stop", "away", "away", "one", "back", "hermit", "hermit", "hermit")


class RecorderServer(SimServer):
    """A server that hears agents and assigns cameras."""

    def start(self) -> None:
        self.signs = Signs(self.name, f"{self.name}-{self.boot + 1}")
        self.assigner = Assigner(self.loop.now, steadiness=Steadiness(2.0, 16.0))
        self._holds: dict[str, tuple[tuple[int, int], Callable[[Any], None]]] = {}
        self._writing = False
        super().start()
        self._again(self.boot)

    def _again(self, boot: int) -> None:
        if boot == self.boot:
            self.later(boot, self._look)
            self.loop.after(LOOK_S, self._again, boot)

    def _look(self) -> None:
        assert self.cluster is not None
        site = self.cluster.site
        self.signs.keep(list(site.entities.get("agent", {})))
        if self._writing:
            return
        scene = Scene(site.copy(), self.cluster.role is Role.LEADING, self.signs.newest(), frozenset(), self._utc_s())
        for action in self.assigner.look(scene, self.loop.now):
            match action:
                case Make():
                    self._make(action, scene)
                case Relieve(left) if not self._writing:
                    self._writing = True
                    self.request(lambda ticket, left=left: steps.Assign(ticket, {}, {}, left=left), self._written)
                case Relieve():
                    pass  # the plan comes first; it is named again
                case told:
                    self.loop.say(self.name, told.text)

    def _make(self, make: Make, scene: Scene) -> None:
        found = plan(scene.site, make.alive, scene.utc_s, max_moves=make.max_moves, max_returns=make.max_returns)
        differs = self.assigner.planned(found, scene.site, 0.01, self.loop.now)
        if differs:
            self._writing = True
            self.request(lambda ticket: steps.Assign(ticket, differs.recorders, differs.archivers), self._written)

    def _written(self, found: Any) -> None:
        self._writing = False
        self.assigner.written(found[0].index if isinstance(found[0], steps.Done) else None, self.loop.now)

    # -- what is asked -------------------------------------------------------------------------------------------------

    def _ask(self, server: str) -> None:
        assert self.cluster is not None
        if server not in self.net.hosts:
            self._report(steps.Unheard(server, refused=False))
            return
        said = (self.cluster.status, self.signs.say(self.loop.now))
        self.net.call(self.name, server, "state", said, self._heard, lambda refused: self.feed(steps.Unheard(server, refused=refused)), 1.0)

    def _heard(self, found: Any) -> None:
        self.signs.hear(found[1], self.loop.now)
        self.feed(steps.Heard(found[0]))

    def receive(self, kind: str, body: Any, reply: Callable[[Any], None]) -> None:
        if kind == "state":
            self.signs.hear(body[1], self.loop.now)
            super().receive(kind, body[0], lambda status: reply((status, self.signs.say(self.loop.now))))
        elif kind == "desired":
            self._desired(*body, reply)
        else:
            super().receive(kind, body, reply)

    def _desired(self, agent: str, at: tuple[int, int], begun: str, reply: Callable[[Any], None]) -> None:
        assert self.cluster is not None
        if self.signs.own(agent, self.loop.now, closed=False, begun=read(begun)) and (term := named(at, self.cluster.status)) is not None:
            self.feed(steps.Named(term))
        if not self._tell(agent, at, reply):
            held = self._holds[agent] = (at, reply)
            boot = self.boot
            self.loop.after(HOLD_S, lambda: self.later(boot, lambda: self._over(agent, held)))

    def _over(self, agent: str, held: Any) -> None:
        if self._holds.get(agent) is held:
            del self._holds[agent]
            held[1]("nothing")

    def _tell(self, agent: str, at: tuple[int, int], reply: Callable[[Any], None]) -> bool:
        assert self.cluster is not None
        found = desired(self.cluster.site, "demo", agent)
        if found is None:
            reply("unknown")
        elif (found.term, found.index) > at:
            reply((found, dict(self.cluster.site.recorders)))
        return found is None or (found.term, found.index) > at

    def _serve_polls(self) -> None:
        super()._serve_polls()
        for agent, held in list(self._holds.items()):
            if self._tell(agent, *held):
                self._holds.pop(agent, None)

    def hung_up(self, agent: str) -> None:
        """Its connection is reset."""
        if self._holds.pop(agent, None) is not None:
            self.signs.own(agent, self.loop.now, closed=True)


class RecorderWorld(World):
    """Servers and three agents; each may record everything."""

    server = RecorderServer

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        super().__init__(seed, tracing=tracing)
        self.agents: dict[str, SimAgent] = {}
        for name in ("one", "two", "three"):
            turned = self.rng.sample(self.names, len(self.names))
            self.agents[name] = SimAgent(self.loop, self.net, name, turned, self)
        self.recorded: dict[tuple[str, int], str] = {}
        self.begun: set[tuple[str, int]] = set()
        """Cameras and terms under which they were recorded."""
        self.moves: dict[tuple[str, int], tuple[float, set[tuple[str, int]]]] = {}
        """When a camera was given to somebody under a term, and who might have been recording it, under which terms."""
        self.hermits: dict[str, float] = {}
        """Servers that are to die without having been heard, and since when they are alone."""
        del self.done["on duty"]
        self.done |= dict.fromkeys(("agent kills", "agent cuts", "hermits", "taken", "moves", "quiet moves", "relieved", "late"), 0)

    def _duties(self) -> None:
        """There are no roles of the hub here."""

    def _written(self, server: str, entry: Entry) -> None:
        fresh = entry.hash not in self._seen
        super()._written(server, entry)
        if fresh and entry.kind == "assign":
            journal = self.servers[server].disk.entries[: entry.index - 1]
            for camera, (_, term) in entry.payload["recorders"].items():
                self.moves[camera, term] = (self.loop.now, self._before(journal, camera))

    def _before(self, journal: list[Entry], camera: str) -> set[tuple[str, int]]:
        """Who was to record it at the end of this journal; whoever was before that, if the last one has not begun and may yet in time."""
        for entry in reversed(journal):
            if any((one["entity"], one["id"], one["value"]) == ("camera", camera, None) for one in entry.payload.get("changes", ())):
                return set()
            agent, term = entry.payload.get("recorders", {}).get(camera, ("", 0))
            if term:
                at, before = self.moves[camera, term]
                earlier = set() if (camera, term) in self.begun or self.loop.now - at >= HAND_OVER_S else before
                return {(agent, term)} | earlier if agent else set()
        return set()

    def began(self, camera: str, term: int) -> None:
        self.begun.add((camera, term))

    def holders(self, camera: str) -> list[str]:
        return [name for name, one in self.agents.items() if camera in one.records]

    def stops(self, agent: str, camera: str, term: int, recorders: dict[str, Recording]) -> None:
        """An agent that recorded a camera is told of it no more, by a server that knows of these recorders."""
        now = recorders.get(camera)
        if now is None or now.agent in ("", agent):
            return
        at, before = self.moves[camera, now.term]
        self.loop.say(agent, "stops", camera, "under", term, "for", now)
        if (agent, term) not in before or self.lost_disks:
            return
        begun = (camera, now.term) in self.begun
        self.done["relieved"] += begun
        self.done["late"] += not begun
        if not begun and self.loop.now - at < HAND_OVER_S:
            raise Broken(12, f"{agent} stops {camera} {self.loop.now - at:.1f} s after it was given to {now}, who has not begun")

    def took(self, agent: str, document: AgentDesired) -> None:
        self.done["taken"] += 1
        self.loop.say(agent, "records", *(f"{one.id}/{one.term}" for one in document.cameras))
        for one in document.cameras:
            if self.recorded.setdefault((one.id, one.term), agent) != agent and not self.lost_disks:
                raise Broken(10, f"{agent} and {self.recorded[one.id, one.term]} record {one.id} under term {one.term}")

    def edit(self) -> None:
        running = [one for one in self.servers.values() if one.running and not one.stopped]
        if running:
            make = self._move() if self.rng.random() < 0.3 else self._edit()
            self.rng.choice(running).receive("edit", (make, frozenset()), self._answered)

    def _move(self) -> Callable[[int], steps.Event]:
        """An operator moves a camera."""
        self.done["moves"] += 1
        moved = {f"cam{self.rng.randrange(5)}": self.rng.choice(sorted(self.agents))}
        return lambda ticket: steps.Assign(ticket, moved, {}, "ops")

    def _edit(self) -> Callable[[int], steps.Event]:
        self.made += 1
        camera, value = Key("camera", f"cam{self.rng.randrange(5)}"), {"url": "rtsp://10.0.0.1/a", "name": f"edit {self.made}"}
        value |= {"recorders": list(LIST), "recorder_failback": "auto"} if camera.id == HOME else {}
        changes = [Change(camera, value if self.rng.random() < 0.9 else None)]
        changes += [Change(Key("agent", name), {}) for name in self.agents]
        return lambda ticket: steps.Edit(ticket, tuple(changes), "ops")

    def fault(self) -> None:
        if self.rng.random() < 0.4:
            super().fault()
            return
        agent = self.agents[self.rng.choice(sorted(self.agents))]
        match self.rng.choice(FAULTS):
            case "kill" | "power" as kind:
                self.done["agent kills"] += agent.running
                if agent.running:
                    agent.kill(power=kind == "power")
            case "start":
                agent.start()
            case "stop":
                agent.stop()
                self.loop.after(self.rng.uniform(0.5, 12.0), agent.resume)
            case "away":
                self._part(agent.name, self.names)
            case "one":
                self._part(agent.name, [self.rng.choice(self.names)])
            case "back":
                self.net.cut -= {link for link in self.net.cut if agent.name in link}
            case "hermit":
                self._hermit(self.servers[self.rng.choice(self.names)])

    def _hermit(self, server: SimServer) -> None:
        """A server that agents alone can reach, so that it leads some of them, and dies before the others have heard of its term."""
        self.done["hermits"] += 1
        self.cut([link for name in self.names for link in ((server.name, name), (name, server.name))])
        self.hermits[server.name] = self.loop.now

    def _gone(self, server: SimServer) -> None:
        del self.hermits[server.name]
        server.kill(power=True)
        if self.rng.random() < 0.5:
            self.lose(server)
        self.net.cut -= {link for link in self.net.cut if server.name in link}

    def _part(self, agent: str, names: list[str]) -> None:
        self.done["agent cuts"] += 1
        self.net.cut |= {link for name in names for link in ((agent, name), (name, agent))}

    # -- checks --------------------------------------------------------------------------------------------------------

    def settled(self) -> None:
        for name in [name for name, since in self.hermits.items() if self.loop.now > since + HERMIT_S]:
            self._gone(self.servers[name])
        for agent in self.agents.values():
            agent.resume()
        super().settled()
        if len(list(self.sides())) == 1:
            self._until(lambda: not self._amiss(), SETTLED_S)
            if wrong := self._amiss():
                raise Broken(11, f"after {SETTLED_S:g} s: {wrong}")
            self._moved()

    def _moved(self) -> None:
        """An operator moves a camera between two agents that are in touch: at every moment somebody has it open."""
        leader, near = self._lead(), self._near()
        given = leader.cluster.site.recorders
        able = [(camera, one.agent) for camera, one in sorted(given.items()) if one.agent in near and self._free(camera, near)]
        if len(near) < 2 or not able:
            return
        camera, agent = self.rng.choice(able)
        to, term = self.rng.choice(sorted(near - {agent})), given[camera].term
        leader.receive("edit", (lambda ticket: steps.Assign(ticket, {camera: to}, {}, "ops"), frozenset()), self._answered)
        self.done["quiet moves"] += 1

        def over() -> bool:
            if camera != SINGLE and not self.holders(camera):
                raise Broken(12, f"nobody has {camera} open while it moves from {agent} to {to}")
            return leader.cluster.site.recorders[camera].term > term and not self._amiss()

        self._until(over, SETTLED_S)
        if not over():
            raise Broken(12, f"{camera} does not move from {agent} to {to} within {SETTLED_S:g} s")

    def _amiss(self) -> str:
        """What is wrong with who records what, as the leader has it."""
        leader, near = self._lead(), self._near()
        if leader is None or leader.cluster is None:
            return "nobody leads"
        site, up = leader.cluster.site, [one.name for one in self.servers.values() if one.running]
        out = {name for name, one in self.agents.items() if not one.running or not any(self.net.both(name, server) for server in up)}
        if not near or "agent" not in site.entities:
            return ""
        found = (self._wrong(camera, site.recorders.get(camera), near, out) for camera in site.entities.get("camera", {}))
        return next(filter(None, found), "")

    def _wrong(self, camera: str, recording: Recording | None, near: set[str], out: set[str]) -> str:
        if recording is None or recording.agent in ("", *out):
            return f"{camera} is given to {recording}, in touch are {sorted(near)}"
        recorder = self.agents[recording.agent]
        if recording.agent in near and recorder.cameras.get(camera) != recording.term:
            return f"{camera} is not recorded by {recording}"
        if recording.agent in near and recorder.records.get(camera) != recording.term and self._free(camera, near):
            return f"{camera} is not opened by {recording}"
        twice = [name for name in near if name != recording.agent and camera in self.agents[name].cameras]
        return f"{camera} is recorded by {twice} as well as by {recording.agent}" if twice else ""

    def _lead(self) -> SimServer | None:
        return next((one for one in self.servers.values() if one.cluster is not None and one.cluster.role is Role.LEADING), None)

    def _near(self) -> set[str]:
        """Agents that reach every server that runs."""
        up = [one.name for one in self.servers.values() if one.running]
        return {name for name, one in self.agents.items() if one.running and all(self.net.both(name, server) for server in up)}

    def _free(self, camera: str, near: set[str]) -> bool:
        return camera != SINGLE or set(self.holders(camera)) <= near

    def play(self) -> None:
        for agent in self.agents.values():
            self.loop.after(self.rng.uniform(0, 3.0), agent.start)
        super().play()

    def finished(self) -> None:
        for name in list(self.hermits):
            self._gone(self.servers[name])
        for agent in self.agents.values():
            agent.start()
        super().finished()
        self._until(self._home, SETTLED_S)
        if not self._home():
            raise Broken(13, f"{HOME} does not go back to {LIST[0]} within {SETTLED_S:g} s")

    def _home(self) -> bool:
        """The camera that goes back by itself is with the first of its list, if the site has it and that one is in touch."""
        leader = self._lead()
        if leader is None or leader.cluster is None or LIST[0] not in self._near():
            return False
        site = leader.cluster.site
        return Key("camera", HOME) not in site or (site.recorders[HOME].agent == LIST[0] and HOME not in site.leaving and not self._amiss())


def run(seed: int, *, tracing: bool = False) -> Result:
    """Play one seed to its end; never raises."""
    world = RecorderWorld(seed, tracing=tracing)
    broken = broken_by(world.play)
    return Result(seed, broken, world.loop.events, world.done["taken"], world.loop.now - START_S, world.done, world.loop.trace)
