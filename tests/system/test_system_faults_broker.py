"""The broker goes away, comes back empty and repeats an old will: nobody takes over, and what it shows is true again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faultrig import SMALL, FaultSite, fault_site
from wksite import listening, wait_until

from watchkeep.wire.causes import EventKind

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def test_a_broker_that_goes_and_comes_back_empty_stops_no_recording_and_shows_nothing_stale(site):
    site.archivers("a", "b")
    urls = site.source(*SMALL, cameras=1)
    site.record(urls, copies=1)
    site.recording(1)
    wait_until(lambda: len(site.view.archivers) == 2, 20, "both archivers' beacons")
    wait_until(lambda: site.newest("a") >= 1, 30, "durable chunks")
    [broker] = site._others
    broker.kill()
    broker.wait()
    before = site.newest("a")
    wait_until(lambda: site.newest("a") >= before + 3, 20, "recording without a broker")
    site.view.agents.clear()
    site.view.archivers.clear()
    site.view.cameras.clear()
    site.other(["mosquitto", "-c", str(site.folder / "mosquitto.conf")])
    wait_until(lambda: listening(site.port("broker")), 20, "Mosquitto's start")
    seen = site.view
    wait_until(lambda: bool(seen.cameras and seen.agents) and len(seen.archivers) == 2, 60, "every birth at the empty broker")
    assert all(beacon.online for beacon in (*site.view.agents.values(), *site.view.archivers.values()))
    site.settled()
    assert [event for event in site.view.events if event.kind is EventKind.TAKEOVER] == []
    site.stop_all("edge-1", "a", "b", "source")
    [session] = site.proof("a").camera("cam0").sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())
    assert list(site.volume("b").rglob("*.mp4")) == [], "silence on MQTT is the broker's, so nobody took over"
