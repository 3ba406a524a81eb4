"""A world in which every archiver is away for longer than the journals reach, so that chunks are lost and declared.

    all archivers die (2 to 5 s) ─▶ journals run over ─▶ some return ─▶ healed ─▶ as in every world

Rules: what else goes wrong are agents that die while they know of losses that nobody else does, archivers that lose their disks after
they were told, and lists that change.
"""

from functools import partial

from sim_faults import Faults
from sim_world import FILE_BYTES, World


class Outage(World):
    """Journals of three files: about fourteen chunks."""

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        super().__init__(seed, tracing=tracing)
        self.dead = None
        for agent in self.agents:
            agent.setup.max_bytes = 3 * FILE_BYTES

    def _trouble(self, faults: Faults) -> None:
        rng, loop, began = self.loop.random("outage"), self.loop, self.loop.now
        faults.until = began + rng.uniform(30.0, 36.0)
        self.checks.delays.disturb(*self.archivers, *(agent.name for agent in self.agents))
        for archiver in self.archivers.values():
            loop.at(began + rng.uniform(2.0, 5.0), partial(archiver.stop, power=rng.random() < 0.5))
            if rng.random() < 0.7 and archiver.name not in self.cold:
                loop.at(began + rng.uniform(22.0, 28.0), archiver.start)
                if rng.random() < 0.2:
                    loop.at(began + rng.uniform(28.0, 29.0), archiver.lose_disks)
        for agent in self.agents:
            if rng.random() < 0.4:
                at = began + rng.uniform(8.0, 24.0)
                loop.at(at, partial(agent.stop, power=rng.random() < 0.5))
                loop.at(at + rng.uniform(0.3, 3.0), agent.start)
        if rng.random() < 0.3:
            loop.at(began + rng.uniform(5.0, 25.0), faults._operator)
        loop.run(faults.until)
