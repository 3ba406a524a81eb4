"""A narrow journal and both archivers away for too long: the gap that is left says on both timelines that it is a declared loss."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultplays import small_journal
from faultproxy import Mode
from faultrig import FaultSite, fault_site
from wksite import wait_until

from watchkeep.wire import http
from watchkeep.wire.causes import LOST, EventKind

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
SOURCE = ("--fps", "25", "--size", "640x360", "--bitrate", "3M", "--loop-seconds", "4")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        made.archivers("a", "b")
        yield made


def losses(site: FaultSite, name: str) -> list[dict[str, object]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port(name)}{http.timeline('cam0')}", timeout=10) as answer:
        return [gap for gap in json.load(answer)["gaps"] if gap["cause"] == LOST]


def test_what_a_narrow_journal_gives_up_is_a_loss_on_both_timelines_also_after_a_restart_of_the_agent(site):
    proxies = [site.behind_proxy(name) for name in "ab"]
    site.record(site.source(*SOURCE, cameras=1), copies=2)
    site.recording(1)
    wait_until(lambda: min(site.newest("a"), site.newest("b")) >= 1, 30, "a first copy on both")
    for proxy in proxies:
        proxy.set(Mode.RESET)
    small_journal(site, max_bytes=3_145_728)  # three files, eight seconds
    site.recording(1)
    lost = "are lost: the journal is full"
    wait_until(lambda: any(event.kind is EventKind.LOSS and lost in event.text for event in list(site.view.events)), 60, "a declared loss")
    assert site.stop("edge-1") == 0
    site.view.cameras.clear()
    site.start("edge-1")
    for proxy in proxies:
        proxy.set(Mode.PASS)
    site.recording(1)
    wait_until(lambda: losses(site, "a") and losses(site, "b"), 60, "the loss on both timelines")
    site.settled()
    for name in "ab":
        [gap] = losses(site, name)
        assert gap["text"] == "the journal was full and no archiver had them"
    site.stop_all("edge-1", "a", "b", "source")
    for name in "ab":
        assert [gap.cause for gap in site.proof(name).camera("cam0").gaps if gap.first_seq is not None] == [LOST]
