"""Chunks that stay in RAM while archivers take them: agent/journal/outage.py."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_lab import chunk_record, chunk_records, init_record, open_journal, seqs

from watchkeep.agent.journal.journal import Journal
from watchkeep.agent.journal.outage import SPILL_S, OutageJournal
from watchkeep.wire.errors import FullError, GoneError, VolumeError
from watchkeep.wire.record import HEADER_BYTES, RecordKind


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def disk(tmp_path) -> Iterator[Journal]:
    return open_journal(tmp_path)  # closed by the journal around it


@pytest.fixture
def journal(disk, time) -> Iterator[OutageJournal]:
    made = OutageJournal(disk, ram_bytes=1 << 20, monotonic=time)
    yield made
    made.close()


def on_disk(disk: Journal) -> int:
    return disk.usage().chunks


def test_what_archivers_take_in_time_never_reaches_the_disk(journal, disk, time):
    for number in range(50):
        time.now += 1.0
        journal.append([init_record()] * (number == 0) + [chunk_record(number)])
        journal.sync()
        if number >= 2:
            assert journal.release("cam0", 1, number - 2, number - 2) == 1
    assert on_disk(disk) == 0
    assert disk.usage().next_position == 1
    assert journal.usage().chunks == 2


def test_what_nobody_takes_is_on_the_disk_after_spill_s_with_its_init_segment(journal, disk, time, tmp_path):
    entries = journal.append([init_record(), *chunk_records(3)])
    assert seqs(entries) == [0, 1, 2]
    time.now += SPILL_S - 0.1
    journal.append(chunk_records(1, start=3))
    assert on_disk(disk) == 0
    time.now += 0.2
    journal.append(chunk_records(1, start=4))
    assert on_disk(disk) == 3
    assert disk.init_of("cam0", 1) is not None
    assert journal.usage().chunks == 5
    for entry in entries:
        assert journal.read(entry)[HEADER_BYTES:] == (init_record() if entry.kind is RecordKind.INIT else chunk_record(entry.seq))[1]


def test_too_much_for_the_ram_spills_the_oldest(disk, time):
    journal = OutageJournal(disk, ram_bytes=3000, monotonic=time)
    journal.append([init_record()])
    for number in range(20):
        journal.append([chunk_record(number, size=600)])
    assert 0 < on_disk(disk) < 20
    assert journal.usage().ram_bytes - disk.usage().ram_bytes <= 3000 + 2000
    assert journal.usage().chunks == 20
    journal.close()


def test_a_clean_stop_writes_what_is_still_owed(disk, time, tmp_path):
    journal = OutageJournal(disk, ram_bytes=1 << 20, monotonic=time)
    journal.append([init_record(), *chunk_records(4)])
    journal.release("cam0", 1, 0, 1)
    journal.close()
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == [2, 3]
    assert again.recovered[0].kind is RecordKind.INIT
    again.close()


def test_a_disk_that_takes_nothing_refuses_the_append_and_loses_nothing(journal, disk, time, monkeypatch):
    journal.append([init_record(), *chunk_records(2)])
    time.now += SPILL_S + 1

    def full(_records):
        raise FullError("full", remedy="make room")

    with monkeypatch.context() as broken:
        broken.setattr(disk, "append", full)
        with pytest.raises(FullError):
            journal.append(chunk_records(1, start=2))
    assert journal.usage().chunks == 2
    assert seqs(journal.append(chunk_records(1, start=2))) == [2]
    assert on_disk(disk) == 2
    assert journal.usage().chunks == 3


def test_a_chunk_released_while_it_is_written_is_released_on_the_disk_too(journal, disk, time, monkeypatch):
    journal.append([init_record(), *chunk_records(2)])
    time.now += SPILL_S + 1
    append = disk.append

    def meanwhile(records):
        journal.release("cam0", 1, 0, 0)
        return append(records)

    monkeypatch.setattr(disk, "append", meanwhile)
    journal.append(chunk_records(1, start=2))
    assert disk.chunk("cam0", 1, 0) is None
    assert disk.chunk("cam0", 1, 1) is not None
    assert journal.usage().chunks == 2


def test_init_segments_of_epochs_that_are_over_do_not_pile_up(journal, time):
    for epoch in range(1, 200):
        journal.append([init_record(epoch=epoch), chunk_record(0, epoch=epoch)])
        journal.release("cam0", epoch, 0, 0)
    assert len(journal._inits) == 1
    assert journal.init_of("cam0", 199) is not None
    assert journal.init_of("cam0", 5) is None


@given(st.lists(st.one_of(st.just("append"), st.floats(0.1, 4.0), st.integers(0, 30)), max_size=60))
def test_every_chunk_is_readable_until_it_is_released_whatever_happens(tmp_path_factory, steps):
    time, folder = Time(), tmp_path_factory.mktemp("journal")
    disk = open_journal(folder)
    journal = OutageJournal(disk, ram_bytes=4000, monotonic=time)
    entries, gone = {}, set()
    journal.append([init_record()])
    for step in steps:
        if step == "append":
            number = len(entries)
            entries[number] = journal.append([chunk_record(number)])[0]
        elif isinstance(step, float):
            time.now += step
        elif step in entries:
            journal.release("cam0", 1, step, step)
            gone.add(step)
        for number, entry in entries.items():
            if number in gone:
                with pytest.raises(GoneError):
                    journal.read(entry)
            else:
                assert journal.read(entry)[HEADER_BYTES:] == chunk_record(number)[1]
    journal.close()
    again = open_journal(folder)
    assert seqs(again.recovered) == sorted(entries.keys() - gone)
    again.close()


def test_errors_of_the_disk_are_those_of_the_journal(journal, disk, monkeypatch):
    def broken():
        raise VolumeError("gone", remedy="mount it")

    with monkeypatch.context() as patched:
        patched.setattr(disk, "sync", broken)
        with pytest.raises(VolumeError):
            journal.sync()
