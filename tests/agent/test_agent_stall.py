"""A camera whose connection lives and that brings no picture: agent/stall.py, agent/unblock.py, and what ingest makes of them."""

import itertools
import struct
import threading
import time
from contextlib import contextmanager

import pytest
from coded import access_units, video_payloads
from ingest_kit import FakeSession, bench
from rtsp_stub import Media, Raw, Rtp, stub
from source_rig import running

from watchkeep.agent import unblock
from watchkeep.agent.clock import Clock
from watchkeep.agent.pyav import ingest as adapter
from watchkeep.agent.pyav.ingest import RtspSession
from watchkeep.agent.roster import Source
from watchkeep.agent.stall import StallWatch
from watchkeep.wire.causes import CameraStatus, Cause

pytestmark = pytest.mark.timeout(60)
H264 = Media("video", 96, 90_000, ("rtpmap:96 H264/90000",))
G729 = Media("audio", 18, 8000, ("rtpmap:18 G729/8000",))
FRAMES, PACE_S = 30, 0.02
FOREVER = 3000
"""Ticks of 20 ms: a minute, the test's own limit."""
WAIT_S = 0.5


def rtp(sequence, stamp, payload, *, kind=96, marker=False):
    return struct.pack(">BBHII", 0x80, kind | 0x80 * marker, sequence & 0xFFFF, stamp, 7) + payload


def report(number):
    """An RTCP sender report."""
    return struct.pack(">BBHIQIII", 0x80, 200, 6, 7, (2_208_988_800 + 1_700_000_000 + number) << 32, number * 90_000, number, number)


def endless_frame(number):
    """Parts of a slice that goes on and on: FU-A, no end bit, no marker, one stamp."""
    return rtp(1000 + number, 900_000, bytes([0x7C, 0x81 if number == 0 else 0x01]) + bytes(200))


CHATTER = {
    "reports only": lambda number: (1, report(number)),
    "a payload type that was not announced": lambda number: (0, rtp(1000 + number, number * 1800, bytes(100), kind=111, marker=True)),
    "a frame that never ends": lambda number: (0, endless_frame(number)),
    "sound that is left out": lambda number: (2, rtp(number, number * 160, bytes(20), kind=18, marker=True)),
    "an answer to a keep-alive": lambda number: (9, bytes(4)),
}


def pictures():
    return [Rtp(0, number * PACE_S, video_payloads("h264", unit)) for number, unit in enumerate(access_units("h264", FRAMES))]


def then_chatter(chatter):
    return (Raw((FRAMES + number) * PACE_S, (chatter(number),)) for number in range(FOREVER))


@contextmanager
def ingesting(made):
    """The ingest of a bench in its own thread, while the block looks at it."""
    thread = threading.Thread(target=made.ingest.run, args=(made.stop,))
    thread.start()
    try:
        yield thread
    finally:
        made.stop.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("what", CHATTER)
def test_a_camera_that_sends_everything_but_a_picture_is_stalled_and_asked_anew(what):
    medias = (H264, G729) if "sound" in what else (H264,)
    chatter = CHATTER[what]

    def script(session):
        sent = pictures()
        if len(medias) > 1:  # libav waits for the first packet of everything that is announced
            sent.insert(1, Raw(PACE_S, ((2, rtp(0, 0, bytes(20), kind=18, marker=True)),)))
        return itertools.chain(sent, then_chatter(chatter) if session == 0 else ())

    with stub(medias, script) as camera, bench(source=Source(camera.url, "tcp", 0.0)) as made:
        sessions = iter(range(2))
        made.ingest._open = lambda *where: RtspSession(*where) if next(sessions, None) is not None else made._open(*where)
        made.ingest.life.pause_s = lambda jitter: 0.0
        made.ingest.watch, made.ingest._clock = StallWatch(WAIT_S), Clock()
        began = time.monotonic()
        with ingesting(made) as thread:
            while thread.is_alive():
                made.ingest.watch.look(time.monotonic())
                thread.join(0.2)
        assert time.monotonic() - began < 20
        shown = [(state.status, "sends no picture" in state.why) for state in made.states if "no key frame yet" not in state.why]
        assert shown[:3] == [(CameraStatus.RECORDING, False), (CameraStatus.STALLED, True), (CameraStatus.RECORDING, False)]
        made.take(flush=True)
        assert made.epochs == [(Cause.FIRST_START, FRAMES), (Cause.CAMERA_LOST, FRAMES)]


def test_a_camera_that_never_sent_a_picture_is_stalled_too():
    with bench() as made:
        made.ingest.watch = watch = StallWatch(5.0, end_read=lambda _: True)

        def silence():
            for now in (104.0, 105.5, 106.5):
                watch.look(now)

        made.sessions.append(FakeSession([silence]))
        made.run()
        assert made.states[0].status is CameraStatus.STALLED


def test_an_agent_that_stood_still_reads_what_waits_before_it_gives_a_session_up():
    seen, ended = [0.0], []
    watch = StallWatch(5.0, end_read=lambda thread: ended.append(thread) is None)
    watch.begin(lambda: seen[-1])
    watch.look(60.0)
    seen.append(60.5)
    watch.look(61.0)
    watch.look(66.0)
    assert ended == []
    watch.look(67.0)
    assert ended == [threading.get_native_id()]
    watch.look(68.0)
    assert (len(ended), watch.ended) == (1, True), "once is enough"
    watch.begin(lambda: 68.0)
    assert not watch.ended
    watch.end()
    watch.look(1000.0)
    watch.look(1001.0)
    assert len(ended) == 1, "nobody reads"


def test_a_read_is_given_up_at_once_when_the_agent_stops_and_nothing_is_when_nobody_reads():
    ended = []
    watch = StallWatch(5.0, end_read=lambda thread: ended.append(thread) is None)
    watch.give_up()
    assert ended == []
    watch.begin(lambda: 0.0)
    watch.give_up()
    watch.give_up()
    assert (ended, watch.ended) == ([threading.get_native_id()], True)


def test_a_read_that_could_not_be_ended_is_tried_again():
    tries = []
    watch = StallWatch(5.0, end_read=lambda thread: len(tries.append(thread) or tries) == 3)
    watch.begin(lambda: 0.0)
    for now in range(6, 20):
        watch.look(float(now))
    assert len(tries) == 3


def test_only_the_read_of_the_thread_that_is_named_ends():
    with stub((H264,), lambda _: itertools.chain(pictures(), then_chatter(CHATTER["reports only"]))) as camera:
        ends = [threading.Event(), threading.Event()]
        started, ids = threading.Barrier(3), [0, 0]

        def read(number):
            session = RtspSession(camera.url, "tcp")
            ids[number] = threading.get_native_id()
            started.wait(20)
            for _ in session.samples():
                pass
            session.close()
            ends[number].set()

        threads = [threading.Thread(target=read, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        started.wait(20)
        deadline = time.monotonic() + 20
        while not unblock.end_read(ids[1]) and time.monotonic() < deadline:
            pass
        assert ends[1].wait(10)
        assert not ends[0].wait(0.5), "the other one goes on"
        while not unblock.end_read(ids[0]) and time.monotonic() < deadline:
            pass
        for thread in threads:
            thread.join(20)


def test_over_udp_the_connection_of_rtsp_is_the_one_that_ends(tmp_path):
    with running(tmp_path) as source:
        session, ids, seen, ended = RtspSession(source.urls[0], "udp"), [], threading.Event(), threading.Event()

        def read():
            ids.append(threading.get_native_id())
            for _ in session.samples():
                seen.set()
            ended.set()

        thread = threading.Thread(target=read)
        thread.start()
        assert seen.wait(20)
        deadline = time.monotonic() + 20
        while not unblock.end_read(ids[0]) and time.monotonic() < deadline:
            pass
        assert ended.wait(3), "FFmpeg's own time-out takes 5 s, and frames come"
        thread.join()
        session.close()
        source.process.terminate()
        source.process.wait(20)


def test_a_thread_that_waits_for_no_socket_is_left_alone():
    stop, ids = threading.Event(), []
    thread = threading.Thread(target=lambda: (ids.append(threading.get_native_id()), stop.wait(30)))
    thread.start()
    try:
        while not ids:
            thread.join(0.01)
        assert not unblock.end_read(ids[0])
        assert thread.is_alive()
    finally:
        stop.set()
        thread.join()


def test_a_kernel_that_does_not_tell_is_noticed(monkeypatch, tmp_path):
    monkeypatch.setattr(unblock, "_MEMORY", str(tmp_path / "none"))
    assert not unblock.possible()
    monkeypatch.undo()
    monkeypatch.setattr(unblock, "_POLLS", {})
    assert not unblock.possible()


def test_where_the_kernel_does_not_tell_pyav_bounds_the_read(monkeypatch):
    assert unblock.possible(), "this machine is to try the real thing"
    monkeypatch.setattr(unblock, "possible", lambda: False)
    monkeypatch.setattr(adapter, "PICTURE_WAIT_S", WAIT_S)
    with stub((H264,), lambda _: itertools.chain(pictures(), then_chatter(CHATTER["reports only"]))) as camera:
        session = RtspSession(camera.url, "tcp")
        try:
            with pytest.raises(adapter.CameraError) as caught:
                list(session.samples())
        finally:
            session.close()
    assert caught.value.status is CameraStatus.STALLED


@pytest.mark.parametrize("refusal", [FileNotFoundError, PermissionError])
def test_where_nobody_tells_for_what_a_thread_waits_its_read_is_not_ended_and_no_other_camera_is_forgotten(refusal, monkeypatch):
    def refuse(_):
        raise refusal

    monkeypatch.setattr(unblock, "_call", refuse)
    assert not unblock.end_read(threading.get_native_id())
