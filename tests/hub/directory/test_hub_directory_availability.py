"""Availability: every second of the period is counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.directory.availability import Availability, Turn, availability

UP, DOWN, UNKNOWN = True, False, None


@pytest.mark.parametrize(("turns", "planned", "expected"), [
    ([], [], Availability(0, 0, 0, 100, 0, 0)),
    ([Turn(-5, UP)], [], Availability(100, 0, 0, 0, 0, 0)),
    ([Turn(20, UP)], [], Availability(80, 0, 0, 20, 0, 0)),
    ([Turn(0, UP), Turn(40, DOWN), Turn(50, UP)], [], Availability(90, 10, 0, 0, 1, 10)),
    ([Turn(0, UP), Turn(40, DOWN), Turn(50, UP)], [(40, 50)], Availability(90, 0, 10, 0, 0, 0)),
    ([Turn(0, UP), Turn(40, DOWN), Turn(50, UP)], [(35, 45)], Availability(85, 5, 10, 0, 1, 5)),
    ([Turn(0, UP), Turn(40, DOWN), Turn(45, DOWN), Turn(50, UP), Turn(90, DOWN)], [], Availability(80, 20, 0, 0, 2, 10)),
    ([Turn(0, UP), Turn(40, DOWN), Turn(50, UNKNOWN)], [], Availability(40, 10, 0, 50, 1, 10)),
    ([Turn(0, UP)], [(10, 30), (20, 40), (500, 600), (40, 40)], Availability(70, 0, 30, 0, 0, 0)),
    ([Turn(0, UP), Turn(100, DOWN), Turn(700, UP)], [], Availability(100, 0, 0, 0, 0, 0)),
])  # fmt: skip
def test_the_seconds_of_a_period(turns: list[Turn], planned: list[tuple[float, float]], expected: Availability) -> None:
    assert availability(turns, planned, 0, 100) == expected


def test_the_share_is_of_what_is_known() -> None:
    assert availability([], [], 0, 10).share is None
    assert availability([Turn(0, UP), Turn(9, DOWN)], [], 0, 10).share == 0.9
    assert availability([Turn(5, UP)], [], 0, 10).share == 1.0


times = st.integers(-50, 150)


@given(st.lists(st.tuples(times, st.sampled_from([UP, DOWN, UNKNOWN]))), st.lists(st.tuples(times, times)))
def test_every_second_is_counted_once(drawn: list[tuple[int, bool | None]], planned: list[tuple[float, float]]) -> None:
    turns = [Turn(at, up) for at, up in sorted(drawn, key=lambda one: one[0])]
    found = availability(turns, planned, 0, 100)
    counted = {UP: 0, DOWN: 0, UNKNOWN: 0, "planned": 0}
    for second in range(100):
        state = next((turn.up for turn in reversed(turns) if turn.at_s <= second), UNKNOWN)
        in_plan = any(since <= second < to for since, to in planned)
        counted["planned" if in_plan else state] += 1  # type: ignore[index]
    assert (found.up_s, found.down_s, found.unknown_s, found.planned_s) == tuple(counted[key] for key in (UP, DOWN, UNKNOWN, "planned"))
