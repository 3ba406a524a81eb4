"""An edge box comes up after a power cut and its disk does not: it records from RAM, says so, and goes over to the disk once it is well."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faultproxy import Mode
from faultrig import SMALL, FaultSite, fault_site, read_only, small_disk
from wksite import wait_until

from watchkeep.agent.home.refuge import place
from watchkeep.wire.causes import EventKind, Protection

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@contextmanager
def none_in_ram(data: Path) -> Iterator[None]:
    """What an agent that had to be killed leaves in RAM goes with the test."""
    try:
        yield
    finally:
        shutil.rmtree(place(data), ignore_errors=True)


def asked(site: FaultSite) -> dict:
    """`watchkeep agent status --json`, as an operator on the box types it; the beacon."""
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "agent", "status", "--json", "-c", str(site.folder / "edge-1.toml")]
    return json.loads(subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout)["beacon"]


def told(site: FaultSite) -> list[bool]:
    """Of each event `disk` of the agent about its start, whether it says that this is over."""
    return [event.text.startswith("no more") for event in list(site.view.events)
            if event.kind is EventKind.DISK and "could not be used at the start" in event.text]  # fmt: skip


def test_a_start_without_its_disk_records_from_ram_and_goes_over_to_it_when_it_is_well(tmp_path):
    data = tmp_path / "edge-1"
    with fault_site(tmp_path) as site, small_disk(tmp_path / "disk.img", data, 256), none_in_ram(data):
        site.archivers("a", "b")
        proxy = site.behind_proxy("b")
        site.record(site.source(*SMALL, cameras=1), copies=2)
        site.recording(1)
        proxy.set(Mode.RESET)
        lacking = site.newest("b")
        wait_until(lambda: site.newest("a") > lacking + 1, 30, "chunks in the journal that b lacks")
        site.kill("edge-1")
        site.view.cameras.clear()
        with read_only(data):
            proxy.set(Mode.PASS)
            site.start("edge-1")
            site.recording(1)
            wait_until(lambda: min(site.held(name).get("cam0", -1) for name in "ab") > 1, 30, "chunks on both, from RAM")
            assert told(site) == [False]
            assert "could not be used at the start" in asked(site)["disk_why"]
            assert site.view.cameras["cam0"].protection is Protection.PROTECTED
            boot = site.view.agents["edge-1"].boot
        wait_until(lambda: site.view.agents["edge-1"].boot != boot and site.view.recording() == 1, 30, "a start on the disk")
        wait_until(lambda: told(site) == [False, True], 10, "the agent's saying that it is over")
        assert list((data / "journal").glob("*.wkj"))
        wait_until(lambda: site.view.agents["edge-1"].disk_why == "", 10, "a beacon that is content")
        assert not place(data).exists()
        assert site.members["edge-1"].process.poll() is None, "it is the same process, so nobody has to start it"
        site.settled()
        site.stop_all("edge-1", "a", "b", "source")
        report = site.proof("a").camera("cam0")
        assert site.same("a", "b")
        assert (report.damage, [gap.cause for gap in report.gaps]) == ((), ["agent-down"] * 2)
        assert [(one.first, one.missing, one.duplicates) for one in report.sessions] == [(0, (), ())] * 3
