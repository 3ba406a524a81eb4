"""Cameras of different importance on links that are too narrow for all of them: sim_narrow.py, and that it sees a broken rule."""


import pytest
from sim_narrow import PRIORITIES, TOP, Narrow

from watchkeep.agent.replicate import rank
from watchkeep.agent.replicate.room import Order, Room

LOWEST = {f"cam{number}" for number, priority in enumerate(PRIORITIES) if priority == min(PRIORITIES)}
IMPORTANT = {f"cam{number}" for number, priority in enumerate(PRIORITIES) if priority == TOP}


@pytest.mark.parametrize("seed", range(4))
def test_without_a_stand_in_the_most_important_are_in_time_and_the_rest_says_why(seed: int) -> None:
    world = Narrow(seed, spare=False)
    assert world.run().broken is None
    assert world.unprotected >= LOWEST
    assert not world.unprotected & IMPORTANT
    assert world.checks.done["floors"] > 0


@pytest.mark.parametrize("seed", range(4))
def test_with_a_stand_in_the_least_important_go_there(seed: int) -> None:
    world = Narrow(seed, spare=True)
    assert world.run().broken is None
    assert world.moved >= LOWEST
    assert not world.moved & IMPORTANT


@pytest.mark.parametrize("seed", range(4))
def test_a_stand_in_that_sleeps_is_woken_for_them(seed: int) -> None:
    world = Narrow(seed, spare=True, cold=True)
    assert world.run().broken is None
    assert world.moved >= LOWEST
    assert not world.moved & IMPORTANT
    assert world.checks.done["woken"] > 0


def test_want_of_room_that_wakes_nobody_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank, "_NO_ROOM", 2.5)
    world = Narrow(0, spare=True, cold=True)
    world.run()
    assert not world.moved
    assert not world.checks.done["woken"]


@pytest.mark.parametrize(
    ("owner", "name", "instead"),
    [
        (Order, "priority", lambda self, camera: 5),
        (Room, "tick", lambda self, listed, now: False),
    ],
    ids=["lanes without priorities", "floors that never fall"],
)
def test_a_broken_rule_is_seen(owner: type, name: str, instead: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, instead)
    broken = Narrow(0, spare=False).run().broken
    assert broken is not None
    assert broken.number == 7


def test_without_floors_nobody_would_be_told_and_nothing_would_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Room, "is_late", lambda self, served, now, why: False)
    world = Narrow(0, spare=True)
    world.run()
    assert not world.moved
