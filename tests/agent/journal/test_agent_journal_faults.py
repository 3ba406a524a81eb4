"""Disks that refuse, fail or stall: agent/journal/journal.py and files.py keep everything that was appended."""

import errno
import random
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from journal_lab import (
    FaultyDisk,
    ForgetfulDisk,
    StallingDisk,
    chunk_records,
    init_record,
    journal_files,
    kill,
    open_journal,
    record_bytes,
    seqs,
)

from watchkeep.agent.journal.journal import Journal
from watchkeep.agent.journal.layout import file_name
from watchkeep.wire.errors import FullError, VolumeError
from watchkeep.wire.record import HEADER_BYTES, RecordKind


def append_each(journal: Journal, names: Iterable[int]) -> None:
    for seq in names:
        journal.append(chunk_records(1, start=seq))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_for_a_new_file_is_typed_and_the_same_batch_goes_in_later(tmp_path, number):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk)
    journal.append(chunk_records(3))
    disk.fail["allocate"] = [None, number]
    with pytest.raises(FullError) as full:
        journal.append(chunk_records(12, start=3))
    assert full.value.remedy
    assert isinstance(full.value.__cause__, OSError)
    assert journal.usage().next_position == 4
    assert seqs(journal.append(chunk_records(12, start=3))) == list(range(3, 15))
    kill(journal)
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == list(range(15))
    assert again.cuts == []
    again.close()


def test_a_write_that_fails_midway_leaves_nothing_and_the_batch_goes_in_later(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk)
    journal.append(chunk_records(2))
    disk.fail["write"] = [errno.EIO]
    with pytest.raises(VolumeError) as failed:
        journal.append(chunk_records(2, start=2, size=200))
    assert not isinstance(failed.value, FullError)
    entries = journal.append(chunk_records(3, start=10))
    assert [entry.position for entry in entries] == [3, 4, 5]
    kill(journal)
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == [0, 1, 10, 11, 12]
    assert again.cuts == []
    again.close()


def test_after_a_failed_fsync_the_file_is_given_up_and_its_records_stand_in_a_new_one(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk)
    durable = journal.append(chunk_records(2))
    journal.sync()
    entries = journal.append(chunk_records(1, start=2))
    disk.fail["sync"] = [errno.EIO]
    assert journal.sync() == 3
    assert [journal.chunk(*entry.name).file for entry in durable + entries] == [1, 1, 2]
    assert [journal.chunk(*entry.name).position for entry in durable + entries] == [1, 2, 3]
    end = durable[-1].offset + durable[-1].record_bytes
    assert (tmp_path / file_name(1)).stat().st_size == end, "what the failed fsync left is not believed, even once file 2 is gone"
    assert journal.usage().abandoned_files == 1
    assert journal.usage().unsynced_bytes == 0
    journal.append(chunk_records(1, start=3))
    kill(journal)
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == [0, 1, 2, 3]
    assert again.cuts == []
    assert [again.read(entry)[136:] for entry in again.recovered] == [record[1] for record in chunk_records(4)]
    again.close()


def test_an_abandoned_file_is_deleted_once_nothing_in_it_is_wanted(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk)
    journal.append(chunk_records(2))
    disk.fail["sync"] = [errno.EIO]
    journal.sync()
    assert journal_files(tmp_path) == ["000000000002.wkj"]
    journal.close()


def test_a_disk_that_never_syncs_is_an_error_and_loses_nothing_when_it_comes_back(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk)
    disk.fail["sync"] = [errno.EIO] * 6
    journal.append(chunk_records(2))
    for _ in range(2):
        with pytest.raises(VolumeError):
            journal.sync()
    assert seqs(journal.append(chunk_records(2, start=2))) == [2, 3]
    with pytest.raises(VolumeError):
        journal.close()
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == [0, 1, 2, 3]
    again.close()


def test_a_directory_that_cannot_be_synced_counts_as_a_failed_sync(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk)
    journal.append(chunk_records(1))
    disk.fail["sync_dir"] = [errno.EIO, errno.EIO]
    with pytest.raises(VolumeError):
        journal.sync()
    assert journal.usage().durable == 0
    assert journal.sync() == 1
    journal.close()


def test_ram_is_bounded_by_syncing_before_more_is_taken(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, ram_bytes=4000)
    for seq in range(20):
        journal.append(chunk_records(1, start=seq))
        assert journal.usage().ram_bytes <= 4000
    assert disk.calls.count("sync") >= 2
    disk.fail["sync"] = [errno.EIO] * 100
    with pytest.raises(VolumeError):
        append_each(journal, range(20, 40))
    assert journal.usage().ram_bytes <= 4000
    disk.fail.clear()
    journal.close()


@pytest.mark.parametrize("operation", ["sync", "write"])
def test_a_stalled_disk_stops_neither_readers_of_ram_copies_nor_releases(tmp_path, operation):
    disk = StallingDisk()
    journal = open_journal(tmp_path, disk)
    records = chunk_records(3)
    entries = journal.append(records)
    disk.stall = operation
    work = journal.sync if operation == "sync" else lambda: journal.append(chunk_records(1, start=3))
    worker = threading.Thread(target=work, name="wk-test")
    worker.start()
    assert disk.stalled.wait(10)
    assert [journal.read(entry) for entry in entries] == [record_bytes(*pair) for pair in zip(entries, records, strict=True)]
    assert journal.release("cam0", 1, 0, 0) == 1
    assert journal.usage().chunks == 2
    if operation == "sync":
        assert seqs(journal.append(chunk_records(1, start=3))) == [3], "appending goes on while fdatasync stalls"
    disk.stall = ""
    disk.go_on.set()
    worker.join(10)
    assert journal.sync() == 4
    journal.close()


def test_what_is_appended_during_a_sync_that_fails_is_written_anew_as_well(tmp_path):
    disk = StallingDisk()
    journal = open_journal(tmp_path, disk)
    journal.append(chunk_records(2))
    disk.stall = "sync"
    disk.fail["sync"] = [errno.EIO]
    worker = threading.Thread(target=journal.sync, name="wk-test")
    worker.start()
    assert disk.stalled.wait(10)
    journal.append(chunk_records(6, start=2))
    disk.stall = ""
    disk.go_on.set()
    worker.join(10)
    assert journal.usage().abandoned_files > 0
    assert journal.sync() == 8
    kill(journal)
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == list(range(8))
    assert again.cuts == []
    again.close()


def test_an_unreadable_disk_is_an_error_at_reading(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, ram_bytes=1)
    (entry,) = journal.append(chunk_records(1))
    journal.sync()
    disk.fail["reader"] = [errno.EIO]
    with pytest.raises(VolumeError):
        journal.read(entry)
    assert journal.read(entry)
    journal.close()


def test_an_init_that_a_reclaim_rescues_stands_behind_what_a_failed_fsync_took(tmp_path):
    """Recovery believes rising positions only: with the init first, all that was written anew behind it was void after a SIGKILL."""
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, files=3)
    journal.append([init_record(), *chunk_records(4, size=600)])
    journal.sync()
    journal.append(chunk_records(1, start=4, size=600))
    assert len(journal_files(tmp_path)) == 3
    disk.fail["sync"] = [errno.EIO]
    with pytest.raises(FullError):
        journal.sync()
    gone = journal.reclaim(lambda *_: True)
    journal.append(chunk_records(1, start=5, size=200))
    held = [seq for seq in range(6) if journal.chunk("cam0", 1, seq)]
    assert {4, 5} <= set(held)
    assert not set(held) & set(seqs(gone.copied))
    kill(journal)
    again = open_journal(tmp_path, files=3)
    assert again.cuts == []
    assert seqs(again.recovered) == held
    assert again.read(again.init_of("cam0", 1))[136:] == init_record()[1]
    again.close()


def test_the_init_of_a_file_that_goes_is_durable_elsewhere_first(tmp_path):
    """Otherwise a power cut leaves chunks that no archiver takes; that all chunks of the file have a copy does not help the next one."""
    disk = ForgetfulDisk(tmp_path / "journal")
    journal = open_journal(tmp_path / "journal", disk, files=5)
    journal.append([init_record(), *chunk_records(8, size=600)])
    journal.sync()
    with pytest.raises(FullError):
        journal.append(chunk_records(1, start=8, size=600))
    gone = journal.reclaim(lambda _camera, _epoch, seq: seq < 2)
    assert (seqs(gone.copied), gone.lost) == ([0, 1], ())
    journal.append(chunk_records(1, start=8, size=600))
    for number in range(20):
        again = open_journal(disk.power_cut(tmp_path / f"cut-{number}", random.Random(number)), files=5)
        assert again.init_of("cam0", 1) is not None, f"cut {number}"
        assert set(seqs(again.recovered)) >= set(range(2, 8)), f"cut {number}"
        again.close()
    journal.close()


def test_a_full_journal_that_could_not_sync_goes_on_once_chunks_are_released(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, files=3)
    entries = journal.append(chunk_records(6))
    journal.sync()
    journal.append(chunk_records(3, start=6))
    assert len(journal_files(tmp_path)) == 3
    disk.fail["sync"] = [errno.EIO]
    with pytest.raises(FullError):
        journal.sync()
    journal.release_entries(entries[:3])
    assert journal.sync() == 9, "the file that nobody needs any more made room for what was not durable"
    assert [journal.chunk("cam0", 1, seq).file for seq in (6, 7, 8)] == [4, 4, 4]
    journal.close()


def left_by_a_kill(folder: Path, chunks: int) -> ForgetfulDisk:
    """A journal of which all but half the chunks stand in the page cache alone; of four, the last is in a second file."""
    folder.mkdir(exist_ok=True)
    disk = ForgetfulDisk(folder)
    journal = open_journal(folder, disk)
    journal.append([init_record(), *chunk_records(chunks // 2)])
    journal.sync()
    journal.append(chunk_records(chunks - chunks // 2, start=chunks // 2))
    kill(journal)
    return disk


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("chunks", [2, 4])
def test_what_a_start_cannot_sync_is_written_anew_and_survives_a_power_cut(tmp_path, chunks, seed):
    disk = left_by_a_kill(tmp_path / "killed", chunks)
    disk.fail["sync"] = [errno.EIO]
    journal = open_journal(tmp_path / "killed", disk)
    assert seqs(journal.recovered) == list(range(chunks))
    doubted = journal.chunk("cam0", 1, chunks // 2)
    assert journal.usage().durable < doubted.position, "nobody knows it to be on the disk"
    assert journal.usage().abandoned_files == 1
    assert journal.chunk(*doubted.name).position <= journal.sync()
    kill(journal)
    again = open_journal(disk.power_cut(tmp_path / "cut", random.Random(seed)))
    found = {entry.seq: again.read(entry)[HEADER_BYTES:] for entry in again.recovered if entry.kind is RecordKind.CHUNK}
    assert found == {header.seq: payload for header, payload in chunk_records(chunks)}
    again.close()


def test_what_cannot_be_read_any_more_after_a_start_that_could_not_sync_it_is_cut_by_name(tmp_path):
    disk = left_by_a_kill(tmp_path, 2)
    disk.fail |= {"sync": [errno.EIO], "reader": [None, None, errno.EIO, None, errno.EIO]}  # head and walk; the init segment and two chunks
    journal = open_journal(tmp_path, disk)
    assert seqs(journal.recovered) == [0]
    assert [cut.name for cut in journal.cuts if cut.name] == [("cam0", 1, 1)]
    assert journal.usage().lost_inits == 1
    journal.close()


def test_a_start_keeps_no_more_in_ram_than_could_have_been_unsynced(tmp_path):
    journal = open_journal(tmp_path, ram_bytes=1500)
    entries = [entry for seq in range(3) for entry in journal.append(chunk_records(1, start=seq))]
    kill(journal)
    disk = FaultyDisk()
    disk.fail["sync"] = [errno.EIO]
    again = open_journal(tmp_path, disk, ram_bytes=1500)
    assert again.usage().durable == entries[0].position, "two more were too many for the RAM"
    assert again.usage().unsynced_bytes == sum(entry.record_bytes for entry in entries[1:])
    again.append(chunk_records(1, start=3))
    assert again.usage().unsynced_bytes == entries[0].record_bytes, "they were synced before more was taken"
    again.close()


def test_a_start_on_a_full_disk_syncs_what_it_finds_and_begins_a_new_file(tmp_path):
    left_by_a_kill(tmp_path, 2)
    disk = FaultyDisk()
    disk.fail["allocate"] = [errno.ENOSPC]
    journal = open_journal(tmp_path, disk)
    assert disk.calls.count("sync") == 1
    assert journal.usage().unsynced_bytes == 0
    [entry] = journal.append(chunk_records(1, start=2))
    assert entry.file == 2
    journal.close()
