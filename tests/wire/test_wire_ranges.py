"""RangeSet against a plain set of integers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire.ranges import RangeSet

SPANS = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
Steps = list[tuple[str, tuple[int, int]]]
STEPS = st.lists(st.tuples(st.sampled_from(["add", "discard"]), SPANS), max_size=25)


def built(steps: Steps) -> tuple[RangeSet, set[int]]:
    ranges, model = RangeSet(), set[int]()
    for action, (low, high) in steps:
        numbers = range(low, high + 1)
        if action == "add":
            ranges.add(low, high)
            model.update(numbers)
        else:
            ranges.discard(low, high)
            model.difference_update(numbers)
    return ranges, model


def members(ranges: RangeSet) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(STEPS)
def test_it_holds_what_a_set_holds_in_the_fewest_sorted_ranges(steps: Steps) -> None:
    ranges, model = built(steps)
    assert members(ranges) == model
    assert len(ranges) == len(model)
    assert bool(ranges) == bool(model)
    assert (ranges.first(), ranges.last()) == (min(model, default=None), max(model, default=None))
    spans = ranges.spans()
    assert all(low <= high for low, high in spans)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(spans))


@given(STEPS, SPANS)
def test_covers_clip_and_membership(steps: Steps, span: tuple[int, int]) -> None:
    ranges, model = built(steps)
    low, high = span
    wanted = set(range(low, high + 1))
    assert ranges.covers(low, high) == (wanted <= model)
    assert ranges.meets(low, high) == bool(wanted & model)
    assert (low in ranges) == (low in model)
    assert members(ranges.clip(low, high)) == model & wanted


@given(STEPS, STEPS)
def test_minus_and_update_leave_the_other_set_alone(left: Steps, right: Steps) -> None:
    ranges, model = built(left)
    other, other_model = built(right)
    assert members(ranges.minus(other)) == model - other_model
    assert members(ranges) == model
    ranges.update(other)
    assert members(ranges) == model | other_model
    assert members(other) == other_model


@given(STEPS)
def test_the_same_numbers_are_equal_however_they_came_in(steps: Steps) -> None:
    ranges, model = built(steps)
    assert ranges == RangeSet((number, number) for number in sorted(model, key=lambda number: -number))
    assert ranges != built([*steps, ("add", (100, 100))])[0]


def test_a_year_of_chunks_is_one_range() -> None:
    ranges = RangeSet()
    for seq in range(10_000):
        ranges.add(seq, seq)
    ranges.add(10_000, 31_536_000)
    assert ranges.spans() == [(0, 31_536_000)]
    assert repr(ranges) == "RangeSet([(0, 31536000)])"


def test_a_range_that_runs_backwards_is_refused_and_changes_nothing() -> None:
    ranges = RangeSet([(0, 10)])
    with pytest.raises(ValueError, match="backwards"):
        ranges.add(5, 3)
    with pytest.raises(ValueError, match="backwards"):
        ranges.discard(5, 3)
    assert ranges.spans() == [(0, 10)]


def test_spans_is_a_copy() -> None:
    ranges = RangeSet([(0, 1)])
    ranges.spans().clear()
    assert ranges.spans() == [(0, 1)]
