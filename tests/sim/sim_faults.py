"""What goes wrong: each fault as one method that does it and plans its end.

    archivers   killed, power cut, hung, answering 500, syncing nothing, disk full, slow, hanging, failing syncs, unmounted, lost;
                catalog gone; misrouted
    links       cut both or one way, lossy, slow, duplicating, resetting
    agents      killed, power cut, booting in 1970, clock steps, syncs failing, journal disk full, slow or hanging
    cameras     reconnecting, mute                          operators   move, other lists and copies, archivers that leave and return,
                                                                        maintenance: announced, then down for less or more than that

Rules: a fault never checks anything; `heal` ends all of them, and what it starts again needs no more than the product's own retries.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim_agent import SimAgent
from sim_archiver import SimArchiver
from sim_network import Link, Weather

from watchkeep.wire.causes import Cause

if TYPE_CHECKING:
    from sim_world import World

YEAR_1970_S = -1_767_225_600.0


class Faults:
    """The faults of one world."""

    def __init__(self, world: "World") -> None:
        self._world, self._loop = world, world.loop
        self._rng = world.loop.random("faults")
        self._plans = world.loop.random("maintenance")
        self._idlers = world.loop.random("idle")
        self._losses = world.loop.random("losses")
        self.until = 0.0
        self._ends: list[tuple[float, Callable[[], None]]] = []
        self._losable = self._rng.random() < 0.3

    def plan(self, until: float) -> None:
        """Draw this world's faults; most worlds have a few, some none, some many."""
        self.until = until
        rng = self._rng
        kinds = (self._archiver, self._archiver, self._archiver, self._link, self._link, self._agent, self._camera, self._operator)
        for _ in range(rng.choice((0, 1, 2, 3, 4, 6, 8, 12, 16))):
            self._loop.at(self._loop.now + rng.uniform(2.0, max(until - self._loop.now - 1.0, 2.1)), rng.choice(kinds))
        for _ in range(self._plans.choice((0, 0, 0, 0, 1, 2))):
            self._loop.at(self._loop.now + self._plans.uniform(1.0, max(until - self._loop.now - 4.0, 1.1)), self._maintenance)
        if self._idlers.random() < 0.25:
            self._loop.at(self._loop.now + self._idlers.uniform(0.5, 3.0), self._idle)
        around = self._world.neighbours
        around.deaths, around.damage, around.on_death = 0.1, 0.4, self._peer_dies
        if not self._world.tight and self._losses.random() < 0.12:
            self._loop.at(self._loop.now + self._losses.uniform(3.0, max(until - self._loop.now - 5.0, 3.1)), self._lose_one)
        if world_dead := self._world.dead:
            self._disturb(world_dead)
            self._loop.at(self._loop.now + rng.uniform(1.0, 10.0), lambda: self._world.archivers[world_dead].stop(power=rng.random() < 0.5))

    def heal(self) -> None:
        """Everything works again."""
        world = self._world
        if not world.tight:
            world.checks.delays.healed(self._loop.now)
            if world.dead:
                self._disturb(world.dead)
        world.neighbours.deaths = 0.0  # damage goes on up to the end of recording
        world.checks.misrouted = True  # an answer of before may still be on its way
        world.route.update({name: name for name in world.archivers})
        for name, archiver in world.archivers.items():
            archiver.failing, archiver.idle, archiver.slow_s = False, False, 0.0
            if archiver.process is not None:
                archiver.process.maintenance.order(0.0, self._loop.now)
            for disk in archiver.disks:
                disk.mounted, disk.fail_syncs = True, 0
                disk.answer()
                disk.capacity = max(disk.capacity, archiver.roomy)
            if name != world.dead:
                archiver.resume()
                if name not in world.cold:  # who needs that one wakes it
                    archiver.start()
        for agent in world.agents:
            agent.disk.fail_syncs, agent.disk.full, agent.stall_s, agent.hung_until = 0, False, 0.0, 0.0
            agent.known = tuple(agent.links)
            for link in agent.links.values():
                link.weather = Weather()
            agent.start()
            agent.hire()

    def _disturb(self, who: str) -> None:
        self._world.checks.delays.disturb(who)

    def _for(self, low_s: float, high_s: float, end: Callable[[], None]) -> None:
        self._loop.at(min(self._loop.now + self._rng.uniform(low_s, high_s), self.until - 0.001), end)

    # Archivers.

    def _archiver(self) -> None:
        archiver = self._world.archivers[self._rng.choice(sorted(self._world.archivers))]
        if archiver.name == self._world.dead:
            return
        kinds = (self._kill, self._kill, self._power, self._power, self._hang, self._error, self._full, self._slow, self._slow, self._syncs,
                 self._unmount, self._lose, self._misroute, self._disk_hangs, self._disk_hangs)  # fmt: skip
        kind = self._rng.choice(kinds)
        self._loop.say(archiver.name, "fault", kind.__name__.strip("_"))
        self._disturb(archiver.name)
        kind(archiver)

    def _kill(self, archiver: SimArchiver) -> None:
        archiver.stop(power=False)
        self._for(0.2, 8.0, archiver.start)

    def _maintenance(self) -> None:
        """Announced, and a while later down or not, for less or more than that."""
        rng, archiver = self._plans, self._world.archivers[self._plans.choice(sorted(self._world.archivers))]
        if archiver.name == self._world.dead or archiver.process is None:
            return
        announced_s = rng.uniform(1.0, 12.0)
        self._loop.say(archiver.name, f"is announced to be away for {announced_s:.1f} s")
        self._disturb(archiver.name)
        process = archiver.process
        process.maintenance.order(announced_s, self._loop.now)
        if rng.random() < 0.2:
            self._at(rng.uniform(0.5, 5.0), lambda: process.maintenance.order(0.0, self._loop.now))
        if rng.random() < 0.8:
            after_s = rng.uniform(0.3, 3.0)
            self._at(after_s, lambda: archiver.stop(power=rng.random() < 0.3))
            self._at(after_s + rng.uniform(0.3, 12.0), archiver.start)

    def _idle(self) -> None:
        """It answers in time and syncs nothing."""
        archiver = self._world.archivers[self._idlers.choice(sorted(self._world.archivers))]
        if archiver.name != self._world.dead:
            self._loop.say(archiver.name, "syncs nothing")
            self._disturb(archiver.name)
            archiver.idle = True
            self._at(self._idlers.uniform(6.0, 16.0), lambda: setattr(archiver, "idle", False))

    def _at(self, after_s: float, what: Callable[[], None]) -> None:
        self._loop.at(min(self._loop.now + after_s, self.until - 0.001), what)

    def _power(self, archiver: SimArchiver) -> None:
        archiver.stop(power=True)
        self._for(0.5, 10.0, archiver.start)

    def _hang(self, archiver: SimArchiver) -> None:
        archiver.hung = True
        self._for(0.5, 8.0, archiver.resume)

    def _error(self, archiver: SimArchiver) -> None:
        archiver.failing = True
        self._for(0.5, 8.0, lambda: setattr(archiver, "failing", False))

    def _full(self, archiver: SimArchiver) -> None:
        disk = self._rng.choice(archiver.disks)
        before, disk.capacity = disk.capacity, disk.used + self._rng.choice((0, 500, (1 << 20) + 1500))

        def room() -> None:
            disk.capacity = max(before, disk.capacity)

        self._for(1.0, 10.0, room)

    def _slow(self, archiver: SimArchiver) -> None:
        archiver.slow_s = self._rng.choice((0.1, 0.5, 1.0, 2.0, 4.0))
        self._for(1.0, 10.0, lambda: setattr(archiver, "slow_s", 0.0))

    def _syncs(self, archiver: SimArchiver) -> None:
        self._rng.choice(archiver.disks).fail_syncs = self._rng.randint(1, 3)

    def _unmount(self, archiver: SimArchiver) -> None:
        disk = self._rng.choice(archiver.disks)
        disk.mounted = False
        self._for(1.0, 8.0, lambda: setattr(disk, "mounted", True))

    def _disk_hangs(self, archiver: SimArchiver) -> None:
        disk = self._rng.choice(archiver.disks)
        disk.hang(self._rng.randint(1, 3))
        self._for(0.5, 10.0, disk.answer)

    def _lose(self, archiver: SimArchiver) -> None:
        if self._losable:
            archiver.lose_disks()
            self._for(0.5, 8.0, archiver.start)

    def _lose_one(self) -> None:
        """For consolidation: after a while in which journals could let chunks go."""
        archiver = self._world.archivers[self._losses.choice(sorted(self._world.archivers))]
        if archiver.name != self._world.dead:
            self._loop.say(archiver.name, "loses its disks")
            self._disturb(archiver.name)
            archiver.lose_disks()
            self._at(self._losses.uniform(0.3, 2.0), archiver.start)

    def _peer_dies(self, archiver: SimArchiver) -> None:
        """While another archiver pulls from it."""
        if archiver.name != self._world.dead:
            self._disturb(archiver.name)
            archiver.stop(power=self._losses.random() < 0.5)
            self._at(self._losses.uniform(0.3, 4.0), archiver.start)

    def _misroute(self, archiver: SimArchiver) -> None:
        self._world.checks.misrouted = True
        self._world.route[archiver.name] = self._rng.choice(sorted(self._world.archivers))
        self._for(0.5, 5.0, lambda: self._world.route.update({archiver.name: archiver.name}))

    # Links.

    def _link(self) -> None:
        rng, agent = self._rng, self._rng.choice(self._world.agents)
        to = rng.choice(sorted(agent.links))
        link: Link = agent.links[to]
        self._disturb(f"{agent.name} {to}")
        weather = rng.choice((
            Weather(cut_out=True, cut_in=True), Weather(cut_out=True), Weather(cut_in=True), Weather(loss=0.3), Weather(delay_s=0.4),
            Weather(delay_s=1.2), Weather(duplicate=0.7), Weather(reset=0.3), Weather(bytes_s=400_000.0),
            Weather(delay_s=0.2, loss=0.1, duplicate=0.3, reset=0.1)))  # fmt: skip
        self._loop.say(agent.name, "fault", weather)
        link.weather = weather
        self._for(1.0, 12.0, lambda: setattr(link, "weather", Weather()))

    # Agents.

    def _agent(self) -> None:
        agent = self._rng.choice(self._world.agents)
        kind = self._rng.choice((self._kill_agent, self._cut_agent, self._cut_agent, self._boot_1970, self._step, self._agent_syncs,
                                 self._agent_full, self._stall, self._agent_hangs))  # fmt: skip
        self._loop.say(agent.name, "fault", kind.__name__.strip("_"))
        self._disturb(agent.name)
        kind(agent)

    def _kill_agent(self, agent: SimAgent) -> None:
        agent.stop(power=False)
        self._for(0.1, 4.0, agent.start)

    def _cut_agent(self, agent: SimAgent) -> None:
        agent.stop(power=True)
        self._for(0.5, 6.0, agent.start)

    def _boot_1970(self, agent: SimAgent) -> None:
        agent.stop(power=True)
        agent.clock.offset = YEAR_1970_S - self._loop.now
        self._for(0.5, 4.0, agent.start)
        self._for(2.0, 8.0, lambda: setattr(agent.clock, "offset", 0.0))

    def _step(self, agent: SimAgent) -> None:
        agent.clock.offset += self._rng.choice((86_400.0, -3600.0, 0.7, -2.0, 3600.0))

    def _agent_syncs(self, agent: SimAgent) -> None:
        agent.disk.fail_syncs = self._rng.randint(1, 5)

    def _agent_full(self, agent: SimAgent) -> None:
        agent.disk.full = True
        self._for(1.0, 6.0, lambda: setattr(agent.disk, "full", False))

    def _stall(self, agent: SimAgent) -> None:
        agent.stall_s = self._rng.uniform(1.0, 6.0)
        self._for(1.0, 8.0, lambda: setattr(agent, "stall_s", 0.0))

    def _agent_hangs(self, agent: SimAgent) -> None:
        agent.hung_until = self._loop.now + self._rng.uniform(1.0, 8.0)

    # Cameras and operators.

    def _camera(self) -> None:
        agent = self._rng.choice(self._world.agents)
        if agent.running:
            line = self._rng.choice(agent.lines)
            line.begin(Cause.CAMERA_LOST)
            line.mute_until = self._loop.now + self._rng.choice((0.0, 0.0, 2.0, 6.0))
            self._loop.say(line.camera, "fault reconnects")

    def _operator(self) -> None:
        rng, agent = self._rng, self._rng.choice(self._world.agents)
        if not agent.running or not agent.known:
            return
        kind = rng.randrange(3)
        self._loop.say(agent.name, "operator", ("moves", "configures", "removes")[kind])
        if kind == 0:
            agent.desk.move(rng.choice(sorted(agent.known)))
        elif kind == 1:
            at = rng.randrange(len(agent.setup.cameras))
            policy = self._world.policy(agent.setup.cameras[at].camera, rng)
            agent.fewest[policy.camera] = min(agent.fewest[policy.camera], policy.copies)
            self._world.checks.delays.configured(agent.name, policy.camera)
            agent.configure([*agent.setup.cameras[:at], policy, *agent.setup.cameras[at + 1 :]])
        else:
            self._remove(agent)

    def _remove(self, agent: SimAgent) -> None:
        """An archiver leaves the agent's list and comes back."""
        gone = self._rng.choice(sorted(agent.known))
        self._disturb(f"{agent.name} {gone}")
        agent.known = tuple(name for name in agent.known if name != gone)
        agent.hire()

        def back() -> None:
            agent.known = tuple(name for name in agent.links if name in (*agent.known, gone))
            if agent.running:
                agent.hire()

        self._for(1.0, 6.0, back)


