"""Real cameras to two archivers and back: frame lists, playback, kills.  Mosquitto, GStreamer, FFmpeg, `watchkeep source`."""

import itertools
import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import av
import pytest
from coded import access_units, video_payloads
from rtsp_stub import Media, Rtp, stub
from wksite import Site, all_frames, listening, site_in, wait_until

from watchkeep.wire.counter import FrameCounter, sei_nal

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
FPS = 25
GST_SERVER = Path(__file__).parents[1] / "helpers" / "gst_server.py"


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        yield made


def two_archivers(site: Site) -> None:
    site.archiver("a")
    site.archiver("b")


def segments(site: Site, name: str) -> list[Path]:
    return sorted(path for path in site.volume(name).rglob("*.mp4") if not path.name.startswith("."))


def plays(path: Path) -> None:
    """ffprobe and ffmpeg take the file without a word on stderr."""
    for command in (["ffprobe", "-v", "error", "-show_streams", str(path)], ["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stderr) == (0, ""), path


def test_every_frame_of_the_source_is_on_both_archivers_and_plays(site):
    two_archivers(site)
    frames = 12 * FPS
    urls = site.source("--frames", str(frames), "--fps", str(FPS), "--size", "320x180", "--audio", "aac", cameras=2)
    site.agent(urls, archivers=["a", "b"], copies=2, extra="[recording]\nsegment_s = 4.0")
    wait_until(lambda: all(site.frames(camera) >= frames for camera in urls), 60, "all frames' arrival")
    site.settled()
    base = f"http://127.0.0.1:{site.port('a')}/v1/cameras/cam0"
    timeline = json.load(urllib.request.urlopen(f"{base}/timeline"))
    assert len(timeline["spans"]) == 1
    assert timeline["gaps"] == []
    hls = subprocess.run(["ffmpeg", "-v", "error", "-i", f"{base}/index.m3u8?start={timeline['spans'][0]['start_s']}"
                          f"&end={timeline['spans'][0]['end_s']}", "-map", "0:v", "-f", "framemd5", "-"],
                         capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)  # fmt: skip
    # FFmpeg 5 says of every EXT-X-MAP with a byte range, by whatever server, that the "stream ends prematurely"
    assert [line for line in hls.stderr.splitlines() if "Stream ends prematurely" not in line] == []
    assert sum(not line.startswith("#") for line in hls.stdout.splitlines()) == frames
    site.stop_all("edge-1", "a", "b", "source")
    proof = site.proof("a")
    assert proof.good, proof.model_dump_json(indent=1)
    assert site.same("a", "b")
    for camera in urls:
        assert [session["frames"] for session in site.sent()[camera]] == [frames]
        all_frames(proof.camera(camera), frames)
        assert proof.camera(camera).audio_frames > 0
    files = {name: segments(site, name) for name in "ab"}
    assert [path.relative_to(site.volume("a")) for path in files["a"]] == [path.relative_to(site.volume("b")) for path in files["b"]]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(files["a"], files["b"], strict=True))
    assert len(files["a"]) >= 4
    for path in files["a"]:
        plays(path)


def test_every_frame_of_a_gstreamer_camera_is_recorded(site, tmp_path):
    units = clip(150)
    (tmp_path / "clip.bin").write_bytes(b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))
    port = site.port("gst")
    site.other(["/usr/bin/python3", str(GST_SERVER), str(port), str(tmp_path / "clip.bin"), str(FPS)])
    wait_until(lambda: listening(port), 30, "the start of the GStreamer server")
    two_archivers(site)
    site.agent({"cam0": f"rtsp://127.0.0.1:{port}/cam0"}, archivers=["a", "b"], copies=2)
    wait_until(lambda: site.frames("cam0") >= len(units), 60, "all frames' arrival")
    site.stop_all("edge-1")
    site.stop_all("a", "b")
    for name in "ab":
        camera = site.proof(name).camera("cam0")
        all_frames(camera, len(units), session=0)
        assert camera.damage == ()


def clip(frames: int) -> list[bytes]:
    """H.264 access units with counters of session 0, made by x264: an AUD, the counter, then the rest."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 320, 180, "yuv420p", FPS
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS), "x264-params": "repeat-headers=1:bframes=0"}
    units = []
    for number in range(frames):
        picture = av.VideoFrame(320, 180, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes([(number * 3) % 256]) * plane.buffer_size)
        picture.pts = number
        for packet in encoder.encode(picture):
            sei = sei_nal("h264", FrameCounter(1, 0, len(units), 0))
            units.append(b"\0\0\0\1\x09\xf0" + b"\0\0\0\1" + sei + bytes(packet))
    assert len(units) == frames
    return units


def test_an_archiver_killed_three_times_ends_with_the_same_bytes_as_the_other(site):
    two_archivers(site)
    frames = 24 * FPS
    urls = site.source("--frames", str(frames), "--fps", str(FPS), "--size", "320x180", cameras=2)
    site.agent(urls, archivers=["a", "b"], copies=2, extra="[recording]\nsegment_s = 4.0")
    for at in (100, 250, 400):
        wait_until(lambda at=at: site.frames("cam0") >= at, 60, f"frame {at}")
        site.kill("a")
        wait_until(lambda at=at: site.frames("cam0") >= at + 60, 60, f"frame {at + 60}")
        site.start("a")
    wait_until(lambda: all(site.frames(camera) >= frames for camera in urls), 60, "all frames' arrival")
    site.settled()
    site.stop_all("edge-1", "a", "b")
    proof = site.proof("a")
    assert proof.good, proof.model_dump_json(indent=1)
    assert site.same("a", "b")
    for camera in urls:
        all_frames(proof.camera(camera), frames)


def test_an_agent_killed_loses_at_most_a_chunk_and_a_sync_and_declares_it(site):
    two_archivers(site)
    urls = site.source("--fps", str(FPS), "--size", "320x180", cameras=2)
    site.agent(urls, archivers=["a", "b"], copies=2)
    site.recording(2)
    wait_until(lambda: site.frames("cam0") >= 150, 60, "frame 150")
    site.kill("edge-1")
    site.view.cameras.clear()
    site.start("edge-1")
    wait_until(lambda: site.frames("cam0") >= 100, 60, "frame 100 after the restart")
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    for name in "ab":
        proof = site.proof(name)
        for camera in urls:
            report = proof.camera(camera)
            assert report.damage == ()
            assert [gap.cause for gap in report.gaps] == ["agent-down"]
            before, after = report.sessions
            assert before.first == after.first == 0
            assert before.missing == after.missing == ()
            sent = site.sent()[camera][0]["frames"]
            assert sent - before.frames <= 2 * FPS + 5, "chunk_ms + sync_ms, and what the source sent while the agent died"


def test_sigterm_stops_the_agent_within_ten_seconds_although_a_camera_is_mute(site):
    two_archivers(site)
    urls = site.source("--size", "320x180", "--fault", "cam1:mute", cameras=2)
    site.agent(urls, archivers=["a", "b"], copies=2)
    site.recording(1)
    agent = site.members["edge-1"]
    site.kill("edge-1", signal.SIGTERM)
    assert agent.process.wait(10) == 0


BAD = {
    "mute": ("stalled", "the camera sends nothing"),
    "refuse": ("connecting", "the camera refuses to play the stream"),
    "garbage": ("connecting", "sent nothing that can be read as video"),
    "close-after=50": ("connecting", "the camera ended the session"),
    "stall-after=50": ("stalled", "the camera sends nothing"),
}
"""Faults of a camera, and what is said of each."""


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_camera_is_named_disturbs_nobody_and_is_recorded_when_it_is_well(site, fault):
    two_archivers(site)
    status, why = BAD[fault]
    options = ["--fps", str(FPS), "--size", "320x180"]
    urls = site.source(*options, "--fault", f"cam0:{fault}", cameras=2)
    site.agent(urls, archivers=["a", "b"], copies=2)
    wait_until(lambda: named(site, "cam0", status, why), 40, "the state that names the fault")
    assert why in site.log("edge-1")
    wait_until(lambda: site.frames("cam1") >= 200, 60, "200 frames of the good camera")
    assert site.view.cameras["cam0"].reconnects >= 1
    assert site.view.cameras["cam1"].reconnects == 0
    first = site.frames("cam0")
    if "after" in fault:  # it comes back by itself, and gives its 50 frames again
        wait_until(lambda: site.frames("cam0") >= 100, 60, "the second session of the faulty camera")
    else:
        assert first == 0
        site.restart_source(*options, cameras=2)
        wait_until(lambda: site.frames("cam0") >= 50 and site.view.cameras["cam0"].status == "recording", 60, "the cured camera's frames")
    site.stop_all("edge-1", "a", "b")
    proof = site.proof("a")
    bad, good = proof.camera("cam0"), proof.camera("cam1")
    assert (bad.damage, good.damage) == ((), ())
    assert all(session.missing == () for session in (*bad.sessions, *good.sessions))
    if "after" in fault:
        assert [session.frames for session in bad.sessions[:2]] == [50, 50]
        assert {gap.cause for gap in bad.gaps} == {"camera-lost"}
        assert (good.gaps, len(good.sessions)) == ((), 1)


def named(site: Site, camera: str, status: str, why: str) -> bool:
    """Whether a camera's state says it now, or has said it: each change of the status is an event too."""
    state = site.view.cameras.get(camera)
    now = state is not None and state.status == status and why in state.why
    return now or any(why in text for text in site.told(camera, f"is {status}: "))


def test_a_camera_that_changes_its_codec_is_asked_anew_and_plays_in_both(site):
    """One restarts with another codec; one sends units of another codec in the session that it has."""
    site.archiver("a")
    old, new = access_units("h264", 50), access_units("hevc", 50)

    def script(session):
        for number in itertools.count():
            changed = session > 0 or number >= 60
            yield Rtp(0, number / FPS, video_payloads("hevc" if changed else "h264", (new if changed else old)[number % 50]))

    options = ["--fps", str(FPS), "--size", "320x180"]
    with stub((Media("video", 96, 90_000, ("rtpmap:96 H264/90000",)),), script) as camera:
        urls = {**site.source(*options, cameras=1), "foreign": camera.url}
        site.agent(urls, archivers=["a"], copies=1)
        site.recording(2)
        camera.medias = (Media("video", 96, 90_000, ("rtpmap:96 H265/90000",)),)
        wait_until(lambda: site.frames("cam0") >= 75, 40, "75 frames of H.264")
        site.restart_source(*options, "--codec", "h265", cameras=1)
        wait_until(lambda: all(state.codec == "hevc" and state.status == "recording" for state in site.view.cameras.values()),
                   60, "both cameras' being recorded as H.265")  # fmt: skip
        assert any("no longer h264" in text for text in site.told("foreign", "is connecting"))
        frames = {name: site.frames(name) for name in urls}
        wait_until(lambda: all(site.frames(name) >= frames[name] + 75 for name in urls), 40, "75 frames of H.265")
        site.settled()
        site.stop_all("edge-1", "a")
    proof = site.proof("a")
    for name in urls:
        assert [epoch.cause for epoch in proof.camera(name).epochs][:2] == ["first-start", "camera-lost"]
    played = [path for path in segments(site, "a") if "foreign" not in str(path)]
    assert {codec(path) for path in played} == {"h264", "hevc"}
    for path in (*played, segments(site, "a")[-1]):
        plays(path)


def codec(path: Path) -> str:
    done = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name", "-of", "csv=p=0",
                           str(path)], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)  # fmt: skip
    return done.stdout.strip()


def test_an_av1_camera_with_sound_that_nobody_knows_is_recorded_and_says_so_once(site):
    site.archiver("a")
    units = access_units("av1", 100, gop=25)
    medias = (Media("video", 96, 90_000, ("rtpmap:96 AV1/90000",)), Media("audio", 18, 8000, ("rtpmap:18 G729/8000",)))

    def script(_):
        for number, unit in enumerate(units):
            yield Rtp(0, number / FPS, video_payloads("av1", unit))
            yield Rtp(1, number / FPS, (bytes(20),))

    with stub(medias, script) as camera:
        site.agent({"cam0": camera.url}, archivers=["a"], copies=1)
        wait_until(lambda: site.frames("cam0") >= 250, 60, "frames of the third session")
        site.settled()
        state = site.view.cameras["cam0"]
        site.stop_all("edge-1", "a")
    assert (state.codec, state.audio, "does not know" in state.left_out) == ("av1", "", True)
    assert len(site.told("cam0", "without audio")) == 1
    assert site.log("edge-1").count("without audio") == 1
    proof = site.proof("a")
    found = proof.camera("cam0")
    assert found.damage_total == 0, proof.model_dump_json(indent=1)
    assert {gap.cause for gap in found.gaps} <= {"camera-lost"}, "the camera ends each session itself, and is asked again after a pause"
    assert found.frames >= 250
    for path in segments(site, "a"):
        assert codec(path) == "av1"
        plays(path)


def test_a_parameter_change_begins_an_epoch_and_loses_no_frame(site):
    two_archivers(site)
    frames = 12 * FPS
    urls = site.source("--frames", str(frames), "--fps", str(FPS), "--size", "320x180", "--fault", "cam0:param-change=150", cameras=1)
    site.agent(urls, archivers=["a", "b"], copies=2)
    wait_until(lambda: site.frames("cam0") >= frames, 60, "all frames' arrival")
    site.settled()
    site.stop_all("edge-1", "a", "b")
    assert site.view.cameras["cam0"].epoch_cause == "parameter-change"
    assert len(site.told("cam0", "parameter-change")) == site.log("edge-1").count(", parameter-change: ") == 1
    report = site.proof("b").camera("cam0")
    assert [epoch.cause for epoch in report.epochs] == ["first-start", "parameter-change"]
    assert report.gaps == ()
    all_frames(report, frames)
    for path in segments(site, "b"):
        plays(path)


def test_wrong_credentials_are_shown_as_unauthorized_and_never_leaked(site):
    two_archivers(site)
    urls = site.source("--size", "320x180", "--auth", "viewer:correct-horse", cameras=1)
    wrong = urls["cam0"].replace("rtsp://", "rtsp://viewer:battery-staple@")
    site.agent({"cam0": wrong}, archivers=["a", "b"], copies=2)
    wait_until(lambda: "cam0" in site.view.cameras and site.view.cameras["cam0"].status == "unauthorized", 40, "the state unauthorized")
    site.stop_all("edge-1")
    assert "battery-staple" not in (site.folder / "edge-1.log").read_text()
    assert "battery-staple" not in site.view.cameras["cam0"].model_dump_json()


def test_recording_goes_on_without_broker_and_archivers_come_by_mdns(site):
    two_archivers(site)
    frames = 8 * FPS
    urls = site.source("--frames", str(frames), "--fps", str(FPS), "--size", "320x180", cameras=1)
    site.agent(urls, archivers=["a", "b"], copies=2)
    site.recording(1)
    for process in site._others:
        process.kill()
    report = site.folder / "source.json"
    wait_until(lambda: sum(len(segments(site, name)) for name in "ab") >= 2, 40, "files in both archives")
    wait_until(lambda: source_is_done(site, report), 60, "the source's last frame")
    site.stop_all("edge-1", "a", "b")
    for name in "ab":
        all_frames(site.proof(name).camera("cam0"), frames)


def source_is_done(site: Site, report: Path) -> bool:
    """Whether a client would be told that the camera is finished."""
    probe = subprocess.run(["ffprobe", "-v", "error", f"rtsp://127.0.0.1:{site.port('source')}/cam0"],
                           capture_output=True, check=False, stdin=subprocess.DEVNULL)  # fmt: skip
    return b"503" in probe.stderr


@pytest.mark.parametrize(
    ("command", "edit", "says"),
    [
        ("hub", ('listen = "127.0.0.1:0"', 'listne = "127.0.0.1:0"'), "hub.listne"),
        ("hub", ('volumes = ["VOLUME"]', 'volumes = ["VOLUME/missing"]'), "archiver.volumes"),
        ("agent", ('url = "rtsp://127.0.0.1:1/x"', 'url = "127.0.0.1:1/x"'), "camera[0].url"),
        ("agent", ('site = "demo"', 'site = "demo"\nprofile = "raspbery-pi-5"'), "raspberry-pi-5"),
    ],
)
def test_a_wrong_file_is_one_line_with_file_key_and_remedy_and_touches_nothing(tmp_path, command, edit, says):
    volume, data = tmp_path / "volume", tmp_path / "data"
    volume.mkdir()
    texts = {"hub": '[hub]\nid = "a"\nsite = "demo"\nroles = ["archiver"]\nlisten = "127.0.0.1:0"\ndata_dir = "DATA"\n'
                    '[archiver]\nvolumes = ["VOLUME"]\n',
             "agent": '[agent]\nid = "e"\nsite = "demo"\ndata_dir = "DATA"\n'
                      '[[camera]]\nid = "c"\nurl = "rtsp://127.0.0.1:1/x"\n'}  # fmt: skip
    file = tmp_path / f"{command}.toml"
    file.write_text(texts[command].replace(*edit).replace("VOLUME", str(volume)).replace("DATA", str(data)))
    done = subprocess.run([sys.executable, "-m", "watchkeep.wire.shell.cli", command, "run", "-c", str(file)],
                          capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert says in lines[0]
    assert not data.exists()
    assert list(volume.iterdir()) == []
