"""`./run reliability`: takeover times, frames lost, catch-up, endurance and the directory under real faults (docs/RELIABILITY.md).

    ./run reliability --report FILE            every case, 50 trials each: about three hours on two cores
    ./run reliability kill stop --trials 100   these cases; a trial of one takes 4 to 30 s
    ./run reliability --long                   the cases outage and broker last 10 minutes instead of 30 s,
                                               no-directory an hour instead of a minute: 80 minutes more in all
    ./run reliability --from COMMIT            the case upgrade as well: directory servers of an older commit, updated one after the other

Rules: a figure counts only with its number of trials and with the frames that were lost meanwhile; verdict.py says what is missed; exit 1
when anything is.  A case that ends early is missed, and the others go on.  The report is written after each case.
"""

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import catchup
import directory
import endurance
import nodirectory
import pauses
import psycopg
import recorders
import upgrade
from rich.console import Console
from rich.table import Table
from series import Series, low_percentile, percentile
from takeover import FAULTS, redundant, takeover
from verdict import missed

from watchkeep.wire.errors import WatchkeepError

REDUNDANT = {f"redundant-{fault}": fault for fault in FAULTS}
OTHERS = catchup.CASES | endurance.CASES | pauses.CASES | nodirectory.CASES | directory.CASES
KNOWN = (*FAULTS, *REDUNDANT, *recorders.CASES, *OTHERS)
ASKED = tuple(upgrade.CASES)
"""Cases that want --from, and are run when it is given."""
ENDS_EARLY = (WatchkeepError, TimeoutError, AssertionError, OSError, subprocess.SubprocessError, psycopg.Error)
"""What a site raises when something did not happen in time or ended by itself."""


def run(case: str, args: argparse.Namespace, folder: Path) -> Series:
    random = Random(args.seed)
    if case in FAULTS:
        return takeover(case, trials=args.trials, cameras=args.cameras, folder=folder, random=random)
    if case in REDUNDANT:
        return redundant(REDUNDANT[case], trials=args.trials, cameras=args.cameras, folder=folder, random=random)
    if case in recorders.CASES:
        return recorders.recorders(case, trials=args.trials, cameras=args.cameras, folder=folder, random=random)
    return (OTHERS | upgrade.CASES)[case](args, folder, random)


def judged(case: str, args: argparse.Namespace) -> tuple[Series, dict[str, Any]]:
    """What a case measured, and its part of the report: every single time, what is missed, and how busy the machine was."""
    began, when, before = time.monotonic(), now(), os.getloadavg()
    try:
        with tempfile.TemporaryDirectory(prefix="watchkeep-reliability-") as folder:
            series = run(case, args, Path(folder))
    except ENDS_EARLY as error:
        traceback.print_exc()
        series = Series(case, "ended early", shortfalls=[f"{type(error).__name__}: {error}"])
    return series, {"name": case, **asdict(series), "missed": missed(case, series), "when": when,
                    "took_s": round(time.monotonic() - began, 1), "load_before": before, "load_after": os.getloadavg()}  # fmt: skip


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def commit() -> str:
    """Of this checkout, `-dirty` with changes; `unknown` when git cannot tell."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def show(console: Console, series: Series, wrong: list[str]) -> None:
    proof = (f"{series.edits} edits acknowledged, {series.edits_missing} missing" if series.edits else
             f"{series.frames} frames, {series.frames_lost} lost, {series.gaps} gaps, {series.damage} damaged") + series.note  # fmt: skip
    title = f"{series.case}: {series.what} ({series.trials} trials)"
    table = Table("measured", "p50", "p99", "worst", title=title, caption=proof)
    for name, values in series.seconds.items():
        table.add_row(name, *(f"{value:.3f} s" for value in (percentile(values, 0.5), percentile(values, 0.99), max(values))))
    for name, values in series.figures.items():
        table.add_row(name, *(f"{value:.1f}" for value in (low_percentile(values, 0.5), low_percentile(values, 0.99), min(values))))
    console.print(table)
    for line in wrong:
        console.print(f"MISSED: {line}", markup=False)


def chosen(args: argparse.Namespace) -> tuple[str, ...]:
    """The cases to run: those named, or all."""
    return tuple(args.cases) or (*KNOWN, *(ASKED if args.old else ()))


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join((*KNOWN, *ASKED))}")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--from", dest="old", metavar="COMMIT", help="upgrade: what the directory servers are at first")
    parser.add_argument("--long", action="store_true", help="10 minutes of outage, and without a broker; an hour without a directory")
    parser.add_argument("--away", type=float, default=20.0, help="catchup: seconds that b is away; the live lane reaches 10 s back")
    directory.options(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="write every single time as JSON")
    args = parser.parse_args(argv)
    if set(args.cases) - {*KNOWN, *ASKED}:
        parser.error(f"cases are {', '.join((*KNOWN, *ASKED))}")
    if set(args.cases) & {*ASKED} and not args.old:
        parser.error("which older commit? --from COMMIT")
    return args


def main() -> int:
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that processes, mounts and namespaces are taken down
    logging.getLogger().addHandler(logging.NullHandler())  # of hubs in this process: their events are part of the case
    console, results = Console(), []
    report = {"when": now(), "commit": commit(), "cores": os.cpu_count(), "trials": args.trials, "cameras": args.cameras, "cases": results}
    for case in chosen(args):
        series, part = judged(case, args)
        show(console, series, part["missed"])
        results.append(part)
        if args.report:
            args.report.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if any(part["missed"] for part in results) else 0


if __name__ == "__main__":
    sys.exit(main())
