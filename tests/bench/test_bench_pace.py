"""Pauses between durable chunks, as tests/bench/pace.py sees them."""

import pytest
from pace import Pace


def fed(pace, *steps):
    for now, newest in steps:
        pace.feed(newest, now)
    return pace


def test_the_first_pause_does_not_count_because_nobody_saw_it_begin():
    pace = fed(Pace(), (0.0, {"c": 4}), (0.9, {"c": 5}))
    assert (pace.fewest(), pace.turn()) == (0, 0.0)
    assert fed(pace, (1.9, {"c": 6})).turn() == pytest.approx(1.0)


def test_a_pause_over_a_turn_belongs_to_what_follows_and_is_not_cut():
    pace = fed(Pace(), (0.0, {"c": 1}), (1.0, {"c": 2}), (2.0, {"c": 3}), (2.9, {"c": 3}))
    assert pace.turn() == pytest.approx(1.0)
    assert fed(pace, (2.9, {"c": 3}), (4.2, {"c": 4})).turn() == pytest.approx(2.2)


def test_the_camera_that_pauses_longest_counts_and_the_slowest_is_waited_for():
    pace = fed(Pace(), (0.0, {"c": 1, "d": 1}), (1.0, {"c": 2, "d": 2}), (2.0, {"c": 3, "d": 2}), (3.0, {"c": 4, "d": 3}))
    assert pace.fewest() == 1
    assert pace.turn() == pytest.approx(2.0)


def test_an_archiver_that_did_not_answer_or_has_nothing_yet_is_no_chunk():
    pace = fed(Pace(), (0.0, {"c": -1}), (1.0, {"c": 1}), (2.0, {"c": 2}), (2.5, {"c": -1}), (4.0, {"c": 3}))
    assert pace.turn() == pytest.approx(2.0)


def test_a_new_epoch_starts_at_0_and_is_a_chunk_all_the_same():
    assert fed(Pace(), (0.0, {"c": 7}), (1.0, {"c": 8}), (2.5, {"c": 0})).turn() == pytest.approx(1.5)


def test_nothing_has_ended_before_anything_was_seen():
    assert (Pace().fewest(), Pace().turn()) == (0, 0.0)
