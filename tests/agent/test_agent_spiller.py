"""What the journal's disk is asked for and what is told of it: agent/spiller.py."""

import threading

from ingest_kit import SetClock

from watchkeep.agent.epochs import EpochBook
from watchkeep.agent.replicate.losses import LossDesk
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.spiller import STALL_S, Spiller
from watchkeep.wire.errors import FullError, VolumeError
from watchkeep.wire.shell.threads import Supervised


class Slots:
    data = None

    def read(self):
        return self.data

    def write(self, data):
        self.data = data


class FakeJournal:
    """A stage of so many writes, in front of a disk that fails as told."""

    def __init__(self, due=0):
        self.due, self.written, self.syncs = due, 0, 0
        self.faults, self.sync_faults, self.changed = [], [], threading.Condition()

    def spill(self, *, everything=False):
        with self.changed:
            if not self.due:
                return False
            if self.faults:
                raise self.faults.pop(0)
            self.due -= 1
            self.written += 1
            self.changed.notify_all()
            return True

    def wait_due(self, timeout_s):
        with self.changed:
            if not self.due:
                self.changed.wait(timeout_s)

    def sync(self):
        if self.sync_faults:
            raise self.sync_faults.pop(0)
        self.syncs += 1


def build(journal, told, *, clock=None, slots=None, lossless=False):
    clock = clock or SetClock()
    return Spiller(journal, EpochBook(slots or Slots(), clock, {}), sync_ms=1000, reclaim=lambda: told.append("reclaim") or lossless,
                   faulted=lambda what, remedy: told.append((what, bool(remedy))), monotonic=clock.monotonic)  # fmt: skip


def test_a_fault_of_the_disk_is_told_once_when_it_begins_and_once_when_it_ends():
    journal, told, clock = FakeJournal(due=1), [], SetClock()
    spiller, began = build(journal, told, clock=clock), clock.now
    journal.faults = [VolumeError("disk is gone", remedy="plug it in"), VolumeError("still gone", remedy="plug it in")]
    for _ in range(2):
        assert not spiller.spill()
        spiller.look()
        clock.now += 1
    assert "still gone" in spiller.fault
    assert spiller.trouble == (spiller.fault, began)
    assert told == [("journal cannot be written: disk is gone", True)]
    assert spiller.spill()
    spiller.look()
    spiller.look()
    assert told[1:] == [("no more: journal cannot be written: disk is gone", False)]
    assert spiller.fault == ""
    assert spiller.trouble == ("", None)


def test_a_disk_that_is_known_to_fail_is_told_before_anything_was_to_be_written_and_so_is_its_end():
    told = []
    spiller = build(FakeJournal(), told)
    spiller.fails(VolumeError("no disk", remedy="mount it"))
    spiller.look()
    assert spiller.trouble[0] == "journal cannot be written: no disk"
    spiller.works()
    spiller.look()
    assert told == [("journal cannot be written: no disk", True), ("no more: journal cannot be written: no disk", False)]


def test_a_fault_that_lasts_is_logged_ever_more_seldom_and_a_new_one_at_once(caplog):
    journal, clock = FakeJournal(due=1), SetClock()
    spiller, logged, began = build(journal, [], clock=clock), [], clock.now

    def fail_until(end_s):
        while clock.now - began < end_s:
            journal.faults = [VolumeError("disk is gone", remedy="plug it in")]
            spiller.spill()
            if caplog.records:
                logged.append(clock.now - began)
                caplog.clear()
            clock.now += 1

    fail_until(2000)
    assert logged == [0, 10, 30, 70, 150, 310, 630, 1270, 1910]
    clock.now = began + 4000
    fail_until(4012)
    assert logged[9:] == [4000, 4010]


def test_nothing_to_write_says_nothing_about_the_disk():
    journal, told = FakeJournal(due=1), []
    spiller = build(journal, told)
    journal.faults = [OSError(5, "I/O error")]
    spiller.spill()
    journal.due = 0  # archivers have it, it was released
    assert not spiller.spill()
    assert "I/O error" in spiller.fault


def test_a_full_journal_is_reclaimed_once_and_the_same_written():
    journal, told = FakeJournal(due=1), []
    spiller = build(journal, told)
    journal.faults = [FullError("quota", remedy="raise it")]
    assert spiller.spill()
    journal.due, journal.faults = 1, [FullError("quota", remedy="raise it")] * 2
    assert not spiller.spill()
    assert told == ["reclaim", "reclaim"]


def test_a_loss_is_saved_before_anything_is_written_over_it_and_kept_when_it_cannot_be():
    journal, slots = FakeJournal(due=2), Slots()
    losses, saved = LossDesk(slots), []
    losses.configure([CameraPolicy("cam0", 1, ("a",))])

    def reclaim():
        losses.chunks("cam0", 7, len(saved), len(saved), "full")
        return False

    spiller = Spiller(journal, EpochBook(Slots(), SetClock(), {}), losses, sync_ms=1000, reclaim=reclaim, faulted=lambda *_: None)
    write, spill = slots.write, journal.spill
    journal.spill = lambda **how: (saved.append(slots.data), spill(**how))[1]
    journal.faults = [FullError("full", remedy="")]
    assert spiller.spill()
    assert [data is not None for data in saved] == [False, True]
    slots.write, journal.faults = broken, [FullError("full", remedy="")]
    assert spiller.spill(), "a list that cannot be kept stops no recording"
    slots.write = write
    spiller.sync()
    assert LossDesk(slots).due("a") == losses.due("a") != []


def broken(data):
    raise VolumeError("no", remedy="")


def test_reclaims_that_cost_nothing_go_on_until_there_is_room():
    journal, told = FakeJournal(due=1), []
    journal.faults = [FullError("quota", remedy="raise it")] * 5
    assert build(journal, told, lossless=True).spill()
    assert told == ["reclaim"] * 5


def test_what_fills_the_disk_is_told_and_not_that_there_is_nothing_to_free():
    journal, told = FakeJournal(due=1), []

    def nothing():
        raise FullError("no file can be freed", remedy="raise journal.max_bytes")

    spiller = build(journal, told)
    spiller._reclaim = nothing
    journal.faults = [FullError("No space left on device", remedy="free space")]
    assert not spiller.spill()
    assert spiller.fault == "journal cannot be written: No space left on device"


def test_a_disk_that_hangs_is_told_by_whoever_looks():
    clock, told = SetClock(), []
    entered, leave = threading.Event(), threading.Event()

    class Hanging(FakeJournal):
        def sync(self):
            entered.set()
            assert leave.wait(30)

    spiller = build(Hanging(), told, clock=clock)
    thread = threading.Thread(target=spiller.sync)
    thread.start()
    assert entered.wait(10)
    clock.now += STALL_S
    spiller.look()
    assert (told, spiller.trouble) == ([], ("", None))
    clock.now += 1
    spiller.look()
    spiller.look()
    assert spiller.trouble == ("journal's disk has not answered for 5 s", clock.now - STALL_S - 1)
    leave.set()
    thread.join(10)
    spiller.look()
    assert told == [("journal's disk has not answered for 5 s", True), ("no more: journal's disk has not answered for 5 s", False)]


def test_a_sync_keeps_the_epochs_also_when_the_journals_fails_which_is_a_fault_of_its_own():
    journal, told, slots = FakeJournal(due=1), [], Slots()
    spiller = build(journal, told, slots=slots)
    slots.data = None
    spiller._epochs.next("cam0")
    journal.sync_faults = [VolumeError("fsync failed", remedy="replace it")]
    spiller.sync()
    assert b"cam0" in slots.data
    assert spiller.spill(), "writing goes on"
    assert "cannot be synced" in spiller.fault
    spiller.sync()
    assert spiller.fault == ""


def test_draining_writes_all_and_syncs_and_ends_at_a_disk_that_takes_nothing():
    journal = FakeJournal(due=5)
    build(journal, []).drain()
    assert (journal.written, journal.syncs) == (5, 1)
    journal.due, journal.faults = 3, [RuntimeError("a bug")]
    build(journal, []).drain()
    assert (journal.written, journal.due) == (5, 3)


def test_the_thread_writes_what_comes_and_tries_again_what_failed():
    journal = FakeJournal()
    spiller = build(journal, [])
    journal.faults = [VolumeError("gone", remedy="mount it")] * 2
    thread = Supervised("wk-spill", spiller.run_spills)
    thread.start()
    try:
        with journal.changed:
            journal.due = 3
            journal.changed.notify_all()
            assert journal.changed.wait_for(lambda: journal.written == 3, 10)
    finally:
        thread.stop()
        assert thread.join(5)
