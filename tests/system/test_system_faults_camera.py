"""Cameras that reboot and whose link is cut: their own frames are all there, the gap is declared, and nobody else notices."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faultrig import FPS, SMALL, FaultSite, Namespace, fault_site
from wksite import listening, wait_until

from watchkeep.agent.pyav.ingest import RtspSession
from watchkeep.hub.verify.report import CameraReport
from watchkeep.wire.causes import CameraStatus

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
QUIET = (*SMALL[:-1], "2")
"""A loop of 2 s."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with fault_site(tmp_path) as made:
        yield made


def camera(site: FaultSite, name: str, *options: str, space: Namespace | None = None) -> str:
    """One source of its own, which fails alone; returns its camera's URL."""
    host, member = "127.0.0.1" if space is None else space.host, f"source-{name}"
    if space is not None:
        site.wrapped[member] = ["ip", "netns", "exec", space.name]
    site.add(member, ["source", "--host", host, "--port", str(site.port(member)), *QUIET, *options])
    url = f"rtsp://{host}:{site.port(member)}/cam0"
    wait_until(lambda: answers(url) if space is not None else listening(site.port(member)), 60, f"the start of camera {name}")
    return url


def answers(url: str) -> bool:
    """Whether a camera that is not on 127.0.0.1 can be opened."""
    try:
        RtspSession(url, "tcp").close()
    except Exception:  # noqa: BLE001 - whatever it is, it does not answer yet
        return False
    return True


def status(site: FaultSite, name: str) -> CameraStatus:
    return site.view.cameras[name].status


def by_run(report: CameraReport) -> list[tuple[int, int]]:
    """(run, session) of what was recorded, in the order of time; raises AssertionError when a frame before the last of one is missing."""
    for session in report.sessions:
        assert (session.missing, session.duplicates) == ((), ()), session
    return [(session.run, session.session) for session in report.sessions]


def test_a_reboot_and_a_half_open_connection_cost_their_own_time_and_nobody_elses(site):
    """reboots: its process is killed and comes back under the same URL.  far: its link drops every packet, both ends think it stands."""
    site.archivers("a")
    space = site.namespaces["far"] = Namespace()
    urls = {"near": camera(site, "near", "--bframes", "2"), "reboots": camera(site, "reboots"), "far": camera(site, "far", space=space)}
    site.record(urls, copies=1)
    wait_until(lambda: site.view.recording() == 3 and min(site.frames(name) for name in urls) > 2 * FPS, 60, "three cameras' frames")
    site.kill("source-reboots")
    before = site.frames("far")
    space.drop(on=True)
    wait_until(lambda: status(site, "reboots") is CameraStatus.CONNECTING, 20, "the loss of the camera that reboots")
    wait_until(lambda: status(site, "far") in (CameraStatus.STALLED, CameraStatus.CONNECTING), 20, "the loss of the camera far away")
    assert site.view.cameras["far"].why
    assert status(site, "near") is CameraStatus.RECORDING
    lost_at = site.frames("far")
    assert lost_at >= before
    space.drop(on=False)
    site.start("source-reboots")
    wait_until(lambda: site.view.recording() == 3, 90, "both cameras' return")
    wait_until(lambda: site.frames("far") > lost_at + 2 * FPS, 40, "frames of the camera far away")
    assert site.view.cameras["near"].reconnects == 0
    frames = site.frames("near")
    site.settled()
    site.stop_all("edge-1", "a")
    proof = site.proof("a")
    near = proof.camera("near")
    assert (near.gaps, near.damage) == ((), ())
    [session] = near.sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())
    assert session.frames >= frames
    for name in ("reboots", "far"):
        report = proof.camera(name)
        assert report.damage == ()
        assert {gap.cause for gap in report.gaps} == {"camera-lost"}, report.gaps
        assert [epoch.cause for epoch in report.epochs] == ["first-start", *["camera-lost"] * (len(report.epochs) - 1)]
        assert all(session.first == 0 for session in report.sessions)
    assert len({run for run, _ in by_run(proof.camera("reboots"))}) == 2, "the process before and after the reboot"
    assert len({run for run, _ in by_run(proof.camera("far"))}) == 1
    assert len(by_run(proof.camera("far"))) >= 2


def test_libav_gives_the_first_frame_of_a_session_without_stamps_and_those_behind_it_without_dts(site):
    """What every session of these tests begins with, so that each of them tries it; the day libav changes that, a test has to make it."""
    url = camera(site, "b", "--bframes", "2")
    session = RtspSession(url, "tcp")
    try:
        first = [(sample.pts is None, sample.dts is None) for sample, _ in zip(session.samples(), range(3), strict=False)]
    finally:
        session.close()
    assert first == [(True, True), (False, True), (False, True)]
