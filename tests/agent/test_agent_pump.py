"""The thread that reads every camera: what it takes, what it gives back, and that no camera holds up another."""

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from itertools import pairwise
from types import SimpleNamespace

import pytest

from watchkeep.agent.clock import Clock
from watchkeep.agent.pump import MOST_ASIDE, Pump
from watchkeep.agent.reader import Loan
from watchkeep.agent.rtsp.keepalive import EARLY_S, KeepAlive
from watchkeep.agent.rtsp.ride import Ride
from watchkeep.hub.demo.cast import wait_until
from watchkeep.native import Ring
from watchkeep.native.lane import Lane
from watchkeep.native.stream import Stream
from watchkeep.profiles.schema import RecorderProfile

pytestmark = pytest.mark.timeout(30)
STEP = 3600
FLOODS = {
    "nothing": b"\0",
    "lines": b"RTSP/\n",
    "answers": b"RTSP/1.0 200 OK\n\n",
    "reports": b"$\1\0\0",
    "pictures": b"$\0\0\x0e" + struct.pack(">BBHII", 0x80, 0x80 | 96, 1, 0, 1) + b"\x41\x9a",
}
"""What is sent again and again, without a pause."""


class Wire:
    """A camera's packets, a lane and what a reader would do around it, without a session."""

    def __init__(self):
        self.camera, self.ours = socket.socketpair()
        self.ring = Ring(8 << 20, 4000, chunk_ticks=90_000, segment_ticks=360_000)
        self.stream = Stream()
        self.stream.add_video(0, 96, False)
        self.stream.add_control(1)
        self.stream.connect(self.ours.fileno())
        self.number = 0
        self.broken = self.unusual = False
        self.noticed, self.lent = threading.Event(), threading.Event()
        self.result = []
        self.wanted = threading.Event()
        self.clock = Clock()
        self.heard = []
        self.said = threading.Event()
        self.due = self.clock.monotonic() + 60
        self.wants = self.doubtful = False

    def deadline(self):
        return self.due

    def aside(self, messages, now):
        """Hears all, says something when it is due."""
        self.heard += messages
        if now >= self.due:
            self.due = now + 60
            self.said.set()
        return self.wants

    def doubts(self, now):
        return self.doubtful

    def frame(self, payload=b"\x41\x9aslice", *, stamp=None):
        self.number += 1
        packet = struct.pack(">BBHII", 0x80, 0x80 | 96, self.number & 0xFFFF, STEP * self.number if stamp is None else stamp, 1) + payload
        self.camera.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    def lend(self, lender):
        if self.unusual:
            return None
        self.lane = Lane(self.ring, hevc=False, limit=900_000, sets=b"", waiting=[0], depth=0)
        self.lent.set()
        return Loan(self.lane, None)

    def noted(self, loan, now):
        if self.broken:
            raise OSError("a reader that fails")
        if loan.lane.pictures != loan.pictures:
            loan.pictures = loan.lane.pictures
            self.noticed.set()

    def returned(self, loan, lender):
        self.loan = loan

    def drive(self, pump, *, again=False):
        """In a thread of its own, as a camera's is, which lends it out again whatever it was given back for."""
        now = self.clock.monotonic()

        def body():
            try:
                while again and not self.wanted.is_set():
                    pump.drive(Ride(self.stream, self, now), self, self, self.wanted.is_set, lambda: False)
                self.result.append(pump.drive(Ride(self.stream, self, now), self, self, self.wanted.is_set, lambda: False))
            except OSError as error:
                self.result.append(error)

        self.thread = threading.Thread(target=body)
        self.thread.start()
        return self

    def outcome(self):
        self.thread.join(10)
        assert not self.thread.is_alive()
        return self.result[0]

    def close(self):
        self.camera.close()
        self.ours.close()
        self.ring.close()


@contextmanager
def driven(count=1, tick_s=0.01):
    pump, wires = Pump(Clock(), tick_s=tick_s), [Wire() for _ in range(count)]
    pump.start()
    try:
        yield pump, *wires
    finally:
        assert pump.stop()
        for wire in wires:
            wire.close()


def test_frames_go_into_the_ring_until_the_thread_is_wanted_back():
    with driven() as (pump, wire):
        wire.drive(pump)
        for _ in range(10):
            wire.frame()
        assert wire.noticed.wait(10)
        wire.wanted.set()
        left = wire.outcome()
        assert (left.units, left.messages) == ([], [])
        assert wire.ring.frames == wire.loan.lane.pictures > 0
        assert wire.stream.lane is None


@pytest.mark.parametrize("end", ["doubt", "stop", "wants"])
def test_a_camera_goes_back_when_a_frame_is_to_be_looked_at_its_talk_wants_it_or_the_pump_stops(end):
    with driven() as (pump, wire):
        wire.drive(pump)
        if end == "stop":
            pump.stop()
        elif end == "doubt":
            wire.doubtful = True
        else:
            wire.wants, wire.due = True, 0.0
        left = wire.outcome()
        assert (left.units, left.messages) == ([], [])
        assert wire.loan.lane.pictures == 0


def test_a_camera_that_comes_while_the_pump_stops_is_not_taken():
    with driven() as (pump, wire):
        lend = wire.lend
        wire.lend = lambda lender: lend(lender) if pump.stop() else None
        assert wire.drive(pump).outcome() is None
        assert wire.stream.lane is None


def test_a_pump_that_fails_gives_its_cameras_back_and_takes_them_again(caplog):
    with driven() as (pump, wire):
        whole, pump._basin = pump._basin, SimpleNamespace(tick=None)
        left = wire.drive(pump).outcome()
        assert (left.units, left.messages) == ([], [])
        pump._basin = whole
        wire.frame()
        wire.frame()
        wire.drive(pump)
        assert wire.noticed.wait(10)
        wire.wanted.set()
        wire.outcome()
    assert "thread failed" in caplog.text


def test_what_is_due_is_said_on_the_way():
    with driven() as (pump, wire):
        wire.due = wire.clock.monotonic() + 0.03
        wire.drive(pump)
        assert wire.said.wait(10)
        wire.frame()
        wire.frame()
        assert wire.noticed.wait(10)
        assert wire.result == []
        wire.wanted.set()
        wire.outcome()


class Stepped(Clock):
    """Stands still until it is told."""

    now = 100.0

    def monotonic(self):
        return self.now


class Alive(Wire):
    """Says a sign of life whenever one is due, and notes when, and how often it is looked at."""

    def __init__(self, clock, alive, first_s):
        super().__init__()
        self.clock, self.alive, self.times, self.looks = clock, alive, [clock.now], 0
        self.due = clock.now + first_s

    def aside(self, messages, now):
        if now >= self.due:
            self.times.append(now)
            self.due = now + self.alive.every_s
        return False

    def noted(self, loan, now):
        self.looks += 1


@pytest.mark.parametrize("read_ms", [20, 30, 50, 70, 100, 150, 200])
@pytest.mark.parametrize("timeout_s", [1, 2, 3, 7])
def test_signs_of_life_come_at_half_of_the_time_out_whatever_the_tick_and_nobody_is_looked_at_more_often(
    read_ms, timeout_s, monkeypatch
):
    monkeypatch.setattr("watchkeep.agent.pump.PICTURE_WAIT_S", 1e9)
    clock, seconds = Stepped(), 20
    pump = Pump(clock, tick_s=read_ms / 1000)
    pump._running = True  # its rounds are gone here, not in a thread
    alive = KeepAlive(timeout_s=timeout_s)
    wires = [Alive(clock, alive, alive.every_s * (number + 1) / 5) for number in range(5)]
    try:
        for wire in wires:
            wire.drive(pump)
        wait_until(lambda: len(pump._seats) == len(wires), 10, "every camera's seat")
        for _ in range(seconds * 1000 // read_ms):
            clock.now += read_ms / 1000
            pump._round()
    finally:
        pump._give_back(pump._seats)
        for wire in wires:
            wire.outcome()
            wire.close()
    for wire in wires:
        gaps = [after - before for before, after in pairwise(wire.times)]
        assert max(gaps) <= timeout_s / 2 + 1e-6
        assert seconds / (timeout_s / 2) - 1 <= len(gaps) <= seconds / alive.every_s + 1
        assert wire.looks <= seconds * 1000 // read_ms // pump._every + 1 + len(gaps)


def test_the_longest_tick_is_the_one_that_signs_of_life_reckon_with():
    assert [limit.le for limit in RecorderProfile.model_fields["read_ms"].metadata if hasattr(limit, "le")] == [1000 * EARLY_S]


def test_what_is_unusual_goes_back_with_what_is_behind_it():
    with driven() as (pump, wire):
        wire.drive(pump)
        wire.frame()
        wire.frame(stamp=1 << 30)
        wire.frame(stamp=(1 << 30) + STEP)
        left = wire.outcome()
        assert [unit.stamp for _, unit in left.units] == [1 << 30]
        assert wire.loan.lane.pictures == 1


def test_a_camera_that_hangs_up_goes_back():
    with driven() as (pump, wire):
        wire.drive(pump)
        wire.camera.close()
        assert wire.outcome().units == []
        assert wire.stream.state == 1


ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n"
REPORT = struct.pack(">BBHIIIIII", 0x80, 200, 6, 9, 1, 2, 3, 4, 5)


def control(compound):
    return b"$\1" + len(compound).to_bytes(2, "big") + compound


def test_reports_and_texts_are_heard_on_the_way_and_what_was_heard_does_not_go_back():
    with driven() as (pump, wire):
        wire.drive(pump)
        wire.camera.sendall(control(REPORT) + ANSWER)
        for _ in range(3):
            wire.frame()
        assert wire.noticed.wait(10)
        wait_until(lambda: wire.heard == [(1, REPORT), (-1, ANSWER)], 10, "what the camera says")
        assert wire.result == []
        wire.wants = True
        wire.camera.sendall(ANSWER)
        left = wire.outcome()
        assert (left.messages, wire.heard) == ([], [(1, REPORT), (-1, ANSWER), (-1, ANSWER)])


def test_a_camera_that_talks_without_end_is_left_to_its_own_thread_unheard():
    with driven() as (pump, wire):
        wire.camera.sendall(control(REPORT) * (MOST_ASIDE + 1))
        left = wire.drive(pump).outcome()
        assert (left.messages, wire.heard) == ([(1, REPORT)] * (MOST_ASIDE + 1), [])


def test_a_report_behind_an_unusual_frame_is_heard_after_it():
    with driven() as (pump, wire):
        wire.frame(stamp=1 << 30)
        wire.frame(stamp=(1 << 30) + STEP)
        wire.camera.sendall(control(REPORT))
        left = wire.drive(pump).outcome()
        assert (len(left.units), left.messages, wire.heard) == (1, [(1, REPORT)], [])


def test_a_camera_whose_frames_are_not_usual_yet_is_not_taken():
    with driven() as (pump, wire):
        wire.unusual = True
        assert wire.drive(pump).outcome() is None


def test_what_goes_wrong_with_one_camera_is_raised_to_its_own_thread_and_to_nobody_else():
    with driven(2) as (pump, broken, good):
        broken.broken = True
        good.drive(pump)
        assert isinstance(broken.drive(pump).outcome(), OSError)
        good.frame()
        good.frame()
        assert good.noticed.wait(10)
        good.wanted.set()
        assert good.outcome().units == []


@pytest.mark.parametrize("name", FLOODS)
def test_a_camera_that_floods_does_not_delay_another(name):
    with driven(2) as (pump, hostile, good):
        data = FLOODS[name] * ((1 << 20) // len(FLOODS[name]))

        def flood():
            with suppress(OSError):
                while True:
                    hostile.camera.sendall(data)

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            hostile.drive(pump, again=True)
            good.drive(pump)
            assert good.lent.wait(10)
            for _ in range(8):
                before = good.lane.pictures
                good.frame()
                good.frame()
                wait_until(lambda before=before: good.lane.pictures > before, 1.0, "a frame beside a camera that floods")
            assert hostile.stream.received > len(data)
        finally:
            for wire in (hostile, good):
                wire.wanted.set()
                wire.outcome()
            hostile.ours.close()
            flooding.join(10)


def test_a_camera_without_a_picture_goes_back_to_be_given_up(monkeypatch):
    monkeypatch.setattr("watchkeep.agent.pump.PICTURE_WAIT_S", 0.05)
    with driven() as (pump, wire):
        assert wire.drive(pump).outcome().units == []
