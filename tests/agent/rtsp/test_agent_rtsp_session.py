"""The native session against real servers: every frame, over TCP and UDP, as PyAV reads them; and what goes wrong, by its state."""

import socket
import subprocess
import threading
import time
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from source_rig import nal_units, running

from watchkeep.agent.pyav.ingest import CameraError, RtspSession, Sample
from watchkeep.agent.rtsp import session as module
from watchkeep.agent.rtsp.session import NativeSession
from watchkeep.wire.causes import CameraStatus
from watchkeep.wire.counter import parse_nal

pytestmark = pytest.mark.system
FRAMES = 25
HELPERS = Path(__file__).parents[2] / "helpers"


def played(url: str, transport: str) -> tuple[NativeSession, list[Sample]]:
    session = NativeSession(url, transport)
    try:
        return session, list(session.samples())
    finally:
        session.close()


def counters(samples: list[Sample]) -> list[int]:
    found = [parse_nal(nal) for sample in samples if sample.video for nal in nal_units(bytes(sample.data))]
    return [counter.counter for counter in found if counter is not None]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("codec", "sound"), [("h264", "aac"), ("h265", "opus"), ("h264", "pcma")])
def test_every_frame_of_the_test_source_arrives(tmp_path: Path, codec: str, sound: str, transport: str) -> None:
    environment = {"WATCHKEEP_SOURCE_AUTH": "op:se cret"}
    with running(tmp_path, "--codec", codec, "--audio", sound, "--frames", str(FRAMES), environment=environment) as source:
        session, samples = played(f"rtsp://op:se%20cret@127.0.0.1:{source.port}/cam0", transport)
        source.stop()
    assert counters(samples) == list(range(FRAMES))
    assert session.codec == {"h264": "h264", "h265": "hevc"}[codec]
    assert samples[0].key
    assert not any(sample.damaged for sample in samples)
    assert session.audio is not None
    assert (session.audio.name, session.left_out) == ({"aac": "aac", "opus": "opus", "pcma": "lpcm"}[sound], "")
    assert sum(not sample.video for sample in samples) > 10
    init = session.init_segment()
    assert init[4:8] == b"ftyp"
    assert init.count(b"trak") == 2


def test_the_same_stream_gives_the_same_frames_as_pyav(tmp_path: Path) -> None:
    def read(kind: Any, url: str) -> set[tuple[bytes, bool]]:
        """More than one turn of the loop, from wherever it was joined."""
        session = kind(url, "tcp")
        try:
            return {(_whole(sample), sample.key) for sample in islice(session.samples(), 75)}
        finally:
            session.close()

    def _whole(sample: Sample) -> bytes:
        """Without the counter, which tells clients apart, and without start codes, whose length is free."""
        return b"|".join(nal for nal in nal_units(bytes(sample.data)) if parse_nal(nal) is None)

    with running(tmp_path, "--loop-seconds", "1") as source:
        ours, theirs = read(NativeSession, source.urls[0]), read(RtspSession, source.urls[0])
        source.stop()
    assert len(ours) == 50
    assert ours == theirs


def test_gstreamer_is_read_to_its_last_frame(tmp_path: Path, free_port: Any) -> None:
    clip = tmp_path / "clip"
    with running(tmp_path, "--frames", str(FRAMES)) as source:
        _, samples = played(source.urls[0], "tcp")
        source.stop()
    units = [bytes(sample.data) for sample in samples if sample.video]
    clip.write_bytes(b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))
    port = free_port()
    server = subprocess.Popen(["/usr/bin/python3", str(HELPERS / "gst_server.py"), str(port), str(clip), "50"])
    try:
        _until_it_listens(port)
        session, again = played(f"rtsp://127.0.0.1:{port}/cam0", "tcp")
    finally:
        server.terminate()
        server.wait(10)
    assert counters(again) == list(range(FRAMES))
    assert session.parameter_sets


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, "the server does not listen"
        threading.Event().wait(0.05)


def refused(url: str) -> CameraError:
    with pytest.raises(CameraError) as caught:
        played(url, "tcp")
    assert caught.value.remedy
    assert "wrong" not in str(caught.value)
    return caught.value


def test_what_goes_wrong_becomes_the_state_that_pyav_gives_it(tmp_path: Path, free_port: Any) -> None:
    with running(tmp_path, environment={"WATCHKEEP_SOURCE_AUTH": "op:pw"}) as source:
        assert refused(f"rtsp://op:wrong@127.0.0.1:{source.port}/cam0").status is CameraStatus.UNAUTHORIZED
        assert refused(f"rtsp://127.0.0.1:{source.port}/cam0").status is CameraStatus.UNAUTHORIZED
        assert "(404)" in str(refused(f"rtsp://op:pw@127.0.0.1:{source.port}/none"))
        source.stop()
    assert "cannot be reached" in str(refused(f"rtsp://127.0.0.1:{free_port()}/cam0"))
    assert "cannot be used" in str(refused("http://127.0.0.1/cam0"))


def test_a_mute_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.agent.rtsp.client.ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert "does not answer" in str(refused(f"rtsp://127.0.0.1:{mute.getsockname()[1]}/cam0"))


@pytest.mark.parametrize(("fault", "frames"), [("stall-after=5", 5), ("mute", 0)])
def test_a_camera_that_brings_no_picture_is_stalled_and_what_it_brought_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, frames: int
) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.5)
    monkeypatch.setattr(module, "PICTURE_WAIT_S", 1.0)
    with running(tmp_path, "--fault", f"cam0:{fault}") as source:
        session = NativeSession(source.urls[0], "tcp")
        given: list[Sample] = []
        try:
            with pytest.raises(CameraError) as caught:
                given.extend(session.samples())
        finally:
            session.close()
        source.stop()
    assert caught.value.status is CameraStatus.STALLED
    assert counters(given) == list(range(frames))


def test_stamps_go_on_where_the_cameras_counter_wraps(tmp_path: Path) -> None:
    with running(tmp_path, "--fault", "cam0:wrap=1", "--frames", "100") as source:
        _, samples = played(source.urls[0], "tcp")
        source.stop()
    stamps = [sample.pts or 0 for sample in samples]
    assert {after - before for before, after in pairwise(stamps)} == {1800}
    assert stamps[0] < 1 << 32 < stamps[-1]


def test_a_host_that_no_name_can_be_is_a_camera_that_cannot_be_reached() -> None:
    with pytest.raises(CameraError, match="no host can have such a name"):
        NativeSession("rtsp://a..b/x", "tcp")
