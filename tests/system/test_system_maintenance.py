"""A planned restart: announced, nobody takes over and no frame is missing; who stays away for longer is replaced at that moment."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultrig import SMALL, FaultSite, fault_site
from wksite import wait_until

from watchkeep.wire.causes import EventKind, Protection

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
AWAY_S = 4


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def announce(site: FaultSite, archiver: str, lasting: str) -> None:
    """As an operator does: the command returns when the agent knows."""
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "hub", "maintenance", "on", "--for", lasting, "--url", site.urls[archiver]]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    assert "all agents know" in found.stdout


def takeovers(site: FaultSite) -> list[str]:
    return [event.text for event in list(site.view.events) if event.kind is EventKind.TAKEOVER]


def test_a_planned_restart_moves_no_camera_and_an_absence_that_lasts_too_long_does(site):
    site.archivers("a", "b")
    site.record(site.source(*SMALL, cameras=1), copies=1, segment_s=1.0)
    site.recording(1)
    wait_until(lambda: site.newest("a") > 1, 30, "a's having chunks")
    announce(site, "a", "2m")
    site.stop_all("a")
    wait_until(lambda: site.view.cameras["cam0"].protection is Protection.UNPROTECTED, 30, "the camera's being unprotected")
    assert "a: in maintenance for another" in site.view.cameras["cam0"].protection_why
    site.again("a")
    site.settled()
    assert (takeovers(site), site.newest("b")) == ([], -1)

    announce(site, "a", f"{AWAY_S}s")
    began = time.monotonic()
    site.kill("a")
    wait_until(lambda: site.newest("b") > 1, 30, "the takeover")
    assert AWAY_S - 3 < time.monotonic() - began < AWAY_S + 8
    assert [text.startswith("archiver a is unhealthy: it has not come back from its maintenance") for text in takeovers(site)] == [True]
    site.again("a")
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    report = site.union("a", "b").camera("cam0")
    assert (report.gaps, report.damage) == ((), ())
    [session] = report.sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())
