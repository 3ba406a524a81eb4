"""Stamps of real cameras and their oddities: agent/timing.py."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.timing import DEFAULT_INTERVAL, SLEW_PPM, TrackClock, WallAnchor


def run(frames, source=90_000, ticks=90_000):
    clock = TrackClock(source, ticks)
    out = [timed for number, (pts, dts, length) in enumerate(frames) for timed in clock.stamp(number, pts, dts, length)]
    return out + list(clock.flush())


def test_first_frame_without_dts_is_kept_and_placed_before_the_next():
    out = run([(None, None, 3000), (2999, 2999, 3000), (5999, 5999, 3000)])
    assert [(timed.frame, timed.dts) for timed in out] == [(0, -1), (1, 2999), (2, 5999)]
    assert not any(timed.jump for timed in out)


def test_a_camera_that_stamps_nothing_runs_on_its_frame_interval():
    out = run([(None, None, 0)] * 40)
    assert [timed.frame for timed in out] == list(range(40))
    assert {b.dts - a.dts for a, b in itertools.pairwise(out)} == {DEFAULT_INTERVAL}


def test_b_frames_keep_their_presentation_stamps():
    out = run([(6000, 0, 3000), (15000, 3000, 3000), (9000, 6000, 3000), (12000, 9000, 3000)])
    assert [timed.pts - timed.dts for timed in out] == [6000, 12000, 3000, 3000]


def test_small_steps_back_are_clamped_and_large_ones_are_jumps():
    out = run([(0, 0, 3000), (3000, 3000, 3000), (2990, 2990, 3000), (6000, 6000, 3000), (-500_000, -500_000, 3000)])
    assert [timed.dts for timed in out] == [0, 3000, 3001, 6000, -500_000]
    assert [timed.jump for timed in out] == [False, False, False, False, True]


def test_hours_forward_is_a_jump():
    out = run([(0, 0, 3000), (90_000 * 7200, 90_000 * 7200, 3000), (90_000 * 7200 + 3000, 90_000 * 7200 + 3000, 3000)])
    assert [timed.jump for timed in out] == [False, True, False]


def test_rescales_other_time_bases():
    assert [timed.dts for timed in run([(0, 0, 20), (20, 20, 20)], source=1000, ticks=8000)] == [0, 160]


@given(st.lists(st.one_of(st.none(), st.integers(-(1 << 33), 1 << 33)), max_size=60))
def test_no_frame_is_lost_and_stamps_rise_between_jumps(stamps):
    out = run([(stamp, stamp, 3000) for stamp in stamps])
    assert [timed.frame for timed in out] == list(range(len(stamps)))
    for before, after in itertools.pairwise(out):
        assert after.jump or after.dts > before.dts


def test_anchor_takes_the_earliest_arrival_of_a_burst():
    anchor = WallAnchor()
    for number in range(10):  # 10 frames of 100 ms stored before the session, delivered at once at t = 5 s
        anchor.arrived(number * 100_000_000, 5_000_000_000)
    assert anchor.utc_ns(0, 5_000_000_000) == 4_100_000_000


def test_anchor_slews_no_faster_than_500_ppm_whatever_the_clock_does():
    anchor = WallAnchor()
    anchor.arrived(0, 1_000_000_000)
    assert anchor.utc_ns(0, 1_000_000_000) == 1_000_000_000
    second = anchor.utc_ns(1_000_000_000, 86_400_000_000_000)
    assert second - 1_000_000_000 == 1_000_000_000 + SLEW_PPM * 1000
