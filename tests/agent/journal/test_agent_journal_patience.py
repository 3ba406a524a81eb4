"""A disk whose reads hang holds up one thread of its own: agent/journal/patience.py."""

import threading
from collections.abc import Iterator

import pytest
from journal_lab import StallingDisk, chunk_record, chunk_records, init_record, open_journal

from watchkeep.agent.journal import patience
from watchkeep.agent.journal.patience import PatientReader
from watchkeep.agent.journal.staged import StagedJournal
from watchkeep.wire.errors import BusyError, DigestError, VolumeError
from watchkeep.wire.record import HEADER_BYTES
from watchkeep.wire.shell.threads import Supervised


@pytest.fixture
def reader(monkeypatch) -> Iterator[PatientReader]:
    monkeypatch.setattr(patience, "PATIENCE_S", 0.3)
    made = PatientReader()
    thread = Supervised("wk-read", made.run)
    thread.start()
    yield made
    thread.stop()
    made.wake()
    assert thread.join(10)


def test_bytes_and_errors_come_back_to_whoever_asked(reader):
    def damaged():
        raise DigestError("rotten", remedy="none")

    assert reader.read(lambda: b"bytes") == b"bytes"
    with pytest.raises(DigestError):
        reader.read(damaged)
    assert reader.read(lambda: b"more") == b"more"


class Hours:
    """A clock that tests turn."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def hours():
    return Hours()


@pytest.fixture
def timed(hours) -> Iterator[PatientReader]:
    made = PatientReader(hours)
    thread = Supervised("wk-read", made.run)
    thread.start()
    assert any(made._open or threading.Event().wait(0.01) for _ in range(1000))
    yield made
    thread.stop()
    made.wake()
    assert thread.join(10)


def test_reads_that_were_given_up_leave_nothing_under_way(timed, hours):
    entered, leave, busy = threading.Event(), threading.Event(), []

    def hangs():
        entered.set()
        assert leave.wait(30)
        return b"late"

    def ask(read):
        with pytest.raises(BusyError):
            timed.read(read)
        busy.append(read)

    askers = [threading.Thread(target=ask, args=(hangs,)), threading.Thread(target=ask, args=(lambda: b"never",))]
    askers[0].start()
    assert entered.wait(10)
    askers[1].start()
    assert any(timed._jobs or threading.Event().wait(0.01) for _ in range(1000))
    hours.now = 2 * patience.PATIENCE_S
    for asker in askers:
        asker.join(10)
    assert len(busy) == 2
    leave.set()
    assert any(not timed._jobs or threading.Event().wait(0.01) for _ in range(1000))
    hours.now = 3600.0  # nobody has asked for long
    assert timed.read(lambda: b"bytes") == b"bytes"


def test_a_disk_that_fails_is_left_alone_for_a_moment_before_it_costs_the_next_chunk(timed, hours):
    def fails():
        raise VolumeError("a bus reset", remedy="check the disk")

    with pytest.raises(VolumeError, match="a bus reset"):
        timed.read(fails)
    with pytest.raises(BusyError):
        timed.read(fails)
    hours.now = 1.1 * patience.REST_S
    assert timed.read(lambda: b"bytes") == b"bytes"
    assert timed.read(lambda: b"more") == b"more"


def test_many_who_ask_at_once_each_get_their_own(reader):
    found: dict[int, bytes] = {}
    askers = [threading.Thread(target=lambda n=n: found.update({n: reader.read(lambda: b"%d" % n)})) for n in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(10)
    assert found == {n: b"%d" % n for n in range(20)}


def test_a_read_that_hangs_ends_everybodys_waiting_and_reads_go_on_when_it_returns(reader):
    entered, leave, ran = threading.Event(), threading.Event(), []

    def hangs():
        entered.set()
        assert leave.wait(30)
        return b"late"

    with pytest.raises(BusyError):
        reader.read(hangs)
    assert entered.is_set()
    for _ in range(50):
        with pytest.raises(BusyError):
            reader.read(lambda: ran.append(1) or b"")
    assert not reader._jobs, "none is added while the disk hangs"
    leave.set()
    with reader._changed:
        assert reader._changed.wait_for(lambda: not reader._hangs(), 10)
    assert reader.read(lambda: b"now") == b"now"
    assert ran == []


def test_after_the_end_of_its_thread_nobody_waits_for_ever():
    reader, stop = PatientReader(), threading.Event()
    stop.set()
    reader.run(stop)
    with pytest.raises(BusyError):
        reader.read(lambda: b"")


def test_while_reads_of_the_disk_hang_new_chunks_are_read_from_ram(reader, tmp_path):
    disk = StallingDisk()
    journal = StagedJournal(open_journal(tmp_path, disk, ram_bytes=1500), max_bytes=1 << 20, monotonic=lambda: 0.0, from_disk=reader.read)
    old = journal.append([init_record(), *chunk_records(4)])[1]
    while journal.spill():
        pass
    journal.sync()
    for seq in (4, 5):
        journal.append([chunk_record(seq)])
        journal.spill()
        journal.sync()
    (new,) = journal.append([chunk_record(6)])
    disk.stall = "reader"
    with pytest.raises(BusyError):
        journal.read(old)
    assert b"".join(journal.read(new))[HEADER_BYTES:] == chunk_record(6)[1]
    recent = journal.chunk("cam0", 1, 5)
    assert b"".join(journal.read(recent))[HEADER_BYTES:] == chunk_record(5)[1]
    disk.stall = ""
    disk.go_on.set()
    journal.close()
