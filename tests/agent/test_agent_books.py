"""Epoch numbers, archiver addresses and clock steps: agent/epochs.py, archivers.py, clock.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.archivers import MAX_KNOWN, ArchiverBook
from watchkeep.agent.clock import Clock, StepWatch
from watchkeep.agent.epochs import KEPT_S, RESERVE_S, STATE_BYTES, EpochBook
from watchkeep.wire.causes import ClockQuality
from watchkeep.wire.errors import FullError
from watchkeep.wire.ids import TERM_SHIFT, epoch_term
from watchkeep.wire.mdns import remembered


class FakeSlots:
    def __init__(self):
        self.data = None

    def read(self):
        return self.data

    def write(self, data):
        self.data = data


class FakeClock(Clock):
    now = 1_700_000_000.0

    def utc_s(self):
        return self.now


def test_epochs_rise_over_restarts_lost_disks_and_clock_steps():
    clock, slots = FakeClock(), FakeSlots()
    book = EpochBook(slots, clock, {})
    first = book.next("cam0")
    assert first == 1_700_000_000
    book.save()
    clock.now = 0.0  # a box that boots in 1970
    again = EpochBook(slots, clock, {})
    assert again.known("cam0")
    assert not again.known("cam1")
    assert again.next("cam0") == first + RESERVE_S + 1
    assert EpochBook(FakeSlots(), clock, {"cam0": first + 7}).next("cam0") == first + 7 + RESERVE_S + 1
    clock.now = 1_700_000_600.0
    assert EpochBook(FakeSlots(), clock, {"cam0": first}).next("cam0") == 1_700_000_600, "UTC is above all of it"


def full(_data):
    raise OSError(28, "disk full")


LIFE = st.lists(st.one_of(
    st.tuples(st.just("next"), st.sampled_from(["cam0", "cam1"])),
    st.tuples(st.just("step"), st.sampled_from([1, 45, 86_400, -86_400, 3600, -3600, 10**9, -10**9])),
    st.tuples(st.just("save"), st.booleans())), max_size=KEPT_S)  # fmt: skip


@given(lives=st.lists(LIFE, max_size=5))
def test_epochs_do_not_go_back_over_power_cuts_whatever_the_clock_does(lives):
    """Up to KEPT_S of them with a disk that takes nothing, in each life."""
    clock, slots, newest = FakeClock(), FakeSlots(), {}
    for life in lives:
        slots.write = slots.__class__.write.__get__(slots)
        book = EpochBook(slots, clock, {})  # then, at the end of the life, the power goes
        for what, how in life:
            if what == "next":
                epoch = book.next(how)
                assert epoch > newest.get(how, 0)
                newest[how] = epoch
            elif what == "step":
                clock.now += how
            else:
                slots.write = slots.__class__.write.__get__(slots) if how else full
                try:
                    book.save()
                except OSError:
                    assert not how


def test_numbers_follow_the_clock_once_that_is_promised():
    clock, slots = FakeClock(), FakeSlots()
    book, start = EpochBook(slots, clock, {}), int(FakeClock.now)
    clock.now += 86_400
    assert book.next("cam0") == start + RESERVE_S - KEPT_S, "a leap waits for its promise, and nobody waits for the leap"
    assert book.next("cam0") == start + RESERVE_S - KEPT_S + 1
    book.save()
    assert book.next("cam0") == start + 86_400
    for _ in range(600):  # nothing begins for ten minutes
        clock.now += 1
        book.save()
    assert book.next("cam1") == int(clock.now), "as those of a camera do that another box had until now"


def test_a_promise_is_renewed_once_a_minute_and_not_at_each_save():
    clock, slots, written = FakeClock(), FakeSlots(), []
    slots.write = written.append
    book = EpochBook(slots, clock, {})
    for _ in range(600):
        clock.now += 1
        book.save()
    assert 9 <= len(written) - 1 <= 10


def test_without_the_list_numbers_go_on_above_what_the_journal_shows():
    clock = FakeClock()
    clock.now = 0.0
    newest_s = 1_700_001_800  # of a camera that has reconnected less often than another one, of which the journal has nothing more
    assert EpochBook(FakeSlots(), clock, {"cam0": 1_700_000_000}, newest_s=newest_s).next("cam1") > newest_s


def test_starts_that_cannot_save_do_not_give_out_the_same_numbers_twice():
    """Archivers have chunks of them: RAM does not wait for the disk."""
    clock, slots, draws = FakeClock(), FakeSlots(), iter([11, 7])
    EpochBook(slots, clock, {}).save()
    slots.write, clock.now = full, 0.0
    first, second = (EpochBook(slots, clock, {}, below=lambda _: next(draws)).next("cam0") for _ in range(2))
    assert first - second == 11 - 7


def test_starts_that_cannot_save_sort_one_after_the_other_while_the_clock_is_right():
    clock, slots, start = FakeClock(), FakeSlots(), int(FakeClock.now)
    EpochBook(slots, clock, {}).next("cam0")
    slots.write = full
    for after_s in (600, 610):
        clock.now = start + after_s
        assert EpochBook(slots, clock, {}).next("cam0") == start + after_s
    slots.write = slots.__class__.write.__get__(slots)
    clock.now = start + 620
    assert EpochBook(slots, clock, {}).next("cam0") == start + 620


@pytest.mark.parametrize("fault", [OSError(28, "disk full"), FullError("disk full", remedy="free some")])
def test_unsaved_epochs_are_tried_again_after_a_failed_write(fault):
    slots = FakeSlots()
    book = EpochBook(slots, FakeClock(), {})
    book.next("cam0")

    def refuse(_data):
        raise fault

    slots.write, write, slots.data = refuse, slots.write, None
    with pytest.raises(type(fault)):
        book.save()
    slots.write = write
    book.save()
    assert slots.data is not None


def test_static_addresses_win_and_discovery_never_takes_one_away():
    book = ArchiverBook({"a": "http://static:1"}, {"b": "http://old:2"})
    assert book.urls() == {"a": "http://static:1", "b": "http://old:2"}
    assert book.found({"a": "http://moved:1", "b": "http://new:2", "c": "http://c:3"})
    assert book.urls() == {"a": "http://static:1", "b": "http://new:2", "c": "http://c:3"}
    assert not book.found({"c": "http://c:3"})
    assert book.found({"c": "http://c:4"})
    assert book.last_known()["b"] == "http://new:2"


def test_the_list_of_known_archivers_is_bounded():
    book = ArchiverBook({}, {})
    book.found({f"x{number}": "http://h" for number in range(10 * MAX_KNOWN)})
    assert len(book.urls()) == MAX_KNOWN
    assert f"x{10 * MAX_KNOWN - 1}" in book.urls()


def test_step_watch_ignores_slewing_and_sees_steps():
    watch = StepWatch(1000.0, 0.0)
    assert watch.step(1010.004, 10.0) == 0.0
    assert round(watch.step(87_410.0, 10.1)) == 86_400
    assert watch.step(87_411.0, 11.1) == 0.0
    assert round(watch.step(83_811.0, 11.1)) == -3600


def test_step_watch_sees_a_clock_that_is_slewed_faster_than_anchors_can_follow():
    watch = StepWatch(1000.0, 0.0)
    seen = [watch.step(1000.0 + tick * 0.1 * 1.05, tick * 0.1) for tick in range(601)]  # one minute at 5 %: three seconds
    assert 2.4 < sum(seen) <= 3.0
    slow = StepWatch(1000.0, 0.0)
    assert not any(slow.step(1000.0 + tick * 1.0004, float(tick)) for tick in range(86_400))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"cam0": "x", "cam1": 1e30, "cam2": -5, "cam3": true}'])
def test_damaged_lists_on_disk_are_no_obstacle(data):
    slots = FakeSlots()
    slots.data = data
    book = EpochBook(slots, FakeClock(), {})
    assert book.next("cam0") == book.next("cam1") == book.next("cam2") == 1_700_000_000
    assert remembered("archiver", data) == {}


def test_the_list_of_epochs_is_bounded_and_forgets_the_oldest():
    slots, clock = FakeSlots(), FakeClock()
    book = EpochBook(slots, clock, {})
    for number in range(3000):
        clock.now = 1_700_000_000.0 + number
        book.next(f"camera-{number:055}")
    book.save()
    assert len(slots.data) < STATE_BYTES - 48
    assert EpochBook(slots, clock, {}).known(f"camera-{2999:055}")


def test_kernel_is_asked_for_its_clock():
    assert Clock().quality() in set(ClockQuality)


def test_a_stand_ins_epochs_sort_behind_and_a_term_never_goes_back():
    clock, slots = FakeClock(), FakeSlots()
    book = EpochBook(slots, clock, {})
    alone = book.next("cam0")
    book.lead({"cam0": 11, "cam1": 3})
    assert epoch_term(book.next("cam0")) == 11
    assert epoch_term(book.next("cam1")) == 3
    assert book.next("cam2") >= alone
    book.lead({})
    last = book.next("cam0")
    assert epoch_term(last) == 11
    book.lead({"cam0": 4})
    assert book.next("cam0") > last
    book.save()
    clock.now = 0.0  # a box that boots in 1970
    again = EpochBook(slots, clock, {"cam1": (7 << TERM_SHIFT) + 5})
    assert again.next("cam0") > last
    assert epoch_term(again.next("cam1")) == 7
    assert again.next("cam2") == int(FakeClock.now) + 2 + RESERVE_S + 1
