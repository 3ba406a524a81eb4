"""The agent is killed, loses power, finds its disk full and its clock moved: what it acknowledged stands, loss stays in its bound."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from faultplays import bound_frames, kill_agent, lost_frames
from faultproxy import Mode
from faultrig import FPS, SMALL, FaultSite, fault_site
from wksite import wait_until

from watchkeep.wire.causes import EventKind

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def test_kills_and_power_cuts_cost_what_the_bound_says_and_nothing_that_was_acknowledged(site):
    """A kill and two power cuts while archivers take everything, two power cuts while they are away: then the journal is all there is."""
    site.archivers("a", "b")
    proxies = [site.behind_proxy(name) for name in "ab"]
    urls = site.source(*SMALL, cameras=1)
    site.record(urls, copies=2)
    random, acknowledged = Random(3), dict[int, int]()
    for number in range(5):
        for proxy in proxies:
            proxy.set(Mode.RESET if number >= 3 else Mode.PASS)
        [(epoch, seq)] = kill_agent(site, random, power_cut=number >= 1).items()
        assert epoch > max(acknowledged, default=0), "numbers never go back"
        acknowledged[epoch] = seq
    for proxy in proxies:
        proxy.set(Mode.PASS)
    wait_until(lambda: site.frames("cam0") > 2 * FPS, 40, "recording after the last kill")
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    report = site.union("a", "b").camera("cam0")  # what one of them alone has, and no journal, is for consolidation
    assert report.damage == ()
    assert [event for event in site.view.events if event.kind is EventKind.TAMPER] == []
    assert {gap.cause for gap in report.gaps} == {"agent-down"}
    newest = {epoch.epoch: epoch.last_seq for epoch in report.epochs}
    assert all(newest[epoch] >= seq for epoch, seq in acknowledged.items() if seq >= 0)
    assert max(lost_frames(report, site.sent()["cam0"])) <= bound_frames()
