"""`./run sim`: runs seeds of the deterministic simulation, replays one, keeps none of what it finds to itself.

    --seeds N [--first S] [--jobs 1|2]   run N seeds from S on; exit code 1 when one breaks an invariant
    --seed S [--trace]                   replay one seed; with --trace every step of it

Rules: a failing seed is printed with the command that replays it; it belongs into tests/sim/regressions.txt with its reason.
"""

import argparse
import gc
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from sim_world import Result, run

REGRESSIONS = Path(__file__).with_name("regressions.txt")


def regressions() -> list[int]:
    """The seeds of regressions.txt: one a line, then why it is kept."""
    return [int(line.split()[0]) for line in REGRESSIONS.read_text().splitlines() if line.strip() and not line.startswith("#")]


def one(seed: int) -> Result:
    """Run one seed with the product's logs silent."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    gc.disable()  # a world is one big cycle: it goes at once, below, a tenth faster than bit by bit
    try:
        return run(seed)
    finally:
        logging.disable(before)
        gc.enable()
        if seed % 8 == 0:
            gc.collect()


def sweep(first: int, count: int, jobs: int) -> Iterator[Result]:
    """Results of the seeds, in any order."""
    seeds = range(first, first + count)
    if jobs == 1:
        yield from map(one, seeds)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(one, seeds, chunksize=20)


def replay(seed: int, *, trace: bool) -> int:
    logging.disable(logging.CRITICAL)
    result = run(seed, tracing=trace)
    for line in result.trace or ():
        print(line)
    verdict = result.broken or "all invariants hold"
    print(f"seed {seed}: {result.chunks} chunks, {result.events} events, {result.simulated_s:.0f} s simulated: {verdict}")
    return result.broken is not None


def report(first: int, count: int, jobs: int, budget_s: float) -> int:
    began, done, simulated, failed = time.monotonic(), 0, 0.0, 0
    totals: Counter[str] = Counter()
    for result in sweep(first, count, jobs):
        done, simulated = done + 1, simulated + result.simulated_s
        totals.update(result.done, chunks=result.chunks, events=result.events)
        if result.broken is not None:
            failed += 1
            print(f"seed {result.seed}: {result.broken}\n     ./run sim --seed {result.seed} --trace", flush=True)
        if time.monotonic() - began > budget_s:
            break
    took = time.monotonic() - began
    print(f"{done} seeds from {first} on in {took:.0f} s ({1000 * took / max(done, 1):.0f} ms each), {simulated / 3600:.1f} h simulated, "
          f"{failed} failed; {', '.join(f'{count} {name}' for name, count in sorted(totals.items()))}")  # fmt: skip
    return failed > 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./run sim", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds (200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=1, help="processes (1)")
    parser.add_argument("--for", type=float, default=float("inf"), dest="budget_s", metavar="SECONDS", help="stop after so long")
    parser.add_argument("--seed", type=int, help="replay this one instead")
    parser.add_argument("--trace", action="store_true", help="and print every step")
    chosen = parser.parse_args(arguments)
    if chosen.seed is not None:
        return replay(chosen.seed, trace=chosen.trace)
    return report(chosen.first, chosen.seeds, chosen.jobs, chosen.budget_s)


if __name__ == "__main__":
    sys.exit(main())
