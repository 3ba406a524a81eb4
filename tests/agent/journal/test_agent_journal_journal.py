"""Appending, reading, syncing and releasing: agent/journal/journal.py, with files.py, held.py and book.py under it."""

import threading

import pytest
from journal_lab import (
    FILE_BYTES,
    FaultyDisk,
    chunk_record,
    chunk_records,
    init_record,
    journal_files,
    kill,
    open_journal,
    record_bytes,
    seqs,
    snapshot,
)

from watchkeep.agent.journal import scan
from watchkeep.agent.journal.journal import Journal
from watchkeep.wire.errors import DigestError, FormatError, FullError, GoneError, UsageError, VolumeError
from watchkeep.wire.record import HEADER_BYTES, Header, RecordKind, check_payload
from watchkeep.wire.seal import SealFlag


def test_what_is_appended_is_read_back_from_ram_and_from_disk(tmp_path):
    records = [init_record(), *chunk_records(8)]
    journal = open_journal(tmp_path, ram_bytes=2000)
    entries = journal.append(records)
    journal.sync()
    assert journal.usage().ram_bytes <= 2000
    assert [journal.read(entry) for entry in entries] == [record_bytes(*pair) for pair in zip(entries, records, strict=True)]
    assert [entry.position for entry in entries] == list(range(1, 10))
    assert entries[1].flags == SealFlag.KEY | SealFlag.SEGMENT_START
    assert (entries[2].seq, entries[2].duration_ns, entries[0].duration_ns) == (1, 1_000_000_000, 0)
    journal.close()


def test_a_batch_within_a_file_is_one_write_and_a_longer_one_one_per_file(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk)
    journal.append(chunk_records(3))
    assert disk.calls.count("write") == 1
    entries = journal.append(chunk_records(6, start=3))
    assert disk.calls.count("write") == 1 + len({entry.file for entry in entries})
    assert len(journal_files(tmp_path)) == 3
    journal.close()


def test_a_record_larger_than_a_file_gets_a_file_of_its_own(tmp_path):
    journal = open_journal(tmp_path, ram_bytes=1)
    small, large, after = journal.append([chunk_record(0), chunk_record(1, size=3 * FILE_BYTES), chunk_record(2)])
    assert len({small.file, large.file, after.file}) == 3
    journal.close()
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == [0, 1, 2]
    assert not again.cuts
    assert again.read(large)[-FILE_BYTES:] == chunk_record(1, size=3 * FILE_BYTES)[1][-FILE_BYTES:]
    again.close()


def test_after_a_clean_end_everything_is_there_and_positions_go_on(tmp_path):
    with_init = [init_record(), *chunk_records(20)]
    journal = open_journal(tmp_path)
    entries = journal.append(with_init)
    journal.close()
    again = open_journal(tmp_path)
    assert again.recovered == entries
    assert again.cuts == []
    assert again.append(chunk_records(1, start=20))[0].position == 22
    assert again.init_of("cam0", 1) == entries[0]
    assert again.chunk("cam0", 1, 7) == entries[8]
    again.close()


def test_older_payloads_are_not_read_at_start(tmp_path, monkeypatch):
    journal = open_journal(tmp_path)
    for seq in range(40):
        journal.append(chunk_records(1, start=seq))
        journal.sync()
    newest = journal.usage().files
    journal.close()
    hashed: list[int] = []
    monkeypatch.setattr(scan, "check_payload", lambda header, payload: hashed.append(header.seq) or check_payload(header, payload))
    again = open_journal(tmp_path)
    assert len(again.recovered) == 40
    assert newest > 10
    assert 0 < len(hashed) <= 4, "only the last file may be torn"
    again.close()


def test_a_damaged_byte_in_an_older_file_is_found_by_reading_and_costs_one_chunk(tmp_path):
    journal = open_journal(tmp_path)
    entries = []
    for seq in range(12):
        entries += journal.append(chunk_records(1, start=seq))
        journal.sync()
    journal.close()
    victim = tmp_path / f"{entries[1].file:012d}.wkj"
    raw = bytearray(victim.read_bytes())
    raw[entries[1].offset + entries[1].record_bytes - 1] ^= 1
    victim.write_bytes(raw)
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == list(range(12))
    damaged = []
    for entry in again.recovered:
        try:
            again.read(entry)
        except DigestError as error:
            damaged.append(entry.seq)
            assert "cam0" in error.message
            assert error.remedy
    assert damaged == [1]
    again.close()


def test_a_damaged_seal_in_an_older_file_is_named_and_costs_one_chunk(tmp_path):
    journal = open_journal(tmp_path)
    entries = []
    for seq in range(12):
        entries += journal.append(chunk_records(1, start=seq))
        journal.sync()
    journal.close()
    victim = tmp_path / f"{entries[1].file:012d}.wkj"
    raw = bytearray(victim.read_bytes())
    raw[entries[1].offset + 136 + 30] ^= 0xFF
    victim.write_bytes(raw)
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == [seq for seq in range(12) if seq != 1]
    assert [cut.name for cut in again.cuts] == [("cam0", 1, 1)]
    again.close()


def test_wrong_records_are_refused_before_anything_is_written(tmp_path):
    journal = open_journal(tmp_path)
    header, payload = chunk_record(0)
    ask = Header(RecordKind.ASK, "cam0", 1, 0, 8, bytes(32))
    for wrong in [(Header(RecordKind.CHUNK, "cam1", 1, 0, len(payload), header.hash), payload), (ask, bytes(8))]:
        with pytest.raises(FormatError):
            journal.append([(header, payload), wrong])
    assert journal.usage().next_position == 1
    assert journal_files(tmp_path) == []
    journal.close()


def test_released_chunks_are_gone_and_their_files_are_recycled(tmp_path):
    journal = open_journal(tmp_path)
    entries = journal.append(chunk_records(30))
    journal.sync()
    before = journal.usage()
    assert journal.release("cam0", 1, 0, 10**9) == 30
    assert journal.release("cam0", 1, 0, 10**9) == 0
    with pytest.raises(GoneError) as refused:
        journal.read(entries[3])
    assert refused.value.remedy
    journal.sync()
    after = journal.usage()
    assert after.chunks == 0
    assert after.oldest is None
    assert after.ram_bytes == 0
    assert len(journal_files(tmp_path)) == 3, "the active file and two spares"
    assert after.bytes == 3 * FILE_BYTES < before.bytes
    journal.append(chunk_records(12, start=30))
    assert max(map(int, (name[:12] for name in journal_files(tmp_path)))) > before.files, "numbers only rise"
    journal.close()


def test_release_of_single_entries_out_of_order(tmp_path):
    journal = open_journal(tmp_path)
    entries = journal.append([init_record(), *chunk_records(9)])
    assert journal.release_entries([entries[0], entries[5], entries[2]]) == 2
    assert journal.usage().chunks == 7
    journal.close()
    again = open_journal(tmp_path)
    assert seqs(again.recovered) == list(range(9)), "release state is not persisted: archivers are asked again"
    again.close()


def test_an_init_outlives_its_file_as_long_as_its_epoch_is_needed(tmp_path):
    journal = open_journal(tmp_path, ram_bytes=1)
    (init,) = journal.append([init_record()])
    for seq in range(40):
        journal.append(chunk_records(1, start=seq))
        journal.sync()
        journal.release("cam0", 1, 0, seq - 2)
    moved = journal.init_of("cam0", 1)
    assert moved.position > init.position
    assert journal.usage().files <= 4
    assert journal.read(init)[136:] == init_record()[1] == journal.read(moved)[136:]
    journal.close()
    again = open_journal(tmp_path)
    assert again.read(again.init_of("cam0", 1))[136:] == init_record()[1]
    again.close()


def test_an_init_goes_with_the_last_chunk_of_an_epoch_that_is_over(tmp_path):
    journal = open_journal(tmp_path)
    (first,) = journal.append([init_record(epoch=1)])
    journal.append(chunk_records(3, epoch=1))
    journal.release("cam0", 1, 0, 2)
    assert journal.read(first), "the epoch goes on: its next chunk needs the init"
    journal.append([init_record(epoch=2), *chunk_records(1, epoch=2)])
    assert journal.init_of("cam0", 1) is None
    assert journal.init_of("cam0", 2) is not None
    with pytest.raises(GoneError):
        journal.read(first)
    journal.close()


def test_the_quota_is_an_error_that_leaves_the_batch_to_be_tried_again(tmp_path):
    journal = open_journal(tmp_path, files=3)
    entries = journal.append(chunk_records(9))
    journal.sync()
    before = journal.usage()
    with pytest.raises(FullError) as full:
        journal.append(chunk_records(5, start=10))
    assert "max_bytes" in full.value.remedy
    assert journal.usage().next_position == before.next_position
    assert journal.usage().chunks == before.chunks
    journal.release_entries(entries)
    journal.append(chunk_records(5, start=10))
    journal.close()
    again = open_journal(tmp_path, files=3)
    assert again.cuts == []
    assert set(range(10, 15)) <= set(seqs(again.recovered))
    again.close()


def test_reclaim_prefers_what_has_a_copy_and_names_what_is_lost(tmp_path):
    journal = open_journal(tmp_path, files=3, ram_bytes=1)
    entries = journal.append([init_record(), *chunk_records(7)])
    journal.sync()
    files = sorted({entry.file for entry in entries})
    second = {entry.seq for entry in entries if entry.file == files[1] and entry.kind is RecordKind.CHUNK}
    first = {entry.seq for entry in entries if entry.file == files[0] and entry.kind is RecordKind.CHUNK}
    journal.append(chunk_records(2, start=7))
    freed = journal.reclaim(lambda camera, epoch, seq: seq in second)
    assert (freed.file, {entry.seq for entry in freed.copied}, freed.lost) == (files[1], second, ())
    journal.append(chunk_records(3, start=9))
    freed = journal.reclaim(lambda camera, epoch, seq: seq == min(first))
    assert {entry.seq for entry in freed.copied} == {min(first)}
    assert {entry.seq for entry in freed.lost} == first - {min(first)}
    assert journal.read(journal.init_of("cam0", 1))[136:] == init_record()[1], "the init went with the file and was rescued"
    assert journal.usage().lost_inits == 0
    journal.close()


def test_nothing_is_lost_for_a_file_with_copies_that_is_merely_not_synced_yet(tmp_path):
    journal = open_journal(tmp_path, files=3)
    entries = journal.append([init_record()])
    while len({entry.file for entry in entries}) < 2:
        entries += journal.append(chunk_records(1, start=len(entries) - 1))
    journal.sync()
    while len(files := sorted({entry.file for entry in entries})) < 3:
        entries += journal.append(chunk_records(1, start=len(entries) - 1))
    second = {entry.seq for entry in entries if entry.file == files[1]}
    freed = journal.reclaim(lambda camera, epoch, seq: seq in second)
    assert (freed.file, {entry.seq for entry in freed.copied}, freed.lost) == (files[1], second, ())
    journal.close()


def test_a_full_quota_with_unreachable_archivers_goes_on_recording_by_declared_loss(tmp_path):
    journal = open_journal(tmp_path, files=4)
    lost, kept = [], []
    for seq in range(60):
        record = init_record() if seq == 0 else chunk_record(seq)
        try:
            kept += journal.append([record])
        except FullError:
            lost += journal.reclaim(lambda *_: False).lost
            kept += journal.append([record])
        journal.sync()
    held = seqs(journal.append([])) + [entry.seq for entry in kept if journal.chunk(*entry.name)]
    assert sorted([*held, *(entry.seq for entry in lost)]) == list(range(1, 60)), "every chunk is held or declared lost"
    assert journal.usage().bytes <= 4 * FILE_BYTES
    journal.close()


def fill(journal, seq, *, epoch=1):
    """Append until the quota is reached; returns the next seq.  Every third chunk is another camera's, whose archivers are away."""
    while True:
        away = seq % 3 == 0
        try:
            journal.append([chunk_record(seq, camera="away" if away else "cam0", epoch=epoch)])
        except FullError:
            return seq
        journal.sync()
        seq += 1


def test_chunks_without_a_copy_are_carried_and_the_file_that_they_shared_is_freed(tmp_path):
    journal = open_journal(tmp_path, files=6)
    journal.append([init_record(), init_record(camera="away")])
    seq, copied = fill(journal, 0), []
    while seq < 22:
        freed = journal.reclaim(lambda camera, epoch, seq: camera == "cam0")
        assert freed.lost == ()
        copied += freed.copied
        assert {entry.camera for entry in freed.copied} <= {"cam0"}
        assert {entry.camera for entry in freed.carried} <= {"away"}
        seq = fill(journal, seq)
        for number in range(0, seq, 3):
            record = journal.read(journal.chunk("away", 1, number))
            assert record[HEADER_BYTES:] == chunk_record(number, camera="away")[1], "the same bytes, and the same hash"
    assert copied
    assert journal.usage().bytes <= 6 * FILE_BYTES
    assert journal.usage().lost_inits == 0
    kill(journal)
    again = open_journal(tmp_path, files=6)
    names = [entry.name for entry in again.recovered if entry.kind is RecordKind.CHUNK]
    assert len(names) == len(set(names))
    assert {name for name in names if name[0] == "away"} == {("away", 1, number) for number in range(0, seq, 3)}
    assert again.init_of("away", 1) is not None
    again.close()


def test_only_when_what_has_no_copy_fills_the_quota_are_chunks_lost_and_the_oldest_first(tmp_path):
    journal = open_journal(tmp_path, files=6)
    journal.append([init_record(), init_record(camera="away")])
    seq, lost = 0, []
    while not lost:
        seq = fill(journal, seq)
        freed = journal.reclaim(lambda camera, epoch, seq: camera == "cam0")
        lost = [entry.seq for entry in freed.lost]
    held = sum(journal.chunk("away", 1, number).record_bytes for number in range(0, seq, 3) if journal.chunk("away", 1, number))
    assert held + sum(entry.record_bytes for entry in freed.lost) > 4 * (FILE_BYTES - 1024) * 6 // 8, "of the four files that are full"
    assert not [number for number in range(seq) if number % 3 and journal.chunk("cam0", 1, number) and number < seq - 12]
    assert lost == sorted(lost)
    journal.close()


def test_what_is_released_while_it_is_carried_is_not_wanted_again(tmp_path, monkeypatch):
    journal = open_journal(tmp_path, files=6)
    journal.append([init_record(), init_record(camera="away")])
    fill(journal, 0)
    write = journal._files.write

    def meanwhile(*arguments, **options):
        journal.release("away", 1, 0, 10**6)
        return write(*arguments, **options)

    monkeypatch.setattr(journal._files, "write", meanwhile)
    journal.reclaim(lambda camera, epoch, seq: camera == "cam0")
    monkeypatch.undo()
    assert not [seq for seq in range(100) if journal.chunk("away", 1, seq)]
    journal.sync()
    assert journal.usage().chunks == sum(journal.chunk("cam0", 1, seq) is not None for seq in range(100))
    journal.close()


def test_a_disk_that_fails_while_chunks_are_carried_drops_nothing(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, files=6)
    journal.append([init_record(), init_record(camera="away")])
    seq = fill(journal, 0)
    disk.fail["write"] = [5]
    with pytest.raises(VolumeError):
        journal.reclaim(lambda camera, epoch, seq: camera == "cam0")
    held = [number for number in range(seq) if journal.chunk("away" if number % 3 == 0 else "cam0", 1, number)]
    assert held == list(range(seq))
    journal.reclaim(lambda camera, epoch, seq: camera == "cam0")
    assert all(journal.chunk("away", 1, number) for number in range(0, seq, 3))
    journal.close()


def test_reclaim_without_a_file_to_free_is_an_error(tmp_path):
    journal = open_journal(tmp_path, files=3)
    journal.append(chunk_records(2))
    with pytest.raises(FullError):
        journal.reclaim(lambda *_: True)
    journal.close()


def test_many_readers_and_releases_beside_the_writer(tmp_path):
    journal = open_journal(tmp_path, ram_bytes=3000)
    offered: list = []
    done, failures = threading.Event(), []

    def follow(release: bool) -> None:
        at = 0
        while not done.is_set() or at < len(offered):
            if at == len(offered):
                done.wait(0.0005)  # without it they take turns with the writer at the interpreter's lock, five milliseconds each
                continue
            entry, payload = offered[at]
            at += 1
            try:
                if journal.read(entry)[136:] != payload:
                    failures.append(entry)
            except GoneError:
                pass  # the other follower released it first
            if release:
                journal.release_entries([entry])

    threads = [threading.Thread(target=follow, args=(release,), name="wk-test") for release in (True, False, False)]
    for thread in threads:
        thread.start()
    for seq in range(0, 300, 3):
        records = chunk_records(3, start=seq)
        offered.extend(zip(journal.append(records), [record[1] for record in records], strict=True))
        if seq % 30 == 0:
            journal.sync()
    done.set()
    for thread in threads:
        thread.join(30)
    assert failures == []
    journal.sync()
    assert journal.usage().chunks == 0
    assert len(journal_files(tmp_path)) <= 3
    journal.close()


def test_a_journal_belongs_to_one_process(tmp_path):
    journal = open_journal(tmp_path / "journal")
    with pytest.raises(UsageError) as refused:
        open_journal(tmp_path / "journal")
    assert "in use" in refused.value.message
    assert refused.value.remedy
    journal.close()
    open_journal(tmp_path / "journal").close()


def test_a_quota_that_cannot_work_is_refused(tmp_path):
    with pytest.raises(UsageError):
        Journal.open(tmp_path, max_bytes=2 * FILE_BYTES, file_bytes=FILE_BYTES)


def test_foreign_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    journal = open_journal(tmp_path)
    journal.append(chunk_records(1))
    journal.close()
    assert snapshot(tmp_path, tmp_path / "copy").joinpath("notes.txt").read_text() == "mine"
