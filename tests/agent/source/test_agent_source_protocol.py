"""The RTSP conversation: its table of states, its refusals, and what it asks the shell to do."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.source.auth import Credentials, answer
from watchkeep.agent.source.media import AUDIO, VIDEO, Track
from watchkeep.agent.source.protocol import SESSION_TIMEOUT_S, Action, Close, Connection, Play, Send, State, Stop, locate

H264 = Track(VIDEO, "h264", 96, 90_000, frame_rate=25, parameter_sets=(b"\x67\x42\xc0\x1e", b"\x68\xce"))
PCMA = Track(AUDIO, "pcma", 8, 8_000)
URL = "rtsp://127.0.0.1:8554/cam0"
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"
UDP = "RTP/AVP;unicast;client_port=5000-5001"


@dataclass
class Camera:
    name: str
    tracks: tuple[Track, ...] = (H264, PCMA)
    available: bool = True
    wrap_s: int | None = None


class Talk:
    """A conversation that keeps the session id and counts requests."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self.cameras = {"cam0": Camera("cam0"), "cam1": Camera("cam1")}
        rng = random.Random(1)
        self.connection = Connection(self.cameras, host="127.0.0.1", server_ports=(6000, 6001), credentials=credentials, rng=rng, now=0.0)
        self.session, self.number, self.actions = "", 0, list[Action]()

    def ask(
        self, method: str, uri: str = URL, /, now: float = 0.0, session: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        self.number += 1
        named = self.session if session is None else session
        fields = {"CSeq": str(self.number), **({"Session": named} if named else {}), **headers}
        text = f"{method} {uri} RTSP/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        first, *self.actions = self.connection.feed(text.encode(), now)
        assert isinstance(first, Send)
        head, _, body = first.data.decode().partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        found = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        self.session = found.get("session", self.session).split(";")[0]
        return int(status.split(" ")[1]), found, body

    def play(self, transport: str = TCP) -> Play:
        assert self.ask("SETUP", f"{URL}/trackID=0", Transport=transport)[0] == 200
        assert self.ask("PLAY")[0] == 200
        (play,) = self.actions
        assert isinstance(play, Play)
        return play


def test_from_options_to_teardown() -> None:
    talk = Talk()
    status, headers, _ = talk.ask("OPTIONS", "*")
    assert status == 200
    assert set(headers["public"].split(", ")) == {
        "OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER",
    }  # fmt: skip
    status, headers, body = talk.ask("DESCRIBE")
    assert (status, headers["content-type"], headers["content-base"]) == (200, "application/sdp", f"{URL}/")
    assert "m=video 0 RTP/AVP 96" in body
    status, headers, _ = talk.ask("SETUP", f"{URL}/trackID=0", Transport=TCP)
    assert headers["session"].endswith(f";timeout={SESSION_TIMEOUT_S}")
    assert talk.ask("SETUP", f"{URL}/trackID=1", Transport="RTP/AVP/TCP;interleaved=2-3")[0] == 200
    status, headers, _ = talk.ask("PLAY", Range="npt=0-")
    (play,) = talk.actions
    assert isinstance(play, Play)
    assert [outlet.track for outlet in play.outlets] == [H264, PCMA]
    assert headers["rtp-info"] == ",".join(
        f"url={URL}/trackID={kind};seq={play.outlets[kind].sequence};rtptime={play.outlets[kind].timestamp}" for kind in (0, 1)
    )
    assert talk.ask("GET_PARAMETER")[0] == 200
    assert talk.ask("TEARDOWN")[0] == 200
    assert talk.actions == [Stop("teardown")]
    assert talk.connection.state is State.INIT
    assert talk.ask("PLAY", session=talk.session)[0] == 454, "the session is gone"


def test_a_second_session_on_the_connection_has_other_numbers() -> None:
    talk = Talk()
    first = talk.play()
    assert talk.ask("TEARDOWN")[0] == 200
    talk.session = ""
    second = talk.play()
    assert (first.outlets[0].ssrc, first.outlets[0].sequence) != (second.outlets[0].ssrc, second.outlets[0].sequence)


def test_play_while_playing_is_a_keep_alive() -> None:
    talk = Talk()
    talk.play()
    assert talk.ask("PLAY")[0] == 200
    assert talk.actions == []


@pytest.mark.parametrize(
    ("method", "uri", "headers", "status"),
    [
        ("DESCRIBE", "rtsp://h/nothing", {}, 404),
        ("DESCRIBE", "rtsp://[broken/cam0", {}, 404),
        ("SETUP", "rtsp://h/nothing/trackID=0", {"Transport": TCP}, 404),
        ("SETUP", f"{URL}/trackID=7", {"Transport": TCP}, 404),
        ("SETUP", f"{URL}/trackID=0", {"Transport": "RTP/AVP;multicast"}, 461),
        ("SETUP", f"{URL}/trackID=0", {}, 461),
        ("SETUP", f"{URL}/trackID=0", {"Transport": TCP, "Session": "foreign"}, 454),
        ("PLAY", URL, {}, 455),
        ("PLAY", URL, {"Session": "foreign"}, 454),
        ("TEARDOWN", URL, {}, 455),
        ("RECORD", URL, {}, 501),
        ("PAUSE", URL, {}, 501),
        ("DESCRIBE", URL, {"Require": "onvif-replay"}, 551),
    ],
)
def test_refusals_before_any_session(method: str, uri: str, headers: dict[str, str], status: int) -> None:
    talk = Talk()
    assert talk.ask(method, uri, **headers)[0] == status
    assert talk.actions == []
    assert talk.connection.state is State.INIT


def test_refusals_inside_a_session() -> None:
    talk = Talk()
    talk.play()
    assert talk.ask("SETUP", f"{URL}/trackID=1", Transport=TCP)[0] == 455
    assert talk.ask("TEARDOWN", session="foreign")[0] == 454
    assert talk.connection.state is State.PLAYING


def test_one_session_has_one_camera_and_one_kind_of_transport() -> None:
    talk = Talk()
    talk.ask("SETUP", f"{URL}/trackID=0", Transport=TCP)
    assert talk.ask("SETUP", f"{URL}/trackID=1", Transport=UDP)[0] == 461
    assert talk.ask("SETUP", "rtsp://h/cam1/trackID=0", Transport=TCP)[0] == 459


def test_a_finished_camera_answers_503() -> None:
    talk = Talk()
    talk.ask("SETUP", f"{URL}/trackID=0", Transport=TCP)
    talk.cameras["cam0"].available = False
    assert talk.ask("PLAY")[0] == 503
    assert talk.connection.state is State.READY
    assert talk.ask("DESCRIBE")[0] == 503
    assert talk.ask("SETUP", f"{URL}/trackID=0", Transport=TCP)[0] == 503


def test_a_camera_that_wraps_promises_timestamps_that_pass_2_32_after_its_seconds() -> None:
    talk = Talk()
    talk.cameras["cam0"].wrap_s = 3
    assert [outlet.timestamp for outlet in talk.play().outlets] == [2**32 - 3 * 90_000]


def test_another_version_and_a_request_without_number() -> None:
    talk = Talk()
    assert b"505" in talk.connection.feed(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", 0)[0].data  # type: ignore[union-attr]
    assert b"400" in talk.connection.feed(b"OPTIONS * RTSP/1.0\r\n\r\n", 0)[0].data  # type: ignore[union-attr]


def test_digest_is_asked_for_and_checked() -> None:
    credentials = Credentials("op", "pw")
    talk = Talk(credentials)
    assert talk.ask("OPTIONS")[0] == 200
    status, headers, _ = talk.ask("DESCRIBE", "rtsp://h/nothing")
    assert status == 401, "unknown paths are not told to strangers"
    challenge = dict(part.split("=", 1) for part in headers["www-authenticate"].removeprefix("Digest ").split(", "))
    nonce, realm = challenge["nonce"].strip('"'), challenge["realm"].strip('"')
    for password, expected in (("wrong", 401), ("pw", 200)):
        response = answer(Credentials("op", password), nonce, "DESCRIBE", URL)
        header = f'Digest username="op", realm="{realm}", nonce="{nonce}", uri="{URL}", response="{response}"'
        assert talk.ask("DESCRIBE", Authorization=header)[0] == expected


def test_credentials_in_the_uri_do_not_come_back() -> None:
    _, headers, _ = Talk().ask("DESCRIBE", "rtsp://op:pw@cam.example:554/cam0?profile=1")
    assert headers["content-base"] == "rtsp://cam.example:554/cam0/"


def test_udp_ends_in_silence_and_tcp_does_not() -> None:
    over_udp, over_tcp = Talk(), Talk()
    over_udp.play(UDP)
    over_tcp.play(TCP)
    assert over_udp.connection.expire(SESSION_TIMEOUT_S - 1) == []
    over_udp.connection.heard(10.0)
    assert over_udp.connection.expire(SESSION_TIMEOUT_S + 9) == []
    assert over_udp.ask("OPTIONS", now=30.0)[0] == 200
    assert over_udp.connection.expire(SESSION_TIMEOUT_S + 29) == []
    assert over_udp.connection.expire(SESSION_TIMEOUT_S + 30) == [Stop("no sign of life from the client"), Close()]
    assert over_tcp.connection.expire(1e6) == []


def test_a_connection_that_never_plays_ends_too() -> None:
    talk = Talk()
    assert talk.connection.expire(SESSION_TIMEOUT_S) == [Close()]
    assert talk.connection.expire(SESSION_TIMEOUT_S + 1) == [], "only once"


def test_garbage_ends_the_conversation_with_400() -> None:
    talk = Talk()
    talk.play()
    send, stop, close = talk.connection.feed(b"GET / HTTP/1.1\r\n\r\n", 0)
    assert isinstance(send, Send)
    assert send.data.startswith(b"RTSP/1.0 400 ")
    assert isinstance(stop, Stop)
    assert close == Close()
    assert talk.connection.feed(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 0) == []


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    connection = Talk().connection
    for piece in pieces:
        connection.feed(piece, 0.0)


methods = st.sampled_from(["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "GET_PARAMETER", "PLAY", "SETUP"])


@given(st.lists(methods, max_size=25))
def test_every_play_is_stopped_before_the_next_one_begins(requests: list[str]) -> None:
    talk, playing = Talk(), False
    for method in requests:
        talk.ask(method, f"{URL}/trackID=0" if method == "SETUP" else URL, Transport=TCP)
        for action in talk.actions:
            assert isinstance(action, Play) is not playing
            playing = isinstance(action, Play)
        assert playing == (talk.connection.state is State.PLAYING)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("rtsp://h:1/cam0", ("cam0", None)),
        ("rtsp://h/cam0/", ("cam0", None)),
        ("rtsp://h/cam0/trackID=1", ("cam0", 1)),
        ("/cam3/trackID=0", ("cam3", 0)),
        ("rtsp://h/cam0/trackID=2", ("", None)),
        ("rtsp://h/cam0/1", ("", None)),
        ("rtsp://h/a/b/c", ("", None)),
        ("*", ("*", None)),
    ],
)
def test_locate(uri: str, expected: tuple[str, int | None]) -> None:
    assert locate(uri) == expected
