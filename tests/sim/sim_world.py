"""One seed's world: who there is, what goes wrong when, and the run from the first chunk to the last check.

    faults (8 to 20 s) ─▶ everything healed ─▶ recording goes on (hold-down and more) ─▶ cameras end ─▶ drained ─▶ power cut, checks

Rules: everything is drawn from the seed; a fault ends by itself or at the healing; one archiver may stay dead.
"""

from random import Random

from sim_agent import Recorder, SimAgent
from sim_archiver import SimArchiver
from sim_camera import SimClock
from sim_checks import Checks
from sim_consolidate import Neighbours
from sim_content import Cuts, Names
from sim_engine import START_S, Broken, Loop, Result, broken_by
from sim_faults import Faults
from sim_losses import LossChecks
from sim_network import Link
from sim_pulls import PullChecks

from watchkeep.agent.journal.stage import AT_ONCE, Hold
from watchkeep.agent.replicate.health import Health, HealthLimits
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.replicate.room import DEFAULT_PRIORITY

FILE_BYTES = 4096
"""A journal file: seven chunks."""
SETTLE_S = 11.0
"""Recording goes on beyond the hold-down: a back-off of 1 s, and a segment of 5 s up to its cut."""
DRAIN_S = 90.0
"""How long holes may take to be filled once everything works: a back-off of 1 s, and 15 s of ring and journal at 20 MB/s."""


class World:
    """Built from a seed; `run` it once."""

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        self.loop = Loop(seed, tracing=tracing)
        self.rng = self.loop.random("world")
        self.cuts = Cuts()
        self.hub_clock = SimClock(self.loop)
        rng = self.rng
        names = "abcde"[: rng.randint(2, 5)]
        self.tight = tight = rng.random() < 0.1
        self.archivers = {
            name: SimArchiver(self.loop, name, self.cuts.hashes, self.hub_clock.utc_s, volumes=rng.choice((1, 1, 2)),
                              capacity=rng.randrange(30_000, 60_000) if tight else 8 << 30,
                              min_free_bytes=(1 << 20) + 8_000 if tight else 0) for name in names}  # fmt: skip
        self.checks = Checks(self.archivers)
        if tight:
            self.checks.delays.disturb(*names)
        self._priorities = self.loop.random("priorities")
        self.classes = self._priorities.random() < 0.7
        """Whether cameras are of different importance."""
        self.route = {name: name for name in names}
        self.neighbours = Neighbours(self.loop, self.archivers, self.route)
        self.pulls = PullChecks(self.neighbours, self.cuts, self.checks.done)
        standbys = self.loop.random("standby")
        self.cold = frozenset(standbys.choice(names) if not tight and standbys.random() < 0.2 else ())
        """Powered off until somebody needs it."""
        self._boots = standbys
        cameras = [f"cam{number}" for number in range(rng.choice((1, 1, 2, 2, 3, 3, 4, 6)))]
        limits = HealthLimits(2.0, rng.choice((2.0, 4.0, 8.0)), "sticky" if rng.random() < 0.2 else "auto",
                              wake_timeout_s=15.0, durable_timeout_s=5.0, sleep_after_s=3.0)  # fmt: skip
        self.agents = [self._agent(f"edge-{number}", share, limits)
                       for number, share in enumerate(_shares(rng, cameras))]  # fmt: skip
        self.dead = rng.choice(names) if rng.random() < 0.12 else None
        for name in self.cold:
            self.archivers[name].silent = True
        self.checks.cold = self.cold
        self.losses = LossChecks(self.cuts, self.agents, self.cold, self.checks.done)
        self.checks.delays.disturb(*self.cold)

    def _agent(self, name: str, cameras: list[str], limits: HealthLimits) -> SimAgent:
        rng = self.rng
        links = {to: Link(self.loop, f"{name} {to}", lambda to=to: self.archivers[self.route[to]], limits.ack_timeout_s)  # type: ignore[misc]
                 for to in self.archivers}  # fmt: skip
        files = rng.choice((3, 4, 6, 10, 400, 400, 400))
        policies = [self.policy(camera, rng) for camera in cameras]
        setup = Recorder(policies, limits, files * FILE_BYTES, FILE_BYTES,
                         tick_s=rng.choice((0.1, 0.25, 0.5)), sync_s=rng.choice((0.5, 1.0)),
                         pace_s=rng.choice((0.2, 0.5, 1.0)))  # fmt: skip
        staging = self.loop.random(f"stage {name}")
        setup.stage_bytes = staging.choice((6_000, 20_000, 1 << 20))
        setup.hold = Hold(5.0, setup.stage_bytes // 2) if staging.random() < 0.2 else AT_ONCE
        agent = SimAgent(self.loop, name, setup, self.cuts, links, self.cold)
        agent.on_release, agent.on_reclaim, agent.on_event = self.checks.release, self.checks.reclaim, self.checks.event
        agent.on_plan, agent.on_pace, agent.on_offer = self.checks.plan, self.checks.pace, self.checks.delays.offered
        agent.on_wake = self._wake
        agent.fewest = {policy.camera: policy.copies for policy in setup.cameras}
        return agent

    def policy(self, camera: str, rng: Random) -> CameraPolicy:
        """A camera's rule: one to three copies, on all archivers or on a list of its own."""
        names = list(self.archivers)
        priority = self._priorities.choice((2, 5, 5, 8)) if self.classes else DEFAULT_PRIORITY
        rng.shuffle(names)
        copies = rng.choice((1, 1, 2, 2, 2, 3))
        listed = None if rng.random() < 0.4 else tuple(names[: rng.randint(min(copies, len(names)), len(names))])
        return CameraPolicy(camera, copies, listed, priority)

    def run(self) -> Result:
        broken = broken_by(self._run)
        for archiver in self.archivers.values():
            archiver.close()
        loop = self.loop
        return Result(loop.seed, broken, loop.events, len(self.cuts.hashes), loop.now - START_S, self.checks.done, loop.trace)

    def _run(self) -> None:
        for name, archiver in self.archivers.items():
            archiver.check_answer, archiver.on_start = self.checks.answer, self.neighbours.started
            archiver.check_losses = self.losses.told
            if name not in self.cold:
                archiver.start()
        for agent in self.agents:
            agent.start()
        self._watch()
        faults = Faults(self)
        self._trouble(faults)
        faults.heal()
        self.loop.say("world", "healed")
        self.loop.run(self.loop.now + self.agents[0].setup.limits.failback_hold_s + SETTLE_S)
        for agent in self.agents:
            agent.end_filming()
        self.neighbours.damage = 0.0
        self._drain()
        self._judge()

    def _trouble(self, faults: Faults) -> None:
        faults.plan(until=self.loop.now + self.rng.uniform(8.0, 20.0))
        self.loop.run(faults.until)

    def _wake(self, name: str) -> None:
        """A magic packet has come: one that is off boots."""
        if name != self.dead and self.archivers[name].process is None:
            self.checks.done["woken"] += 1
            self.loop.after(self._boots.uniform(0.5, 8.0), self.archivers[name].start)

    def _nap(self) -> None:
        """A standby that every agent leaves alone goes to sleep, with nothing unsynced."""
        for name in self.cold:
            archiver, agents = self.archivers[name], [agent for agent in self.agents if agent.running and name in agent.workers]
            alone = all(agent.desk._policy.health(name).state is Health.COLD for agent in agents)
            if archiver.process is not None and alone and not archiver.process.store.register.unsynced():
                archiver.stop(power=False)
                archiver.silent = True

    def _watch(self) -> None:
        self._nap()
        self.checks.bounds()
        self.loop.after(1.0, self._watch)

    def _alive(self) -> set[str]:
        return {name for name in self.archivers if name != self.dead}

    def _drain(self) -> None:
        """Wait until no archiver that lives is owed anything."""
        deadline = self.loop.now + DRAIN_S
        alive = sorted(self._alive())
        while self.loop.now < deadline:
            self.loop.run(self.loop.now + 1.5)
            owed = any(agent.desk._ledger.pending(name) or agent.desk._policy.order(name).floor for agent in self.agents for name in alive)
            if not owed and not self.losses.untold(self._alive()) and not self._unfilled():
                return

    def _unfilled(self) -> str:
        """Chunks that an archiver of those that consolidate could have pulled and has not; where room is scarce there may be some."""
        return "" if self.tight else self.pulls.unfilled()

    def _judge(self) -> None:
        if unfilled := self._unfilled():
            raise Broken(7, unfilled)
        for agent in self.agents:
            self.checks.settled(agent, self._alive())
            self.checks.copies(agent, self._alive())
            self.checks.accounts(agent, self._cut_by(agent))
        for name in sorted(self._alive()):
            archiver = self.archivers[name]
            archiver.stop(power=True)
            archiver.start()
            self.checks.archive(archiver)
            self.losses.shown(archiver)
        self.checks.kept(self.agents)

    def _cut_by(self, agent: SimAgent) -> Names:
        found, mine = Names(), {policy.camera for policy in agent.setup.cameras}
        unwritten = {(header.camera, header.epoch, header.seq) for header, _ in agent.writer._waiting}
        unwritten |= agent.never
        for camera, epoch, seq in self.cuts.hashes:
            if camera in mine and (camera, epoch, seq) not in unwritten:
                found.add(camera, epoch, seq, seq)
        return found


def _shares(rng: Random, cameras: list[str]) -> list[list[str]]:
    """The cameras of one to three agents; none without a camera."""
    count = rng.randint(1, min(3, len(cameras)))
    return [cameras[number::count] for number in range(count)]


def run(seed: int, *, tracing: bool = False) -> Result:
    """Run one seed."""
    return World(seed, tracing=tracing).run()
