"""How long a camera is without a copy when an archiver fails: trials with real processes on loopback.

    copies = 1, list [a, b]:  fault on a ──(measured)──▶ first durable chunk on b ─▶ heal ─▶ a has the live lane again ─▶ next
    copies = 2, list [a, b]:  fault on a, and on b the longest pause between durable chunks before it and after it

Rules: source, agent and archivers go on over all trials, so the frames of every trial are counted at the end in one
proof; each fault comes at a random moment of the chunk period; the archives are asked directly, every POLL_S.
"""

import math
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from faultproxy import Mode
from faultrig import FPS, FaultSite, fault_site, wait_until

from watchkeep.hub.verify.report import Report

POLL_S = 0.01
SETTLE_S = 90
PROXY_MODES = {"reset": Mode.RESET, "error": Mode.ERROR, "silent": Mode.SILENT}
FAULTS = {
    "kill": "SIGKILL: connections reset, then refused",
    "reset": "every connection reset",
    "error": "HTTP 500 to every request",
    "silent": "accepts, reads, never answers",
    "stop": "SIGSTOP: hangs",
    "drop": "link cut: every packet dropped",
}


@dataclass(slots=True)
class Series:
    """Seconds of each trial by what was measured, and what the proof of the archives said."""

    case: str
    what: str
    trials: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    frames: int = 0
    frames_lost: int = 0
    gaps: int = 0
    damage: int = 0
    note: str = ""
    shortfall: str = ""
    """What of the case's own target was missed."""

    def add(self, name: str, seconds: float) -> None:
        self.seconds.setdefault(name, []).append(round(seconds, 3))

    def judge(self, report: Report) -> None:
        """Enter frames, losses, gaps and damage of a proof."""
        for camera in report.cameras:
            self.frames += camera.frames
            self.frames_lost += sum(session.first + session.missing_frames for session in camera.sessions)
            self.gaps += len(camera.gaps)
            self.damage += camera.damage_total


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


class Switch:
    """Breaks archiver a in one way, and heals it."""

    def __init__(self, site: FaultSite, fault: str) -> None:
        self._site, self._fault = site, fault
        self._proxy = site.behind_proxy("a") if fault in PROXY_MODES else None
        self._space = site.in_namespace("a") if fault == "drop" else None

    def fail(self) -> None:
        if self._proxy is not None:
            self._proxy.set(PROXY_MODES[self._fault])
        elif self._space is not None:
            self._space.drop(on=True)
        else:
            self._site.kill("a", signal.SIGKILL if self._fault == "kill" else signal.SIGSTOP)

    def heal(self) -> None:
        if self._proxy is not None:
            self._proxy.set(Mode.PASS)
        elif self._space is not None:
            self._space.drop(on=False)
        elif self._fault == "kill":
            self._site.again("a")
        else:
            self._site.kill("a", signal.SIGCONT)


def poll(condition: Callable[[], bool]) -> None:
    """Like wait_until, ten times as often."""
    pause, end = threading.Event(), time.monotonic() + SETTLE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {SETTLE_S} s")
        pause.wait(POLL_S)


def prepare(site: FaultSite, fault: str, *, cameras: int, copies: int) -> Switch:
    """Source, archivers a and b, agent; a records."""
    site.archivers("a", "b")
    switch = Switch(site, fault)
    urls = site.source("--fps", str(FPS), "--size", "320x180", "--bitrate", "500k", "--loop-seconds", "10", cameras=cameras)
    site.record(urls, copies=copies, segment_s=1.0)
    site.recording(cameras)
    wait_until(lambda: min(site.held("a").values()) >= 3, SETTLE_S, "recording on a")
    return switch


def takeover(fault: str, *, trials: int, cameras: int, folder: Path, random: Random) -> Series:
    """copies = 1: from the fault to the first durable chunk on the stand-in, of any camera and of every camera."""
    series = Series(f"copies 1, {fault}", FAULTS[fault])
    with fault_site(folder) as site:
        switch = prepare(site, fault, cameras=cameras, copies=1)
        for _ in range(trials):
            time.sleep(random.random())  # the moment of the fault, not a wait for anything
            before = site.held("b")
            began = time.monotonic()
            switch.fail()
            poll(lambda before=before: any(seq > before[camera] for camera, seq in site.held("b").items()))
            series.add("first chunk on the stand-in", time.monotonic() - began)
            poll(lambda before=before: all(seq > before[camera] for camera, seq in site.held("b").items()))
            series.add("every camera on the stand-in", time.monotonic() - began)
            switch.heal()
            poll(lambda: all(seq > site.held("b")[camera] + 1 for camera, seq in site.held("a").items()))
            series.trials += 1
        finish(site)
        series.judge(site.union("a", "b"))
    return series


def redundant(fault: str, *, trials: int, cameras: int, folder: Path, random: Random) -> Series:
    """copies = 2: the longest pause between durable chunks of cam0 on the survivor, before and after each fault."""
    series = Series(f"copies 2, {fault}", FAULTS[fault])
    with fault_site(folder) as site:
        switch = prepare(site, fault, cameras=cameras, copies=2)
        for _ in range(trials):
            time.sleep(random.random())
            series.add("longest pause on the survivor, before", longest_pause(site, 3))
            switch.fail()
            series.add("longest pause on the survivor, after", longest_pause(site, 3))
            switch.heal()
            wanted = site.newest("b")
            poll(lambda wanted=wanted: site.newest("a") >= wanted)
            series.trials += 1
        finish(site)
        series.judge(site.union("b"))
    return series


def longest_pause(site: FaultSite, advances: int) -> float:
    """Seconds of the longest pause until b's newest durable chunk has advanced so often."""
    newest, longest, since = site.newest("b"), 0.0, time.monotonic()
    for _ in range(advances):
        poll(lambda newest=newest: site.newest("b") > newest)
        now, newest = time.monotonic(), site.newest("b")
        longest, since = max(longest, now - since), now
    return longest


def finish(site: FaultSite) -> None:
    """Wait until nothing is owed, then stop everybody, the agents first: what they cut meanwhile belongs on every archiver."""
    site.settled(SETTLE_S)
    agents = [name for name in site.members if name.startswith("edge-")]
    site.stop_all(*agents, *(name for name in site.members if name not in {*agents, "source"}), "source")
