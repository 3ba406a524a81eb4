"""An operator asks a running agent and moves its cameras between archivers: no frame is missing, and `failback = "sticky"` ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultrig import SMALL, FaultSite, fault_site
from wksite import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def agent(site: FaultSite, *arguments: str) -> str:
    """What `watchkeep agent ...` says of the agent that runs."""
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "agent", *arguments, "-c", str(site.folder / "edge-1.toml")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


def target(site: FaultSite) -> list[str]:
    [copies] = json.loads(agent(site, "status", "--json"))["replication"]["copies"]
    return copies["targets"]


def test_cameras_are_moved_back_and_forth_without_a_gap(site):
    site.archivers("a", "b")
    urls = site.source(*SMALL, cameras=1)
    site.agent(urls, archivers=["a", "b"], copies=1, static=True,
               extra='[recording]\nsegment_s = 1.0\n[replication]\nfailback = "sticky"\nfailback_hold_s = 0.0')  # fmt: skip
    site.recording(1)
    wait_until(lambda: site.newest("a") > 1, 30, "a's having chunks")
    assert "to b" not in agent(site, "status")
    assert agent(site, "move", "cam0", "--to", "b").startswith("cam0: ")
    wait_until(lambda: site.newest("b") > 1, 30, "the move")
    assert target(site) == ["b"]
    agent(site, "move", "--all", "--back")
    before = site.newest("b")
    wait_until(lambda: site.newest("a") > before + 1, 30, "the move back")

    site.kill("a")
    wait_until(lambda: site.newest("b") > before + 2, 30, "the takeover")
    site.again("a")
    wait_until(lambda: "1 sticky camera stays with a stand-in" in agent(site, "status"), 30, "a's return, which is left waiting")
    agent(site, "move", "cam0", "--back")
    wait_until(lambda: target(site) == ["a"], 30, "the failback")
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    report = site.union("a", "b").camera("cam0")
    assert (report.gaps, report.damage) == ((), ())
    [session] = report.sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())
