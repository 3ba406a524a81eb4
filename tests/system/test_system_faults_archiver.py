"""An archiver fails in every way that there is: killed, hung, cut off, lying, full, read-only, unmounted, restarted all the time."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faultproxy import Mode
from faultrig import FPS, SMALL, FaultSite, different_files, fault_site, fill, small_disk
from wksite import all_frames, wait_until

from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire.causes import EventKind

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
AT_ONCE_S, SILENT_S = 2.5, 5.0
"""The targets are 1 s and 3 s at p99 (./run reliability measures them); here the machine may be busy with other tests."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def takeovers(site: FaultSite, archiver: str) -> int:
    return sum(event.kind is EventKind.TAKEOVER and event.archiver == archiver for event in list(site.view.events))


def test_every_failure_of_the_first_archiver_has_the_same_verdict_in_the_same_time_and_costs_no_frame(site):
    """cam0 of edge-1 goes to a, which is killed, stopped and cut off; cam1 of edge-2 to b, whose proxy resets, is mute and answers 500."""
    site.archivers("a", "b", "c")
    proxy, space = site.behind_proxy("b"), site.in_namespace("a")
    urls = site.source(*SMALL, cameras=2)
    site.record({"cam0": urls["cam0"]}, copies=1, to=["a", "c"], segment_s=1.0)
    site.record({"cam1": urls["cam1"]}, copies=1, to=["b", "c"], segment_s=1.0, name="edge-2")
    site.recording(2)
    rounds: list[tuple[Callable[[], object], Callable[[], object], Mode, float]] = [
        (lambda: site.kill("a"), lambda: site.again("a"), Mode.RESET, AT_ONCE_S),
        (lambda: site.kill("a", signal.SIGSTOP), lambda: site.kill("a", signal.SIGCONT), Mode.SILENT, SILENT_S),
        (lambda: space.drop(on=True), lambda: space.drop(on=False), Mode.ERROR, SILENT_S),
    ]
    for number, (fail, heal, mode, within_s) in enumerate(rounds, 1):
        wait_until(lambda: site.newest("a", "cam0") > site.newest("c", "cam0") + 1, 40, "a's having cam0's live chunks")
        wait_until(lambda: site.newest("b", "cam1") > site.newest("c", "cam1") + 1, 40, "b's having cam1's live chunks")
        before, began = site.held("c"), time.monotonic()
        fail()
        proxy.set(mode)
        wait_until(lambda before=before: all(seq > before[camera] for camera, seq in site.held("c").items()), 20, "both takeovers")
        assert time.monotonic() - began < within_s
        wait_until(lambda number=number: takeovers(site, "a") == takeovers(site, "b") == number, 10, "one event for each failure")
        heal()
        proxy.set(Mode.PASS)
    site.settled()
    site.stop_all("edge-1", "edge-2", "a", "b", "c", "source")
    for camera, names in (("cam0", "ac"), ("cam1", "bc")):
        report = site.union(*names).camera(camera)
        assert (report.gaps, report.damage) == ((), ())
        [session] = report.sessions
        assert (session.first, session.missing, session.duplicates) == (0, (), ())


def test_an_archiver_that_restarts_all_the_time_ends_with_the_same_bytes(site):
    site.archivers("a", "b")
    frames = 22 * FPS
    urls = site.source("--frames", str(frames), *SMALL, cameras=1)
    site.record(urls, copies=2)
    site.recording(1)
    for restart in range(8):
        if restart % 2:
            site.stop_all("a")
        else:
            wait_until(lambda: site.newest("a") >= site.newest("b") - 1, 30, "a's being up to date")
            site.kill("a")
        site.again("a")
    wait_until(lambda: site.frames("cam0") >= frames, 60, "all frames' arrival")
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    assert site.same("a", "b")
    all_frames(site.proof("a").camera("cam0"), frames)
    assert different_files(site.volume("a"), site.volume("b")) == []
    verify_names_a_flipped_byte(site)


def verify_names_a_flipped_byte(site: FaultSite) -> None:
    path = max(site.volume("b").rglob("*.mp4"), key=lambda one: one.stat().st_size)
    raw = bytearray(path.read_bytes())
    raw[-10] ^= 1  # of the last frame; one in a seal is told by its own chunk and by the next one's chain
    path.write_bytes(raw)
    report = site.proof("b")
    [damage] = report.camera("cam0").damage
    assert not report.good
    assert (Path(damage.file).name, damage.seq is not None) == (path.name, True)


def test_an_archivers_disk_that_is_full_read_only_or_gone_is_taken_over_and_the_root_disk_gets_nothing(site, tmp_path):
    image, volume, read_again = tmp_path / "disk.img", site.volume("a"), tmp_path / "volume-a-again"
    with small_disk(image, volume):
        site.archivers("a", "b")
        urls = site.source(*SMALL, cameras=1)
        site.record(urls, copies=1, segment_s=1.0)
        site.recording(1)
        on_a(site)
        stood_in(site, lambda: fill(volume / "ballast"))
        (volume / "ballast").unlink()
        on_a(site)
        stood_in(site, lambda: subprocess.run(["mount", "-o", "remount,abort", str(volume)], check=True))
        subprocess.run(["umount", "-l", str(volume)], check=True)
        reached = site.newest("b")
        wait_until(lambda: site.newest("b") > reached + 4, 30, "recording on the stand-in")
        assert list(volume.iterdir()) == [], "nothing lands on the disk beneath the mount point"
        site.settled()
        site.stop_all("edge-1", "b", "source")
        site.stop("a")
        assert list(volume.iterdir()) == []
        read_again.mkdir()
    with remounted(image, read_again):
        report = verify_paths([read_again, site.volume("b")]).camera("cam0")
    assert (report.gaps, report.damage) == ((), ())
    [session] = report.sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())


def on_a(site: FaultSite) -> None:
    wait_until(lambda: site.newest("a") > site.newest("b") + 1, 60, "a's having the live chunks")


def stood_in(site: FaultSite, fail: Callable[[], object]) -> None:
    """The fault makes b take over."""
    before = site.newest("b")
    fail()
    wait_until(lambda: site.newest("b") > before, 20, "the takeover")


@contextmanager
def remounted(image: Path, folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
