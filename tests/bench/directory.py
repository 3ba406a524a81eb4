"""How long a site's directory takes no edits after its leader's SIGKILL, and how far followers lag: real processes on loopback.

    python tests/bench/directory.py [--kills 10] [--edits 1000] [--rate 200]      with PYTHONPATH=tests/helpers

Rules: three servers; each kill comes when all of them are level, and is measured from the signal to the answer of the first edit that
another server takes, tried again every 20 ms; readers ask the survivors all the time.  Lag is from an edit's answer of the
leader to its being read at a follower.
"""

import argparse
import json
import math
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from directory_kit import CAMERA
from directory_site import DirectorySite, Reader, directory_site
from wksite import wait_until

NAMES = "abc"


def percentile(values: list[float], part: float) -> float:
    """The smallest value that so many are not above."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def kills(site: DirectorySite, count: int) -> None:
    site.clients["a"].put("camera/read", CAMERA)
    seconds, failed, answered, slowest = [], 0, 0, 0.0
    for number in range(count):
        wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
        leader = site.leader(NAMES)
        others = NAMES.replace(leader, "")
        reader = Reader([site.clients[name] for name in others], "read")
        threading.Event().wait(0.137 * (number % 4))  # at different moments of the poll period
        began = time.monotonic()
        site.kill(leader)
        while not site.takes(others[number % 2], f"after-{number}"):
            threading.Event().wait(0.02)
        seconds.append(time.monotonic() - began)
        reader.stop()
        failed, answered, slowest = failed + len(reader.failed), answered + reader.answered, max(slowest, reader.slowest_s)
        site.start(leader)
        print(f"kill {number + 1}: {leader}, writes again after {seconds[-1]:.2f} s", flush=True)
    print(f"writes again: p50 {percentile(seconds, 0.5):.2f} s, p99 {percentile(seconds, 0.99):.2f} s of {count} kills; "
          f"reads meanwhile: {answered}, failed {failed}, slowest {1000 * slowest:.0f} ms")  # fmt: skip


def lag(site: DirectorySite, edits: int, rate: float) -> None:
    wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
    leader = site.leader(NAMES)
    follower = next(name for name in NAMES if name != leader)
    made: list[float] = []
    seen: dict[int, float] = {}
    stop = threading.Event()

    def watch() -> None:
        where = urlsplit(site.clients[follower].url)
        connection = HTTPConnection(where.hostname or "", where.port or 0, timeout=10)
        while not stop.wait(0.005):
            connection.request("GET", "/v1/site/camera/lag")
            value = json.loads(connection.getresponse().read()).get("name", "-1")
            for number in range(max(seen, default=-1) + 1, int(value) + 1):
                seen[number] = time.monotonic()
        connection.close()

    site.clients[leader].put("camera/lag", {**CAMERA, "name": "-1"})
    wait_until(lambda: site.leader(NAMES) != "", 20, "level servers")
    watcher = threading.Thread(target=watch)
    watcher.start()
    where = urlsplit(site.clients[leader].url)
    connection = HTTPConnection(where.hostname or "", where.port or 0, timeout=10)
    began = time.monotonic()
    for number in range(edits):
        threading.Event().wait(max(0.0, began + number / rate - time.monotonic()))
        connection.request("PUT", "/v1/site/camera/lag", json.dumps({**CAMERA, "name": str(number)}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        made.append(time.monotonic())
    connection.close()
    took = time.monotonic() - began
    wait_until(lambda: len(seen) >= edits, 20, "the follower")
    stop.set()
    watcher.join()
    late = [max(0.0, seen[number] - made[number]) for number in range(edits)]
    print(f"{edits} edits one after the other at {edits / took:.0f}/s (asked for {rate:g}/s); a follower's lag: "
          f"p50 {1000 * percentile(late, 0.5):.0f} ms, p99 {1000 * percentile(late, 0.99):.0f} ms")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--edits", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, directory_site(Path(folder)) as site:
        site.servers(NAMES)
        if chosen.edits:
            lag(site, chosen.edits, chosen.rate)
        if chosen.kills:
            kills(site, chosen.kills)


if __name__ == "__main__":
    main()
