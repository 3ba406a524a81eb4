"""Numbering, chaining and causes from the ring to records: agent/line.py and agent/writer.py."""

import itertools
from queue import SimpleQueue

import pytest
from ingest_kit import SetClock

from watchkeep.agent.line import Line
from watchkeep.agent.writer import Writer
from watchkeep.native import Ring
from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.errors import FormatError
from watchkeep.wire.record import RecordKind, check_payload
from watchkeep.wire.seal import ZERO_HASH, SealFlag
from watchkeep.wire.shell.threads import Supervised

INIT = b"\0\0\0\x08ftyp\0\0\0\x08moov"
STEP = 3000


@pytest.fixture
def line():
    numbers = itertools.count(500)
    ring = Ring(1 << 20, 1000, chunk_ticks=90_000, segment_ticks=2 * 90_000)
    yield Line("cam0", ring, lambda camera: next(numbers), chunk_s=1.0)
    ring.close()


def feed(line, run, first, count, *, gop=30, size=200, now=99.0):
    return [line.push(run, b"\0\0\0\1\x65" + b"U" * size, video=True, pts=n * STEP, dts=n * STEP, duration=STEP, key=n % gop == 0,
                      damaged=False, arrival_ns=10**9 + n * STEP * 10**9 // 90_000, annexb=True, now=now)
            for n in range(first, first + count)]  # fmt: skip


def seals(records):
    return [check_payload(header, payload) for header, payload in records if header.kind is RecordKind.CHUNK]


def test_an_epoch_is_an_init_and_a_chain_of_chunks(line):
    feed(line, line.begin(INIT, Cause.FIRST_START, 7), 0, 125)
    records = line.take(100.0, ClockQuality.SYNCHRONISED)
    assert [header.kind for header, _ in records] == [RecordKind.INIT, *[RecordKind.CHUNK] * 4]
    found = seals(records)
    assert [seal.seq for seal in found] == [0, 1, 2, 3]
    assert [seal.segment_seq for seal in found] == [0, 0, 2, 2]
    assert [bool(seal.flags & SealFlag.SEGMENT_START) for seal in found] == [True, False, True, False]
    assert found[0].prev_hash == ZERO_HASH
    assert all(b.prev_hash == a.chunk_hash for a, b in itertools.pairwise(found))
    assert {(seal.epoch, seal.cause, seal.clock) for seal in found} == {(500, Cause.FIRST_START, ClockQuality.SYNCHRONISED)}
    assert [seal.pts for seal in found] == [7, 90_007, 180_007, 270_007]
    assert [seal.wall_end_ns for seal in found[:-1]] == [seal.wall_start_ns for seal in found[1:]]


def test_the_end_of_a_session_leaves_nothing_behind_and_the_next_one_starts_anew(line):
    feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 40)
    line.end()
    feed(line, line.begin(INIT, Cause.CAMERA_LOST, 0), 0, 10)
    line.end()
    found = seals(line.take(100.0, ClockQuality.UNKNOWN))
    assert [(seal.epoch, seal.seq, seal.video_frames, seal.cause) for seal in found] == [
        (500, 0, 30, Cause.FIRST_START), (500, 1, 10, Cause.FIRST_START), (501, 0, 10, Cause.CAMERA_LOST)]  # fmt: skip
    assert found[1].flags & SealFlag.DURATION_GUESSED


def test_a_mute_camera_does_not_keep_its_last_frames_from_the_journal(line):
    feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 10, now=100.0)
    assert line.take(101.9, ClockQuality.UNKNOWN) == []
    assert [seal.video_frames for seal in seals(line.take(102.1, ClockQuality.UNKNOWN))] == [10]


def test_overflow_drops_counts_and_needs_a_new_epoch(line):
    run = line.begin(INIT, Cause.FIRST_START, 0)
    kept = feed(line, run, 0, 60, size=30_000)
    assert not all(kept)
    assert line.ring.dropping
    assert line.ring.dropped_frames == kept.count(False)
    assert line.stats.frames == kept.count(True)
    assert sum(seal.video_frames for seal in seals(line.take(100.0, ClockQuality.UNKNOWN, flush=True))) == kept.count(True)
    assert all(feed(line, line.begin(INIT, Cause.OVERFLOW, 0), 0, 5))
    assert seals(line.take(100.0, ClockQuality.UNKNOWN, flush=True))[0].cause is Cause.OVERFLOW


class FakeJournal:
    """Takes records up to its room; `empty` makes room again, as a spill does."""

    def __init__(self, room=1 << 30):
        self.faults, self.records, self.spills, self.room, self._size = [], [], 0, room, room

    def append(self, records):
        if self.faults:
            raise self.faults.pop(0)
        taken = []
        for header, payload in records:
            if header.record_bytes > self.room:
                break
            self.room -= header.record_bytes
            taken.append((header, payload))
        self.records += taken
        return [header for header, _ in taken]

    def empty(self):
        self.spills += 1
        self.room = self._size


def writer_of(lines, journal, clock, **calls):
    nothing = {"tick_ms": 100, "offer": lambda _: None, "stepped": lambda _: None, "look": lambda: None}
    return Writer(lines, journal, clock, **(nothing | calls))


def build(line, journal, clock, calls):
    return writer_of([line], journal, clock, offer=lambda refs: calls.append(("offer", len(refs))),
                     stepped=lambda change: calls.append(round(change)))  # fmt: skip


def test_a_hurry_ends_the_wait_for_the_tick_and_cuts_that_camera_early(line):
    journal, clock, offered = FakeJournal(), SetClock(), SimpleQueue()
    writer = writer_of([line], journal, clock, tick_ms=600_000, offer=offered.put)
    feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 10)
    thread = Supervised("wk-writer", writer.run_ticks)
    thread.start()
    try:
        writer.hurry(["another"])
        writer.hurry([line.camera])
        assert [header.kind for header in offered.get(timeout=10)] == [RecordKind.INIT, RecordKind.CHUNK]
    finally:
        thread.stop()
        writer.hurry([])
        assert thread.join(5)
    assert [(seal.seq, seal.video_frames) for seal in seals(journal.records)] == [(0, 9)]


def test_what_has_no_room_in_the_journal_waits_and_nothing_more_leaves_the_rings(line):
    journal, calls = FakeJournal(room=12_000), []
    writer = build(line, journal, SetClock(), calls)
    run = line.begin(INIT, Cause.FIRST_START, 0)
    feed(line, run, 0, 65)
    writer.tick()
    assert [seal.seq for seal in seals(journal.records)] == [0]
    feed(line, run, 65, 30)
    for _ in range(3):
        writer.tick()
    assert line.stats.chunks == 2, "the second waits outside, the third in the ring"
    journal.empty()
    writer.tick()
    journal.empty()
    writer.tick()
    assert [seal.seq for seal in seals(journal.records)] == [0, 1, 2]
    assert calls == [("offer", 2), ("offer", 1), ("offer", 1)]


def test_a_full_journal_leaves_everything_in_the_rings(line):
    journal = FakeJournal(room=0)
    writer = build(line, journal, SetClock(), [])
    feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 35)
    writer.tick()
    assert line.stats.chunks == 0


def test_others_look_at_each_tick_whether_or_not_the_journal_takes_anything(line):
    looks = []
    writer = writer_of([line], FakeJournal(room=0), SetClock(), look=lambda: looks.append(1))
    writer.tick()
    writer.tick()
    assert looks == [1, 1]


def test_a_clock_step_is_told_once(line):
    clock, calls = SetClock(), []
    writer = build(line, FakeJournal(), clock, calls)
    clock.now += 5
    writer.tick()
    clock.offset += 86_400
    writer.tick()
    writer.tick()
    assert calls == [86_400]


def test_drain_appends_everything_and_makes_room_as_often_as_it_takes(line):
    journal = FakeJournal(room=40_000)
    writer = build(line, journal, SetClock(), [])
    feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 1000, size=50)
    writer.drain(journal.empty)
    assert sum(seal.video_frames for seal in seals(journal.records)) == 1000
    assert journal.spills >= 2


def test_draining_ends_when_no_room_can_be_made(line):
    writer = build(line, FakeJournal(room=0), SetClock(), [])
    feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 35)
    tries = []
    writer.drain(lambda: tries.append(1))
    assert tries == [1]


def test_a_chunk_that_cannot_be_built_is_given_up_and_counted_and_disturbs_no_other_camera(line):
    other = Line("cam1", Ring(1 << 20, 1000, chunk_ticks=90_000, segment_ticks=180_000), lambda camera: 700, chunk_s=1.0)
    journal = FakeJournal()
    writer = writer_of([line, other], journal, SetClock())
    broken = line.begin(INIT, Cause.FIRST_START, 1 << 61)
    feed(line, broken, 0, 35)
    feed(other, other.begin(INIT, Cause.FIRST_START, 0), 0, 35)
    for _ in range(3):
        writer.tick(flush=True)
    feed(line, line.begin(INIT, Cause.TIME_JUMP, 0), 0, 35)
    writer.drain(journal.empty)
    other.ring.close()
    found = seals(journal.records)
    assert sum(seal.video_frames for seal in found if seal.camera == "cam1") == 35
    assert [seal.seq for seal in found if seal.camera == "cam0"] == [0, 1]
    assert line.stats.unbuilt_chunks == 2


def test_an_unexpected_error_of_the_journal_loses_nothing(line):
    journal, calls = FakeJournal(), []
    writer = build(line, journal, SetClock(), calls)
    feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 35)
    journal.faults = [FormatError("a bug", remedy="report it")]
    writer.tick()
    writer.drain(journal.empty)
    assert sum(seal.video_frames for seal in seals(journal.records)) == 35


def test_the_burst_at_a_sessions_start_is_over_before_the_first_chunk_is_anchored(line):
    run = line.begin(INIT, Cause.FIRST_START, 0)
    feed(line, run, 0, 35, now=100.0)
    assert line.take(100.1, ClockQuality.UNKNOWN) == []
    assert len(seals(line.take(100.5, ClockQuality.UNKNOWN))) == 1


def test_a_full_ring_makes_no_pile_of_runs(line):
    feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 60, size=30_000)
    for _ in range(500):
        feed(line, line.begin(INIT, Cause.OVERFLOW, 0), 0, 1, size=900_000)
    assert len(line._runs) == 2
    line.take(100.0, ClockQuality.UNKNOWN, flush=True)
    assert feed(line, line.begin(INIT, Cause.OVERFLOW, 0), 0, 1) == [True]
    assert [seal.cause for seal in seals(line.take(100.0, ClockQuality.UNKNOWN, flush=True))] == [Cause.OVERFLOW]


def test_a_tick_moves_a_bounded_amount_and_every_camera_gets_its_turn(monkeypatch):
    monkeypatch.setattr("watchkeep.agent.writer.MAX_TICK_BYTES", 1000)
    lines = [Line(f"cam{n}", Ring(1 << 20, 1000, chunk_ticks=90_000, segment_ticks=180_000), lambda camera: 700, chunk_s=1.0)
             for n in range(3)]  # fmt: skip
    journal = FakeJournal()
    writer = writer_of(lines, journal, SetClock())
    for line in lines:
        feed(line, line.begin(INIT, Cause.FIRST_START, 0), 0, 35)
    seen = []
    for _ in range(3):
        writer.tick()
        seen.append({seal.camera for seal in seals(journal.records)})
    for line in lines:
        line.ring.close()
    assert [len(cameras) for cameras in seen] == [1, 2, 3]
