"""Small files that are in RAM until the disk is there, and the numbers in them: agent/home/late.py, epochs.py."""

import json

import pytest

from watchkeep.agent.clock import Clock
from watchkeep.agent.epochs import RESERVE_S, EpochBook, merged
from watchkeep.agent.home.late import MAX_LOSS_BYTES, LateSlots, bring, losses
from watchkeep.wire.errors import VolumeError

NOW_S = 1_800_000_000
GONE = VolumeError("no disk", remedy="mend it")


class Memory:
    """Slots that take everything."""

    def __init__(self, data=None):
        self.data = data

    def read(self):
        return self.data

    def write(self, data):
        self.data = data


def at(utc_s):
    clock = Clock()
    clock.utc_s = lambda: float(utc_s)
    return clock


def start(slots, utc_s, **more):
    return EpochBook(slots, at(utc_s), {}, **more)


def test_a_write_without_a_disk_stays_in_ram_and_says_so_and_goes_on_when_it_is_there():
    ram, disk = Memory(), Memory(b"[]")
    slots = LateSlots(ram, GONE, losses)
    with pytest.raises(VolumeError, match="no disk"):
        slots.write(b'["a"]')
    assert (slots.read(), disk.data) == (b'["a"]', b"[]")
    slots.arrived(disk)
    slots.write(b'["b"]')
    assert disk.data == b'["b"]'


def test_ram_that_is_full_or_was_taken_away_keeps_nothing_from_the_disk():
    class Full(Memory):
        def write(self, data):
            raise VolumeError("no room", remedy="make some")

    disk = Memory()
    slots = LateSlots(Full(), GONE, losses)
    with pytest.raises(VolumeError, match="no room"):
        slots.write(b'["a"]')
    slots.arrived(disk)
    slots.write(b'["a"]')
    assert disk.data == b'["a"]'


@pytest.mark.parametrize("utc_s", [NOW_S + 5, 30], ids=["clock set", "1970"])
def test_numbers_of_a_start_in_ram_are_above_all_before_and_below_all_after_it(utc_s):
    disk = Memory()
    before = start(disk, NOW_S).next("cam0")
    ram = Memory(disk.data)
    late = LateSlots(ram, GONE, merged)
    in_ram = start(late, utc_s, below=lambda _: 70_000)
    first = in_ram.next("cam0")
    assert first > before + RESERVE_S - 1
    bring(ram.data, disk, merged)
    late.arrived(disk)
    last = in_ram.next("cam0")
    in_ram.save()
    assert before < first < last < start(disk, utc_s + 5).next("cam0")


def test_numbers_of_a_start_in_ram_that_was_killed_are_below_those_of_the_next_which_finds_what_it_left():
    disk = Memory()
    start(disk, NOW_S).next("cam0")
    ram = Memory(disk.data)
    killed = start(LateSlots(ram, GONE, merged), 30, below=lambda _: 70_000)
    last = [killed.next("cam0") for _ in range(3)][-1]
    with pytest.raises(VolumeError):
        killed.save()
    again = start(LateSlots(ram, GONE, merged), 30, below=lambda _: 5).next("cam0")
    assert again > last
    bring(ram.data, disk, merged)
    assert start(disk, 60).next("cam0") > again


def test_numbers_of_a_start_in_ram_that_lost_its_power_are_others_than_those_of_the_next():
    """Nothing is left but what the disk had promised before, and the clock is not set: the distance is drawn."""
    disk = Memory()
    start(disk, NOW_S)
    given = {start(LateSlots(Memory(disk.data), GONE, merged), 30, below=lambda _, far=far: far).next("cam0") for far in (5000, 70_000)}
    after = start(disk, 30)
    assert len(given | {after.next("cam0") for _ in range(100)}) == 102


def test_two_records_of_epochs_are_one_with_the_higher_number_of_each_and_the_higher_promise():
    old, new = json.dumps({"": 50, "a": 7, "b": 3}).encode(), json.dumps({"": 40, "b": 9, "c": 1}).encode()
    assert json.loads(merged(old, new)) == {"": 50, "a": 7, "b": 9, "c": 1}
    assert json.loads(merged(None, new)) == json.loads(merged(b"{", new)) == json.loads(new)


def test_losses_of_both_are_told_none_twice_in_the_list_and_the_newer_ones_alone_when_they_are_too_many():
    assert json.loads(losses(b'[["a",["x"]],["b",[]]]', b'[["b",[]],["c",[]]]')) == [["a", ["x"]], ["b", []], ["c", []]]
    assert losses(None, b'["c"]') == losses(b"{", b'["c"]') == b'["c"]'
    many = json.dumps(["x" * MAX_LOSS_BYTES]).encode()
    assert losses(many, b'["c"]') == b'["c"]'
