"""Cases of `./run reliability` in which what recording can bridge, or does not need, is away for long: the agent's disk, the broker.

    agent-disk   its journal's file system is frozen for 30 s at full bitrate, with the archivers there, and again with both away
    broker       killed for 30 s, with --long for 10 minutes, and back empty: no takeover, and nothing stale is shown afterwards

Rules: each builds a site of its own, proves its archives at the end and enters what it missed.
"""

import argparse
import time
from pathlib import Path
from random import Random

from endurance import differ, start
from faultproxy import Mode
from faultrig import FPS, FaultSite, fault_site, frozen, small_disk
from lane import age
from sampling import ends, watch
from series import Series
from takeover import SETTLE_S, finish
from verdict import AGE, DURABLE_AGE
from wksite import listening, wait_until

from watchkeep.wire.causes import EventKind

STALL_S = 30.0
"""What peers report of disks now and then is 20 to 40 s."""
AWAY_S, LONG_AWAY_S = 30.0, 600.0
FULL = ("--fps", str(FPS), "--size", "1280x720", "--bitrate", "4M", "--loop-seconds", "8")
DISK_MB = 600
"""The journal of two minutes of four such cameras, twice over."""


def agent_disk(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """The agent's disk stands still: archivers go on receiving, and RAM bridges what they cannot take meanwhile."""
    series = Series("agent-disk", f"{args.cameras} cameras of 4 Mbit/s, journal frozen for {STALL_S:g} s, twice", trials=2)
    data = folder / "edge-1"
    with small_disk(folder / "disk.img", data, DISK_MB), fault_site(folder) as site:
        proxies = start(site, cameras=args.cameras, copies=2, proxied=True, source=FULL)
        with frozen(data):
            until = time.monotonic() + STALL_S
            samples = watch(site, "a", lambda sample: sample.now >= until)
        site.settled(SETTLE_S)
        with frozen(data):
            for proxy in proxies:
                proxy.set(Mode.RESET)
            time.sleep(STALL_S)  # the stall itself
        for proxy in proxies:
            proxy.set(Mode.PASS)
        back = time.monotonic()
        site.settled(SETTLE_S)
        series.add("archivers away as well: until nothing is owed", time.monotonic() - back)
        finish(site)
        series.judge(site.proof("a"))
        series.miss(differ(site))
        ended = ends(site.volume("a"))
    for sample in samples:
        series.add(AGE, age(sample, ended))
        series.add(DURABLE_AGE, age(sample, ended, durable=True))
    return series


def broker(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """No broker, then an empty one: the stand-in stays empty, and every state is published anew."""
    away_s = LONG_AWAY_S if args.long else AWAY_S
    series = Series("broker", f"Mosquitto killed for {away_s:g} s, and back empty", trials=1)
    with fault_site(folder) as site:
        start(site, cameras=args.cameras, copies=1, proxied=False)
        wait_until(lambda: len(site.view.archivers) == 2, SETTLE_S, "both archivers' beacons")
        [mosquitto] = site._others
        mosquitto.kill()
        mosquitto.wait()
        time.sleep(away_s)  # the outage itself
        for seen in (site.view.agents, site.view.archivers, site.view.cameras):
            seen.clear()
        site.other(["mosquitto", "-c", str(site.folder / "mosquitto.conf")])
        wait_until(lambda: listening(site.port("broker")), SETTLE_S, "Mosquitto's start")
        back = time.monotonic()
        wait_until(lambda: _all_there(site, args.cameras), SETTLE_S, "every birth at the empty broker")
        series.add("until every state is there again", time.monotonic() - back)
        finish(site)
        series.judge(site.proof("a"))
        takeovers = [event.text for event in site.view.events if event.kind is EventKind.TAKEOVER]
        if takeovers or list(site.volume("b").rglob("*.mp4")):
            series.miss(f"the stand-in was used: {takeovers}")
    return series


def _all_there(site: FaultSite, cameras: int) -> bool:
    view = site.view
    beacons = [*view.agents.values(), *view.archivers.values()]
    return len(view.cameras) == cameras and len(view.archivers) == 2 and len(view.agents) == 1 and all(one.online for one in beacons)


CASES = {"agent-disk": agent_disk, "broker": broker}
