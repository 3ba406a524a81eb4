"""A disk that is really full: a small tmpfs, filled by the journal itself and by somebody else."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_lab import FILE_BYTES, chunk_records, init_record, kill, open_journal, seqs

from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.journal import Journal
from watchkeep.agent.journal.slots import SlotFile
from watchkeep.wire.errors import FullError

DISK_BYTES = 16 * FILE_BYTES


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "mount"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "watchkeep-test", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)  # lazy: a failed test may still hold files open


def append_until_refused(journal: Journal, entries: list[Entry]) -> None:
    while True:
        entries += journal.append(chunk_records(3, start=len(entries)))


def fill(mount: Path) -> Path:
    """Somebody else's file that takes every byte that is left."""
    ballast = mount / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(512))
        except OSError:
            return ballast


def test_a_full_disk_refuses_the_batch_and_takes_it_after_a_release(small_disk):
    journal = open_journal(small_disk / "journal")
    entries: list[Entry] = []
    with pytest.raises(FullError) as full:
        append_until_refused(journal, entries)
    start = len(entries)
    assert "space" in full.value.remedy
    assert len(entries) >= 30
    assert len({entry.seq for entry in entries if journal.read(entry)}) == len(entries)
    journal.sync()
    journal.release_entries(entries[:6])
    assert seqs(journal.append(chunk_records(3, start=start))) == list(range(start, start + 3))
    kill(journal)
    again = open_journal(small_disk / "journal")
    assert set(seqs(again.recovered)) >= set(range(6, start + 3))
    assert again.cuts == []
    again.close()


def test_a_disk_filled_by_others_costs_the_oldest_chunks_and_recording_goes_on(small_disk):
    journal = open_journal(small_disk / "journal")
    journal.append([init_record(), *chunk_records(14)])
    journal.sync()
    fill(small_disk)
    lost: list[int] = []
    for seq in range(14, 40):
        try:
            journal.append(chunk_records(1, start=seq))
        except FullError:
            lost += [entry.seq for entry in journal.reclaim(lambda *_: False).lost]
            journal.append(chunk_records(1, start=seq))
    held = [seq for seq in range(40) if journal.chunk("cam0", 1, seq)]
    assert lost == list(range(len(lost))), "the oldest went first, each one named"
    assert held == list(range(len(lost), 40))
    assert journal.read(journal.init_of("cam0", 1))[136:] == init_record()[1]
    journal.close()


def test_a_slot_file_is_written_on_a_full_disk(small_disk):
    slots = SlotFile(small_disk / "state")
    slots.write(b"before")
    fill(small_disk)
    for number in range(5):
        slots.write(b"%d" % number)
    assert SlotFile(small_disk / "state").read() == b"4"


def test_a_slot_file_that_cannot_be_made_is_a_typed_error(small_disk):
    fill(small_disk)
    with pytest.raises(FullError):
        SlotFile(small_disk / "state")
    assert not (small_disk / "state").exists()
