"""What is asked for and what is granted for each track: TCP, UDP, and sound that is left out rather than the picture."""

import pytest
from rtsp_kit import OK, SDP, Camera, Reply, failed, playing

from watchkeep.agent.rtsp import actions
from watchkeep.wire.causes import CameraStatus

ELSEWHERE = "the camera gives it another transport than was asked for"


def test_over_udp_each_track_has_ports_of_its_own() -> None:
    header = "RTP/AVP;unicast;client_port=1-2;server_port=8000-8001;ssrc=1F"
    camera = Camera({"SETUP": (200, {"Session": "42", "Transport": header}, b"")}, "udp")
    video, audio = playing(camera.run()).tracks
    assert (video.transport.rtp, audio.transport.rtp) == (5002, 5004)
    assert (video.transport.server, video.transport.ssrc) == ((8000, 8001), 0x1F)
    ways = [number for number, action in enumerate(camera.log) if isinstance(action, actions.OpenWay)]
    assert [camera.log[number] for number in ways] == [actions.OpenWay(0, (8000, 8001)), actions.OpenWay(1, (8000, 8001))]
    before, after = camera.log[ways[0] - 1], camera.log[ways[-1] + 1]
    assert isinstance(before, actions.Send)
    assert isinstance(after, actions.Send)
    assert (before.data[:5], after.data[:5]) == (b"SETUP", b"PLAY ")


def test_no_way_is_opened_where_there_is_none() -> None:
    """The camera does not name its ports, or the first one that it was asked for was UDP."""
    silent = Camera({"SETUP": (200, {"Session": "1", "Transport": "RTP/AVP;unicast;client_port=5002-5003"}, b"")}, "udp")
    other = Camera({"SETUP": [(461, {}, b""), OK["SETUP"]]}, "udp")
    for camera in (silent, other):
        assert playing(camera.run())
        assert not [action for action in camera.log if isinstance(action, actions.OpenWay)]


def test_461_asks_for_the_other_transport_once() -> None:
    granted = (200, {"Session": "1", "Transport": "RTP/AVP;unicast;client_port=5002-5003"}, b"")
    camera = Camera({"SETUP": [(461, {}, b""), granted]})
    assert {track.transport.kind for track in playing(camera.run()).tracks} == {"udp"}
    failure = failed(Camera({"SETUP": (461, {}, b"")}).run())
    assert (failure.status, failure.why) == (CameraStatus.UNSUPPORTED, "the camera sends neither over TCP nor over UDP")


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_transport_that_the_camera_does_not_repeat_is_as_it_was_asked_for(kind: str) -> None:
    assert {track.transport.kind for track in playing(Camera({"SETUP": (200, {"Session": "1"}, b"")}, kind).run()).tracks} == {kind}


@pytest.mark.parametrize("status", [404, 461, 500])
def test_sound_that_is_refused_costs_no_picture(status: int) -> None:
    found = playing(Camera({"SETUP": [OK["SETUP"], (status, {}, b"")]}).run())
    assert [track.chosen.codec for track in found.tracks] == ["h264"]
    assert found.left_out == (f"audio pcm_mulaw: the camera refuses it ({status})",)


@pytest.mark.parametrize(
    ("kind", "control", "reply", "why"),
    [
        ("tcp", b"https://cam.example/1", OK["SETUP"], "the address that the camera gives it cannot be used"),
        ("udp", b"rtsps://cam.example/1", OK["SETUP"], "the address that the camera gives it cannot be used"),
        ("tcp", b"rtsp:///1", OK["SETUP"], "the address that the camera gives it cannot be used"),
        ("tcp", b"trackID=1", (200, {"Transport": "RTP/AVP/TCP;multicast;interleaved=2-3"}, b""), ELSEWHERE),
        ("tcp", b"trackID=1", (200, {"Transport": "RTP/AVP;unicast;client_port=2-3"}, b""), ELSEWHERE),
        ("udp", b"trackID=1", (200, {"Transport": "RTP/AVP;multicast;client_port=2-3"}, b""), ELSEWHERE),
        ("udp", b"trackID=1", (200, {"Transport": "RTP/AVP/TCP;unicast;interleaved=2-3"}, b""), ELSEWHERE),
        ("tcp", b"trackID=1", (302, {"Location": "rtsp://other/"}, b""), "the camera refuses it (302)"),
        ("tcp", b"trackID=1", (401, {}, b""), "the camera refuses it (401)"),
        ("tcp", b"trackID=1", (200, {"Transport": "RTP/AVP/TCP;interleaved=1-2"}, b""), "the camera gives it the picture's channels"),
    ],
)  # fmt: skip
def test_sound_that_cannot_be_had_costs_no_picture(kind: str, control: bytes, reply: Reply, why: str) -> None:
    camera = Camera({"DESCRIBE": (200, {}, SDP.replace(b"trackID=1", control)), "SETUP": [(200, {"Session": "42"}, b""), reply]}, kind)
    found = playing(camera.run())
    assert ([track.chosen.codec for track in found.tracks], found.left_out) == (["h264"], (f"audio pcm_mulaw: {why}",))
    assert camera.requests[-1].header("session") == "42"


@pytest.mark.parametrize(
    ("kind", "transport"),
    [("tcp", "RTP/AVP/TCP;multicast;interleaved=0-1"), ("udp", "RTP/AVP;multicast;client_port=5002-5003"),
     ("tcp", "RTP/AVP;unicast;client_port=1-2"), ("udp", "RTP/AVP/TCP;interleaved=0-1")],
)  # fmt: skip
def test_a_picture_that_comes_in_another_way_than_was_asked_for_is_none(kind: str, transport: str) -> None:
    failure = failed(Camera({"SETUP": (200, {"Session": "42", "Transport": transport}, b"")}, kind).run())
    assert (failure.why, failure.unfit) == ("the camera grants another transport than was asked for", True)
