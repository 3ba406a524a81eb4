"""Batches of seeds, each in a process of its own that is forked from this one; results come in the order of the seeds.

Rules: what a batch's worlds were made of goes with its process, so nobody looks for it in the memory (gc), which costs a tenth of a
world's time.  At most `jobs` processes run at a time, and AHEAD for each of them are begun and not yet taken.  A process that dies
takes the sweep with it: its seed is named.
"""

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import NamedTuple

from sim_engine import Result

NICE = 5
"""A sweep takes hours and is in nobody's way; one in the tests leaves the cores to tests that look at a clock."""
BATCH = 20
"""Seeds of a process: three seconds, and 50 MB that nobody tidies."""
AHEAD = 2
"""The results of a batch, 10 kB, wait in its pipe."""
_FORK = get_context("fork")


class _Batch(NamedTuple):
    seeds: range
    pipe: Connection
    process: ForkProcess


class Processes:
    """Use as a context: leaving it ends what still runs."""

    def __init__(self, run: Callable[[int], Result], jobs: int) -> None:
        self._run, self._jobs = run, jobs
        self._begun: deque[_Batch] = deque()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for batch in self._begun:
            batch.process.kill()
            batch.process.join()
            batch.pipe.close()

    def results(self, seeds: range) -> Iterator[Result]:
        """The result of each seed; RuntimeError when a process dies of something else than a broken invariant."""
        todo = deque(seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH))
        while todo or self._begun:
            self._begin(todo)
            batch = self._begun[0]
            for seed in batch.seeds:
                self._begin(todo)
                try:
                    result = batch.pipe.recv()
                except EOFError as error:
                    raise RuntimeError(f"seed {seed} has killed its process, or one from {batch.seeds.start} on has") from error
                yield result
            self._begun.popleft()
            batch.process.join()
            batch.pipe.close()

    def _begin(self, todo: deque[range]) -> None:
        """Begin batches while there is a core for one."""
        while todo and len(self._begun) < AHEAD * self._jobs and sum(batch.process.is_alive() for batch in self._begun) < self._jobs:
            seeds, (mine, its) = todo.popleft(), _FORK.Pipe(duplex=False)
            process = _FORK.Process(target=self._work, args=(seeds, its))
            process.start()
            its.close()
            self._begun.append(_Batch(seeds, mine, process))

    def _work(self, seeds: range, pipe: Connection) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is interrupted at the terminal ends this one
        os.nice(NICE)
        gc.disable()
        for seed in seeds:
            pipe.send(self._run(seed))
