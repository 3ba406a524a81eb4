"""Two cases of `./run reliability`: how long a site's directory takes no edits after its leader's SIGKILL, how far followers lag, how many
edits a second it takes, and what an idle server costs.  Real processes on loopback.

    ./run reliability directory             each server with its own SQLite file
    ./run reliability directory-postgres    all on one database of a PostgreSQL that is started for it, which syncs each commit
        [--kills 50] [--edits 2000] [--rate 200] [--burst 5000] [--idle 60]      0: leave it out

Rules: three servers.  A kill comes under edits at all of them, and is measured from the signal to the answer of the first edit that another
server takes, tried again every 20 ms; a reader asks the survivors all the time.  Lag is from an edit's answer of the leader to its being
durable at a follower, which is asked all the time; on PostgreSQL, where it is durable for all at once, to its being shown there.  A burst
is as many edits as a leader lets wait, each an entry of its own: once over HTTP from CLIENTS connections, once into a server in this
process, which is what its journal can do.  At the end every edit that one of the three has acknowledged has to be in the journal of each.
"""

import argparse
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import postgres
from acknowledged import Acknowledged
from directory_kit import CAMERA
from directory_site import DirectorySite, Reader, directory_site
from edits import CLIENTS, Clients, Writer, proof, put
from series import Series
from verdict import BURST, IDLE, LAG, WRITES
from wksite import free_port, wait_until

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.status import Member
from watchkeep.hub.directory.database import Database, sqlite_url
from watchkeep.hub.directory.lease import SharedDatabase
from watchkeep.hub.directory.server import DirectoryServer, Settings
from watchkeep.hub.directory.site import Change, Key

NAMES = "abc"
WAITING = 900
"""Edits under way at once: a leader refuses more than a thousand."""
BEFORE = 20
"""Edits that are acknowledged before each kill, the last ones in its very moment."""
REACHED = 0.95
"""Of the rate that was asked for: below it the lag is of another pace."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where journals are: `lines` of hub.toml, and a database of its own for the burst, whose pace is known by `pace`."""

    what: str
    lone: Database
    pace: str
    lines: str = ""


def directory(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    """On SQLite."""
    return measured("directory", Kept("SQLite", Database(sqlite_url(folder / "burst.sqlite")), BURST), args, folder)


def directory_postgres(args: argparse.Namespace, folder: Path, _: Random) -> Series:
    with postgres.server(free_port()) as found:
        for name in ("burst", "directory"):
            found.run(f"CREATE DATABASE {name}")
        kept = Kept("one PostgreSQL database", SharedDatabase(found.url("burst")), f"{BURST}, PostgreSQL",
                    f'database = "{found.url("directory")}"\n')  # fmt: skip
        return measured("directory-postgres", kept, args, folder)


def measured(case: str, kept: Kept, args: argparse.Namespace, folder: Path) -> Series:
    """What the options have not left out."""
    series, book = Series(case, f"three servers, {kept.what}", trials=max(args.kills, 1)), Acknowledged()
    with directory_site(folder) as site:
        if args.burst:
            burst(series, kept, args.burst)
        site.servers(NAMES, more=kept.lines)
        if args.idle:
            idle(site, series, args.idle)
        if args.edits:
            lag(site, series, book, args, shown if kept.lines else durable)
        if args.burst:
            burst_http(site, series, book, args.burst)
        if args.kills:
            kills(site, series, book, args.kills)
        proof(site, NAMES, series, book)
    return series


def options(parser: argparse.ArgumentParser) -> None:
    """Of these cases; 0 leaves a part out."""
    parser.add_argument("--kills", type=int, default=50, help="directory: of the leader")
    parser.add_argument("--edits", type=int, default=2000, help="directory: for the followers' lag")
    parser.add_argument("--rate", type=float, default=200.0, help="directory: of them a second")
    parser.add_argument("--burst", type=int, default=5000, help="directory: edits as fast as they are taken")
    parser.add_argument("--idle", type=float, default=60.0, help="directory: seconds for what an idle server costs")


def kills(site: DirectorySite, series: Series, book: Acknowledged, count: int) -> None:
    site.clients["a"].put("camera/read", CAMERA)
    failed, answered, slowest = 0, 0, 0.0
    for number in range(count):
        wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
        leader = site.leader(NAMES)
        others = NAMES.replace(leader, "")
        reader, writer = Reader([site.clients[name] for name in others], "read"), Writer([site.clients[name] for name in NAMES], book)
        try:
            wait_until(lambda writer=writer: writer.made >= BEFORE, 60, "edits before the kill")
            threading.Event().wait(0.137 * (number % 4))  # at different moments of the poll period
            began = time.monotonic()
            site.kill(leader)
            while not put(site.clients[others[number % 2]], f"after-{number}", book):
                threading.Event().wait(0.02)
            series.add(WRITES, time.monotonic() - began)
        finally:
            reader.stop()
            writer.stop()
        failed, answered, slowest = failed + len(reader.failed), answered + reader.answered, max(slowest, reader.slowest_s)
        site.start(leader)
    series.note += f"; {answered} reads meanwhile, the slowest {1000 * slowest:.0f} ms"
    series.miss(f"{failed} reads failed meanwhile" if failed else "", "" if answered else "nothing was read meanwhile")


Reaches = Callable[[HTTPConnection, int, str], int]
"""Asks a follower how far it surely is, by the newest edit: (connection, its index, its camera)."""


def durable(follower: HTTPConnection, index: int, _: str) -> int:
    """By the follower's own database."""
    follower.request("GET", f"/v1/directory/hash?index={index}")
    return index if json.loads(follower.getresponse().read()).get("hash") is not None else 0


def shown(follower: HTTPConnection, _: int, camera: str) -> int:
    """By the revision that the follower shows."""
    follower.request("GET", f"/v1/site/camera/{camera}")
    answer = follower.getresponse()
    answer.read()
    return int(answer.headers["ETag"].strip('"')) if answer.status == 200 else 0


def lag(site: DirectorySite, series: Series, book: Acknowledged, args: argparse.Namespace, reaches: Reaches) -> None:
    wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
    leader = site.leader(NAMES)
    where = urlsplit(site.clients[next(name for name in NAMES if name != leader)].url)
    connection = HTTPConnection(where.hostname or "", where.port or 0, timeout=10)
    clients, seen = Clients(site.clients[leader].url, args.edits, args.rate, book), {}
    while clients.alive or clients.newest[0] > max(seen, default=0):
        index, camera = clients.newest
        reached = reaches(connection, index, camera) if index else 0
        seen |= dict.fromkeys(range(max(seen, default=0) + 1, reached + 1), time.monotonic())
        threading.Event().wait(0.002)
    connection.close()
    pace = clients.join()
    for index, at in clients.made.items():
        series.add(LAG, max(0.0, seen[index] - at))
    series.figure("edits a second meanwhile", pace)
    series.miss(f"{pace:.0f} of {args.rate:g} edits a second were made" if pace < REACHED * args.rate else "",
                f"{clients.refused} edits refused" if clients.refused else "")  # fmt: skip


def burst_http(site: DirectorySite, series: Series, book: Acknowledged, edits: int) -> None:
    wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
    clients = Clients(site.clients[site.leader(NAMES)].url, edits, 0.0, book)
    series.figure(f"edits a second over HTTP, {CLIENTS} connections", clients.join())
    series.miss(f"{clients.refused} edits refused in a burst" if clients.refused else "")


def burst(series: Series, kept: Kept, edits: int) -> None:
    """Into one server of this process, without HTTP and followers."""
    me = Member("a", "http://127.0.0.1:1", 0)
    server = DirectoryServer(Settings(me, (me,), "boot", "0"), kept.lone, lambda *_: None)
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
    series.figure(kept.pace, edits / took)
    series.miss(f"{done} of {edits} edits of a burst are durable" if done != edits else "")


def _edit(server: DirectoryServer, room: threading.Semaphore, number: int) -> "Future[steps.Done | steps.Refused | steps.Unable]":
    room.acquire()
    change = Change(Key("camera", f"cam{number % 500}"), {**CAMERA, "name": str(number)})
    found = server.submit(lambda ticket: steps.Edit(ticket, (change,), "bench"))
    found.add_done_callback(lambda _: room.release())
    return found


def idle(site: DirectorySite, series: Series, seconds: float) -> None:
    wait_until(lambda: site.leader(NAMES) != "", 60, "level servers")
    leader = site.leader(NAMES)
    threading.Event().wait(5.0)  # what the start and the last edits have left to do
    before = {name: _cpu_s(site.members[name].pid) for name in NAMES}
    threading.Event().wait(seconds)
    for name in NAMES:
        an_hour = 3600 * (_cpu_s(site.members[name].pid) - before[name]) / seconds
        series.add("CPU in an hour of an idle leader" if name == leader else IDLE, an_hour)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


CASES = {"directory": directory, "directory-postgres": directory_postgres}
