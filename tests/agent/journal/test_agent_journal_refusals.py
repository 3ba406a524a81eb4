"""What a disk refuses beside writes and syncs, and what the process itself lacks: nothing leaks, nothing is lost unsaid."""

import errno

import pytest
from journal_lab import FaultyDisk, chunk_records, init_record, journal_files, open_journal, seqs

from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.files import MAX_SPARES
from watchkeep.agent.journal.journal import Journal
from watchkeep.wire.errors import BusyError, FullError, VolumeError

ALWAYS = 1000


def fill(journal: Journal, start: int = 0) -> tuple[list[Entry], FullError]:
    """Append until the journal has no more room; what went in, and how it said so."""
    entries: list[Entry] = []
    while True:
        try:
            entries += journal.append(chunk_records(1, start=start + len(entries)))
        except FullError as full:
            journal.sync()
            return entries, full


def test_files_that_a_read_only_disk_does_not_let_go_are_deleted_when_it_takes_writes_again(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, files=6)
    entries, _ = fill(journal)
    disk.fail["unlink"] = [errno.EROFS] * ALWAYS
    journal.release_entries(entries)
    journal.sync()
    assert len(journal_files(tmp_path)) > MAX_SPARES + 1
    disk.fail.clear()
    again, _ = fill(journal, len(entries))
    assert len(again) >= len(entries) - 3, "all but the file that was begun is there again"
    journal.close()


def test_what_a_reclaim_costs_is_told_also_when_its_file_cannot_be_deleted(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, files=6)
    entries, _ = fill(journal)
    disk.fail["unlink"] = [errno.EROFS] * ALWAYS
    lost = [seq for _ in range(MAX_SPARES + 1) for seq in seqs(journal.reclaim(lambda *_: False).lost)]
    assert lost == [entry.seq for entry in entries if journal.chunk(*entry.name) is None]
    _, full = fill(journal, len(entries))
    assert "1 of its files cannot be deleted (injected EROFS)" in full.message
    disk.fail.clear()
    assert "cannot be deleted" not in fill(journal, 100)[1].message
    journal.close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_lack_of_descriptors_or_memory_says_nothing_of_the_disk(tmp_path, number):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, ram_bytes=1)
    _, first, *_ = journal.append([init_record(), *chunk_records(6)])
    journal.sync()
    disk.fail["reader"] = [number]
    with pytest.raises(BusyError):
        journal.read(first)
    assert journal.read(first)
    journal.close()


def test_no_init_segment_is_given_up_for_want_of_a_descriptor(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, files=3, ram_bytes=1)
    journal.append([init_record()])
    entries, _ = fill(journal)
    disk.fail["reader"] = [errno.EMFILE] * ALWAYS
    with pytest.raises(BusyError):
        journal.reclaim(lambda *_: True)
    assert all(journal.chunk(*entry.name) for entry in entries), "nothing was dropped"
    disk.fail.clear()
    assert journal.reclaim(lambda *_: True).copied
    assert journal.read(journal.init_of("cam0", 1))[136:] == init_record()[1]
    assert journal.usage().lost_inits == 0
    journal.close()


def test_a_spare_that_cannot_be_opened_under_its_new_name_leaves_its_room(tmp_path):
    disk = FaultyDisk()
    journal = open_journal(tmp_path, disk, files=6)
    entries, _ = fill(journal)
    room = len(entries)
    for _ in range(6):
        journal.release_entries(entries)
        disk.fail["open"] = [errno.EMFILE]
        with pytest.raises(BusyError):
            fill(journal, 1000)
        entries, _ = fill(journal, entries[-1].seq + 1)
    assert len(entries) >= room - 3
    journal.close()


def test_a_spare_file_that_somebody_took_away_costs_one_write(tmp_path):
    """As an operator does who needs room at once: nothing was written any more until the agent started again."""
    journal = open_journal(tmp_path, files=6)
    entries, _ = fill(journal)
    journal.release_entries(entries)
    journal.sync()
    spares = list(journal._files._spares)
    assert spares
    for number in spares:
        journal._files.path(number).unlink()
    for _ in spares:
        with pytest.raises(VolumeError):
            journal.append(chunk_records(6, start=len(entries)))
    assert len(journal.append(chunk_records(6, start=len(entries)))) == 6
    journal.sync()
    assert journal.usage().bytes == sum(path.stat().st_size for path in tmp_path.glob("*.wkj"))
    journal.close()
