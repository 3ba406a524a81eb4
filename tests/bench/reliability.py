"""`./run reliability`: takeover times, frames lost, catch-up and endurance under real faults (docs/RELIABILITY.md).

    ./run reliability                          every case, 50 trials each
    ./run reliability kill stop --trials 100   these cases
    ./run reliability --long                   the cases outage and broker last 10 minutes instead of 30 s,
                                               no-directory an hour instead of a minute
    ./run reliability upgrade --from COMMIT    directory servers of an older commit, updated one after the other

Rules: a figure counts only with its number of trials and with the frames that were lost meanwhile; exit 1 when a
target is missed or a frame is lost.
"""

import argparse
import json
import logging
import signal
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import catchup
import endurance
import nodirectory
import pauses
import recorders
import upgrade
from rich.console import Console
from rich.table import Table
from series import Series, low_percentile, percentile
from takeover import FAULTS, redundant, takeover
from verdict import missed

REDUNDANT = {f"redundant-{fault}": fault for fault in FAULTS}
KNOWN = (*FAULTS, *REDUNDANT, *recorders.CASES, *catchup.CASES, *endurance.CASES, *pauses.CASES, *nodirectory.CASES)
ASKED = tuple(upgrade.CASES)
"""Cases that want an option of their own, and are run by name only."""


def run(case: str, args: argparse.Namespace, folder: Path) -> Series:
    random = Random(args.seed)
    if case in FAULTS:
        return takeover(case, trials=args.trials, cameras=args.cameras, folder=folder, random=random)
    if case in REDUNDANT:
        return redundant(REDUNDANT[case], trials=args.trials, cameras=args.cameras, folder=folder, random=random)
    if case in recorders.CASES:
        return recorders.recorders(case, trials=args.trials, cameras=args.cameras, folder=folder, random=random)
    return (catchup.CASES | endurance.CASES | pauses.CASES | nodirectory.CASES | upgrade.CASES)[case](args, folder, random)


def show(console: Console, series: Series, wrong: list[str]) -> None:
    proof = f"{series.frames} frames, {series.frames_lost} lost, {series.gaps} gaps, {series.damage} damaged{series.note}"
    title = f"{series.case}: {series.what} ({series.trials} trials)"
    table = Table("measured", "p50", "p99", "worst", title=title, caption=proof)
    for name, values in series.seconds.items():
        table.add_row(name, *(f"{value:.2f} s" for value in (percentile(values, 0.5), percentile(values, 0.99), max(values))))
    for name, values in series.figures.items():
        table.add_row(name, *(f"{value:.1f}" for value in (low_percentile(values, 0.5), low_percentile(values, 0.99), min(values))))
    console.print(table)
    for line in wrong:
        console.print(f"MISSED: {line}", markup=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join((*KNOWN, *ASKED))}")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--from", dest="old", metavar="COMMIT", help="upgrade: what the directory servers are at first")
    parser.add_argument("--long", action="store_true", help="10 minutes of outage, and without a broker; an hour without a directory")
    parser.add_argument("--away", type=float, default=20.0, help="catchup: seconds that b is away; the live lane reaches 10 s back")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="write every single time as JSON")
    args = parser.parse_args()
    if set(args.cases) - {*KNOWN, *ASKED}:
        parser.error(f"cases are {', '.join((*KNOWN, *ASKED))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that processes, mounts and namespaces are taken down
    logging.getLogger().addHandler(logging.NullHandler())  # of hubs in this process: their events are part of the case
    console, results, good = Console(), [], True
    for case in args.cases or KNOWN:
        with tempfile.TemporaryDirectory(prefix="watchkeep-reliability-") as folder:
            series = run(case, args, Path(folder))
        wrong = missed(case, series)
        show(console, series, wrong)
        good = good and not wrong
        results.append({**asdict(series), "missed": wrong})
        if args.report:
            when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            args.report.write_text(json.dumps({"when": when, "cameras": args.cameras, "cases": results}, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
