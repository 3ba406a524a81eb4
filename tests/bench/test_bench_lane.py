"""How old live video is and when a backlog is filled: tests/bench/lane.py."""

import math

import pytest
from lane import Sample, age, filled, lacking, newest, returned

from watchkeep.wire.messages import EpochState

ENDS = {(camera, 1, seq): 100.0 + seq for camera in "cd" for seq in range(60)}
"""Chunk n of either camera ends n seconds after 100."""


def state(*durable, received=()):
    return EpochState(epoch=1, durable=list(durable), received=list(received))


def sample(now, c, d):
    """UTC is 100 s ahead of the monotonic clock."""
    return Sample(now, 100.0 + now, {"c": c, "d": d})


@pytest.mark.parametrize(("durable", "upto", "missing"), [([], 4, 5), ([(0, 4)], 4, 0), ([(0, 9)], 4, 0), ([(0, 1), (4, 9)], 4, 2),
                                                          ([(0, 1), (6, 9)], 4, 3)])  # fmt: skip
def test_what_lacks_is_counted_up_to_what_is_wanted(durable, upto, missing):
    assert lacking(state(*durable), upto) == missing


def test_what_is_received_is_newer_than_what_is_durable_and_fills_nothing():
    half = state((0, 3), received=[(4, 5)])
    assert (newest(half), newest(half, durable=True), newest(state())) == (5, 3, -1)
    assert lacking(half, 5) == 2


def test_the_camera_whose_newest_chunk_ended_longest_ago_gives_the_age():
    assert age(sample(12.0, state((0, 11)), state((0, 9), received=[(10, 10)])), ENDS) == pytest.approx(2.0)
    assert age(sample(12.0, state((0, 11)), state((0, 9), received=[(10, 10)])), ENDS, durable=True) == pytest.approx(3.0)
    assert age(sample(12.0, state((0, 11)), state()), ENDS) == math.inf


def test_a_camera_that_was_not_told_of_is_not_filled():
    assert not filled(Sample(1.0, 101.0, {"c": state((0, 5))}), {"c": 5, "d": 5})


def trial(*samples):
    """b died with chunk 9 of both, listened at 30, when a had 29."""
    return returned(samples, ENDS, since=30.0, before={"c": 9, "d": 9}, wanted={"c": 29, "d": 29})


def test_a_return_is_told_from_listening_on():
    found = trial(sample(30.1, state((0, 9)), state((0, 9))),
                  sample(30.5, state((0, 9), received=[(30, 30)]), state((0, 9))),
                  sample(31.0, state((0, 9), (28, 30)), state((0, 9), received=[(30, 30)])),
                  sample(31.9, state((0, 30)), state((0, 30))))  # fmt: skip
    assert (found.first_s, found.live_s, found.filled_s) == pytest.approx((0.5, 1.0, 1.9))
    assert found.ages == pytest.approx([1.0, 1.9])


def test_a_lane_that_is_held_up_by_the_backlog_shows_its_age_until_the_end():
    found = trial(sample(31.0, state((0, 9), (30, 30)), state((0, 9), (30, 30))), sample(34.0, state((0, 30)), state((0, 31))))
    assert found.ages == pytest.approx([1.0, 4.0])


def test_one_that_fills_first_and_is_never_live_is_not_live():
    found = trial(sample(35.0, state((0, 29)), state((0, 29))))
    assert (found.first_s, found.live_s, found.filled_s) == pytest.approx((5.0, None, 5.0))
    assert found.ages == []
