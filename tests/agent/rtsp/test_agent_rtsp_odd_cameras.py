"""Cameras that speak RTSP their own way, on real sockets: each is read to its last frame by the native session."""

import struct
import threading
from collections.abc import Iterator

import pytest
from rtsp_stub import Media, Raw, Rtp, Says, stub

from watchkeep.agent.pyav.ingest import CameraError
from watchkeep.agent.rtsp import session as module
from watchkeep.agent.rtsp.ride import Ride
from watchkeep.agent.rtsp.sdp import MAX_CLOCK
from watchkeep.agent.rtsp.session import NativeSession

pytestmark = pytest.mark.system
VIDEO = Media("video", 96, 90_000, ("rtpmap:96 H264/90000",))
SOUND = Media("audio", 8, 8000)
SETS = (b"\x67\x42\x00\x1e\x01", b"\x68\xee\x3c\x80")
FRAMES = 3


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.001)


def picture(number: int) -> tuple[bytes, ...]:
    slice_ = (b"\x65\x88" if number == 0 else b"\x41\x9a") + bytes([number] * 20) + b"\x80"
    return (*SETS, slice_) if number == 0 else (slice_,)


def rtp(media: Media, number: int, sequence: int, payload: bytes, *, marker: bool = True) -> bytes:
    return struct.pack(">BBHII", 0x80, 0x80 * marker | media.payload_type, sequence, number * media.clock // 25, 7) + payload


def packets(channel: int) -> Iterator[tuple[int, bytes]]:
    """The pictures on this channel."""
    sequence = 0
    for number in range(FRAMES):
        units = picture(number)
        for unit in units:
            yield channel, rtp(VIDEO, number, sequence, unit, marker=unit is units[-1])
            sequence += 1


def pictures(_: int) -> Iterator[Rtp]:
    for number in range(FRAMES):
        yield Rtp(0, 0.0, picture(number), number / 25)


def read(camera: str, transport: str = "tcp") -> tuple[NativeSession, list[int]]:
    """A session, and which pictures it gave."""
    session = NativeSession(camera, transport)
    try:
        return session, [bytes(sample.data)[-2] for sample in session.samples() if sample.video]
    finally:
        session.close()


def with_text(found: str, instead: str) -> Says:
    """Proper answers, with one piece of their text changed."""

    def says(_: str, __: dict[str, str], answer: bytes) -> bytes:
        head, _, body = answer.decode().partition("\r\n\r\n")
        body = body.replace(found, instead)
        head = f"{head.rpartition('Content-Length')[0]}Content-Length: {len(body)}\r\n\r\n"
        return (head.replace(found, instead) + body).encode()

    return says


def early(method: str, _: dict[str, str], answer: bytes) -> bytes:
    """The first pictures come before PLAY is answered."""
    frames = b"".join(struct.pack(">BBH", 0x24, channel, len(packet)) + packet for channel, packet in packets(0))
    return frames + answer if method == "PLAY" else answer


def refuses_twice() -> Says:
    """Asks for a proof by two schemes, and with a new nonce as soon as the first has served."""
    nonces = iter((b"a", b"a", b"a", b"b", b"b", b"b", b"b"))

    def says(method: str, headers: dict[str, str], answer: bytes) -> bytes:
        if f'nonce="{(nonce := next(nonces, b"b")).decode()}"' in headers.get("authorization", "") or method == "TEARDOWN":
            return answer
        return (f"RTSP/1.0 401 Unauthorized\r\nCSeq: {headers['cseq']}\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
                f"WWW-Authenticate: Digest realm=\"x\", nonce=\"{nonce.decode()}\", stale=FALSE\r\n\r\n").encode()  # fmt: skip

    return says


@pytest.mark.parametrize(
    "says",
    [with_text("Content-Base: ", "X-Base: "), with_text("Session: 1", "Session:  1 ; timeout = 2"), with_text("\r\n", "\n"),
     with_text(" 200 OK", " 200"), with_text("CSeq: ", "Cseq:"), with_text("a=control:track0", "a=control:rtsp://u:p@192.0.2.1/elsewhere/0"),
     early, refuses_twice(), lambda method, _, answer: b"" if method == "TEARDOWN" else answer],
    ids=["no base", "spaces in Session", "lines without CR", "no phrase", "headers as they like", "a track on another host",
         "pictures before the answer", "401 again and again", "TEARDOWN unanswered"],
)  # fmt: skip
def test_a_camera_with_ways_of_its_own_is_read(says: Says) -> None:
    with stub((VIDEO,), (lambda _: ()) if says is early else pictures, says=says) as camera:
        session, given = read(f"rtsp://op:p%40s%2Fs@{camera.place}/cam")
    assert given == list(range(FRAMES))
    assert session.left_out == ""


def test_a_camera_is_read_over_ipv6() -> None:
    with stub((VIDEO,), pictures, host="::1") as camera:
        assert read(camera.url)[1] == list(range(FRAMES))


def test_channels_are_those_that_the_camera_grants() -> None:
    with stub((VIDEO,), lambda _: [Raw(0.0, tuple(packets(8)))], says=with_text("interleaved=0-1", "interleaved=8-9")) as camera:
        assert read(camera.url)[1] == list(range(FRAMES))


def test_sound_that_is_given_the_pictures_channels_costs_no_picture() -> None:
    beep = tuple((0, rtp(SOUND, number, number, bytes(160))) for number in range(FRAMES))
    mixed = tuple(one for both in zip(packets(0), (*beep, *beep), strict=False) for one in both)
    with stub((VIDEO, SOUND), lambda _: [Raw(0.0, mixed)], says=with_text("interleaved=2-3", "interleaved=0-1")) as camera:
        session, given = read(camera.url)
    assert given == list(range(FRAMES))
    assert (session.audio, session.left_out) == (None, "audio pcm_alaw: the camera gives it the picture's channels")


@pytest.mark.parametrize(
    ("config", "left_out"),
    [("178001f408", ""), ("178001f388", "audio aac: its sampling rate is none of sound"),
     ("1780000088", "audio aac: its sampling rate is none of sound")],
    ids=["1000 Hz", "999 Hz", "1 Hz"],
)  # fmt: skip
def test_sound_whose_frames_would_last_for_minutes_costs_no_picture(config: str, left_out: str) -> None:
    """By the fastest clock that a description may have, 1024 samples of 1 Hz are more ticks than 32 bits hold."""
    hbr = f"mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}"
    sound = Media("audio", 97, MAX_CLOCK, (f"rtpmap:97 mpeg4-generic/{MAX_CLOCK}/1", f"fmtp:97 {hbr}"))
    with stub((VIDEO, sound), pictures) as camera:
        session, given = read(camera.url)
    assert given == list(range(FRAMES))
    assert (session.left_out, session.audio is None) == (left_out, bool(left_out))


def test_what_to_do_is_said_when_nothing_comes_over_udp_or_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.05)
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    hour = threading.Event()

    def held(_: int) -> Iterator[Raw]:
        yield from ()
        hour.wait(10)

    with stub((VIDEO,), held) as camera:
        for transport, remedy in (("udp", "firewalls"), ("tcp", "power")):
            with pytest.raises(CameraError, match="the camera sends nothing") as caught:
                read(camera.url, transport)
            assert remedy in caught.value.remedy
        hour.set()


@pytest.mark.parametrize("few", [False, True])
def test_where_the_kernel_keeps_few_datagrams_no_tick_is_waited_for_and_no_other_thread_asked(
    monkeypatch: pytest.MonkeyPatch, *, few: bool
) -> None:
    monkeypatch.setattr(module, "cramped", lambda _: few)
    monkeypatch.setattr(module, "CRAMPED_TICK_S", 0.001)
    rides: list[Ride] = []
    with stub((VIDEO,), pictures) as camera:
        session = NativeSession(camera.url, "tcp")
        session.ride_on(rides.append, bool)
        monkeypatch.setattr(module, "TICK_S", 60.0 if few else 0.001)
        try:
            assert len(list(session.samples())) == FRAMES
        finally:
            session.close()
    assert bool(rides) is not few


def test_a_camera_that_refuses_udp_is_read_over_tcp_and_no_port_stays_open_for_strangers() -> None:
    def says(_: str, headers: dict[str, str], answer: bytes) -> bytes:
        asked = headers.get("transport", "")
        return f"RTSP/1.0 461 No\r\nCSeq: {headers['cseq']}\r\n\r\n".encode() if "client_port" in asked else answer

    with stub((VIDEO,), pictures, says=says) as camera:
        session = NativeSession(camera.url, "udp")
        try:
            assert session._opened.link.pairs == []
            assert [bytes(sample.data)[-2] for sample in session.samples()] == list(range(FRAMES))
        finally:
            session.close()
