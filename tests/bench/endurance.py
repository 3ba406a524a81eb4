"""Cases of `./run reliability` that take long: outages, catch-up, and an archiver or an agent that dies again and again.

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
from series import Series, percentile
from takeover import SETTLE_S, finish

KILLS, RESTARTS = 200, 50
OUTAGE_S, LONG_OUTAGE_S = 30.0, 600.0
CATCHUP_CAMERAS, CATCHUP_OUTAGE_S = 16, 20.0
"""Twice what the live lane reaches back."""
CATCHUP_TARGET = 20.0
MAX_LIVE_AGE_S = 2.0


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
    """The agent is killed 200 times, every other time as if the power had gone while the archivers were away."""
    series = Series("agent kills", "every other one a power cut with the archivers away", trials=KILLS)
    with fault_site(folder) as site:
        proxies, acknowledged = start(site, cameras=1, copies=2, proxied=True), dict[int, int]()
        for number in range(KILLS):
            away = bool(number % 2)
            for proxy in proxies:
                proxy.set(Mode.RESET if away else Mode.PASS)
            acknowledged |= kill_agent(site, random, power_cut=away)
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


def catchup(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """One archiver comes back to 16 cameras' backlog, again and again: how fast it is filled, and how old live video gets meanwhile."""
    what = f"{CATCHUP_CAMERAS} cameras of 0.5 Mbit/s, copies 2, b away for {CATCHUP_OUTAGE_S:g} s"
    series, rates = Series("catch-up", what), list[float]()
    with fault_site(folder) as site:
        start(site, cameras=CATCHUP_CAMERAS, copies=2, proxied=False)
        for _ in range(args.trials):
            before = site.held("b")
            site.kill("b")
            time.sleep(CATCHUP_OUTAGE_S)  # the outage itself
            site.again("b")
            wait_until(lambda before=before: any(seq > before[camera] for camera, seq in site.held("b").items()), SETTLE_S, "b's return")
            returned = time.monotonic()
            backlog = min(ahead - before[camera] for camera, ahead in site.held("a").items())
            wait_until(lambda: behind(site) <= 1, SETTLE_S, "live chunks on b")
            series.add("from there until live chunks arrive", time.monotonic() - returned)
            while any(site.holes("b").values()):
                series.add("live chunks on b behind a", behind(site))
                time.sleep(0.05)
            took = time.monotonic() - returned
            series.add("from there until no hole is left", took)
            rates.append(backlog / took)
            series.trials += 1
        slow, usual = percentile(rates, 0.01), percentile(rates, 0.5)
        late = percentile(series.seconds.get("live chunks on b behind a", [0.0]), 0.99)
        series.note = f"; {usual:.1f} x real time p50, {slow:.1f} x p99"
        if usual < CATCHUP_TARGET or late > MAX_LIVE_AGE_S:
            series.miss(f"{usual:.1f} x real time, target {CATCHUP_TARGET:g}; live {late:g} s behind, target {MAX_LIVE_AGE_S:g}")
        finish(site)
        series.judge(site.proof("b"))
    return series


def behind(site: FaultSite) -> float:
    """Chunks, that is seconds, that b's newest is behind a's, of the camera that is worst off."""
    held, ahead = site.held("b"), site.held("a")
    return float(max(ahead[camera] - held[camera] for camera in ahead))


CASES: dict[str, Callable[[argparse.Namespace, Path, Random], Series]] = {
    "catchup": catchup,
    "outage": outage,
    "restarts": restarts,
    "consolidate": consolidate,
    "kills": kills,
}
