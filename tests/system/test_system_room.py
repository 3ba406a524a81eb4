"""A stand-in without room for all cameras keeps the most important one, and the others are unprotected by name until there is room."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultrig import SMALL, FaultSite, fault_site, fill, small_disk
from wksite import wait_until

from watchkeep.wire.causes import EventKind, Protection

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
HIGH, LOW = "cam1", ("cam0", "cam2")
FREED_BYTES = 12 << 20
"""A minute and a half of all three cameras: whoever is left out is left out by the floor, not by the disk."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def ranked(site: FaultSite) -> None:
    """One camera is more important than the others from now on."""
    file = site.folder / "edge-1.toml"
    file.write_text(file.read_text().replace(f'id = "{HIGH}"', f'id = "{HIGH}"\npriority = 9'))
    site.kill("edge-1", signal.SIGHUP)
    wait_until(lambda: any(event.kind is EventKind.CONFIGURATION for event in list(site.view.events)), 20, "the change")


def protections(site: FaultSite) -> dict[str, Protection]:
    return {camera: site.view.cameras[camera].protection for camera in (HIGH, *LOW)}


def texts(site: FaultSite, part: str) -> list[str]:
    return [event.text for event in list(site.view.events) if event.kind is EventKind.ARCHIVER and part in event.text]


def test_a_stand_in_that_is_full_keeps_the_most_important_camera_and_the_others_are_unprotected_by_name(site, tmp_path):
    with small_disk(tmp_path / "disk.img", site.volume("b")):
        ballast = site.volume("b") / "ballast"
        site.archivers("a", "b")
        site.record(site.source(*SMALL, cameras=3), copies=1, hold_s=30.0)
        site.recording(3)
        ranked(site)
        wait_until(lambda: min(site.held("a").values()) > 2, 40, "all cameras on a")
        site.kill("a")
        wait_until(lambda: min(site.held("b").values()) >= 0, 20, "the takeover of all cameras")
        fill(ballast)
        wait_until(lambda: texts(site, "archiver b has no room for cameras below priority 9"), 20, "b's want of room")
        with ballast.open("r+b") as file:
            file.truncate(ballast.stat().st_size - FREED_BYTES)
        wait_until(lambda: set(protections(site).values()) == {Protection.PROTECTED, Protection.UNPROTECTED}, 20, "two kinds of cameras")
        at = site.newest("b", HIGH)
        wait_until(lambda: site.newest("b", HIGH) > at + 4, 20, "recording of the important camera on b")
        assert protections(site) == {HIGH: Protection.PROTECTED} | dict.fromkeys(LOW, Protection.UNPROTECTED)
        for camera in LOW:
            assert "no room on b for priority 5" in site.view.cameras[camera].protection_why
        [told] = texts(site, "archiver b has no room")
        assert all(camera in told for camera in LOW), told
        assert HIGH not in told
        site.again("a")
        wait_until(lambda: set(protections(site).values()) == {Protection.PROTECTED}, 60, "copies of all cameras")
        site.settled()
        site.stop_all("edge-1", "a", "b", "source")
        for camera in (HIGH, *LOW):
            report = site.union("a", "b").camera(camera)
            assert (report.gaps, report.damage) == ((), ())
            [session] = report.sessions
            assert (session.first, session.missing, session.duplicates) == (0, (), ())
