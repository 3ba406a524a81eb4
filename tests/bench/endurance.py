"""Cases of `./run reliability` that take long: outages, and an archiver or an agent that dies again and again.

Rules: each builds a site of its own, proves its archives at the end and enters what it missed.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from consolidate import consolidate
from faultplays import bound_frames, kill_agent, lost_frames, restart_archiver
from faultproxy import FaultProxy, Mode
from faultrig import FPS, FaultSite, different_files, fault_site, wait_until
from series import Series
from takeover import SETTLE_S, finish

KILLS, RESTARTS = 200, 50
OUTAGE_S, LONG_OUTAGE_S = 30.0, 600.0


LIGHT = ("--fps", str(FPS), "--size", "320x180", "--bitrate", "500k", "--loop-seconds", "10")


def start(site: FaultSite, *, cameras: int, copies: int, proxied: bool, source: tuple[str, ...] = LIGHT) -> list[FaultProxy]:
    """Archivers a and b, behind proxies if wanted, a source with these options and an agent that records."""
    site.archivers("a", "b")
    proxies = [site.behind_proxy(name) for name in "ab"] if proxied else []
    site.record(site.source(*source, cameras=cameras), copies=copies)
    site.recording(cameras)
    wait_until(lambda: min(site.held("b" if copies > 1 else "a").values()) >= 2, SETTLE_S, "recording")
    return proxies


def differ(site: FaultSite) -> str:
    """What is wrong when a and b do not hold the same chunks with the same hashes; empty when they do."""
    return "" if site.same("a", "b") else "the archives differ"


def restarts(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """An archiver is killed or stopped 50 times during recording: both end with the same files, byte for byte."""
    series = Series("archiver restarts", "killed and stopped in turn; both archives compared byte by byte", trials=RESTARTS)
    with fault_site(folder) as site:
        start(site, cameras=args.cameras, copies=2, proxied=False)
        restart_archiver(site, RESTARTS)
        finish(site)
        series.judge(site.proof("a"))
        series.miss(differ(site), *different_files(site.volume("a"), site.volume("b")))
    return series


def kills(args: argparse.Namespace, folder: Path, random: Random) -> Series:
    """The agent is killed 200 times, every other time as if the power had gone, every other time of these while the archivers were away."""
    series = Series("agent kills", "every other one a power cut, half of these with the archivers away", trials=KILLS)
    with fault_site(folder) as site:
        proxies, acknowledged = start(site, cameras=1, copies=2, proxied=True), dict[int, int]()
        for number in range(KILLS):
            cut, away = bool(number % 2), number % 4 == 1
            for proxy in proxies:
                proxy.set(Mode.RESET if away else Mode.PASS)
            [(epoch, seq)] = kill_agent(site, random, power_cut=cut).items()
            series.miss(*([f"epoch {epoch} came after {max(acknowledged)}"] if epoch <= max(acknowledged, default=0) else []))
            acknowledged[epoch] = seq
            series.add("of video lost at a kill", 0.0)
        for proxy in proxies:
            proxy.set(Mode.PASS)
        site.recording(1)
        finish(site)
        report = site.union("a", "b").camera("cam0")
        lost = lost_frames(report, site.sent()["cam0"])
        series.seconds["of video lost at a kill"] = [round(frames / FPS, 2) for frames in lost[:-1]]
        series.frames, series.gaps, series.damage = report.frames, len(report.gaps), report.damage_total
        newest = {epoch.epoch: epoch.last_seq for epoch in report.epochs}
        gone = sum(newest.get(epoch, -1) < seq for epoch, seq in acknowledged.items())
        series.miss(*kill_faults(gone, max(lost)))
    return series


def kill_faults(gone: int, lost: int) -> list[str]:
    """gone: epochs whose newest acknowledged chunk is in no archive; lost: frames at the kill that took the most."""
    return [*([f"in {gone} epochs acknowledged chunks are gone"] if gone else []),
            *([f"{lost} frames lost at one kill, the bound is {bound_frames()}"] if lost > bound_frames() else [])]  # fmt: skip


def outage(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """Both archivers are away, and back: from then until nothing is owed."""
    away_s = LONG_OUTAGE_S if args.long else OUTAGE_S
    series = Series("outage of both", f"both archivers away for {away_s:g} s", trials=1)
    with fault_site(folder) as site:
        proxies = start(site, cameras=args.cameras, copies=2, proxied=True)
        for proxy in proxies:
            proxy.set(Mode.RESET)
        time.sleep(away_s)  # the outage itself
        for proxy in proxies:
            proxy.set(Mode.PASS)
        began = time.monotonic()
        site.settled(max(away_s, SETTLE_S))
        series.add("until nothing is owed", time.monotonic() - began)
        finish(site)
        series.judge(site.proof("a"))
        series.miss(differ(site))
    return series


CASES: dict[str, Callable[[argparse.Namespace, Path, Random], Series]] = {
    "outage": outage,
    "restarts": restarts,
    "consolidate": consolidate,
    "kills": kills,
}
