"""How long two archivers take to compare an hour of 16 cameras when nothing is missing, and to fill it when all of it is.

    python tests/bench/consolidate.py [--cameras 16] [--minutes 60] [--trials 50]

Rules: two real archivers over HTTP on loopback; chunks are a second long and small, because the comparison reads no video; every
figure is the median and the 99th percentile of the trials, after one that is not counted.
"""

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from archive_kit import Pair, cheap, hub_named, pair
from hub_kit import Hub

from watchkeep.hub.consolidate.client import PeerClient
from watchkeep.hub.consolidate.diff import diff
from watchkeep.wire.messages import ConsolidationOrder
from watchkeep.wire.record import pack_header

EPOCH = 1_767_225_600
_BATCH = 600


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


def show(what: str, seconds: list[float]) -> None:
    worst = sorted(seconds)[max(len(seconds) * 99 // 100 - 1, 0)]
    print(f"{what}: median {statistics.median(seconds) * 1000:.0f} ms, p99 {worst * 1000:.0f} ms, {len(seconds)} trials")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--trials", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, pair(Path(folder)) as both:
        count = fill([both.a, both.b], options.cameras, options.minutes)
        print(f"{options.cameras} cameras, {options.minutes} min, {count} chunks on each of two archivers, none missing")
        show("archive diff, both archivers asked", compared(both, options.trials))
        show("listings of the peer alone, as an hourly round asks for them", listed(both.b, options.trials))
        pulled, seconds = filled(both, Path(folder))
        print(f"an empty archiver pulls all of it: {pulled} small chunks in {seconds:.1f} s, {pulled / seconds:.0f} a second")


if __name__ == "__main__":
    main()
