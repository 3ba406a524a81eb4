"""The whole test source as a process: sessions, faults, slow and rude clients, stopping, and what bad options get."""

import base64
import itertools
import json
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import av
import pytest
from source_rig import SMALL, RtspClient, command, join_nals, nal_units, rtp_fields, running, watch

from watchkeep.agent.source.client import LEAVE_S
from watchkeep.wire.counter import parse_nal

pytestmark = pytest.mark.system


def test_a_file_is_looped_with_rising_stamps_and_new_counters(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    sources = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "0.8"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "10", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-v", "error", *sources, *codecs, str(clip)], check=True, timeout=30)
    with running(tmp_path, "--file", str(clip), "--audio", "file", "--frames", "45") as source:
        numbers, stamps = [], []
        with av.open(source.urls[0], options={"rtsp_transport": "tcp"}, timeout=(10, 10)) as container:
            assert [stream.type for stream in container.streams] == ["video", "audio"]
            for packet in container.demux(video=0):
                numbers += [found.counter for nal in nal_units(bytes(packet)) if (found := parse_nal(nal)) is not None]
                stamps += [packet.pts] if packet.pts is not None else []
        source.stop()
    assert numbers == list(range(45)), "20 frames a loop: two seams"
    assert len(set(stamps)) == len(stamps)
    assert max(stamps) - min(stamps) >= 42 * 3600


def test_a_raw_client_sees_reports_markers_and_a_goodbye(tmp_path: Path) -> None:
    with running(tmp_path, "--frames", "12", "--bitrate", "2M") as source:
        with RtspClient(source.port) as client:
            promised = dict(part.split("=", 1) for part in client.start(source.urls[0])["rtp-info"].split(";"))
            channels = list(client.frames())
        source.stop()
    media = [rtp_fields(packet) for channel, packet in channels if channel == 0]
    control = [packet for channel, packet in channels if channel == 1]
    assert (str(media[0][2]), str(media[0][3])) == (promised["seq"], promised["rtptime"])
    assert sum(field[0] for field in media) == 12
    assert [(later[2] - earlier[2]) % 65536 for earlier, later in itertools.pairwise(media)] == [1] * (len(media) - 1)
    units = join_nals("h264", [field[5] for field in media])
    assert [found.counter for unit in units if (found := parse_nal(unit)) is not None] == list(range(12))
    assert control[0][1] == 200
    assert control[-1][-7] == 203
    assert channels[-1][0] == 1, "goodbye is the last"


def test_a_client_that_reads_late_and_talks_meanwhile_still_gets_everything(tmp_path: Path) -> None:
    """A plain close would reset the connection over the unread RTCP, and the kernel would drop what it still had to send."""
    heavy = ("--size", "640x360", "--fps", "100", "--bitrate", "40M", "--loop-seconds", "1", "--frames", "100")
    with running(tmp_path, *heavy) as source:
        with RtspClient(source.port) as late, RtspClient(source.port) as other:
            late.hold_little(262_144)
            late.start(source.urls[0])
            finished: float | None = None
            while finished is None or time.monotonic() < finished + 3 * LEAVE_S:
                late.send_rtcp()
                threading.Event().wait(0.05)
                if finished is None and other.request("DESCRIBE", source.urls[0])[0] == 503:
                    finished = time.monotonic()
            channels = list(late.frames())
        report = source.stop()
    assert sum(rtp_fields(packet)[0] for channel, packet in channels if channel == 0) == 100
    assert channels[-1][1][-7] == 203
    assert report["cameras"]["cam0"]["sessions"][0]["unsent_bytes"] == 0


def test_udp_packets_come_from_the_ports_that_setup_named(tmp_path: Path) -> None:
    rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with running(tmp_path, "--frames", "5") as source, RtspClient(source.port) as client, rtp, rtcp:
        for port in (rtp, rtcp):
            port.bind(("127.0.0.1", 0))
            port.settimeout(10)
        ports = f"{rtp.getsockname()[1]}-{rtcp.getsockname()[1]}"
        _, headers, _ = client.request("SETUP", f"{source.urls[0]}/trackID=0", Transport=f"RTP/AVP;unicast;client_port={ports}")
        named = headers["transport"].split("server_port=")[1].split(";")[0]
        client.request("PLAY", source.urls[0], Session=headers["session"].split(";")[0])
        (media, media_from), (report, report_from) = rtp.recvfrom(2000), rtcp.recvfrom(2000)
    assert f"{media_from[1]}-{report_from[1]}" == named
    assert media_from[1] % 2 == 0
    assert (rtp_fields(media)[1], report[1]) == (96, 200)


def test_afterwards_a_camera_answers_503_and_the_others_go_on(tmp_path: Path) -> None:
    with running(tmp_path, "--cameras", "3", "--frames", "5", "--fault", "cam2:refuse") as source:
        watch(source.urls[0])
        with RtspClient(source.port) as client:
            assert [client.request("DESCRIBE", url)[0] for url in source.urls] == [503, 200, 503]
            assert client.request("DESCRIBE", f"rtsp://127.0.0.1:{source.port}/cam3")[0] == 404
        assert [counter.counter for counter in watch(source.urls[1])[0]] == list(range(5))
        source.stop()


def test_the_sdp_carries_the_parameter_sets_of_the_stream(tmp_path: Path) -> None:
    with running(tmp_path, "--codec", "h264") as source:
        with RtspClient(source.port) as client:
            _, _, body = client.request("DESCRIBE", source.urls[0])
            sets = body.decode().split("sprop-parameter-sets=")[1].split("\r\n")[0].split(",")
            client.start(source.urls[0])
            packets = (rtp_fields(packet)[5] for channel, packet in client.frames() if channel == 0)
            first = [next(packets) for _ in range(2)]
        source.stop()
    assert [base64.b64decode(value) for value in sets] == first


def test_faults_are_seen_by_a_client(tmp_path: Path) -> None:
    faults = ("cam0:mute", "cam1:close-after=7", "cam2:garbage", "cam3:param-change=8", "cam4:stall-after=4")
    with running(tmp_path, "--cameras", "5", *(part for fault in faults for part in ("--fault", fault))) as source:
        with RtspClient(source.port) as mute:
            mute.start(source.urls[0])
            assert mute.silent_for(0.8)
        with RtspClient(source.port) as cut:
            cut.start(source.urls[1])
            packets = list(cut.frames())
            assert sum(rtp_fields(packet)[0] for channel, packet in packets if channel == 0) == 7
            assert not any(203 in (packet[1], packet[-7]) for channel, packet in packets if channel == 1), "no goodbye"
        with RtspClient(source.port) as garbage:
            garbage.start(source.urls[2])
            assert garbage.read_raw(2800)[:1400] != garbage.read_raw(2800)[1400:]
        sizes = {
            (frame.width, frame.height): None
            for _, frame in zip(range(30), frames_of(source.urls[3]), strict=False)
        }  # fmt: skip
        assert list(sizes) == [(128, 96), (64, 64)]
        with RtspClient(source.port) as stalled:
            stalled.start(source.urls[4])
            found = 0
            while found < 4:
                found += next(rtp_fields(packet)[0] for channel, packet in stalled.frames() if channel == 0)
            assert stalled.silent_for(0.5)
        report = source.stop()
    assert report["cameras"]["cam1"]["sessions"][0]["end"] == "fault"
    assert report["cameras"]["cam0"]["sessions"][0]["frames"] == 0


def frames_of(url: str):  # type: ignore[no-untyped-def]
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=(10, 10)) as container:
        yield from container.decode(video=0)


def test_a_client_that_does_not_read_is_disconnected_and_noted_and_others_go_on(tmp_path: Path) -> None:
    with running(tmp_path, "--cameras", "2", "--size", "640x360", "--fps", "120", "--bitrate", "90M", "--loop-seconds", "1") as source:
        slow = RtspClient(source.port)
        slow.hold_little(4096)
        slow.start(source.urls[0])
        with RtspClient(source.port) as reader:
            reader.start(source.urls[1])
            sequence = [rtp_fields(packet)[2] for _, (channel, packet) in zip(range(20_000), reader.frames(), strict=False) if channel == 0]
        slow.close()
        report = source.stop()
    assert {(later - earlier) % 65536 for earlier, later in itertools.pairwise(sequence)} == {1}
    (session,) = report["cameras"]["cam0"]["sessions"]
    assert session["end"] == "lagged"
    assert session["unsent_bytes"] > 8_000_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_says_goodbye_reports_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as source, RtspClient(source.port) as client:
        client.start(source.urls[0])
        frames = client.frames()
        next(frames)
        threads = {task.joinpath("comm").read_text().strip() for task in Path(f"/proc/{source.process.pid}/task").iterdir()}
        assert len(threads) <= 2, f"the loop and the feed, not {threads}"
        source.process.send_signal(number)
        last = [packet for _, packet in frames][-1]
        assert source.process.wait(10) == 0
    assert last[-7] == 203
    (session,) = json.loads((tmp_path / "report.json").read_text())["cameras"]["cam0"]["sessions"]
    assert session["end"] == "stopped"
    assert session["last"] == session["frames"] - 1
    with socket.create_server(("127.0.0.1", source.port)):
        pass


def test_a_reconnect_counts_from_zero_in_a_new_session(tmp_path: Path) -> None:
    with running(tmp_path) as source:
        for number in range(3):
            counters, _ = watch(source.urls[0], frames=4)
            assert [(counter.session, counter.counter) for counter in counters] == [(number, index) for index in range(4)]
        report = source.stop()
    assert report["cameras"]["cam0"]["plays"] == 3
    assert {session["end"] for session in report["cameras"]["cam0"]["sessions"]} <= {"teardown", "client closed"}


def test_garbage_from_a_client_is_answered_and_others_go_on(tmp_path: Path) -> None:
    with running(tmp_path, "--frames", "20") as source:
        with socket.create_connection(("127.0.0.1", source.port), timeout=10) as rude:
            rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert rude.recv(1000).startswith(b"RTSP/1.0 400 ")
            assert rude.recv(1000) == b""
        assert [counter.counter for counter in watch(source.urls[0])[0]] == list(range(20))
        source.stop()


def run(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*SMALL, *options), check=False, capture_output=True, text=True, timeout=30)


def test_a_port_in_use_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "is in use" in line
    assert "--port" in line


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--file", "/nonexistent/a.mp4"), "/nonexistent/a.mp4"),
        (("--fault", "cam0:sleepy"), "sleepy"),
        (("--host", "host.invalid"), "host.invalid"),
        (("--host", "192.0.2.1"), "192.0.2.1"),
        (("--codec", "vp8"), "vp8"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(options: tuple[str, ...], named: str) -> None:
    done = run("--port", "0", *options)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert named in line


def test_without_json_the_ready_line_is_for_people(tmp_path: Path) -> None:
    process = subprocess.Popen(command("--port", "0", *SMALL, "--cameras", "2"), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 0
    assert line.startswith("ready: rtsp://127.0.0.1:")
    assert line.rstrip().endswith("/cam1")
