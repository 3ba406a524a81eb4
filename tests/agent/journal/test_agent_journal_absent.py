"""A journal that could not be opened, behind RAM, and the one that arrives later: agent/journal/absent.py."""

import inspect

import pytest
from journal_lab import chunk_records, init_record, open_journal

from watchkeep.agent.journal.absent import AbsentJournal
from watchkeep.agent.journal.journal import Journal
from watchkeep.agent.journal.staged import StagedJournal
from watchkeep.wire.errors import FullError, GoneError, VolumeError
from watchkeep.wire.record import HEADER_BYTES

WHY = VolumeError("no disk", remedy="mend it")


@pytest.fixture
def absent():
    return AbsentJournal(WHY, max_bytes=1 << 20)


@pytest.fixture
def journal(absent):
    return StagedJournal(absent, max_bytes=1 << 20, monotonic=lambda: 100.0)


def test_it_has_an_answer_to_everything_that_a_journal_is_asked():
    """One that is not overridden would look for parts that it has not."""
    asked = {name for name, found in vars(Journal).items() if inspect.isfunction(found) and not name.startswith("_")}
    assert asked - vars(AbsentJournal).keys() == {"append", "release_entries"}  # made of `append_proven` and `release`


def test_chunks_stay_in_ram_and_are_read_from_there_until_they_are_released(journal):
    entries = journal.append(chunk_records(5))
    for _ in range(2):
        with pytest.raises(VolumeError, match="no disk") as caught:
            journal.spill()
        assert caught.value.remedy == "mend it"
    assert [b"".join(journal.read(entry))[HEADER_BYTES:] for entry in entries if entry.seq == 3] != []
    assert journal.sync() == 0
    assert (journal.usage().chunks, journal.usage().bytes, journal.usage().max_bytes) == (5, 0, 1 << 20)
    camera, epoch, _ = entries[-1].name
    assert journal.release(camera, epoch, 0, 4) == 5
    assert journal.usage().ram_bytes < entries[-1].record_bytes
    with pytest.raises(GoneError):
        journal.read(entries[-1])
    assert journal.chunk(camera, epoch, 4) is None
    journal.expect([], 1 << 20)
    with pytest.raises(FullError, match="no disk"):
        journal.reclaim(lambda *_: True)
    journal.close()


@pytest.fixture
def arrives(tmp_path, absent, journal):
    """A journal with chunks of before, to which the absent one goes over with four of its own; `journal` goes on with it."""
    before = open_journal(tmp_path)
    before.append([init_record(epoch=6), *chunk_records(3, epoch=6)])
    before.close()
    journal.append([init_record(), *chunk_records(4)])
    with pytest.raises(VolumeError):
        journal.spill()
    absent.arrived(open_journal(tmp_path))


def names(entries):
    return [(entry.epoch, entry.kind.name, entry.seq) for entry in entries]


OLD = [(6, "INIT", 0), *((6, "CHUNK", seq) for seq in range(3))]
NEW = [(1, "INIT", 0), *((1, "CHUNK", seq) for seq in range(5))]


def test_what_is_in_ram_when_the_journal_arrives_is_there_at_the_next_start_with_what_it_had(arrives, absent, journal, tmp_path):
    journal.append(chunk_records(5)[4:])
    journal.close()
    assert absent.handed_over() is None
    again = open_journal(tmp_path)
    assert names(again.recovered) == OLD + NEW
    again.close()


def test_a_journal_that_is_kept_goes_on_open_with_all_that_is_still_owed(arrives, absent, journal, tmp_path):
    absent.keep()
    assert journal.spill()
    journal.release("cam0", 1, 1, 2)
    journal.append(chunk_records(5)[4:])
    journal.close()
    kept = absent.handed_over()
    left = [one for one in OLD + NEW if one not in [(1, "CHUNK", 1), (1, "CHUNK", 2)]]
    assert names(kept.recovered) == left
    assert kept.usage().unsynced_bytes == 0
    kept.append(chunk_records(6)[5:])
    kept.close()
    again = open_journal(tmp_path)
    assert names(again.recovered)[-1] == (1, "CHUNK", 5)
    again.close()


def test_one_that_has_not_arrived_cannot_be_kept(absent):
    absent.keep()
    absent.close()
    assert absent.handed_over() is None


def test_once_it_is_there_a_full_one_gives_up_nothing_as_copied_of_what_nobody_asked_archivers_for(absent, tmp_path):
    asked = []

    class Full(AbsentJournal):
        def reclaim(self, has_copy):
            asked.append(has_copy("cam0", 5, 0))

    absent.arrived(Full(WHY, max_bytes=1))
    absent.reclaim(lambda *_: True)
    assert asked == [False]
