"""Ids are safe everywhere; epochs only ever rise (invariants 2 and 10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire.errors import IdError
from watchkeep.wire.ids import MAX_EPOCH, MAX_TERM, TERM_SHIFT, check_id, epoch_term, next_epoch

YEAR_2026_S = 1_767_225_600
TERMS = st.integers(0, MAX_TERM)
UTC_S = st.integers(-(2**40), 2**40)
LOW_MASK = (1 << TERM_SHIFT) - 1


@pytest.mark.parametrize("value", ["a", "cam-0", "0", "-", "x" * 63])
def test_a_valid_id_is_returned_as_it_is(value: str) -> None:
    assert check_id("camera", value) == value


@pytest.mark.parametrize("value", ["", "A", "cam_0", "cam 0", "..", "a/b", "a\n", "\0", "x" * 64, "é", "a.b", "#", "+"])
def test_anything_else_is_refused_with_its_kind_and_the_rule(value: str) -> None:
    with pytest.raises(IdError, match="archiver id") as caught:
        check_id("archiver", value)
    assert "a-z" in caught.value.remedy


def test_a_long_id_is_not_echoed_in_full() -> None:
    with pytest.raises(IdError) as caught:
        check_id("camera", "A" * 10_000)
    assert len(caught.value.message) < 200


@given(st.text())
def test_no_accepted_id_can_leave_a_path_or_split_a_topic(value: str) -> None:
    try:
        check_id("camera", value)
    except IdError:
        return
    assert value.isascii()
    assert not set(value) & set("/.+#\\\0 \n")


@given(TERMS, st.integers(0, LOW_MASK - 1), UTC_S)
def test_the_next_epoch_is_above_the_last_whatever_the_clock_says(term: int, low: int, utc_s: int) -> None:
    last = (term << TERM_SHIFT) | low
    after = next_epoch(term, last, utc_s)
    assert last < after <= MAX_EPOCH
    assert epoch_term(after) == term


@given(TERMS, st.integers(0, MAX_EPOCH), UTC_S)
def test_a_higher_term_sorts_after_every_epoch_of_a_lower_one(term: int, last: int, utc_s: int) -> None:
    if term > epoch_term(last):
        assert next_epoch(term, last, utc_s) > last


def test_a_box_that_lost_its_disk_still_sorts_after_its_old_video() -> None:
    old = next_epoch(0, next_epoch(0, 0, YEAR_2026_S), YEAR_2026_S)
    assert next_epoch(0, 0, YEAR_2026_S + 60) > old


def test_a_clock_that_steps_back_counts_on() -> None:
    last = next_epoch(3, 0, YEAR_2026_S)
    assert next_epoch(3, last, 0) == last + 1


@pytest.mark.parametrize(("term", "last"), [(-1, 0), (MAX_TERM + 1, 0), (1, 2 << TERM_SHIFT)])
def test_a_term_that_is_out_of_range_or_goes_back_is_refused(term: int, last: int) -> None:
    with pytest.raises(IdError, match="term"):
        next_epoch(term, last, YEAR_2026_S)


def test_a_used_up_term_is_an_error_and_not_a_carry_into_the_next_term() -> None:
    with pytest.raises(IdError, match="no epoch is left"):
        next_epoch(5, (5 << TERM_SHIFT) | LOW_MASK, 0)
