"""The journal behind RAM: agent/journal/staged.py, on real files."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from errno import EIO, ENOSPC

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_lab import FaultyDisk, StallingDisk, chunk_record, chunk_records, init_record, kill, open_journal, seqs

from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.journal import Journal
from watchkeep.agent.journal.stage import AT_ONCE, Hold
from watchkeep.agent.journal.staged import StagedJournal
from watchkeep.wire.errors import FullError, GoneError, VolumeError
from watchkeep.wire.record import HEADER_BYTES, RecordKind

SIZE = chunk_record(0)[0].record_bytes
ON_OUTAGE = Hold(5.0, 1 << 20)


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def disk(tmp_path) -> Iterator[Journal]:
    return open_journal(tmp_path)  # closed by the journal in front of it


@pytest.fixture
def journal(disk, time) -> Iterator[StagedJournal]:
    made = StagedJournal(disk, max_bytes=1 << 20, monotonic=time, hold=ON_OUTAGE)
    yield made
    made.close()


def on_disk(disk: Journal) -> int:
    return disk.usage().chunks


def payload(journal: StagedJournal, entry: Entry) -> bytes:
    return b"".join(journal.read(entry))[HEADER_BYTES:]


def spill_all(journal: StagedJournal) -> None:
    while journal.spill():
        pass


def test_always_writes_each_chunk_at_once_and_appending_touches_no_disk(tmp_path, time):
    disk = FaultyDisk()
    journal = StagedJournal(open_journal(tmp_path, disk), max_bytes=1 << 20, monotonic=time)
    disk.calls.clear()
    entries = journal.append([init_record(), *chunk_records(3)])
    assert [payload(journal, entry) for entry in entries] == [init_record()[1], *(record[1] for record in chunk_records(3))]
    assert disk.calls == []
    assert journal.spill()
    assert disk.calls.count("write") == 1
    assert not journal.spill()
    assert journal.usage().ram_bytes >= 3 * SIZE
    journal.sync()
    assert [payload(journal, entry) for entry in entries[1:]] == [record[1] for record in chunk_records(3)]
    journal.close()


def test_on_outage_what_archivers_take_in_time_never_reaches_the_disk(journal, disk, time):
    for number in range(50):
        time.now += 1.0
        journal.append([init_record()] * (number == 0) + [chunk_record(number)])
        spill_all(journal)
        journal.sync()
        if number >= 2:
            assert journal.release("cam0", 1, number - 2, number - 2) == 1
    assert on_disk(disk) == 0
    assert disk.usage().next_position == 1
    assert journal.usage().chunks == 2


def test_what_is_in_ram_is_handed_out_as_it_lies_there_before_and_after_it_is_written(disk, time, tmp_path):
    journal = StagedJournal(disk, max_bytes=1 << 20, monotonic=time)
    record = chunk_record(0)
    _, entry = journal.append([init_record(), record])
    assert journal.read(entry)[1] is record[1]
    spill_all(journal)
    assert journal.read(entry)[1] is record[1]
    journal.close()


def test_on_outage_what_nobody_takes_is_on_the_disk_after_the_hold_with_its_init_segment(journal, disk, time):
    entries = journal.append([init_record(), *chunk_records(3)])
    time.now += ON_OUTAGE.seconds - 0.1
    journal.append(chunk_records(1, start=3))
    spill_all(journal)
    assert on_disk(disk) == 0
    time.now += 0.2
    spill_all(journal)
    assert on_disk(disk) == 3
    assert disk.init_of("cam0", 1) is not None
    assert journal.usage().chunks == 4
    for entry in entries:
        assert payload(journal, entry) == (init_record() if entry.kind is RecordKind.INIT else chunk_record(entry.seq))[1]


def test_a_clean_stop_writes_what_is_still_owed(disk, time, tmp_path):
    journal = StagedJournal(disk, max_bytes=1 << 20, monotonic=time, hold=ON_OUTAGE)
    journal.append([init_record(), *chunk_records(4)])
    journal.release("cam0", 1, 0, 1)
    journal.close()
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == [2, 3]
    assert again.recovered[0].kind is RecordKind.INIT
    again.close()


def test_several_epochs_in_one_write_keep_their_init_segments(disk, time, tmp_path):
    journal = StagedJournal(disk, max_bytes=1 << 20, monotonic=time)
    for epoch in (1, 2, 3):
        journal.append([init_record(epoch=epoch), *chunk_records(2, epoch=epoch)])
    journal.close()
    again = open_journal(tmp_path)
    assert [(entry.kind.name, entry.epoch) for entry in again.recovered if entry.kind is RecordKind.INIT] == [
        ("INIT", 1), ("INIT", 2), ("INIT", 3)]  # fmt: skip
    again.close()


def test_while_the_disk_stands_still_chunks_are_taken_read_and_released_and_the_bound_is_kept(tmp_path, time):
    disk = StallingDisk()
    journal = StagedJournal(open_journal(tmp_path, disk), max_bytes=30 * SIZE, monotonic=time)
    entries = journal.append([init_record(), chunk_record(0)])[1:]
    disk.stall = "write"
    spilling = threading.Thread(target=journal.spill)
    spilling.start()
    try:
        assert disk.stalled.wait(10)
        for seq in range(1, 29):
            entries += journal.append([chunk_record(seq)])
        assert seqs(entries) == list(range(29))
        assert journal.append(chunk_records(3, start=29))[1:] == [], "it is full"
        assert payload(journal, entries[0]) == chunk_record(0)[1]
        assert journal.release("cam0", 1, 0, 20) == 21
        assert journal.room > 15 * SIZE
        assert payload(journal, entries[21]) == chunk_record(21)[1]
    finally:
        disk.stall = ""
        disk.go_on.set()
        spilling.join(10)
    assert journal.usage().next_position == 3, "one chunk and its init segment: the others never needed the disk"
    spill_all(journal)
    assert {seq for seq in range(29) if journal.chunk("cam0", 1, seq)} == set(range(21, 29))
    journal.close()


def test_a_disk_that_takes_nothing_loses_nothing_and_gets_it_later(tmp_path, time):
    disk = FaultyDisk()
    journal = StagedJournal(open_journal(tmp_path, disk), max_bytes=1 << 20, monotonic=time)
    entries = journal.append([init_record(), *chunk_records(2)])
    disk.fail["allocate"] = [ENOSPC]
    with pytest.raises(FullError):
        journal.spill()
    disk.fail["write"] = [EIO]
    with pytest.raises(VolumeError):
        journal.spill()
    entries += journal.append(chunk_records(1, start=2))
    assert [payload(journal, entry) for entry in entries[1:]] == [record[1] for record in chunk_records(3)]
    spill_all(journal)
    journal.close()
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == [0, 1, 2]
    again.close()


def test_a_waiting_thread_is_woken_by_an_append_and_by_the_end_of_a_hold(disk):
    journal = StagedJournal(disk, max_bytes=1 << 20, monotonic=lambda: 100.0)
    woken = threading.Event()
    waiting = threading.Thread(target=lambda: (journal.wait_due(60), woken.set()))
    waiting.start()
    journal.append([init_record(), chunk_record(0)])
    assert woken.wait(10)
    waiting.join(10)
    journal.wait_due(60)  # returns at once: it is due
    journal.close()


STEPS = st.one_of(st.just("append"), st.just("spill"), st.just("sync"), st.floats(0.1, 4.0), st.integers(0, 30),
                  st.sampled_from(("write", "sync", "allocate")), st.sampled_from(("crash", "close")))  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=50), st.sampled_from((AT_ONCE, Hold(5.0, 6 * SIZE))))
def test_every_chunk_is_readable_until_it_is_released_whatever_fails_and_a_crash_costs_what_was_in_ram(tmp_path_factory, steps, hold):
    time, folder, disk = Time(), tmp_path_factory.mktemp("journal"), FaultyDisk()

    def opened() -> StagedJournal:
        return StagedJournal(open_journal(folder, disk), max_bytes=10 * SIZE, monotonic=time, hold=hold)

    journal, held, number = opened(), {}, 0
    journal.append([init_record()])
    for step in steps:
        if step == "append":
            for entry in journal.append([chunk_record(number)]):
                held[number] = entry
                number += 1
        elif step in ("spill", "sync"):
            with suppress(FullError, VolumeError):
                journal.spill() if step == "spill" else journal.sync()
            disk.fail.clear()
        elif step in ("write", "allocate"):
            disk.fail[step] = [EIO]
        elif step in ("crash", "close"):
            disk.fail.clear()
            written = {seq for seq in held if journal._journal.chunk("cam0", 1, seq)}
            kill(journal._journal) if step == "crash" else journal.close()
            journal = opened()
            found = set(seqs(journal.recovered))
            assert found >= (written if step == "crash" else held.keys()), "what the disk had stands"
            for seq in found - held.keys():  # a crash forgets releases: they are asked for again
                journal.release("cam0", 1, seq, seq)
            held = {seq: entry for seq in sorted(found & held.keys()) if (entry := journal.chunk("cam0", 1, seq))}
            journal.append([init_record()])
        elif isinstance(step, float):
            time.now += step
        else:
            journal.release("cam0", 1, step, step)
            held.pop(step, None)
        for seq in range(number):
            if seq in held:
                assert payload(journal, held[seq]) == chunk_record(seq)[1]
            else:
                assert journal.chunk("cam0", 1, seq) is None
    for entry in held.values():
        journal.release(*entry.name, entry.seq)
        with pytest.raises(GoneError):
            journal.read(entry)
    disk.fail.clear()
    journal.close()


@pytest.mark.parametrize("spilled", [False, True])
def test_a_camera_that_is_recorded_no_more_leaves_no_init_segment_behind(disk, journal, time, spilled):
    journal.expect(["cam0", "cam1"], 1 << 20)
    journal.append([init_record(), *chunk_records(2), init_record(camera="cam1"), *chunk_records(1, camera="cam1")])
    if spilled:
        journal.spill(everything=True)
    journal.expect(["cam1"], 1 << 20)
    assert journal.init_of("cam0", 1) is not None, "its chunks are still owed"
    if not spilled:
        journal.spill(everything=True)
    for camera in ("cam0", "cam1"):
        journal.release(camera, 1, 0, 9)
    assert journal.init_of("cam0", 1) is None
    assert journal.init_of("cam1", 1) is not None, "its next chunk is to come"
    journal.append([*chunk_records(1, start=1, camera="cam1")])
    spill_all(journal)
    assert journal.chunk("cam1", 1, 1) is not None


def test_a_camera_that_comes_back_is_recorded_as_before(journal, time):
    for cameras in (["cam0"], [], ["cam0"]):
        journal.expect(cameras, 1 << 20)
    journal.append([init_record(epoch=2), *chunk_records(2, epoch=2)])
    time.now += 10
    spill_all(journal)
    journal.release("cam0", 2, 0, 1)
    assert journal.init_of("cam0", 2) is not None


def test_the_ram_grows_and_shrinks_with_the_cameras(journal):
    journal.expect(["cam0"], 2 * SIZE)
    assert len(journal.append([init_record(), *chunk_records(4)])) == 2
    journal.expect(["cam0", "cam1"], 1 << 20)
    assert len(journal.append(chunk_records(3, start=1))) == 3
    journal.expect(["cam0"], SIZE)
    assert journal.room == 0
    assert journal.chunk("cam0", 1, 3) is not None
