"""A world whose links carry less than its cameras send, with cameras of different importance, and no other fault.

    links narrow (100 s) ─▶ healed ─▶ recording goes on ─▶ cameras end ─▶ drained ─▶ the checks of every world

Rules: the narrowest link carries the most important class one and a half times over, so those cameras have no excuse: their
copies are in time in every round of the pacer.  The others are served, moved, or named as having no room.
"""

from sim_agent import Recorder, SimAgent
from sim_archiver import SimArchiver
from sim_checks import Checks
from sim_engine import Broken
from sim_network import Link, Weather
from sim_world import SETTLE_S, World

from watchkeep.agent.replicate.health import HealthLimits
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.wire.causes import Protection

NARROW_S = 100.0
BEGIN_S = 12.0
"""The first chunks, and the batches that are still too large for the link."""
CAMERA_BYTES_S = 440e3
"""One chunk a second at its pretended size."""
PRIORITIES = (9, 9, 5, 5, 2, 2, 2)
TOP = max(PRIORITIES)


class Narrow(World):
    """One agent with seven cameras and two archivers; `spare` says that the second one's link is wide, `cold` that it is a standby."""

    def __init__(self, seed: int, *, spare: bool, cold: bool = False, tracing: bool = False) -> None:
        super().__init__(seed, tracing=tracing)
        rng = self.loop.random("narrow")
        self.spare, self.dead, self.tight = spare, None, False
        self.archivers = {name: SimArchiver(self.loop, name, self.cuts.hashes, self.hub_clock.utc_s, volumes=1, capacity=8_000_000,
                                            min_free_bytes=0) for name in "ab"}  # fmt: skip
        self.checks, self.cold = Checks(self.archivers), frozenset("b" if cold else "")
        self.checks.cold = self.cold
        self.checks.delays.disturb(*self.archivers)
        self.route = {name: name for name in self.archivers}
        copies = 1 if spare else rng.choice((1, 2))
        policies = [CameraPolicy(f"cam{number}", copies, ("a", "b"), priority) for number, priority in enumerate(PRIORITIES)]
        links = {to: Link(self.loop, f"edge {to}", lambda to=to: self.archivers[to], 2.0) for to in self.archivers}  # type: ignore[misc]
        limits = HealthLimits(2.0, rng.choice((4.0, 8.0)), wake_timeout_s=15.0, sleep_after_s=3.0 if cold else 600.0)
        setup = Recorder(policies, limits, 1200 * 4096, 4096, tick_s=0.1, sync_s=1.0)
        agent = SimAgent(self.loop, "edge", setup, self.cuts, links, self.cold)
        agent.on_wake = self._wake
        agent.on_release, agent.on_event, agent.on_plan = self.checks.release, self.checks.event, self.checks.plan
        agent.on_pace, agent.on_offer = self._pace, self.checks.delays.offered
        agent.fewest = {policy.camera: policy.copies for policy in policies}
        self.agents[:] = [agent]
        self._narrow_from = self._healed_at = float("inf")
        self.share = rng.uniform(1.5, 2.0)
        self.unprotected: set[str] = set()
        self.moved: set[str] = set()

    def _run(self) -> None:
        (agent,) = self.agents
        for archiver in self.archivers.values():
            archiver.check_answer = self.checks.answer
            archiver.silent = archiver.name in self.cold
            if not archiver.silent:
                archiver.start()
        for name, link in agent.links.items():
            if name == "a" or not self.spare:
                link.weather = Weather(bytes_s=self.share * PRIORITIES.count(TOP) * CAMERA_BYTES_S)
        self._narrow_from, self._healed_at = self.loop.now + BEGIN_S, self.loop.now + NARROW_S
        agent.start()
        if self.cold:
            self._watch()
        self.loop.run(self._healed_at)
        for link in agent.links.values():
            link.weather = Weather()
        self.checks.delays.healed(self.loop.now)
        self.loop.run(self.loop.now + agent.setup.limits.failback_hold_s + SETTLE_S)
        agent.end_filming()
        self._drain()
        self._judge()

    def _pace(self, agent: SimAgent) -> None:
        """The most important cameras are protected in every round; whoever is not says that there is no room."""
        self.checks.pace(agent)
        now = self.loop.now
        for policy in agent.setup.cameras if self._narrow_from <= now < self._healed_at else ():
            view = agent.desk.protection(policy.camera)
            if agent.desk._policy.targets(policy.camera) == ("b",) and policy.copies == 1:
                self.moved.add(policy.camera)
            if view.state is Protection.PROTECTED:
                continue
            if policy.priority == TOP:
                raise Broken(7, f"{policy.camera} of priority {TOP} is {view.state} {now - self._narrow_from:.1f} s on: {view.why}")
            if f"for priority {policy.priority}: " in view.why:
                self.unprotected.add(policy.camera)
