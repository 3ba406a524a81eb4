"""The wall clock of a recorder and of an archiver steps by decades, days and hours: cut, marked, gone on; nothing lost or overwritten."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from fakeclock import FakeClock
from faultrig import FPS, SMALL, FaultSite, fault_site
from wksite import wait_until

from watchkeep.hub.store.retainer import AGE_S
from watchkeep.hub.verify.report import CameraReport, SessionFound
from watchkeep.wire.causes import EventKind

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
DAY_S, HOUR_S = 86_400, 3600
SUMMER_TIME_ENDS = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""03:00 becomes 02:00 in Berlin: a recorder that named files by local time would write that hour twice."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def clocked(site: FaultSite, name: str, zone: str = "UTC") -> FakeClock:
    """A clock for a member that starts after this."""
    clock = FakeClock(site.folder / f"clock-{name}", zone=zone)
    site.wrapped[name] = clock.command
    return clock


def told_by(site: FaultSite, source: str) -> list[str]:
    return [event.text for event in list(site.view.events) if event.kind is EventKind.CLOCK and event.source == source]


def steps(site: FaultSite) -> int:
    return len(told_by(site, "edge-1"))


def goes_on(site: FaultSite, camera: str, what: str, seconds: float = 1.5) -> None:
    """Wait for that much more video, by default more than a chunk holds."""
    frames = site.frames(camera)
    wait_until(lambda: site.frames(camera) > frames + seconds * FPS, 40 + 2 * seconds, what)


def stepped(site: FaultSite, what: str) -> None:
    """Wait until the recorder has seen the step, its epoch has begun, and video is in it."""
    known, epoch = steps(site), site.view.cameras["cam0"].epoch
    wait_until(lambda: steps(site) > known and site.view.cameras["cam0"].epoch > epoch, 40, f"the new epoch after {what}")
    goes_on(site, "cam0", f"recording after {what}")


def test_clocks_that_step_cut_mark_and_go_on(site):
    """edge-1 boots in 1970 and records cam0 to a while its clock steps; b, which records cam1 of edge-2, finds itself 2 years ahead."""
    clock, ahead = clocked(site, "edge-1", "Europe/Berlin"), clocked(site, "b")
    clock.at(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    site.archivers("a", "b", extra="retention_days = 365")  # the end of summer time is weeks away, 1970 is further
    urls = site.source(*SMALL[:-1], "2", cameras=2)
    site.record({"cam0": urls["cam0"]}, copies=1, to=["a"])
    site.record({"cam1": urls["cam1"]}, copies=1, to=["b"], name="edge-2", segment_s=1.0)
    site.recording(2)
    goes_on(site, "cam0", "recording in 1970")
    goes_on(site, "cam1", "a few files on b", 4)
    ahead.ahead_s(730 * DAY_S)
    before = site.frames("cam1")
    for ahead_s, what in ((0, "NTP's step"), (DAY_S, "a day ahead"), (DAY_S - HOUR_S, "an hour back")):
        clock.ahead_s(ahead_s)
        stepped(site, what)
    clock.at(SUMMER_TIME_ENDS.replace(hour=0, minute=59, second=55))
    stepped(site, "weeks back")
    epoch = site.view.cameras["cam0"].epoch
    goes_on(site, "cam0", "recording over the end of summer time", 6)
    assert site.view.cameras["cam0"].epoch == epoch, "local time is nothing to a recorder"
    wait_until(lambda: site.frames("cam1") > before + (AGE_S + 4) * FPS, 60, "a look at the age of b's files after the step")
    site.stop_all("b")
    site.start("b")  # with its clock still ahead: nothing is deleted at the start either
    looked = site.frames("cam1")
    wait_until(lambda: site.frames("cam1") > looked + 4 * FPS, 40, "recording on b again")
    ahead.ahead_s(0)
    wait_until(lambda: "went back by 730.0 days" in " ".join(told_by(site, "b")), 20, "b's step back is told")
    site.settled()
    site.stop_all("edge-1", "edge-2", "a", "b", "source")
    assert "went forward by 730.0 days" in told_by(site, "b")[0]
    assert [event for event in site.view.events if event.kind in (EventKind.TAKEOVER, EventKind.LOSS, EventKind.RETENTION)] == []
    the_recorders_steps(site.proof("a").camera("cam0"))
    [session] = whole(site.proof("b").camera("cam1"))
    assert session.frames > before


def whole(report: CameraReport) -> tuple[SessionFound, ...]:
    """Every frame of every session is there once, and nothing is damaged."""
    assert report.damage == ()
    for session in report.sessions:
        assert (session.first, session.missing, session.duplicates) == (0, (), ()), session
    return report.sessions


def the_recorders_steps(report: CameraReport) -> None:
    assert len(whole(report)) == 1
    assert [epoch.cause for epoch in report.epochs] == ["first-start", *["clock-step"] * 4]
    assert all(earlier.epoch < later.epoch for earlier, later in pairwise(report.epochs))
    assert all((epoch.first_seq, epoch.chunks) == (0, epoch.last_seq + 1) for epoch in report.epochs)
    in_1970, stepped_to_now, next_day, hour_back, summer_time = report.epochs
    assert in_1970.end_s < DAY_S
    assert next_day.start_s - stepped_to_now.end_s == pytest.approx(DAY_S, abs=60)
    assert hour_back.start_s - next_day.end_s == pytest.approx(-HOUR_S, abs=60)
    assert summer_time.start_s < SUMMER_TIME_ENDS.timestamp() < summer_time.end_s
    assert {gap.cause for gap in report.gaps} == {"clock-step"}
    by_time = sorted(report.spans, key=lambda span: span.start_s)
    assert all(earlier.end_s <= later.start_s for earlier, later in pairwise(by_time)), "no moment is there twice"
