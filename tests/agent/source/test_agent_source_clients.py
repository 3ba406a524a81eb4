"""The test source played by what testers have: PyAV, ffmpeg, ffprobe and GStreamer, over TCP and UDP, with and without a password."""

import json
import subprocess
from pathlib import Path

import av
import pytest
from source_rig import RtspClient, nal_units, running, watch

from watchkeep.agent.source.auth import Credentials, answer
from watchkeep.wire.counter import parse_nal

pytestmark = pytest.mark.system
FRAMES = 25


@pytest.mark.parametrize(
    "options",
    [
        ("--codec", "h264", "--audio", "aac", "--bframes", "2"),
        ("--codec", "h265", "--audio", "opus", "--loop-seconds", "1", "--bframes", "1"),
        ("--codec", "h264", "--audio", "pcma", "--loop-seconds", "1", "--bitrate", "2M"),
    ],
    ids="-".join,
)
def test_pyav_gets_exactly_the_frames_over_tcp_last_one_included(tmp_path: Path, options: tuple[str, ...]) -> None:
    with running(tmp_path, *options, "--frames", str(FRAMES)) as source:
        counters, packets = watch(source.urls[0])
        report = source.stop()
    assert [counter.counter for counter in counters] == list(range(FRAMES))
    assert {(counter.run, counter.session) for counter in counters} == {(source.ready["run"], 0)}
    assert [counter.sent_ns for counter in counters] == sorted(counter.sent_ns for counter in counters)
    assert len(packets) == 2, "video and audio"
    (session,) = report["cameras"]["cam0"]["sessions"]
    assert (session["transport"], session["first"], session["last"], session["frames"], session["end"]) == ("tcp", 0, 24, 25, "finished")
    assert session["started_s"] <= counters[0].sent_ns / 1e9 <= session["ended_s"]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_every_client_plays_over_tcp_and_udp(tmp_path: Path, codec: str) -> None:
    with running(tmp_path, "--codec", codec, "--cameras", "6", "--audio", "pcmu", "--frames", str(FRAMES)) as source:
        players = [ffmpeg(source.urls[0], "tcp"), ffmpeg(source.urls[1], "udp")]
        players += [gstreamer(source.urls[2], "tcp", codec, tmp_path), gstreamer(source.urls[3], "udp", codec, tmp_path)]
        over_tcp, over_udp = watch(source.urls[4], transport="tcp"), watch(source.urls[5], transport="udp")
        heard = [player.communicate(timeout=30) for player in players]
        report = source.stop()
    for counters, packets in (over_tcp, over_udp):
        assert [counter.counter for counter in counters] == list(range(FRAMES))
        assert packets["pcm_mulaw"] > 15
    for player, (out, errors) in zip(players, heard, strict=True):
        assert (player.returncode, errors) == (0, ""), player.args
        assert "framecrc" not in str(player.args) or sum(not line.startswith("#") for line in out.splitlines()) == FRAMES
    for transport in ("tcp", "udp"):
        stream = (tmp_path / transport).read_bytes()
        assert [found.counter for nal in nal_units(stream) if (found := parse_nal(nal)) is not None] == list(range(FRAMES))
    for number, camera in enumerate(report["cameras"].values()):
        (session,) = camera["sessions"]
        assert (session["transport"], session["frames"], session["dropped_datagrams"]) == (("tcp", "udp")[number % 2], FRAMES, 0)


def ffmpeg(url: str, transport: str) -> "subprocess.Popen[str]":
    """Decode everything; one line of output a frame, and one on stderr for every error."""
    take = ["-map", "0:v", "-f", "framecrc", "-fps_mode", "passthrough", "-"]
    return start(["ffmpeg", "-v", "error", "-rtsp_transport", transport, "-i", url, *take])


def gstreamer(url: str, transport: str, codec: str, folder: Path) -> "subprocess.Popen[str]":
    """Write the video to `folder/transport`."""
    chain = f"rtp{codec}depay ! {codec}parse ! video/x-{codec},stream-format=byte-stream ! filesink location={folder / transport}"
    return start(["gst-launch-1.0", "-q", *f"rtspsrc location={url} protocols={transport} latency=100 ! {chain}".split()])


def start(arguments: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ffprobe_reads_the_description(tmp_path: Path) -> None:
    with running(tmp_path, "--audio", "opus") as source:
        probe = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_streams", "-of", "json", source.urls[0]]
        got = json.loads(subprocess.run(probe, check=True, capture_output=True, text=True, timeout=30).stdout)
        source.stop()
    video, audio = got["streams"]
    assert (video["codec_name"], video["width"], video["height"], video["r_frame_rate"]) == ("h264", 128, 96, "50/1")
    assert (audio["codec_name"], audio["sample_rate"]) == ("opus", "48000")


def test_digest_password_right_and_wrong_for_every_client(tmp_path: Path) -> None:
    with running(tmp_path, environment={"WATCHKEEP_SOURCE_AUTH": "op:se cret"}) as source:
        address = f"127.0.0.1:{source.port}/cam0"
        counters, _ = watch(f"rtsp://op:se%20cret@{address}", frames=3)
        assert [counter.counter for counter in counters] == [0, 1, 2]
        with pytest.raises(av.error.HTTPUnauthorizedError):
            watch(f"rtsp://op:wrong@{address}")
        for password, works in (("se cret", True), ("wrong", False)):
            login = ["user-id=op", f"user-pw={password}", "protocols=tcp"]
            gst = ["gst-launch-1.0", "-q", "rtspsrc", f"location=rtsp://{address}", *login, "!", "fakesink", "num-buffers=5"]
            assert (subprocess.run(gst, check=False, timeout=30, capture_output=True).returncode == 0) is works
        source.stop()


def test_a_wrong_password_is_answered_401_and_the_right_one_afterwards_200(tmp_path: Path) -> None:
    with running(tmp_path, "--auth", "op:pw") as source:
        with RtspClient(source.port) as client:
            status, headers, _ = client.request("DESCRIBE", source.urls[0])
            assert status == 401
            nonce = headers["www-authenticate"].split('nonce="')[1].split('"')[0]
            for password, expected in (("wrong", 401), ("pw", 200)):
                response = answer(Credentials("op", password), nonce, "DESCRIBE", source.urls[0])
                proof = f'Digest username="op", realm="watchkeep source", nonce="{nonce}", uri="{source.urls[0]}", response="{response}"'
                assert client.request("DESCRIBE", source.urls[0], Authorization=proof)[0] == expected
        source.stop()
