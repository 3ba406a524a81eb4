"""A case of `./run reliability`: three directory servers of an older commit become servers of this one, one after the other.

    ./run reliability upgrade --from COMMIT

    all old ─▶ each in turn: stopped, started as new ─▶ edits at every server, equal states ─▶ the leader of mixed ones killed ─▶ all new

Rules: the older commit is taken out of git, with the compiled parts of this one; so it has to be one whose Python goes with them.  What
counts is that every edit is taken and that after each step all servers have the same journal.
"""

import argparse
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from directory_site import DirectorySite, directory_site
from series import Series
from takeover import SETTLE_S
from wksite import wait_until

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"wire": "wire", "agent": "agent", "hub": "hub", "profiles": "firmware-profiles"}
SERVERS = "abc"
AGAIN = "until an edit is taken at every server"


def upgrade(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """One server at a time, and the leader's death in the middle."""
    series = Series("upgrade", f"directory servers of {args.old}, one after the other")
    old = view(args.old, folder / "old")
    with directory_site(folder) as site:
        with of(old):
            site.servers(SERVERS)
        series.add(AGAIN, edits(site, series))
        for number, name in enumerate(SERVERS):
            site.stop_all(name)
            site.start(name)
            series.add(AGAIN, edits(site, series))
            leader = site.leader(SERVERS)
            site.kill(leader)
            with of(old if leader in SERVERS[number + 1 :] else None):
                site.start(leader)
            series.add("the same after the leader's SIGKILL", edits(site, series))
        made = set(site.clients["a"].get("/v1/site/camera").json())
        if len(made) != 2 * len(SERVERS) * len(SERVERS) + len(SERVERS):
            series.miss(f"{len(made)} cameras are there")
    return series


def view(commit: str, folder: Path) -> Path:
    """The packages of an older commit as an import path."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit, *PACKAGES.values()], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    packages = folder / "view" / "watchkeep"
    packages.mkdir(parents=True)
    for name, where in PACKAGES.items():
        (packages / name).symlink_to(folder / where)
    (packages / "native").symlink_to(ROOT / "native")
    return folder / "view"


@contextmanager
def of(path: Path | None) -> Iterator[None]:
    """Processes that are started inside are of that version; None: of this one."""
    before = os.environ.get("PYTHONPATH", "")
    if path is not None:
        os.environ["PYTHONPATH"] = str(path)
    try:
        yield
    finally:
        os.environ["PYTHONPATH"] = before


def edits(site: DirectorySite, series: Series) -> float:
    """Seconds until each server has taken an edit and all have the same journal."""
    began, series.trials = time.monotonic(), series.trials + 1
    for name in SERVERS:
        wait_until(lambda name=name: site.takes(name, f"cam-{name}-{series.trials}"), SETTLE_S, f"an edit at {name}")
    wait_until(lambda: site.leader(SERVERS) != "", SETTLE_S, "equal journals")
    return time.monotonic() - began


CASES = {"upgrade": upgrade}
