"""How long a camera is without a copy when an archiver fails: trials with real processes on loopback.

    copies = 1, list [a, b]:  fault on a ──(measured)──▶ first durable chunk on b ─▶ heal ─▶ a has the live lane again ─▶ next
    copies = 2, list [a, b]:  fault on a, and on b the longest pause between durable chunks before it and after it

Rules: source, agent and archivers go on over all trials, so the frames of every trial are counted at the end in one
proof; each fault comes at a random moment of the chunk period; the archives are asked directly, every POLL_S.
"""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from faultproxy import Mode
from faultrig import FPS, FaultSite, fault_site, wait_until
from pace import Pace
from series import Series
from verdict import FIRST_CHUNK, PAUSE_AFTER, PAUSE_BEFORE, POLL_S

SETTLE_S = 90
PAUSES = 3
"""Of each camera, before and after a fault."""
PROXY_MODES = {"reset": Mode.RESET, "error": Mode.ERROR, "silent": Mode.SILENT}
FAULTS = {
    "kill": "SIGKILL: connections reset, then refused",
    "reset": "every connection reset",
    "error": "HTTP 500 to every request",
    "silent": "accepts, reads, never answers",
    "stop": "SIGSTOP: hangs",
    "drop": "link cut: every packet dropped",
}


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
            series.add(FIRST_CHUNK, time.monotonic() - began)
            poll(lambda before=before: all(seq > before[camera] for camera, seq in site.held("b").items()))
            series.add("every camera on the stand-in", time.monotonic() - began)
            switch.heal()
            poll(lambda: all(seq > site.held("b")[camera] + 1 for camera, seq in site.held("a").items()))
            series.trials += 1
        finish(site)
        series.judge(site.union("a", "b"))
    return series


def redundant(fault: str, *, trials: int, cameras: int, folder: Path, random: Random) -> Series:
    """copies = 2: the longest pause between durable chunks of any camera on the survivor, before and after each fault."""
    series = Series(f"copies 2, {fault}", FAULTS[fault])
    with fault_site(folder) as site:
        switch = prepare(site, fault, cameras=cameras, copies=2)
        for _ in range(trials):
            pace = Pace()
            moment = random.random()
            _watch(site, pace, moment)
            series.add(PAUSE_BEFORE, pace.turn())
            switch.fail()
            _watch(site, pace, 0.0)
            series.add(PAUSE_AFTER, pace.turn())
            switch.heal()
            wanted = site.held("b")
            poll(lambda wanted=wanted: all(seq >= wanted[camera] for camera, seq in site.held("a").items()))
            series.trials += 1
        finish(site)
        series.judge(site.union("b"))
    return series


def _watch(site: FaultSite, pace: Pace, seconds: float) -> None:
    """Until so many pauses of every camera have ended on b, and so long from then on."""
    end = None

    def seen() -> bool:
        nonlocal end
        pace.feed(site.held("b"), time.monotonic())
        if end is None and pace.fewest() >= PAUSES:
            end = time.monotonic() + seconds
        return end is not None and time.monotonic() >= end

    poll(seen)


def finish(site: FaultSite) -> None:
    """Wait until nothing is owed, then stop everybody, the agents first: what they cut meanwhile belongs on every archiver."""
    site.settled(SETTLE_S)
    agents = [name for name in site.members if name.startswith("edge-")]
    site.stop_all(*agents, *(name for name in site.members if name not in {*agents, "source"}), "source")
