"""How long two archivers take to compare an hour of 16 cameras when nothing is missing, and to fill it when all of it is.

Rules: two real archivers over HTTP on loopback; chunks are a second long and small, because the comparison reads no video; one
trial that is not counted comes first.
"""

import argparse
import time
from contextlib import closing
from pathlib import Path
from random import Random

from archive_kit import Pair, cheap, hub_named, pair
from hub_kit import Hub
from series import Series, percentile

from watchkeep.hub.consolidate.client import PeerClient
from watchkeep.hub.consolidate.diff import diff
from watchkeep.wire.messages import ConsolidationOrder
from watchkeep.wire.record import pack_header

EPOCH = 1_767_225_600
_BATCH = 600
CAMERAS, MINUTES = 16, 60
TARGET_S = 1.0


def fill(hubs: list[Hub], cameras: int, minutes: int) -> int:
    """The same chunks for every hub; returns how many each has."""
    count = 0
    for number in range(cameras):
        init, *chunks = cheap(f"cam{number}", EPOCH, minutes * 60)
        count += len(chunks)
        for at in range(0, len(chunks), _BATCH):
            batch = b"".join(pack_header(header) + bytes(payload) for header, payload, _ in (init, *chunks[at : at + _BATCH]))
            for hub in hubs:
                hub.stored(batch)
    return count


def compared(both: Pair, trials: int) -> list[float]:
    """Seconds of one comparison of everything, from outside, as `archive diff` does it."""
    found = []
    for _ in range(trials + 1):
        with closing(PeerClient(both.a.url)) as a, closing(PeerClient(both.b.url)) as b:
            started = time.perf_counter()
            assert diff(a, b).good
            found.append(time.perf_counter() - started)
    return found[1:]


def listed(hub: Hub, trials: int) -> list[float]:
    """Seconds of what an hourly round asks its peer."""
    found = []
    for _ in range(trials + 1):
        with closing(PeerClient(hub.url)) as client:
            started = time.perf_counter()
            client.health()
            for camera in client.cameras():
                client.runs(camera)
            found.append(time.perf_counter() - started)
    return found[1:]


def filled(both: Pair, folder: Path) -> tuple[int, float]:
    """(chunks, seconds) until a new archiver has everything."""
    with hub_named(folder, "c", {"auto": False, "cameras": "all", "max_mbit_s": 100_000.0}) as empty:
        started = time.perf_counter()
        with closing(PeerClient(empty.url)) as client:
            state = client.order(ConsolidationOrder(url=both.a.url))
            while not state.ended:
                time.sleep(0.1)
                state = client.job(state.job)
        assert state.pulled == state.missing, state
        return state.pulled, time.perf_counter() - started


def consolidate(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """The case of `./run reliability`."""
    series = Series("consolidation", f"{CAMERAS} cameras, {MINUTES} min on each of two archivers, none missing", trials=args.trials)
    with pair(folder) as both:
        fill([both.a, both.b], CAMERAS, MINUTES)
        series.seconds["archive diff, both archivers asked"] = compared(both, args.trials)
        series.seconds["what an hourly round asks of its peer"] = listed(both.b, args.trials)
        pulled, seconds = filled(both, folder)
    series.note = f"; an empty archiver pulls all {pulled} small chunks in {seconds:.1f} s, {pulled / seconds:.0f} a second"
    slowest = percentile(series.seconds["archive diff, both archivers asked"], 0.99)
    series.miss(f"compared in {slowest:.2f} s p99, target {TARGET_S:g}" if slowest >= TARGET_S else "")
    return series
