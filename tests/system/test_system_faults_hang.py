"""A disk of an archiver hangs: an ext4 on a loop device that is frozen, as its only volume and as one of two."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faultrig import SMALL, FaultSite, fault_site, frozen, small_disk
from wksite import wait_until

from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire import http as names
from watchkeep.wire.causes import EventKind

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

MOMENT_CHUNKS = 8
"""A chunk is a second: the disk is given up after five, and the live chunks come back with the next segment, a second long here."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def health(site: FaultSite, name: str) -> tuple[int, str]:
    """(status, body) of a hub's health, which answers in any state of its disks."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port(name), timeout=5)
    try:
        connection.request("GET", names.HEALTH)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def says(site: FaultSite, status: int, what: str) -> Callable[[], bool]:
    def asked() -> bool:
        found, body = health(site, "a")
        return found == status and (not what or what in body)

    return asked


def told(site: FaultSite, what: str) -> int:
    return sum(event.kind is EventKind.DISK and what in event.text for event in list(site.view.events))


def proven(*volumes: Path) -> None:
    """Every frame from the first to the last is there, once."""
    report = verify_paths(list(volumes)).camera("cam0")
    assert (report.gaps, report.damage) == ((), ())
    [session] = report.sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())


def test_the_stand_in_takes_over_when_the_only_disk_hangs_and_nothing_is_lost_or_doubled_when_it_answers_again(site, tmp_path):
    with small_disk(tmp_path / "disk.img", site.volume("a")):
        site.archivers("a", "b")
        site.record(site.source(*SMALL, cameras=1), copies=1, segment_s=1.0)
        site.recording(1)
        wait_until(lambda: site.newest("a") > 2, 60, "a's having the live chunks")
        with frozen(site.volume("a")):
            before = site.newest("b")
            wait_until(lambda: site.newest("b") > before + 4, 30, "recording on the stand-in")
            wait_until(says(site, 503, "hangs since"), 20, "a's saying so")
        wait_until(says(site, 200, ""), 20, "a's disk being used again")
        wait_until(lambda: site.newest("a") > site.newest("b") + 1, 60, "a's having the live chunks again")
        wait_until(lambda: (told(site, "hangs since"), told(site, "answers again")) == (1, 1), 10, "one event for each")
        site.settled()
        site.stop_all("edge-1", "a", "b", "source")
        proven(site.volume("a"), site.volume("b"))


def test_one_of_two_disks_hangs_and_recording_goes_on_on_the_other(site, tmp_path):
    large, small = site.volume("a"), tmp_path / "volume-a-too"
    with ExitStack() as disks:
        disks.enter_context(small_disk(tmp_path / "large.img", large, 128))
        disks.enter_context(small_disk(tmp_path / "small.img", small))
        site.archivers("a", "b")
        site.stop_all("a")
        config = site.folder / "hub-a.toml"
        config.write_text(config.read_text().replace(json.dumps([str(large)]), json.dumps([str(large), str(small)])))
        site.again("a")
        site.record(site.source(*SMALL, cameras=1), copies=1, segment_s=1.0)
        site.recording(1)
        wait_until(lambda: site.newest("a") > 2, 60, "a's having the live chunks")
        assert list(large.rglob("*.mp4")), "the one with the most free space"
        with frozen(large):
            reached = site.newest("a")
            wait_until(says(site, 200, "hangs since"), 20, "a's saying so, and being fit to record")
            wait_until(lambda: site.newest("a") > reached + 2 * MOMENT_CHUNKS, 40, "recording on the other volume")
            assert site.newest("b") <= reached + MOMENT_CHUNKS, "the stand-in was needed for a moment at most"
        wait_until(lambda: (told(site, "hangs since"), told(site, "answers again")) == (1, 1), 20, "one event for each")
        held = set(large.rglob("*.mp4"))
        wait_until(lambda: set(large.rglob("*.mp4")) - held, 30, "the large disk being used again")
        site.settled()
        site.stop_all("edge-1", "a", "b", "source")
        proven(large, small, site.volume("b"))
