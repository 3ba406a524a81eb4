"""Opening the journal on a thread that may hang: agent/home/watch.py."""

import threading

import pytest

from watchkeep.agent.datadir import FailingDiskError
from watchkeep.agent.home.watch import DiskWatch
from watchkeep.wire.errors import ConfigError, VolumeError

FAILS = FailingDiskError("it fails", remedy="mend it")


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr("watchkeep.agent.home.watch.LOOK_S", 0.01)


class Journal:
    closed = False

    def close(self):
        self.closed = True


class Disk:
    """Answers each try with the next of `answers`, once `lets` is set."""

    def __init__(self, *answers):
        self.answers, self.lets = list(answers), threading.Event()
        self.lets.set()

    def open(self):
        assert self.lets.wait(20)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def watch(disk, salvage=dict):
    return DiskWatch(disk.open, salvage)


def test_a_disk_that_is_well_gives_its_journal_and_the_thread_ends():
    journal = Journal()
    one = watch(Disk(journal))
    assert one.first(20) is journal
    assert one.stop()
    assert not journal.closed


def test_a_disk_that_fails_says_why_is_salvaged_and_gives_its_journal_when_it_is_well():
    journal, came = Journal(), threading.Event()
    one = watch(Disk(FAILS, FAILS, ValueError("a bug"), ConfigError("f", "k", "in use", remedy="wait"), journal), lambda: {"a": b"1"})
    why = one.first(20)
    assert isinstance(why, VolumeError)
    assert (why.message, one.salvaged) == ("it fails", {"a": b"1"})
    got = []
    one.go_on(lambda found: (got.append(found), came.set()))
    assert came.wait(20)
    assert got == [journal]
    assert one.stop()
    assert not journal.closed, "it is whose it came to"


def test_a_disk_that_hangs_is_not_waited_for_and_its_late_answer_counts():
    disk, came = Disk(Journal()), threading.Event()
    disk.lets.clear()
    one, got = watch(disk), []
    why = one.first(0.01)
    assert isinstance(why, VolumeError)
    assert "has not answered" in why.message
    assert one.alive
    one.go_on(lambda found: (got.append(found), came.set()))
    disk.lets.set()
    assert came.wait(20)
    assert got == disk.answers
    assert one.stop()


def test_one_that_opens_its_journal_for_minutes_has_given_its_small_files_before():
    """Without them numbers of that start could be those of before: a box that restarts often is ahead of the clock."""
    opening, lets = threading.Event(), threading.Event()

    def open_slowly():
        opening.set()
        assert lets.wait(20)
        return Journal()

    one = DiskWatch(open_slowly, lambda: {"epochs.slots": b"9"})
    try:
        one.first(0.01)
        assert opening.wait(20)
        assert one.salvaged == {"epochs.slots": b"9"}
    finally:
        lets.set()
        assert one._thread.join(20)
        assert one.stop()


def test_one_that_hangs_and_fails_then_says_why_once(caplog):
    disk, came = Disk(FAILS, FAILS, FAILS, Journal()), threading.Event()
    disk.lets.clear()
    one = watch(disk)
    assert "has not answered" in one.first(0.01).message
    one.go_on(lambda _: came.set())
    disk.lets.set()
    assert came.wait(20)
    assert [record.__dict__["why"] for record in caplog.records] == ["it fails"]
    assert one.stop()


def test_one_that_answers_between_the_two_is_not_forgotten():
    disk, got = Disk(Journal()), []
    disk.lets.clear()
    one = watch(disk)
    one.first(0.01)
    disk.lets.set()
    assert one._tried.wait(20)
    one.go_on(got.append)
    assert got == disk.answers
    assert one.stop()


def test_whatever_is_not_the_disks_fault_is_raised_and_no_thread_stays():
    one = watch(Disk(ConfigError("agent.toml", "agent.data_dir", "in use", remedy="wait")))
    with pytest.raises(ConfigError, match="in use"):
        one.first(20)
    assert not one.alive


def test_an_agent_that_ends_while_the_disk_hangs_leaves_the_thread_which_closes_what_it_gets(monkeypatch):
    monkeypatch.setattr("watchkeep.agent.home.watch.STOP_S", 0.01)
    disk = Disk(Journal())
    disk.lets.clear()
    one = watch(disk)
    one.first(0.01)
    one.go_on(lambda _: pytest.fail("nobody wants it any more"))
    assert not one.stop()
    assert one.alive
    disk.lets.set()
    one._thread.join(20)
    assert disk.answers[0].closed


def test_a_journal_that_nobody_took_is_closed():
    journal = Journal()
    one = watch(Disk(FAILS, journal))
    one.first(20)
    assert one._thread.join(20)
    assert one.stop()
    assert journal.closed
