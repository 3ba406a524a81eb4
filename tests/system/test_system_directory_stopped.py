"""The directory's leader stands still and goes on, and its clock steps by days: one leader, no edit lost, and order by index."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from directory_kit import CAMERA
from directory_site import DirectorySite, Reader, directory_site
from fakeclock import FakeClock
from wksite import wait_until

from watchkeep.wire import topics
from watchkeep.wire.commands import CommandReply

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
WRITES_AGAIN_S = 10.0
"""Measured: 2 s after SIGKILL (`./run reliability directory`); a machine that answers nothing is given up after its silence."""
DAY_S = 86_400


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DirectorySite]:
    with directory_site(tmp_path) as made:
        yield made


def test_a_leader_that_stood_still_follows_when_it_goes_on(site):
    """Its port goes on to take connections meanwhile.  An edit that waits there is made by the new leader, or not at all and said so."""
    site.servers("abc")
    old = site.leader("abc")
    others = "abc".replace(old, "")
    assert site.clients[old].put("camera/early", CAMERA).json()["copies"] >= 2
    wait_until(lambda: site.leader("abc") == old, 20, "equal journals")
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(site.takes(old, "waiting")), name="waiting")
    reader = Reader([site.clients[name] for name in others], "early")
    try:
        site.kill(old, signal.SIGSTOP)
        waiting.start()
        began = time.monotonic()
        wait_until(lambda: site.takes(others[1], "meanwhile"), 30, "writes at the others")
        assert time.monotonic() - began < WRITES_AGAIN_S
    finally:
        reader.stop()
        site.kill(old, signal.SIGCONT)
        waiting.join(60)
    assert reader.failed == []
    wait_until(lambda: site.leader("abc") not in ("", old), 40, "the old leader's following")
    assert site.clients[old].put("camera/late", CAMERA).json()["copies"] >= 2
    wait_until(lambda: site.leader("abc") != "", 20, "equal journals")
    made = {"early", "meanwhile", "late"} | ({"waiting"} if answers == [True] else set())
    assert [site.cameras_at(name) - ({"waiting"} - made) for name in "abc"] == [made] * 3
    assert site.clients[old].get("/v1/site/contingency").json() == []


def maintenance(site: DirectorySite, ident: str) -> CommandReply:
    """The reply to an order for agent edge-1, whose time is the machine's."""
    message = json.dumps({"at_s": time.time(), "name": "agent/edge-1", "on": True, "lasting_s": 60})
    to = ["-h", "127.0.0.1", "-p", str(site.port("broker")), "-t", topics.command(site.site, "maintenance", ident)]
    subprocess.run(["mosquitto_pub", *to, "-q", "1", "-m", message], check=True, stdin=subprocess.DEVNULL)

    def replies() -> list[CommandReply]:
        told = [CommandReply.model_validate_json(payload) for payload in list(site.heard) if b'"outcome"' in payload]
        return [reply for reply in told if reply.id == ident]

    wait_until(lambda: replies() != [], 20, "the reply")
    return replies()[0]


def ahead_s(site: DirectorySite, name: str) -> list[int]:
    """How far the clock was ahead at each edit of a camera, by the history of a server, the oldest first, to a minute."""
    entries = site.clients[name].get("/v1/site/history?limit=100").json()["entries"]
    assert [entry["index"] for entry in entries] == sorted((entry["index"] for entry in entries), reverse=True)
    edits = [entry for entry in reversed(entries)
             if entry["kind"] == "edit" and any(change["entity"] == "camera" for change in entry["payload"]["changes"])]  # fmt: skip
    return [60 * round((entry["at_s"] - time.time()) / 60) for entry in edits]


def test_a_leader_whose_clock_steps_leads_on_and_its_history_keeps_its_order(site):
    clocks = {name: FakeClock(site.folder / f"clock-{name}") for name in "abc"}
    site.wrapped = {name: clock.command for name, clock in clocks.items()}
    site.servers("abc")
    leader = site.leader("abc")
    others = "abc".replace(leader, "")
    assert site.clients[leader].put("agent/edge-1", {}).status == 200
    steps = [0, DAY_S, -3600, -20_000 * DAY_S]  # the last one: in the seventies
    for number, step in enumerate(steps):
        clocks[leader].ahead_s(step)
        assert site.takes(others[0], f"cam{number}")
    refused = maintenance(site, "m1")
    assert (refused.outcome, refused.server) == ("stale", leader), "it leads on"
    assert "set the clocks" in refused.remedy
    clocks[leader].ahead_s(DAY_S)
    assert site.takes(leader, "a-day-ahead")
    site.kill(leader)
    wait_until(lambda: site.takes(others[0], "on-time"), 30, "writes after the kill")
    assert maintenance(site, "m2").outcome == "done"
    clocks[leader].ahead_s(-3600)
    site.start(leader)
    wait_until(lambda: site.leader("abc") not in ("", leader), 40, "the old leader's following, an hour late")
    assert site.cameras_at(leader) == {"cam0", "cam1", "cam2", "cam3", "a-day-ahead", "on-time"}
    assert [ahead_s(site, name) for name in "abc"] == [[*steps, DAY_S, 0]] * 3
