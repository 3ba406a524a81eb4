"""Cameras, agents and archivers that fail, are wrong or change: what is kept, and what is said of it.  Mosquitto, FFmpeg, test sources."""

import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from coded import access_units, video_payloads
from rtsp_stub import Media, Rtp, stub
from wksite import Site, all_frames, plays, segments, site_in, wait_until

from watchkeep.wire import topics

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
FPS = 25


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        yield made


def two_archivers(site: Site) -> None:
    site.archivers("a", "b")


def test_an_archiver_killed_three_times_ends_with_the_same_bytes_as_the_other(site):
    two_archivers(site)
    frames = 24 * FPS
    urls = site.source("--frames", str(frames), "--fps", str(FPS), "--size", "320x180", cameras=2)
    site.agent(urls, archivers=["a", "b"], copies=2, extra="[recording]\nsegment_s = 4.0")
    beacon = topics.archiver_beacon(site.site, "a")
    for at in (100, 250, 400):
        wait_until(lambda at=at: site.frames("cam0") >= at, 60, f"frame {at}")
        boot = killed(site, "a", beacon)
        wait_until(lambda at=at: site.frames("cam0") >= at + 60, 60, f"frame {at + 60}")
        site.start("a")
        born(site, "a", beacon, after=boot)
    wait_until(lambda: all(site.frames(camera) >= frames for camera in urls), 60, "all frames' arrival")
    site.settled()
    site.stop_all("edge-1", "a", "b")
    proof = site.proof("a")
    assert proof.good, proof.model_dump_json(indent=1)
    assert site.same("a", "b")
    for camera in urls:
        all_frames(proof.camera(camera), frames)


def killed(site: Site, name: str, topic: str) -> str:
    """Kill a process: it is offline for whoever comes later too, by its retained will.  Returns the boot that is over."""
    boot = json.loads(site.retained(topic))["boot"]
    site.kill(name)
    wait_until(lambda: not json.loads(site.retained(topic))["online"], 10, f"the will of {name}")
    will = json.loads(site.retained(topic))
    assert (will["boot"], will["beat"]) == (boot, -1)
    return boot


def born(site: Site, name: str, topic: str, after: str) -> None:
    """Wait for the birth of a process that was started again, in the place of the will."""
    wait_until(lambda: json.loads(site.retained(topic))["online"], 20, f"the birth of {name}")
    assert json.loads(site.retained(topic))["boot"] != after


def test_an_agent_killed_loses_at_most_a_chunk_and_a_sync_and_declares_it(site):
    two_archivers(site)
    urls = site.source("--fps", str(FPS), "--size", "320x180", cameras=2)
    site.agent(urls, archivers=["a", "b"], copies=2)
    site.recording(2)
    wait_until(lambda: site.frames("cam0") >= 150, 60, "frame 150")
    beacon = topics.agent_beacon(site.site, "edge-1")
    boot = killed(site, "edge-1", beacon)
    site.view.cameras.clear()
    site.start("edge-1")
    born(site, "edge-1", beacon, after=boot)
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


def test_bad_cameras_are_named_disturb_nobody_and_are_recorded_when_they_are_well(site):
    """One camera for each fault, and the last one has none.  Some come back by themselves and give their 50 frames again."""
    two_archivers(site)
    options = ["--fps", str(FPS), "--size", "320x180"]
    *bad, good = (f"cam{number}" for number in range(len(BAD) + 1))
    returns = {camera for camera, fault in zip(bad, BAD, strict=True) if "after" in fault}
    faults = [part for camera, fault in zip(bad, BAD, strict=True) for part in ("--fault", f"{camera}:{fault}")]
    urls = site.source(*options, *faults, cameras=len(BAD) + 1)
    site.agent(urls, archivers=["a", "b"], copies=2)
    for camera, (status, why) in zip(bad, BAD.values(), strict=True):
        wait_until(lambda camera=camera, status=status, why=why: named(site, camera, status, why), 40, f"the state that names {why}")
        assert why in site.log("edge-1")
    wait_until(lambda: site.frames(good) >= 200, 60, "200 frames of the good camera")
    wait_until(lambda: all(site.frames(camera) >= 100 for camera in returns), 60, "the second sessions of those that come back")
    assert all(site.view.cameras[camera].reconnects >= 1 for camera in bad)
    assert site.view.cameras[good].reconnects == 0
    frames = {camera: site.frames(camera) for camera in urls}
    assert {camera for camera in urls if frames[camera] == 0} == set(bad) - returns
    site.restart_source(*options, cameras=len(urls))
    cured = site.view.cameras
    wait_until(lambda: all(site.frames(camera) >= frames[camera] + 50 and cured[camera].status == "recording" for camera in urls),
               90, "the cured cameras' frames")  # fmt: skip
    site.settled()
    site.stop_all("edge-1", "a", "b")
    proof = site.proof("a")
    for camera in urls:
        report = proof.camera(camera)
        assert report.damage == ()
        assert all((session.first, session.missing, session.duplicates) == (0, (), ()) for session in report.sessions)
        assert {gap.cause for gap in report.gaps} <= {"camera-lost"}
    for camera in returns:
        assert [session.frames for session in proof.camera(camera).sessions[:2]] == [50, 50]
    assert len(proof.camera(good).sessions) == 2, "one of each source"


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


def test_a_camera_that_asks_for_a_password_is_recorded_with_the_right_one_and_no_password_is_ever_told(site):
    two_archivers(site)
    urls = site.source("--fps", str(FPS), "--size", "320x180", "--auth", "viewer:correct-horse", cameras=2)
    words = {"cam0": "correct-horse", "cam1": "battery-staple"}
    site.agent({camera: url.replace("//", f"//viewer:{words[camera]}@") for camera, url in urls.items()}, archivers=["a", "b"], copies=2)
    wait_until(lambda: "cam1" in site.view.cameras and site.view.cameras["cam1"].status == "unauthorized", 40, "the state unauthorized")
    wait_until(lambda: site.frames("cam0") >= 2 * FPS, 40, "2 s of the camera whose password is right")
    site.settled()
    site.stop_all("edge-1", "a", "b", "source")
    [session] = site.proof("a").camera("cam0").sessions
    assert (session.first, session.missing, session.duplicates) == (0, (), ())
    written = {path: path.read_bytes() for path in site.folder.rglob("*") if path.is_file() and path.name != "edge-1.toml"}
    assert {"edge-1.log", "a.log", "source.log", "source.json"} <= {path.name for path in written}
    assert len(site.heard) > 10
    for word in map(str.encode, words.values()):
        assert [path for path, data in written.items() if word in data] == []
        assert [payload for payload in site.heard if word in payload] == []


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
