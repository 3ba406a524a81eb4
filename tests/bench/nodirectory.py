"""A case of `./run reliability`: no directory at all, while everything else fails and recovers.

    record ─▶ all servers killed ─▶ rounds: an archiver, the agent, the cameras die and return ─▶ servers start ─▶ one edit reaches an agent

Rules: what is recorded is proven at the end, over everything; each session's frames have to be there from the first on, once each.
"""

import argparse
import time
from pathlib import Path
from random import Random

from directory_kit import CAMERA
from faultrig import SMALL
from recorder_site import AGENTS, RecorderSite, recorder_site
from series import Series
from takeover import SETTLE_S
from wksite import wait_until

from watchkeep.wire.causes import Protection

AWAY_S, LONG_AWAY_S = 60.0, 3600.0
SERVERS = "xyz"
BACK = "until a new camera reaches an agent"


def nodirectory(args: argparse.Namespace, folder: Path, random: Random) -> Series:
    """No directory for a minute, with --long for an hour."""
    away_s = LONG_AWAY_S if args.long else AWAY_S
    series = Series("no-directory", f"all of three servers killed for {away_s:g} s at least; archivers, agent and cameras die and return")
    with recorder_site(folder) as site:
        site.record(SERVERS, cameras=args.cameras, room=1)
        for name in SERVERS:
            site.kill(name)
        until = time.monotonic() + away_s
        while time.monotonic() < until or series.trials < len(FAULTS):
            began, what = time.monotonic(), list(FAULTS)[series.trials % len(FAULTS)]
            FAULTS[what](site, random)
            wait_until(lambda: _protected(site, args.cameras), SETTLE_S, f"all copies after the end of {what}")
            series.add(what, time.monotonic() - began)
            series.trials += 1
        _back(site, series)
        series.judge(site.finish())
        series.miss("" if site.same("a", "b") else "the archives differ")
    return series


def _archiver(site: RecorderSite, random: Random) -> None:
    name = random.choice("ab")
    site.kill(name)
    wait_until(lambda: site.view.cameras["cam0"].protection is not Protection.PROTECTED, SETTLE_S, "a copy's being missed")
    site.start(name)


def _agent(site: RecorderSite, _: Random) -> None:
    name = site.view.cameras["cam0"].agent
    boot = site.view.agents[name].boot
    site.stop_all(name)
    site.start(name)
    wait_until(lambda: site.view.agents[name].boot != boot, SETTLE_S, "the agent's start")


def _cameras(site: RecorderSite, _: Random) -> None:
    before = {name: site.view.cameras[name].epoch for name in site.cameras}
    site.restart_source(*SMALL, cameras=len(site.cameras))
    wait_until(lambda: all(site.view.cameras[name].epoch > epoch for name, epoch in before.items()), SETTLE_S, "the cameras' next epochs")


FAULTS = {"an archiver killed and started": _archiver, "the agent stopped and started": _agent, "the cameras restarted": _cameras}


def _protected(site: RecorderSite, cameras: int) -> bool:
    states = [site.view.cameras.get(name) for name in site.cameras]
    return site.view.recording() == cameras and all(one is not None and one.protection is Protection.PROTECTED for one in states)


def _back(site: RecorderSite, series: Series) -> None:
    began = time.monotonic()
    for name in SERVERS:
        site.start(name)
    wait_until(lambda: site.leader(SERVERS) != "", SETTLE_S, "one leader")
    wait_until(lambda: site.lives() == dict.fromkeys(AGENTS, "lives"), SETTLE_S, "both agents")
    assert site.clients["x"].put("camera/later", CAMERA).status == 200
    wait_until(lambda: "later" in site.view.cameras, SETTLE_S, "an agent's being told of a new camera")
    series.add(BACK, time.monotonic() - began)


CASES = {"no-directory": nodirectory}
