"""`./run reliability directory`: how long a site's directory takes no edits after its leader's SIGKILL, how far followers lag, how many
edits a second it takes, and what an idle server costs.  Real processes on loopback, SQLite.

    ./run reliability directory [--kills 10] [--edits 2000] [--rate 200] [--burst 5000] [--idle 60]      0: leave it out

Rules: three servers.  A kill comes when all of them are level, and is measured from the signal to the answer of the first edit that another
server takes, tried again every 20 ms; readers ask the survivors all the time.  Lag is from an edit's answer of the leader to its being
durable at a follower, which is asked all the time.  A burst is as many edits as a leader lets wait, each an entry of its own: once over
HTTP from CLIENTS connections, once into the server itself, which is what its journal can do.  Exit 1 when a target is missed.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from directory_kit import CAMERA
from directory_site import DirectorySite, Reader, directory_site
from wksite import wait_until

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.status import Member
from watchkeep.hub.directory.database import Database, sqlite_url
from watchkeep.hub.directory.server import DirectoryServer, Settings
from watchkeep.hub.directory.site import Change, Key

NAMES = "abc"
CLIENTS = 16
WAITING = 900
"""Edits under way at once: a leader refuses more than a thousand."""
KILL_S, LAG_S, BURST_S, IDLE_PERCENT = 4.0, 0.2, 1000.0, 0.5
"""The targets: seconds at p99, edits a second, and percent of a core."""


def percentile(values: list[float], part: float) -> float:
    """The smallest value that so many are not above."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def verdict(good: bool) -> str:
    return "met" if good else "MISSED"


def kills(site: DirectorySite, count: int) -> bool:
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
    good = percentile(seconds, 0.99) <= KILL_S and not failed
    print(f"writes again: p50 {percentile(seconds, 0.5):.2f} s, p99 {percentile(seconds, 0.99):.2f} s of {count} kills "
          f"(target {KILL_S:g} s: {verdict(good)})")  # fmt: skip
    print(f"reads meanwhile: {answered}, failed {failed}, slowest {1000 * slowest:.0f} ms")
    return good


class Clients:
    """Connections that put cameras, each its share of a common rate; `made` is when each index was answered."""

    def __init__(self, url: str, edits: int, rate: float) -> None:
        self._where, self._edits, self._rate = urlsplit(url), edits, rate
        self._lock, self._next = threading.Lock(), 0
        self.made: dict[int, float] = {}
        self.refused = 0
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._run, name=f"client-{number}") for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        connection = HTTPConnection(self._where.hostname or "", self._where.port or 0, timeout=30)
        while (number := self._take()) < self._edits:
            threading.Event().wait(max(0.0, self._began + number / self._rate - time.monotonic()) if self._rate else 0.0)
            connection.request("PUT", f"/v1/site/camera/cam{number % 500}", json.dumps({**CAMERA, "name": str(number)}),
                               {"Content-Type": "application/json"})  # fmt: skip
            answer = connection.getresponse()
            body = answer.read()
            with self._lock:
                if answer.status == 200:
                    self.made[json.loads(body)["index"]] = time.monotonic()
                else:
                    self.refused += 1
        connection.close()

    def _take(self) -> int:
        with self._lock:
            self._next += 1
            return self._next - 1

    @property
    def newest(self) -> int:
        with self._lock:
            return max(self.made, default=0)

    @property
    def alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> float:
        """Edits a second, when all are answered."""
        for thread in self._threads:
            thread.join()
        return len(self.made) / (time.monotonic() - self._began)


def lag(site: DirectorySite, edits: int, rate: float) -> bool:
    wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
    leader = site.leader(NAMES)
    where = urlsplit(site.clients[next(name for name in NAMES if name != leader)].url)
    connection = HTTPConnection(where.hostname or "", where.port or 0, timeout=10)
    clients, seen = Clients(site.clients[leader].url, edits, rate), {}
    while clients.alive or clients.newest not in (0, max(seen, default=0)):
        newest = clients.newest
        connection.request("GET", f"/v1/directory/hash?index={newest}")
        known = json.loads(connection.getresponse().read()).get("hash")
        if newest and known is not None:
            now = time.monotonic()
            seen |= dict.fromkeys(range(max(seen, default=0) + 1, newest + 1), now)
        threading.Event().wait(0.002)
    connection.close()
    reached = clients.join()
    late = [max(0.0, seen[index] - at) for index, at in clients.made.items()]
    good = percentile(late, 0.99) <= LAG_S and reached >= 0.95 * rate
    print(f"{len(clients.made)} edits at {reached:.0f}/s (asked for {rate:g}/s), {clients.refused} refused; a follower's lag: "
          f"p50 {1000 * percentile(late, 0.5):.0f} ms, p99 {1000 * percentile(late, 0.99):.0f} ms "
          f"(target {1000 * LAG_S:.0f} ms: {verdict(good)})")  # fmt: skip
    return good


def burst_http(site: DirectorySite, edits: int) -> None:
    wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
    clients = Clients(site.clients[site.leader(NAMES)].url, edits, 0.0)
    print(f"burst over HTTP, {CLIENTS} connections, three servers: {clients.join():.0f} edits/s, {clients.refused} refused")


def burst(folder: Path, edits: int) -> bool:
    """Into one server of this process, without HTTP and followers."""
    me = Member("a", "http://127.0.0.1:1", 0)
    server = DirectoryServer(Settings(me, (me,), "boot", "0"), Database(sqlite_url(folder / "burst.sqlite")), lambda *_: None)
    server.start()
    try:
        wait_until(lambda: server.leads, 20, "the lead")
        room = threading.Semaphore(WAITING)
        began = time.monotonic()
        asked = [_edit(server, room, number) for number in range(edits)]
        answers = [one.result(60) for one in asked]
        took = time.monotonic() - began
    finally:
        server.stop()
    done = sum(isinstance(answer, steps.Done) for answer in answers)
    good = done == edits and edits / took >= BURST_S
    print(f"burst into the journal: {edits / took:.0f} edits/s, {done} of {edits} durable (target {BURST_S:.0f}/s: {verdict(good)})")
    return good


def _edit(server: DirectoryServer, room: threading.Semaphore, number: int) -> "Future[steps.Done | steps.Refused | steps.Unable]":
    room.acquire()
    change = Change(Key("camera", f"cam{number % 500}"), {**CAMERA, "name": str(number)})
    found = server.submit(lambda ticket: steps.Edit(ticket, (change,), "bench"))
    found.add_done_callback(lambda _: room.release())
    return found


def idle(site: DirectorySite, seconds: float) -> bool:
    wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
    leader = site.leader(NAMES)
    threading.Event().wait(5.0)  # what the start and the last edits have left to do
    before = {name: _cpu_s(site.members[name].pid) for name in NAMES}
    threading.Event().wait(seconds)
    used = {name: 100 * (_cpu_s(site.members[name].pid) - before[name]) / seconds for name in NAMES}
    worst = max(part for name, part in used.items() if name != leader)
    good = worst < IDLE_PERCENT
    print(f"idle for {seconds:g} s: a follower takes {worst:.2f} % of a core, the leader {used[leader]:.2f} % "
          f"(target {IDLE_PERCENT:g} %: {verdict(good)})")  # fmt: skip
    return good


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--edits", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--burst", type=int, default=5000)
    parser.add_argument("--idle", type=float, default=60.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, directory_site(Path(folder)) as site:
        cases: list[Callable[[], bool]] = []
        if chosen.burst:
            cases.append(lambda: burst(Path(folder), chosen.burst))
        site.servers(NAMES)
        if chosen.idle:
            cases.append(lambda: idle(site, chosen.idle))
        if chosen.edits:
            cases.append(lambda: lag(site, chosen.edits, chosen.rate))
        if chosen.burst:
            cases.append(lambda: burst_http(site, chosen.burst) is None)
        if chosen.kills:
            cases.append(lambda: kills(site, chosen.kills))
        met = [case() for case in cases]
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
