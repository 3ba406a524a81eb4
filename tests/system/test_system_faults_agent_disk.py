"""The agent's own disk hangs, or is full: an ext4 on a loop device.  Archivers get every frame, or what is lost is counted and told."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultplays import small_profile
from faultproxy import Mode
from faultrig import FPS, SMALL, FaultSite, fault_site, fill, frozen, small_disk
from wksite import plays, segments, wait_until

from watchkeep.wire.causes import LOST, EventKind, Protection

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

GOP = 2 * FPS
LARGE = ("--fps", str(FPS), "--gop", str(GOP), "--size", "640x360", "--bitrate", "3M", "--loop-seconds", "4")
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


def test_what_neither_disk_nor_archivers_nor_ram_take_goes_as_whole_gops_that_are_counted_and_declared(site, tmp_path):
    """RAM for some five seconds, as of a camera that sends fifteen times what its recorder was reckoned for."""
    profile = small_profile(tmp_path / "small.toml", bitrate_mbit="0.2", ring_seconds="30")
    with small_disk(tmp_path / "disk.img", tmp_path / "edge-1", 160):
        proxies = [site.behind_proxy(name) for name in "ab"]
        site.record(site.source(*LARGE, cameras=1), copies=2, profile=profile)
        site.recording(1)
        wait_until(lambda: min(site.newest(name) for name in "ab") > 1, 60, "live chunks on both")
        with frozen(tmp_path / "edge-1"):
            for proxy in proxies:
                proxy.set(Mode.RESET)
            wait_until(lambda: site.view.cameras["cam0"].dropped_frames > 2 * GOP, 60, "the ring's overflow")
        for proxy in proxies:
            proxy.set(Mode.PASS)
        kept = site.frames("cam0")
        wait_until(lambda: site.frames("cam0") > kept + 2 * GOP, 40, "recording afterwards")
        site.settled()
        site.stop_all("edge-1", "a", "b", "source")
    assert site.same("a", "b")
    dropped_as_told(site, site.view.cameras["cam0"].dropped_frames)
    for path in segments(site, "a"):
        plays(path)


def dropped_as_told(site: FaultSite, dropped: int) -> None:
    """What is missing is what was counted and told, ends before a key frame each time, and stands as a gap with its cause."""
    report = site.proof("a").camera("cam0")
    [session] = report.sessions
    assert (session.first, session.duplicates, session.missing_frames) == (0, (), dropped)
    assert [(last + 1) % GOP for _, last in session.missing] == [0] * len(session.missing)
    assert sum(int(event.text.split()[0]) for event in site.view.events if event.kind is EventKind.LOSS) == dropped
    assert report.damage == ()
    assert [gap.cause for gap in report.gaps] == [LOST] * len(session.missing)
    for (first, last), gap in zip(session.missing, report.gaps, strict=True):  # a window of lost frames may reach over two gaps
        assert last - first + 1 <= int(gap.text.removesuffix(" frames did not fit into the ring and are lost")) <= dropped


def test_a_disk_that_fills_up_while_the_agent_records_costs_what_no_archiver_has_and_that_is_declared(site, tmp_path):
    """Somebody else fills it while b is away, then a is away too: what a has goes from the journal first, then only is anything lost."""
    profile = small_profile(tmp_path / "small.toml", journal_file_bytes="1_048_576")
    with small_disk(tmp_path / "disk.img", tmp_path / "edge-1", 64):
        proxies = [site.behind_proxy(name) for name in "ab"]
        site.record(site.source(*LARGE, cameras=1), copies=2, profile=profile)
        site.recording(1)
        wait_until(lambda: min(site.newest(name) for name in "ab") > 1, 60, "live chunks on both")
        proxies[1].set(Mode.RESET)
        journal = tmp_path / "edge-1" / "journal"
        wait_until(lambda: len(list(journal.glob("*.wkj"))) >= 3, 30, "a journal that keeps what b lacks")
        fill(tmp_path / "edge-1" / "ballast")
        before = site.newest("a")
        wait_until(lambda: site.newest("a") > before + 6, 30, "two more journal files' worth of chunks on a")
        assert len(list(journal.glob("*.wkj"))) < 5
        assert lost_chunks(site) == set(), "what a has went from the journal first"
        proxies[0].set(Mode.RESET)
        reached = site.newest("a")
        wait_until(lambda: max(lost_chunks(site), default=0) > reached + 2, 40, "a declared loss of what nobody has")
        (tmp_path / "edge-1" / "ballast").unlink()
        for proxy in proxies:
            proxy.set(Mode.PASS)
        site.settled()
        site.stop_all("edge-1", "a", "b", "source")
    report = site.union("a", "b").camera("cam0")
    assert report.damage == ()
    assert {gap.cause for gap in report.gaps} == {LOST}
    gone = {seq for gap in report.gaps for seq in range(gap.first_seq, gap.last_seq + 1)}
    assert gone == {seq for seq in lost_chunks(site) if seq > reached + 1} | (gone & {reached + 1})  # which a may have and not have said so
    [session] = report.sessions
    assert (session.first, session.duplicates, len(session.missing)) == (0, (), len(report.gaps))


def lost_chunks(site: FaultSite) -> set[int]:
    """The numbers in the events `loss`, of the one epoch that there is."""
    found = [re.match(r"chunks (\d+) to (\d+) of", event.text) for event in list(site.view.events) if event.kind is EventKind.LOSS]
    return {seq for one in found if one is not None for seq in range(int(one[1]), int(one[2]) + 1)}
