"""What goes to the journal's disk when, and the bound of what waits for it: agent/journal/stage.py."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_lab import chunk_record, chunk_records, init_record, open_journal, seqs

from watchkeep.agent.journal.stage import AT_ONCE, Hold, Stage
from watchkeep.wire.errors import FormatError
from watchkeep.wire.record import RecordKind

SIZE = chunk_record(0)[0].record_bytes
LOTS = 1 << 30


def staged(max_bytes: int = LOTS, hold: Hold = AT_ONCE, *, count: int = 0) -> Stage:
    stage = Stage(max_bytes, hold)
    stage.take([init_record(), *chunk_records(count)], 100.0)
    return stage


def due(stage: Stage, now: float, limit: int = LOTS, *, everything: bool = False) -> list[int]:
    return [one.entry.seq for one in stage.due(now, limit, everything=everything)]


def test_without_a_hold_a_chunk_is_due_at_once_and_gone_when_it_is_written():
    stage = staged(count=3)
    assert stage.next_due() == 100.0
    assert due(stage, 100.0) == [0, 1, 2]
    assert due(stage, 100.0) == [], "one write at a time"
    assert stage.next_due() is None
    assert stage.chunk("cam0", 1, 2) is not None, "readable until the journal has it"
    assert stage.spilled() == []
    assert (len(stage), stage.chunk("cam0", 1, 2)) == (0, None)
    assert stage.init_of("cam0", 1) is not None, "its next chunk is still to come"


def test_a_write_is_bounded_and_in_order_and_a_failed_one_waits_at_its_place():
    stage = staged(count=5)
    assert due(stage, 100.0, 2 * SIZE) == [0, 1]
    stage.failed()
    stage.take(chunk_records(1, start=5), 101.0)
    assert due(stage, 101.0, 2 * SIZE) == [0, 1]
    stage.spilled()
    assert due(stage, 101.0, 1) == [2], "one is always written, however large"
    stage.spilled()
    assert due(stage, 101.0) == [3, 4, 5]


def test_what_is_held_is_due_by_age_and_the_oldest_earlier_when_too_much_waits():
    stage = staged(hold=Hold(5.0, 4 * SIZE), count=3)
    assert stage.next_due() == 105.0
    assert due(stage, 104.9) == []
    stage.take(chunk_records(3, start=3), 102.0)
    assert stage.next_due() == 100.0
    assert due(stage, 102.0) == [0, 1, 2], "so many that no more than the bytes of the hold wait"
    stage.spilled()
    assert due(stage, 106.9) == []
    assert due(stage, 106.9, everything=True) == [3, 4, 5]


def test_what_is_released_is_never_written_and_what_is_being_written_is_forgotten_by_the_journal_too():
    stage = staged(count=4)
    before = stage.bytes
    assert stage.release("cam0", 1, 0, 0) == 1
    assert due(stage, 100.0) == [1, 2, 3]
    assert stage.release("cam0", 1, 2, 10**9) == 2
    assert stage.chunk("cam0", 1, 2) is None
    assert stage.bytes == before - SIZE, "the write still holds their bytes"
    assert seqs(stage.spilled()) == [2, 3]
    assert stage.bytes == before - 4 * SIZE
    assert stage.release("cam0", 1, 0, 9) == 0


def test_what_was_released_during_a_write_that_failed_is_gone():
    stage = staged(count=2)
    assert due(stage, 100.0) == [0, 1]
    stage.release("cam0", 1, 0, 0)
    stage.failed()
    assert due(stage, 100.0) == [1]
    assert stage.spilled() == []


def test_a_full_stage_takes_a_prefix_and_one_record_that_is_larger_than_all_of_it():
    init = init_record()[0].record_bytes
    stage = staged(init + 3 * SIZE)
    assert seqs(stage.take(chunk_records(5), 100.0)) == [0, 1, 2]
    assert (stage.room, stage.take(chunk_records(2, start=3), 100.0)) == (0, [])
    stage.release("cam0", 1, 0, 2)
    assert seqs(stage.take([chunk_record(3, size=20 * SIZE)], 101.0)) == [3]
    assert stage.room == 0


def test_each_epoch_has_its_init_segment_before_its_first_chunk_unless_the_journal_knows_it():
    stage = Stage(LOTS)
    for epoch in (1, 2, 3):
        stage.take([init_record(epoch=epoch), *chunk_records(2, epoch=epoch)], 100.0)
    records = stage.with_inits(stage.due(100.0, LOTS), [("cam0", 2)])
    assert [(header.kind.name, header.epoch) for header, _, _ in records] == [
        ("INIT", 1), ("CHUNK", 1), ("CHUNK", 1), ("CHUNK", 2), ("CHUNK", 2), ("INIT", 3), ("CHUNK", 3), ("CHUNK", 3)]  # fmt: skip


def test_init_segments_of_epochs_that_are_over_do_not_pile_up():
    stage = Stage(LOTS)
    for epoch in range(1, 200):
        stage.take([init_record(epoch=epoch), chunk_record(0, epoch=epoch)], 100.0)
        stage.release("cam0", epoch, 0, 0)
    assert stage.init_of("cam0", 199) is not None
    assert stage.init_of("cam0", 198) is None
    assert stage.bytes == init_record(epoch=199)[0].record_bytes


STEPS = st.one_of(st.tuples(st.just("take"), st.integers(1, 4)), st.tuples(st.just("later"), st.sampled_from((0.0, 0.5, 3.0, 6.0))),
                  st.tuples(st.just("release"), st.integers(0, 40), st.integers(0, 40)), st.tuples(st.just("due"), st.booleans()),
                  st.tuples(st.just("spilled")), st.tuples(st.just("failed")))  # fmt: skip


class Model:
    """What a stage must be, kept beside it: a list, in order."""

    def __init__(self, max_bytes: int, hold: Hold) -> None:
        self.stage, self.max_bytes = Stage(max_bytes, hold), max_bytes
        self.now, self.cut, self.queue = 100.0, 0, chunk_records(0)
        self.here: list[int] = []
        self.flight: list[int] = []
        self.released: set[int] = set()
        self.journal: list[int] = []

    def step(self, step: Sequence) -> None:
        match step:
            case ("take", count):
                self.queue += chunk_records(count, start=self.cut)
                self.cut += count
                taken = [entry for entry in self.stage.take([init_record(), *self.queue], self.now) if entry.kind is RecordKind.CHUNK]
                assert seqs(taken) == [header.seq for header, _ in self.queue[: len(taken)]]
                assert taken or self.here or self.flight, "an empty stage takes something"
                self.here += seqs(taken)
                self.queue = self.queue[len(taken) :]
            case ("later", seconds):
                self.now += seconds
            case ("release", low, count):
                gone = [seq for seq in self.here if low <= seq <= low + count]
                assert self.stage.release("cam0", 1, low, low + count) == len(gone)
                self.released |= set(gone)
                self.here = [seq for seq in self.here if seq not in gone]
            case ("due", everything):
                found = due(self.stage, self.now, 3 * SIZE, everything=everything)
                assert not (found and self.flight)
                assert not everything or found or self.flight or not self.here
                self.flight = self.flight or found
                assert found == self.here[: len(found)], "the oldest, in order"
            case ("spilled",) if self.flight:
                assert seqs(self.stage.spilled()) == [seq for seq in self.flight if seq in self.released]
                self.journal += self.flight
                self.here = [seq for seq in self.here if seq not in self.flight]
                self.flight = []
            case ("failed",) if self.flight:
                self.stage.failed()
                self.flight = []

    def check(self) -> None:
        assert self.stage.bytes <= max(self.max_bytes, init_record()[0].record_bytes + SIZE)
        assert self.journal == sorted(self.journal), "the journal gets them in the order of cutting"
        for seq in range(self.cut):
            found = self.stage.chunk("cam0", 1, seq)
            assert (found is not None) == (seq in self.here), "readable here until it is released or the journal's"
            assert found is None or found.item[1] == chunk_record(seq)[1]


HOLDS = (AT_ONCE, Hold(5.0, 8 * SIZE), Hold(0.0, 3 * SIZE))


@settings(deadline=None)
@given(st.lists(STEPS, max_size=60), st.sampled_from((3 * SIZE, 6 * SIZE, 40 * SIZE)), st.sampled_from(HOLDS))
def test_every_chunk_is_here_until_released_or_written_in_order_and_within_the_bound(steps, max_bytes, hold):
    model = Model(max_bytes, hold)
    for step in steps:
        model.step(step)
        model.check()


@pytest.mark.parametrize("other", [{"camera": "cam9"}, {"epoch": 9}, {"seq": 9}, {"hash": bytes(32)}], ids=lambda other: next(iter(other)))
def test_a_header_that_names_another_chunk_than_the_seal_is_refused_before_anything_is_taken(tmp_path, other):
    """Its seal is proven here and nowhere behind: what has been taken is written as it is."""
    (header, payload), stage = chunk_record(3), Stage(LOTS)
    with pytest.raises(FormatError, match="name different chunks"):
        stage.take([(header._replace(**other), payload)], 100.0)
    assert stage.room == LOTS
    journal = open_journal(tmp_path)
    with pytest.raises(FormatError, match="name different chunks"):
        journal.append([(header._replace(**other), payload)])
    assert journal.usage().chunks == 0
    journal.close()
