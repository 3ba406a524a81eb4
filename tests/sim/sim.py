"""`./run sim`: runs seeds of the deterministic simulation, replays one, keeps none of what it finds to itself.

    --seeds N [--first S] [--jobs 1|2]   run N seeds from S on; exit code 1 when one breaks an invariant
    --report FILE                        keep what was done in a file; the same command again goes on where it stopped
    --seed S [--trace]                   replay one seed; with --trace every step of it
    --directory                          directory servers instead of recorders and archivers
    --recorders                          directory servers and the agents that follow them

Rules: a sweep gives way to everything else on the machine (nice).  A failing seed is printed with the command that replays it; it
belongs into tests/sim/regressions.txt (of directory servers: regressions_directory.txt) with its reason.
"""

import argparse
import gc
import logging
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import sim_directory_world
import sim_recorders
import sim_world
from sim_engine import Result
from sim_processes import Processes
from sim_report import SAVE_EVERY_S, Progress, Sweep

REGRESSIONS = Path(__file__).with_name("regressions.txt")
DIRECTORY_REGRESSIONS = Path(__file__).with_name("regressions_directory.txt")
MADE = {"recording": "chunks", "directory": "acknowledged edits", "recorders": "documents taken up"}
WORLDS = {"recording": sim_world.run, "directory": sim_directory_world.run, "recorders": sim_recorders.run}


def regressions(file: Path = REGRESSIONS) -> list[int]:
    """The seeds of a file: one a line, then why it is kept."""
    return [int(line.split()[0]) for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]


def one(seed: int, world: str = "recording") -> Result:
    """Run one seed with the product's logs silent."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    tidies = gc.isenabled()
    gc.disable()  # a world is one big cycle: it goes at once, below, a tenth faster than bit by bit
    try:
        return WORLDS[world](seed)
    finally:
        logging.disable(before)
        if tidies:
            gc.enable()
            if seed % 8 == 0:
                gc.collect()


def sweep(first: int, count: int, jobs: int, world: str = "recording") -> Iterator[Result]:
    """Results of the seeds, in their order."""
    with Processes(partial(one, world=world), jobs) as processes:
        yield from processes.results(range(first, first + count))


def replay(seed: int, world: str, *, trace: bool) -> int:
    logging.disable(logging.CRITICAL)
    result = WORLDS[world](seed, tracing=trace)
    for line in result.trace or ():
        print(line)
    verdict = result.broken or "all invariants hold"
    print(f"seed {seed}: {result.made} {MADE[world]}, {result.events} events, {result.simulated_s:.0f} s simulated: {verdict}")
    return result.broken is not None


def report(first: int, count: int, jobs: int, budget_s: float, world: str, file: Path | None) -> int:
    done = Sweep.load(file, world, first) if file is not None else Sweep(world, first)
    progress = Progress(done, count)
    began, before_s = time.monotonic(), done.took_s
    saved = began
    try:
        for result in sweep(done.next, count - done.count, jobs, world):
            done.add(result, MADE[world])
            if result.broken is not None:
                progress.clear()
                option = "" if world == "recording" else f" --{world}"
                print(f"seed {result.seed}: {result.broken}\n     ./run sim{option} --seed {result.seed} --trace", flush=True)
            progress.tell()
            now = time.monotonic()
            done.took_s = before_s + now - began
            if file is not None and now - saved >= SAVE_EVERY_S:
                saved = now
                done.save(file)
            if now - began > budget_s:
                break
    finally:
        progress.clear()
        if file is not None:
            done.save(file)
    print(done.summary())
    return bool(done.failures)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./run sim", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds (200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=1, help="processes (1)")
    parser.add_argument("--for", type=float, default=float("inf"), dest="budget_s", metavar="SECONDS", help="stop after so long")
    parser.add_argument("--report", type=Path, metavar="FILE", help="what was done, as JSON; an earlier one of these seeds is continued")
    parser.add_argument("--seed", type=int, help="replay this one instead")
    parser.add_argument("--trace", action="store_true", help="and print every step")
    parser.add_argument("--directory", action="store_const", const="directory", default="recording", dest="world", help="directory servers")
    parser.add_argument("--recorders", action="store_const", const="recorders", dest="world", help="and agents that follow them")
    chosen = parser.parse_args(arguments)
    if chosen.seed is not None:
        return replay(chosen.seed, chosen.world, trace=chosen.trace)
    return report(chosen.first, chosen.seeds, chosen.jobs, chosen.budget_s, chosen.world, chosen.report)


if __name__ == "__main__":
    sys.exit(main())
