"""Stamps of real cameras and their oddities: agent/timing.py."""

import itertools

import pytest
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
    assert anchor.utc_ns(0) == 4_100_000_000


def arrivals(seconds, *, fps=25, ppm=0.0, late=lambda stream_s: 0.0):
    """(stream ns, arrival ns) of a camera whose clock runs ppm slow and whose frames are late by what `late` says."""
    for number in range(int(seconds * fps)):
        true_s = number / fps
        yield int(true_s * (1 - ppm / 1e6) * 1e9), int((true_s + late(true_s)) * 1e9)


def worst_error_ms(anchor, frames):
    """The most that the anchored UTC of a chunk is away from when its first frame was taken; cut when the next one's comes."""
    worst, start = 0.0, None
    for stream_ns, arrival_ns, true_ns in frames:
        anchor.arrived(stream_ns, arrival_ns)
        if true_ns % 1_000_000_000 == 0:
            if start is not None:
                worst = max(worst, abs(anchor.utc_ns(start[0]) - start[1]) / 1e6)
            start = stream_ns, true_ns
    return worst


def with_truth(frames, fps):
    return ((stream, arrival, number * 1_000_000_000 // fps) for number, (stream, arrival) in enumerate(frames))


@pytest.mark.parametrize("ppm", [100, -100, 0])
def test_over_24_hours_of_100_ppm_spans_stay_within_a_frame(ppm):
    frames = with_truth(arrivals(86_400, fps=2, ppm=ppm), 2)
    assert worst_error_ms(WallAnchor(), frames) < 15


def test_large_key_frames_and_network_stalls_do_not_move_utc_by_a_frame():
    def late(at):
        stalled = max(0.0, 30 - at % 600) if at % 600 >= 1 else 0.0  # every 10 minutes nothing comes through for half a minute
        return stalled + (0.3 if at % 1 == 0 else 0.02 * (at * 7 % 1))  # key frames take 0.3 s, others jitter

    assert worst_error_ms(WallAnchor(), with_truth(arrivals(7_200, fps=25, ppm=50, late=late), 25)) < 40


def test_anchor_slews_no_faster_than_500_ppm_whatever_the_clock_does():
    anchor = WallAnchor()
    anchor.arrived(0, 1_000_000_000)
    before = anchor.utc_ns(0)
    for second in range(1, 400):
        anchor.arrived(second * 1_000_000_000, 86_400_000_000_000)
        now = anchor.utc_ns(second * 1_000_000_000)
        assert abs(now - before - 1_000_000_000) <= SLEW_PPM * 1000
        before = now


def test_a_jump_between_key_frames_keeps_the_pace_and_the_epoch_starts_at_the_next_key_frame():
    clock, out = TrackClock(90_000, 90_000), []
    for number in range(30):
        stamp = number * 3000 + (900_000_000 if number >= 12 else 0)
        out += clock.stamp(number, stamp, stamp, 3000, key=number % 10 == 0)
    assert [timed.frame for timed in out if timed.jump] == [20]
    assert [timed.dts for timed in out[:20]] == [3000 * number for number in range(20)]
    assert [timed.pts for timed in out[:20]] == [timed.dts for timed in out[:20]]
    assert [timed.dts for timed in out[20:]] == [900_000_000 + 3000 * number for number in range(20, 30)]


@pytest.mark.parametrize("bits", [32, 33])
def test_a_counter_that_turns_over_is_no_jump(bits):
    start = (1 << bits) - 7 * 3000
    stamps = [((start + n * 3000 + 6000) % (1 << bits), (start + n * 3000) % (1 << bits), 3000) for n in range(20)]
    out = run(stamps)
    assert not any(timed.jump for timed in out)
    assert [timed.dts for timed in out] == [start + n * 3000 for n in range(20)]
    assert {timed.pts - timed.dts for timed in out} == {6000}


def test_a_slow_camera_without_dts_is_timed_by_its_pts_and_not_held_for_long():
    clock = TrackClock(90_000, 90_000)
    out = [list(clock.stamp(number, number * 90_000, None, 0)) for number in range(6)]
    assert [len(some) for some in out] == [0, 2, 1, 1, 1, 1]
    assert [timed.dts for some in out for timed in some] == [number * 90_000 for number in range(6)]


def test_a_frame_without_dts_between_others_takes_no_more_than_its_pts():
    out = run([(0, 0, 0), (3600, 3600, 0), (7200, None, 0), (10_800, 10_800, 0)])
    assert [timed.dts for timed in out] == [0, 3600, 7200, 10_800]


@pytest.mark.parametrize("absurd", [1 << 62, -(1 << 62), (1 << 63) - 1])
def test_absurd_stamps_are_as_good_as_none(absurd):
    out = run([(0, 0, 3000), (absurd, absurd, 3000), (6000, 6000, 3000), (absurd, 9000, absurd)])
    assert [timed.frame for timed in out] == [0, 1, 2, 3]
    assert all(abs(timed.pts - timed.dts) <= 900_000 and abs(timed.dts) < 1 << 59 and timed.duration < 1 << 32 for timed in out)


def test_an_unreliable_make_begins_anew_when_its_clock_is_set_by_3_seconds():
    clock = TrackClock(90_000, 90_000, forward_limit_s=2)
    out = [timed for n, dts in enumerate((0, 3000, 276_000)) for timed in clock.stamp(n, dts, dts, 3000)]
    assert [timed.jump for timed in out] == [False, False, True]


STAMP = st.one_of(st.none(), st.integers(-(1 << 34), 1 << 34), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 300_000))


@given(st.lists(st.tuples(STAMP, STAMP, st.integers(0, 1 << 40), st.booleans()), max_size=60))
def test_whatever_a_camera_stamps_the_ring_takes_it(frames):
    clock = TrackClock(90_000, 90_000)
    out = [timed for n, (pts, dts, length, key) in enumerate(frames) for timed in clock.stamp(n, pts, dts, length, key=key)]
    out += list(clock.flush())
    assert [timed.frame for timed in out] == list(range(len(frames)))
    for timed in out:
        assert abs(timed.dts) < 1 << 59
        assert abs(timed.pts - timed.dts) <= 900_000
        assert 0 <= timed.duration <= 900_000
    for before, after in itertools.pairwise(out):
        assert after.dts > before.dts or (after.jump and frames[after.frame][3])
