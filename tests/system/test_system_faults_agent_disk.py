"""The agent's own disk hangs, or is full from the start: an ext4 on a loop device.  Archivers get every frame all the same."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultproxy import Mode
from faultrig import SMALL, FaultSite, fault_site, frozen, small_disk
from wksite import wait_until

from watchkeep.wire.causes import EventKind, Protection

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

LEFT_BYTES = 3 << 20
"""Room for the small files of data_dir, and for no file of the journal."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        made.archivers("a", "b")
        yield made


def told(site: FaultSite, what: str) -> list[bool]:
    """Of each event `disk` of the agent with `what` in its text, whether it says that this is over."""
    return [event.text.startswith("no more") for event in list(site.view.events)
            if event.kind is EventKind.DISK and event.source == "edge-1" and what in event.text]  # fmt: skip


def nothing_lost(site: FaultSite) -> None:
    """Every frame from the first on is on both archives, once, in one epoch, and the agent told of no loss."""
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    assert site.same("a", "b")
    report = site.proof("a").camera("cam0")
    assert (report.gaps, report.damage, len(report.epochs)) == ((), (), 1)
    [session] = report.sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())
    assert not [event for event in site.view.events if event.kind is EventKind.LOSS]


def test_while_its_disk_hangs_archivers_go_on_receiving_and_what_they_miss_meanwhile_waits_in_ram(site, tmp_path):
    with small_disk(tmp_path / "disk.img", tmp_path / "edge-1", 160):
        proxies = [site.behind_proxy(name) for name in "ab"]
        site.record(site.source(*SMALL, cameras=1), copies=2)
        site.recording(1)
        wait_until(lambda: site.newest("a") > 2, 60, "a's having live chunks")
        with frozen(tmp_path / "edge-1"):
            before = site.newest("a")
            wait_until(lambda: told(site, "has not answered") == [False], 30, "the agent's saying that its disk hangs")
            wait_until(lambda: site.newest("a") > before + 6, 30, "live chunks on a, durable, with the agent's disk frozen")
            assert site.view.cameras["cam0"].protection is Protection.PROTECTED
            for proxy in proxies:
                proxy.set(Mode.RESET)
            cut = site.frames("cam0")
            wait_until(lambda: site.frames("cam0") > cut + 100, 30, "four seconds that stand in RAM alone")
            for proxy in proxies:
                proxy.set(Mode.PASS)
            before = site.newest("b")
            wait_until(lambda: site.newest("b") > before + 5, 30, "these four seconds on b, from RAM")
        wait_until(lambda: told(site, "has not answered") == [False, True], 20, "the disk's answering again")
        nothing_lost(site)


def test_a_disk_without_room_for_any_journal_costs_nothing_while_archivers_take_everything_and_is_used_when_it_has_room(site, tmp_path):
    journal = tmp_path / "edge-1" / "journal"
    with small_disk(tmp_path / "disk.img", tmp_path / "edge-1", 160):
        ballast = tmp_path / "edge-1" / "ballast"
        room = os.statvfs(ballast.parent)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - LEFT_BYTES)
        site.record(site.source(*SMALL, cameras=1), copies=2)
        site.recording(1)
        wait_until(lambda: min(site.newest(name) for name in "ab") > 8, 60, "chunks on both, with no journal at all")
        assert not list(journal.glob("*.wkj"))
        assert told(site, "No space left") == [False]
        ballast.unlink()
        wait_until(lambda: list(journal.glob("*.wkj")), 20, "a journal file")
        wait_until(lambda: told(site, "No space left") == [False, True], 20, "the agent's saying that it is well again")
        nothing_lost(site)
