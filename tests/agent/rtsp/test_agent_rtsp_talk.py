"""What is said and heard beside the frames: with patience on the session's thread, without on the one that reads all cameras."""

import errno
import socket
import struct
from types import SimpleNamespace

import pytest

from watchkeep.agent.rtsp import actions
from watchkeep.agent.rtsp.client import Client
from watchkeep.agent.rtsp.link import Link
from watchkeep.agent.rtsp.opening import Opened
from watchkeep.agent.rtsp.quality import Quality
from watchkeep.agent.rtsp.rtcp import REPORT_S
from watchkeep.agent.rtsp.talk import GOODBYE_S, TEXT, Talk
from watchkeep.agent.rtsp.timeline import Timeline

SDP = (b"v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
       b"m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n")  # fmt: skip
HEADERS = {"DESCRIBE": "Content-Base: rtsp://cam/\r\n", "SETUP": "Transport: RTP/AVP/TCP;unicast%s\r\nSession: 42;timeout=20\r\n"}
CONTROL = (1, 3)
LONG_S = 600_000
"""Both counters have turned."""
SOURCE, OTHER = 9, 10


def sender_report(stamp, ntp_s=0):
    return struct.pack(">BBHIIIIII", 0x80, 200, 6, 9, ntp_s, 0, stamp % (1 << 32), 4, 5)


def goodbye(*sources):
    return struct.pack(f">BBH{len(sources)}I", 0x80 | len(sources), 203, len(sources), *sources)


class Stream:
    """Counts, whose packets they are, and where the lane is that frames go through meanwhile."""

    def __init__(self):
        self.lane = SimpleNamespace(raw=0, sounds=1, sound_seen=0)
        self.received, self.sources = [10, 10], [SOURCE, OTHER]

    lost = 0

    def counts(self, number):
        return self.received[number], self.lost * (number + 1), 0, 10, 1, 0

    def source(self, number):
        return self.sources[number]


class Rig:
    """A talk over a socket pair; the client has played already."""

    def __init__(self, monkeypatch):
        self.camera, ours = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel makes it its least, a few kB
        self.camera.settimeout(10)
        self.now = 1000.0
        monkeypatch.setattr("watchkeep.agent.rtsp.opening.time.monotonic", lambda: self.now)
        self.link = Link()
        self.link.connection = ours
        self.opened = Opened.__new__(Opened)
        self.opened.link, self.opened.over, self.opened.ended, self.opened.early = self.link, None, False, b""
        self.opened.client = client = Client("rtsp://cam/live", "tcp", lambda: "token")
        tracks = self._play(client)
        self.timeline = Timeline(90_000, None, 8000, None)
        self.timeline.picture(0)
        self.timeline.sound(0)
        self.stream = Stream()
        self.talk = Talk(self.opened, self.stream, tracks, CONTROL, self.timeline)
        self.talk.begin(self.now)

    def _play(self, client):
        done = client.start(self.now) and client.handle(actions.Connected(), self.now)
        for _ in range(5):
            [sent] = [one.data for one in done if isinstance(one, actions.Send)]
            method, number = sent.split(b" ")[0].decode(), sent.split(b"CSeq: ")[1].split(b"\r")[0].decode()
            body = SDP if method == "DESCRIBE" else b""
            more = HEADERS.get(method, "").replace("%s", ";ssrc=000000AB" if b"trackID=0" in sent else "")
            head = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
            done = client.handle(actions.Received(head.encode() + body), self.now)
        [playing] = done
        return playing.tracks

    def clog(self):
        """Fill the connection, so that it takes nothing more; what it holds."""
        self.link.connection.settimeout(0)
        filled = 0
        for piece in (1 << 16, 1):
            try:
                while True:
                    filled += self.link.connection.send(bytes(piece))
            except BlockingIOError:
                continue
        return filled

    def received(self, size):
        data = b""
        while len(data) < size:
            data += self.camera.recv(size - len(data))
        return data


@pytest.fixture
def rig(monkeypatch):
    rig = Rig(monkeypatch)
    yield rig
    rig.link.close()
    rig.camera.close()


def test_reports_go_out_on_the_way_for_each_track_and_the_next_ones_later(rig):
    rig.now += REPORT_S
    assert rig.talk.deadline() <= rig.now
    assert not rig.talk.aside([], rig.now)
    for channel in CONTROL:
        head = rig.received(4)
        assert head[:2] == b"$" + bytes([channel])
        assert rig.received(int.from_bytes(head[2:], "big"))[1] == 201
    assert rig.talk.deadline() > rig.now
    assert not rig.talk.aside([], rig.now)
    rig.camera.setblocking(False)
    with pytest.raises(BlockingIOError):
        rig.camera.recv(1)


def test_the_session_is_kept_alive_on_the_way_and_the_answer_is_heard_there(rig):
    rig.now += 10  # half of its time-out
    rig.talk.begin(rig.now)
    assert not rig.talk.aside([], rig.now)
    asked = rig.received(8)
    assert asked == b"OPTIONS "
    assert not rig.talk.aside([(TEXT, b"RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n")], rig.now)


def test_what_ends_the_session_wants_its_thread(rig):
    assert rig.talk.aside([(TEXT, b"TEARDOWN rtsp://cam/live RTSP/1.0\r\nCSeq: 1\r\n\r\n")], rig.now)
    assert rig.opened.failure() is not None


HEARD = {
    "own thread": lambda rig, messages, now: rig.talk.hear(messages, now),
    "another": lambda rig, messages, now: rig.talk.aside(messages, now),
}


@pytest.mark.parametrize("way", HEARD)
@pytest.mark.parametrize("said", [goodbye(SOURCE), goodbye(OTHER, SOURCE), sender_report(1) + goodbye(SOURCE)])
def test_a_goodbye_is_one_when_no_picture_comes_behind_it(rig, way, said):
    hear = HEARD[way]
    assert not hear(rig, [(1, said)], rig.now)
    rig.stream.received[1] += 1
    assert rig.talk.deadline() == rig.now + GOODBYE_S
    assert not hear(rig, [(1, said)], rig.now + GOODBYE_S - 0.1)
    assert hear(rig, [], rig.now + GOODBYE_S)
    assert rig.talk.hear([], rig.now + GOODBYE_S), "and it is said again to the session's own thread"


@pytest.mark.parametrize("way", HEARD)
def test_a_camera_that_says_goodbye_and_sends_on_stays(rig, way):
    hear = HEARD[way]
    for _ in range(2):
        assert not hear(rig, [(1, goodbye(SOURCE))], rig.now)
        rig.stream.received[0] += 1
        rig.stream.sources[0] = SOURCE
        assert not hear(rig, [], rig.now + GOODBYE_S)
        assert rig.talk.deadline() == rig.now + REPORT_S
    assert not hear(rig, [(1, goodbye(SOURCE))], rig.now)
    assert hear(rig, [], rig.now + GOODBYE_S)


@pytest.mark.parametrize("way", HEARD)
def test_a_goodbye_behind_pictures_that_came_behind_another_one_counts_from_then(rig, way):
    hear, begun = HEARD[way], rig.now
    assert not hear(rig, [(1, goodbye(SOURCE))], begun)
    rig.stream.received[0] += 30
    assert not hear(rig, [(1, goodbye(SOURCE))], begun + 0.5)
    assert rig.talk.deadline() == begun + 0.5 + GOODBYE_S
    assert not hear(rig, [(1, goodbye(SOURCE))], begun + GOODBYE_S), "the same one once more, which moves nothing"
    assert hear(rig, [], begun + 0.5 + GOODBYE_S)


@pytest.mark.parametrize("way", HEARD)
@pytest.mark.parametrize("said", [(1, goodbye(OTHER)), (1, goodbye()), (3, goodbye(OTHER)), (3, goodbye(SOURCE))])
def test_a_goodbye_of_another_source_or_of_the_sound_ends_nothing(rig, way, said):
    assert not HEARD[way](rig, [said], rig.now)
    assert rig.talk.deadline() == rig.now + REPORT_S
    assert not HEARD[way](rig, [], rig.now + GOODBYE_S)


def reported(rig):
    """The source that the next report of each track is about."""
    rig.talk.begin(rig.now - REPORT_S)
    rig.talk.say(rig.now)
    reports = [rig.received(int.from_bytes(rig.received(4)[2:], "big")) for _ in CONTROL]
    return [struct.unpack_from(">I", report, 8)[0] for report in reports]


def test_reports_are_about_the_source_of_the_last_packet_and_before_it_about_what_the_camera_announced(rig):
    rig.stream.sources = [None, None]
    assert reported(rig) == [0xAB, 0]
    rig.stream.sources = [SOURCE, OTHER]
    rig.talk.hear([(1, sender_report(1).replace(struct.pack(">I", SOURCE), struct.pack(">I", 77)))], rig.now)
    assert reported(rig) == [SOURCE, OTHER]
    rig.stream.sources = [77, OTHER]
    assert reported(rig) == [77, OTHER]


def test_a_connection_that_takes_nothing_delays_nobody_and_gets_everything_in_order_later(rig):
    filled = rig.clog()
    rig.now += REPORT_S
    assert rig.talk.aside([], rig.now)
    waiting = bytes(rig.link.backlog)
    assert waiting[:2] == b"$\1"
    assert rig.received(filled) == bytes(filled)
    rig.opened.catch_up()
    assert rig.received(len(waiting)) == waiting
    assert not rig.link.backlog


def test_sound_that_moves_by_what_reports_say_wants_the_thread_that_knows_where_it_stands(rig):
    picture, sound = 90_000 * LONG_S, 8000 * LONG_S
    rig.stream.lane.raw, rig.stream.lane.sound_seen = picture, sound
    assert not rig.talk.aside([(1, sender_report(picture, 50)), (3, sender_report(sound, 50))], rig.now)
    assert rig.talk.aside([(3, sender_report(sound, 52))], rig.now)
    assert rig.timeline.shift == 16_000


def test_losses_of_all_tracks_and_sessions_are_added_up(rig):
    quality = Quality(lost_packets=5)
    rig.talk.note_in(quality, lambda: 0)
    rig.stream.lost = 2
    rig.now += REPORT_S
    rig.talk.aside([], rig.now)
    assert quality.lost_packets == 5 + 2 + 4
    rig.stream.lost = 3
    rig.talk.note_lost()
    rig.talk.note_lost()
    assert quality.lost_packets == 5 + 3 + 6


def test_the_cameras_clock_is_told_by_its_picture_and_a_camera_without_one_tells_nothing(rig):
    quality = Quality()
    rig.talk.note_in(quality, lambda: 1_700_000_000_001_000_000)
    ntp_s = 2_208_988_800 + 1_700_000_000
    rig.talk.aside([(3, sender_report(1, ntp_s)), (1, sender_report(1, 0))], rig.now)
    assert quality.clock_ahead_s is None
    rig.talk.aside([(1, sender_report(1, ntp_s - 3600))], rig.now)
    assert quality.clock_ahead_s == -3600.0
    rig.talk.aside([(1, sender_report(1, ntp_s + 2))], rig.now)
    assert quality.clock_ahead_s == 2.0
    rig.talk.aside([(1, sender_report(1, ntp_s))], rig.now)
    assert repr(quality.clock_ahead_s) == "0.0"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENETUNREACH, errno.EAGAIN])
def test_a_report_that_the_network_does_not_take_ends_no_session(number):
    def refuse(*_):
        raise OSError(number, "refused")

    link = Link()
    link.connection = SimpleNamespace(getpeername=lambda: ("127.0.0.1", 554))
    link.pairs = [(None, SimpleNamespace(sendto=refuse))]
    link.send_report(0, b"report", 5001)
