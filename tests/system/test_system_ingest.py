"""Cameras of every kind that ingest knows, recorded by real processes: codecs, transports, sound, jumps, stops."""

import itertools
import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from coded import access_units, video_payloads
from rtsp_stub import Media, Raw, Rtp, stub
from wksite import Site, all_frames, listening, site_in, wait_until

from watchkeep.hub.verify.report import CameraReport
from watchkeep.wire.causes import CameraStatus

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
FPS, SECONDS = 25, 7
FRAMES = FPS * SECONDS
BURST_S = 4


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        yield made


CAST = {
    "aac-jump": ("--audio aac --gop 40 --fault cam0:jump=5000", "tcp", ["first-start", "time-jump"], 1),
    "pcma": ("--audio pcma --gop 30 --bframes 2", "tcp", ["first-start"], 1),
    "pcmu-change": ("--audio pcmu --fault cam0:param-change=75", "tcp", ["first-start", "parameter-change"], 1),
    "opus-h265": ("--audio opus --codec h265 --gop 40 --fault cam0:jump=-3000", "tcp", ["first-start", "time-jump"], 1),
    "udp": ("--audio aac --bitrate 500k", "udp", ["first-start"], 1),
    "burst": (f"--gop 25 --fault cam0:burst={BURST_S}", "tcp", ["first-start"], 1),
    "wrap": ("--bframes 2 --fault cam0:wrap=3", "tcp", ["first-start"], 1),
    "wrap-aac": ("--audio aac --fault cam0:wrap=3", "tcp", ["first-start"], 1),
    "slow": ("--fps 1 --gop 1 --bframes 0", "tcp", ["first-start"], FPS),
}
"""Options of the source, transport, causes of the epochs that come of it, and how many times fewer frames it sends."""


def sources(site: Site, ingest: str) -> str:
    """Start one source for each of the cast; returns their camera sections."""
    sections = ""
    for camera, (options, transport, _, fewer) in CAST.items():
        port = site.port(f"source-{camera}")
        pace = [] if "--fps" in options else ["--fps", str(FPS)]
        site.add(f"source-{camera}", ["source", "--port", str(port), "--size", "320x180", "--frames", str(FRAMES // fewer),
                                      "--report", str(site.folder / f"sent-{camera}.json"), *pace, *options.split()])  # fmt: skip
        sections += f'[[camera]]\nid = "{camera}"\nurl = "rtsp://127.0.0.1:{port}/cam0"\ntransport = "{transport}"\narchivers = ["a"]\n'
        sections += f'ingest = "{ingest}"\n'
    for camera in CAST:
        wait_until(lambda camera=camera: listening(site.port(f"source-{camera}")), 60, f"the start of the source of {camera}")
    filled = time.monotonic() + BURST_S  # a source stores as it runs: what it has not run for it cannot send at once
    wait_until(lambda: time.monotonic() >= filled, 60, "a full store of frames")
    return sections


def decoded(path: Path) -> tuple[float, float | None]:
    """Seconds of video and of sound that ffmpeg decodes from a file, without an error line."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0", "-fps_mode", "passthrough", "-ac", "1", "-f", "framecrc", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, ""), path
    lines = done.stdout.splitlines()
    kinds = {line.split()[1]: line.split()[2] for line in lines if line.startswith("#media_type")}
    rate = next((int(line.split()[2]) for line in lines if line.startswith("#sample_rate")), 0)
    frames = [(kinds[f"{line.split(',')[0]}:"], int(line.split(",")[4])) for line in lines if not line.startswith("#")]
    video = sum(kind == "video" for kind, _ in frames) / FPS
    return video, sum(size for kind, size in frames if kind == "audio") / 2 / rate if rate else None


@pytest.mark.parametrize("ingest", ["pyav", "native"])
def test_every_kind_of_camera_is_recorded_frame_for_frame_and_its_sound_has_its_length(site, ingest):
    site.archiver("a")
    site.agent({}, archivers=["a"], copies=1, extra=f"[recording]\nsegment_s = 3.0\n{sources(site, ingest)}")
    wait_until(lambda: all(site.frames(camera) >= FRAMES // fewer for camera, (_, _, _, fewer) in CAST.items()), 60, "all frames' arrival")
    site.settled()
    site.stop_all("edge-1", "a", *(f"source-{camera}" for camera in CAST))
    proof = site.proof("a")
    assert proof.good, proof.model_dump_json(indent=1)
    for camera, (options, _, causes, fewer) in CAST.items():
        report = proof.camera(camera)
        all_frames(report, FRAMES // fewer)
        assert sorted({epoch.cause for epoch in report.epochs}) == causes, camera  # an RTCP report after a jump may be another jump
        assert report.gaps == (), camera
        for cause in causes[1:]:
            assert site.told(camera, f", {cause}: "), camera
        files = sorted(path for path in (site.volume("a") / camera).rglob("*.mp4") if not path.name.startswith("."))
        lengths = [decoded(path) for path in files]
        assert sum(video for video, _ in lengths) == pytest.approx(FRAMES // fewer / FPS), camera
        if "--audio" in options:
            assert sum(sound or 0.0 for _, sound in lengths) == pytest.approx(SECONDS, abs=0.5), camera
    the_burst_lies_before_play(site, proof.camera("burst"))
    states = [state for name, state in site.view.cameras.items() if name in CAST]
    wait_until(lambda: {state.why for state in site.view.cameras.values()} == {"the agent has stopped"}, 10, "the cameras' goodbye")
    assert len(states) == len(CAST)


def the_burst_lies_before_play(site: Site, report: CameraReport) -> None:
    """Stored frames came all at once, and stand on the timeline where they were taken: the last frame, when it was sent."""
    [session] = json.loads((site.folder / "sent-burst.json").read_text())["cameras"]["cam0"]["sessions"]
    assert session["ended_s"] - session["started_s"] < SECONDS - 2, "at least 2 s of the frames came in a burst"
    assert report.epochs[-1].end_s == pytest.approx(session["ended_s"], abs=1.0)
    assert report.epochs[0].start_s == pytest.approx(session["ended_s"] - SECONDS, abs=1.0)


def test_a_camera_that_goes_on_with_reports_alone_is_stalled_and_opened_anew_and_its_neighbour_records_on(site):
    units = [video_payloads("h264", unit) for unit in access_units("h264", 2 * FPS)]

    def script(session):
        """Two seconds of video; the first session then sends RTCP and nothing else, for ever, the others more video."""
        step, end = 1 / FPS, 2.0
        if session == 0:
            reports = (Raw(end + number, ((1, bytes([0x80, 200, 0, 6]) + bytes(24)),)) for number in range(1000))
            return itertools.chain((Rtp(0, number * step, unit) for number, unit in enumerate(units)), reports)
        return (Rtp(0, number * step, units[number % len(units)]) for number in range(100 * FPS))

    site.archiver("a")
    with stub((Media("video", 96, 90_000, ("rtpmap:96 H264/90000",)),), script) as camera:
        urls = {**site.source("--fps", str(FPS), "--size", "320x180", cameras=1), "quiet": camera.url}
        site.agent(urls, archivers=["a"], copies=1)
        site.recording(2)
        wait_until(lambda: site.view.cameras["quiet"].status is CameraStatus.STALLED, 20, "the stall's being noticed")
        stalled = site.view.cameras["quiet"]
        assert "sends no picture" in stalled.why
        assert abs(stalled.since_s - time.time()) < 10
        wait_until(lambda: site.view.recording() == 2 and site.frames("quiet") > 3 * FPS, 30, "the camera's return")
        assert site.view.cameras["cam0"].reconnects == 0
        site.settled()
        site.stop_all("edge-1", "a")
    proof = site.proof("a")
    assert [epoch.cause for epoch in proof.camera("quiet").epochs] == ["first-start", "camera-lost"]
    [gap] = proof.camera("quiet").gaps
    assert (gap.cause, 4 < gap.end_s - gap.start_s < 12) == ("camera-lost", True), gap
    assert proof.camera("cam0").gaps == ()


def test_sigterm_ends_the_agent_in_10_s_with_a_silent_camera_a_hung_archiver_and_a_hung_broker(site):
    site.archiver("a")
    urls = site.source("--fps", str(FPS), "--size", "320x180", cameras=1)
    chatter = (Raw(number, ((1, bytes([0x80, 200, 0, 6]) + bytes(24)),)) for number in range(1000))
    unit = video_payloads("h264", access_units("h264", 1)[0])
    video = (Rtp(0, number / FPS, unit) for number in range(2 * FPS))
    with (socket.create_server(("127.0.0.1", 0)) as silent,
          stub((Media("video", 96, 90_000, ("rtpmap:96 H264/90000",)),), lambda _: itertools.chain(video, chatter)) as quiet):  # fmt: skip
        urls["quiet"] = quiet.url
        urls["silent"] = f"rtsp://viewer:open-sesame@127.0.0.1:{silent.getsockname()[1]}/x"
        site.agent(urls, archivers=["a"], copies=1)
        site.recording(2)
        wait_until(lambda: "does not answer" in site.view.cameras["silent"].why, 20, "the state of the silent camera")
        broker = next(process for process in site._others if "mosquitto" in str(process.args[0]))
        site.kill("a", signal.SIGSTOP)
        broker.send_signal(signal.SIGSTOP)
        agent = site.members["edge-1"].process
        try:
            began = time.monotonic()
            for _ in range(2):
                agent.send_signal(signal.SIGINT)
            assert agent.wait(15) == 0
            assert time.monotonic() - began < 10
        finally:
            broker.send_signal(signal.SIGCONT)
    log = (site.folder / "edge-1.log").read_text()
    assert "open-sesame" not in log
    assert "Traceback" not in log
