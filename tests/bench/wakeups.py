"""Which of the agent's threads wake how often, and what CPU they take: 64 cameras of little bitrate, because a wake-up asks for no bytes.

    python tests/bench/wakeups.py --cameras 64 --seconds 20

Rules: a wake-up is a voluntary context switch; a thread that waits for the interpreter's lock counts as well, so beside other work the same
program has two to three times as many, and only runs in turn on one machine compare.  Threads that end or begin meanwhile are left out.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import usage
from bench import ARCHIVERS, agent_of
from rich.console import Console
from rich.table import Table

from watchkeep.hub.demo.cast import Cast

SMALL = ("--size", "320x180", "--fps", "10", "--bitrate", "300k", "--loop-seconds", "4")


def group(name: str) -> str:
    """The cameras' threads are one."""
    return "wk-cam-*" if name.startswith("wk-cam-") else name


def rates(before: dict[tuple[int, str], int], after: dict[tuple[int, str], int], seconds: float) -> dict[str, float]:
    """Wake-ups a second of each name, most first."""
    found: Counter[str] = Counter()
    for thread in before.keys() & after.keys():
        found[group(thread[1])] += after[thread] - before[thread]
    return {name: count / seconds for name, count in found.most_common()}


def measure(cameras: int, warm_s: float, seconds: float) -> tuple[dict[str, float], float]:
    """Of an agent that records on two archivers: the rates, and its CPU in % of a core."""
    with tempfile.TemporaryDirectory(prefix="watchkeep-bench-") as folder, Cast(Path(folder)) as cast:
        urls = cast.source(*SMALL, cameras=cameras)
        cast.broker()
        cast.archivers(*ARCHIVERS)
        agent = agent_of(cast, urls, cameras)
        time.sleep(warm_s)
        cpu, before, start = usage.read(agent.pid).cpu_s, usage.wakeups_by_thread(agent.pid), time.monotonic()
        time.sleep(seconds)
        after, wall = usage.wakeups_by_thread(agent.pid), time.monotonic() - start
        return rates(before, after, wall), 100 * (usage.read(agent.pid).cpu_s - cpu) / wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--warm", type=float, default=20, help="seconds before measuring starts: every camera is to be recording")
    args = parser.parse_args()
    found, cpu = measure(args.cameras, args.warm, args.seconds)
    table = Table(title=f"{args.cameras} cameras: {sum(found.values()):.0f} wake-ups a second, {cpu:.2f} % of a core")
    table.add_column("thread")
    table.add_column("wake-ups a second", justify="right")
    for name, rate in found.items():
        table.add_row(name, f"{rate:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
