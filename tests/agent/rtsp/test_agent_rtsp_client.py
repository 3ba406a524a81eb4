"""The client's conversation: the straight way, every way aside, and cameras that send anything at all."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtsp_kit import OK, SDP, URL, Camera, Reply, failed, playing

from watchkeep.agent.rtsp import actions
from watchkeep.agent.rtsp.actions import Close, Connect, Failed, Media, Playing
from watchkeep.agent.rtsp.client import ANSWER_S, LEAVE_S, MAX_REDIRECTS, OPEN_S, Client, State
from watchkeep.agent.rtsp.keepalive import EARLY_S
from watchkeep.agent.rtsp.message import MAX_BODY_BYTES, MAX_HEAD_BYTES
from watchkeep.agent.source import protocol
from watchkeep.agent.source.auth import Credentials
from watchkeep.agent.source.media import Track
from watchkeep.wire.causes import CameraStatus
from watchkeep.wire.errors import FormatError

DIGEST = {"WWW-Authenticate": 'Digest realm="r", nonce="n1"'}
TO_PLAY = ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY"]


def test_the_straight_way_over_tcp() -> None:
    camera = Camera({})
    done = camera.run()
    assert done[0] == Connect("cam.example", 8554)
    video, audio = playing(done).tracks
    assert camera.methods == TO_PLAY
    assert [request.uri for request in camera.requests] == [
        "rtsp://cam.example:8554/live?x=1", "rtsp://cam.example:8554/live?x=1", "rtsp://cam.example/live/trackID=0",
        "rtsp://cam.example/live/trackID=1", "rtsp://cam.example/live/"]  # fmt: skip
    assert [request.header("transport") for request in camera.requests[2:4]] == [
        "RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP;unicast;interleaved=2-3"]  # fmt: skip
    assert [request.header("session") for request in camera.requests] == ["", "", "", "42", "42"]
    assert len({request.header("cseq") for request in camera.requests}) == 5
    assert (video.chosen.codec, video.sequence, video.timestamp) == ("h264", 5, None)
    assert (audio.chosen.codec, audio.sequence, audio.timestamp, audio.transport.rtp) == ("pcm_mulaw", 7, 9, 2)


@pytest.mark.parametrize(
    ("content_base", "session", "track", "setup", "play"),
    [
        ("", "*", "trackID=0", "rtsp://cam.example:8554/live?x=1/trackID=0", "rtsp://cam.example:8554/live?x=1"),
        ("/live/", "", "trackID=0", "rtsp://cam.example:8554/live?x=1/trackID=0", "rtsp://cam.example:8554/live?x=1"),
        ("rtsp://10.0.0.7/a/", "rtsp://10.0.0.7/b", "trackID=0", "rtsp://10.0.0.7/b/trackID=0", "rtsp://10.0.0.7/b"),
        ("", "rtsp://10.0.0.7/b/", "trackID=0", "rtsp://10.0.0.7/b/trackID=0", "rtsp://10.0.0.7/b/"),
        ("rtsp://10.0.0.7/a/", "*", "rtsp://elsewhere/c/t0", "rtsp://elsewhere/c/t0", "rtsp://10.0.0.7/a/"),
        ("rtsp://10.0.0.7/a/", "all", "t0", "rtsp://10.0.0.7/a/t0", "rtsp://10.0.0.7/a/all"),
    ],
)  # fmt: skip
def test_tracks_and_the_session_are_asked_for_where_the_camera_means_them(
    content_base: str, session: str, track: str, setup: str, play: str
) -> None:
    described = SDP.replace(b"control:*", b"control:" + session.encode()).replace(b"trackID=0", track.encode())
    camera = Camera({"DESCRIBE": (200, {"Content-Base": content_base}, described)})
    done = camera.run()
    assert playing(done)
    assert (camera.requests[2].uri, camera.requests[-1].uri) == (setup, play)
    assert [action for action in done if isinstance(action, Connect)] == [Connect("cam.example", 8554)], "no other host is called"


def test_tracks_are_relative_to_the_base_and_to_the_location_where_there_is_none() -> None:
    for headers, setup in (
        ({"Content-Location": "rtsp://10.0.0.7/l/"}, "rtsp://10.0.0.7/l/trackID=0"),
        ({"Content-Base": "rtsp://10.0.0.7/b/", "Content-Location": "rtsp://10.0.0.7/l/"}, "rtsp://10.0.0.7/b/trackID=0"),
        ({"Content-Base": "b/", "Content-Location": "rtsp://10.0.0.7/l/"}, "rtsp://10.0.0.7/l/trackID=0"),
    ):
        camera = Camera({"DESCRIBE": (200, headers, SDP)})
        assert playing(camera.run())
        assert camera.requests[2].uri == setup


def test_leaving_waits_for_the_answer_and_no_longer() -> None:
    for answered in (True, False):
        camera = Camera({} if answered else {"TEARDOWN": (0, {}, b"")})
        camera.run()
        done = camera.perform(camera.client.handle(actions.Stop(), camera.now))
        assert camera.methods[-1] == "TEARDOWN"
        assert done == ([Close()] if answered else [])
        assert camera.tick(LEAVE_S) == ([] if answered else [Close()])
        assert (camera.client.state, camera.client.next_deadline()) == (State.OVER, None)


def test_leaving_before_there_is_a_session_just_closes() -> None:
    camera = Camera({"DESCRIBE": (0, {}, b"")})
    camera.run()
    assert camera.client.handle(actions.Stop(), camera.now) == [Close()]


def test_a_challenge_is_answered_and_the_proof_goes_along_from_then_on() -> None:
    camera = Camera({"DESCRIBE": [(401, DIGEST, b""), OK["DESCRIBE"]]})
    playing(camera.run())
    assert camera.methods == ["OPTIONS", "DESCRIBE", *TO_PLAY[1:]]
    assert [bool(request.header("authorization")) for request in camera.requests] == [False, False, True, True, True, True]
    assert "cret" not in repr(camera.log)


def test_a_stale_nonce_is_renewed_in_the_middle_of_playing() -> None:
    camera = Camera({"OPTIONS": [(401, DIGEST, b""), OK["OPTIONS"]]})
    camera.run()
    renewed = {"WWW-Authenticate": 'Digest realm="r", nonce="n2", stale=true'}
    camera.script["GET_PARAMETER"] = [(401, renewed, b""), OK["GET_PARAMETER"]]
    assert camera.tick(10) == []
    assert [request.method for request in camera.requests[-2:]] == ["GET_PARAMETER"] * 2
    assert 'nonce="n2"' in camera.requests[-1].header("authorization")
    assert camera.client.next_deadline() == camera.now + 10 - EARLY_S


@pytest.mark.parametrize(
    "again",
    ['Digest realm="r", nonce="n1"', 'Digest realm="r", nonce="n{}"', 'Digest realm="r", nonce="n{}", stale=true', 'Basic realm="r"'],
)
def test_a_password_that_is_wrong_is_asked_about_a_few_times_at_most(again: str) -> None:
    replies = [(401, {"WWW-Authenticate": again.format(number)}, b"") for number in range(20)]
    camera = Camera({"DESCRIBE": list(replies)})
    failure = failed(camera.run())
    assert (failure.status, failure.why) == (CameraStatus.UNAUTHORIZED, "the camera refuses the user name or password")
    assert camera.methods.count("DESCRIBE") <= 3


def test_without_credentials_the_camera_is_told_to_want_them() -> None:
    failure = failed(Camera({"DESCRIBE": (401, DIGEST, b"")}, url="rtsp://cam.example/").run())
    assert (failure.status, failure.why) == (CameraStatus.UNAUTHORIZED, "the camera wants a user name and a password")


def test_redirections_are_followed_a_few_times_and_take_no_password_elsewhere() -> None:
    camera = Camera({"DESCRIBE": [(302, {"Location": "rtsp://other:99/b"}, b""), (401, DIGEST, b"")]})
    done = camera.run()
    assert [action for action in done if isinstance(action, Connect)] == [Connect("cam.example", 8554), Connect("other", 99)]
    assert failed(done).why == "the host that the camera sends us to wants a user name and a password"
    for location in ("http://other/", "rtsps://other/", "/b"):
        assert "address cannot be used" in failed(Camera({"DESCRIBE": (301, {"Location": location}, b"")}).run()).why
    endless = Camera({"DESCRIBE": (302, {"Location": "rtsp://cam.example/b"}, b"")})
    assert "from one address to the next" in failed(endless.run()).why
    assert endless.methods.count("DESCRIBE") == MAX_REDIRECTS + 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_every_status_that_says_elsewhere_is_followed_and_one_that_does_not_say_where_is_a_refusal(status: int) -> None:
    done = Camera({"DESCRIBE": [(status, {"Location": "rtsp://other:99/b"}, b""), OK["DESCRIBE"]]}).run()
    assert [action for action in done if isinstance(action, Connect)] == [Connect("cam.example", 8554), Connect("other", 99)]
    assert playing(done)
    assert failed(Camera({"DESCRIBE": (status, {}, b"")}).run()).why == f"the camera refuses to play the stream ({status})"
    assert failed(Camera({"DESCRIBE": (304, {"Location": "rtsp://other:99/b"}, b"")}).run()).why.endswith("(304)")


@pytest.mark.parametrize(
    ("method", "reply", "status", "why"),
    [
        ("DESCRIBE", (404, {}, b""), CameraStatus.CONNECTING, "the camera refuses to play the stream (404)"),
        ("DESCRIBE", (403, {}, b""), CameraStatus.UNAUTHORIZED, "the camera refuses the user name or password"),
        ("SETUP", (453, {}, b""), CameraStatus.CONNECTING, "the camera refuses to play the stream (453)"),
        ("PLAY", (455, {}, b""), CameraStatus.CONNECTING, "the camera refuses to play the stream (455)"),
        ("DESCRIBE", (200, {}, b"v=0\r\nm=audio 0 RTP/AVP 0\r\n"), CameraStatus.UNSUPPORTED, "the stream has no video"),
        ("DESCRIBE", (200, {}, b"m=video 0 RTP/AVP 26\r\n"), CameraStatus.UNSUPPORTED,
         "no video of the stream is supported (video jpeg: it is not recorded)"),
        ("DESCRIBE", (200, {}, SDP.replace(b"trackID=0", b"http://h/")), CameraStatus.CONNECTING,
         "the camera's address cannot be used: it is no rtsp:// address that a request can hold"),
        ("SETUP", (200, {"Transport": "RTP/AVP;multicast;port=1-2"}, b""), CameraStatus.CONNECTING,
         "the camera grants another transport than was asked for"),
        ("DESCRIBE", (0, {}, b""), CameraStatus.CONNECTING, f"the camera does not answer within {ANSWER_S:g} s"),
    ],
)  # fmt: skip
def test_every_refusal_becomes_a_state_with_a_reason(method: str, reply: Reply, status: CameraStatus, why: str) -> None:
    camera = Camera({method: reply})
    done = camera.run() + camera.tick(ANSWER_S)
    assert (failed(done).status, failed(done).why) == (status, why)
    assert camera.tick(100) == []


@pytest.mark.parametrize(
    ("script", "common"),
    [
        ({"OPTIONS": (0, {}, b"")}, True), ({"DESCRIBE": (0, {}, b"")}, False), ({"DESCRIBE": (404, {}, b"")}, True),
        ({"OPTIONS": (401, DIGEST, b"")}, True), ({"SETUP": (404, {}, b"")}, False), ({"PLAY": (454, {}, b"")}, False),
    ],
)  # fmt: skip
def test_what_any_engine_would_have_met_is_told_from_what_may_be_ours(script: dict[str, Reply], common: bool) -> None:
    camera = Camera(script)
    assert failed(camera.run() + camera.tick(ANSWER_S)).common is common


def test_options_may_be_refused() -> None:
    playing(Camera({"OPTIONS": (501, {}, b"")}).run())


def test_the_whole_of_opening_has_a_bound_however_slowly_it_is_answered() -> None:
    camera = Camera(dict.fromkeys(OK, (0, {}, b"")))
    camera.run()
    spent = 0.0
    while camera.client.state is not State.OVER:
        camera.now += ANSWER_S - 0.5
        spent += ANSWER_S - 0.5
        sequence = camera.requests[-1].header("cseq")
        headers = "".join(f"{name}: {value}\r\n" for _, fields, _ in OK.values() for name, value in fields.items())
        camera.perform(camera.client.handle(actions.Tick(), camera.now))
        camera.perform(camera.hear(f"RTSP/1.0 200\r\nCSeq: {sequence}\r\n{headers}Content-Length: {len(SDP)}\r\n\r\n".encode() + SDP))
    assert spent <= OPEN_S + ANSWER_S


def test_a_lost_connection_says_what_was_lost() -> None:
    camera = Camera({})
    camera.client.start(0.0)
    failure = failed(camera.client.handle(actions.Lost("refused by rtsp://u:secret@h/"), 0.0))
    assert (failure.why, failure.common) == ("the camera cannot be reached (refused by rtsp://***@h/)", True)
    camera = Camera({})
    camera.run()
    assert failed(camera.client.handle(actions.Lost("reset"), camera.now)).why == "the camera ended the session"


def test_the_camera_may_ask_and_send_early_and_end_the_session() -> None:
    camera = Camera({"PLAY": (0, {}, b"")})
    camera.run()
    answer = f"RTSP/1.0 200 OK\r\nCSeq: {camera.requests[-1].header('cseq')}\r\n\r\n".encode()
    late = b"RTSP/1.0 404 No\r\nCSeq: 1\r\n\r\n"
    done = camera.hear(late + b"$\0\0\1a" + b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n" + b"FOO * RTSP/1.0\r\n\r\n" + answer + b"$\0\0\5ab")
    assert done[0] == Media(0, b"a")
    assert done[1] == actions.Send(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n")
    assert done[2] == actions.Send(b"RTSP/1.0 501 Not Implemented\r\nCSeq: 0\r\n\r\n")
    assert isinstance(done[3], Playing)
    assert camera.client.rest() == b"$\0\0\5ab"
    assert failed(camera.hear(b"TEARDOWN * RTSP/1.0\r\n\r\n")).why == "the camera ended the session"


@pytest.mark.parametrize("method", ["REDIRECT", "TEARDOWN"])
def test_a_camera_that_sends_us_elsewhere_while_it_plays_ends_the_session_and_is_asked_anew(method: str) -> None:
    camera = Camera({})
    camera.run()
    failure = failed(camera.hear(f"{method} * RTSP/1.0\r\nCSeq: 3\r\nLocation: rtsp://other/\r\n\r\n".encode()))
    assert (failure.why, failure.unfit, failure.common) == ("the camera ended the session", False, False)
    assert camera.client.state is State.OVER


class View:
    """What agent/source has to know of a camera."""

    name, available, wrap_s = "cam0", True, None
    tracks = (Track(0, "h264", 96, 90_000, parameter_sets=(b"\x67\x42\x00\x1ex", b"\x68y")), Track(1, "opus", 97, 48_000, 2))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("password", ["se:cret", "other"])
def test_against_the_test_source(transport: str, password: str) -> None:
    server = protocol.Connection({"cam0": View()}, host="127.0.0.1", server_ports=(7000, 7001), credentials=Credentials("op", password),
                                 rng=random.Random(1), now=0.0)  # fmt: skip

    class Wire(Camera):
        def answer(self, data: bytes) -> list[actions.Action]:
            sent = [action.data for action in server.feed(data, self.now) if isinstance(action, protocol.Send)]
            return [answer for data in sent for answer in self.hear(data)]

    camera = Wire({}, transport, "rtsp://op:se%3Acret@127.0.0.1:8554/cam0")
    done = camera.run()
    if password == "other":
        assert failed(done).status is CameraStatus.UNAUTHORIZED
        return
    video, audio = playing(done).tracks
    assert server.state is protocol.State.PLAYING
    assert (video.transport.kind, video.chosen.codec, audio.chosen.codec) == (transport, "h264", "opus")
    assert None not in (video.sequence, video.timestamp, video.transport.ssrc, audio.sequence, audio.timestamp)
    assert video.transport.server == ((7000, 7001) if transport == "udp" else (0, 0))
    assert camera.tick(30) == []
    assert camera.perform(camera.client.handle(actions.Stop(), camera.now)) == [Close()]
    assert server.state is protocol.State.INIT


def test_a_url_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(FormatError):
        Client("http://op:secret@h/", "tcp", str)


def test_no_credentials_in_any_repr() -> None:
    camera = Camera({"OPTIONS": [(401, {"WWW-Authenticate": 'Basic realm="r"'}, b""), OK["OPTIONS"]]})
    camera.run()
    shown = "".join(map(repr, [camera.client, camera.client.address, *camera.log]))
    assert "cret" not in shown
    assert "Basic" not in shown
    assert "secret" not in URL, "the password of the kit is percent-encoded"


replies = st.builds(
    lambda status, headers, body, sequence: (
        f"RTSP/1.0 {status}\r\n{sequence}".encode() + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    ),
    st.sampled_from([100, 200, 200, 200, 200, 301, 401, 404, 454, 461, 500]),
    st.dictionaries(
        st.sampled_from(["Session", "Transport", "Public", "WWW-Authenticate", "Location", "RTP-Info", "Content-Base"]),
        st.one_of(st.text("ab;=,- 0123456789", max_size=30), st.sampled_from([
            "1;timeout=5", "RTP/AVP/TCP;interleaved=4-5", 'Digest realm="a", nonce="b"', "rtsp://other/x", "url=trackID=0;seq=1",
            'Basic realm="x"', "RTP/AVP;unicast;client_port=1-2", "rtsp://h/"])),
        max_size=4,
    ),
    st.sampled_from([b"", SDP, b"m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000"]),
    st.sampled_from(["", "", "CSeq: 1\r\n", "CSeq: 99\r\n", "CSeq: x\r\n"]),
)  # fmt: skip
said = st.one_of(replies, st.binary(max_size=60), st.sampled_from([b"$\0\0\2ab", b"$", b"\r\n", b"TEARDOWN * RTSP/1.0\r\n\r\n"]))
happened = st.one_of(said.map(actions.Received), said.map(actions.Received), st.just(actions.Connected()), st.just(actions.Tick()),
                     st.just(actions.Ports(5000, 5001)), st.just(actions.Stop()))  # fmt: skip
happenings = st.lists(happened, max_size=25)


@given(st.sampled_from(["tcp", "udp"]), happenings, st.floats(0.0, 5.0))
def test_whatever_a_camera_sends_the_client_neither_raises_nor_grows(transport: str, events: list[actions.Event], step: float) -> None:
    client = Client(URL, "tcp" if transport == "tcp" else "udp", lambda: "token")
    done, now = client.start(0.0), 0.0
    for event in events:
        now += step
        more = client.handle(event, now)
        over = any(isinstance(action, Failed | Close) for action in done)
        assert not (over and more), "after the end nothing more comes"
        done += more
        assert client._parser.buffered <= MAX_HEAD_BYTES + MAX_BODY_BYTES
    assert "cret" not in repr(done)
