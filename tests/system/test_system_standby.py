"""A cold standby: its "machine" is a process that the test starts at the magic packet, and that its own sleep command ends."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultrig import SMALL, FaultSite, fault_site
from wksite import wait_until

from watchkeep.wire.causes import EventKind

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]
MAC = "02:00:5e:10:00:ff"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


@pytest.fixture
def card() -> Iterator[socket.socket]:
    """What listens when the machine is off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        yield made


def packets(card: socket.socket) -> int:
    """How many magic packets have come since the last look."""
    count = 0
    while True:
        try:
            count += card.recv(1000) == bytes.fromhex("ff" * 6 + MAC.replace(":", "") * 16)
        except BlockingIOError:
            return count


def woken(site: FaultSite) -> list[str]:
    return [event.text for event in list(site.view.events) if event.kind is EventKind.STANDBY_WOKEN]


def test_a_standby_is_woken_takes_over_without_a_gap_and_sleeps_again(site, card, tmp_path):
    site.archivers("a")
    asleep = tmp_path / "asleep"
    nap = tmp_path / "nap.sh"
    nap.write_text(f"#!/bin/sh\ntouch {asleep}\n")
    nap.chmod(0o755)
    site.archiver("c", extra=f'[standby]\nsleep_command = ["{nap}"]\nsleep_after_s = 4.0')
    site.stop("c")
    asleep.unlink(missing_ok=True)
    cold = (f'[[archiver]]\nid = "c"\nurl = "http://127.0.0.1:{site.port("c")}"\ncold = true\nmac = "{MAC}"\n'
            f'wake_broadcast = "127.0.0.1:{card.getsockname()[1]}"')  # fmt: skip
    urls = site.source(*SMALL, cameras=1)
    site.agent(urls, archivers=["a", "c"], copies=1, extra=f'[recording]\nsegment_s = 1.0\n[replication]\nfailback_hold_s = 1.0\n'
               f'sleep_after_s = 2.0\n[[archiver]]\nid = "a"\nurl = "{site.urls["a"]}"\n{cold}')  # fmt: skip
    site.recording(1)
    wait_until(lambda: site.newest("a") > 1, 30, "a's having chunks")
    assert (packets(card), woken(site)) == (0, [])
    assert [(link.healthy, link.why) for link in site.view.agents["edge-1"].links if link.archiver == "c"] == [
        (True, "a cold standby, asleep until it is needed")]  # fmt: skip

    site.kill("a")
    wait_until(lambda: packets(card) > 0, 20, "the magic packet")
    wait_until(lambda: packets(card) > 0, 20, "another one, as nobody is awake")
    site.again("c")
    wait_until(lambda: site.newest("c") > 1, 30, "the takeover")
    assert woken(site) == ["cold standby c is needed and is woken; the journal bridges its start"]

    site.again("a")
    wait_until(asleep.exists, 60, "the standby's being left alone, and its sleep command")
    packets(card)
    assert packets(card) == 0
    site.settled()
    site.stop_all("edge-1", "a", "c", "source")
    report = site.union("a", "c").camera("cam0")
    assert (report.gaps, report.damage) == ((), ())
    [session] = report.sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())
