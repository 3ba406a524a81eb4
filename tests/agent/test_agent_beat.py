"""The grid of ticks: each thread's place in it, and that nobody is given a moment that has passed."""

from math import gcd

from hypothesis import given
from hypothesis import strategies as st

from watchkeep import profiles
from watchkeep.agent.beat import next_beat, writers_place_s
from watchkeep.profiles.schema import PACES

PERIODS = st.sampled_from([0.02, 0.1, 0.2, 0.5, 1.0])


@given(now=st.floats(0, 1e7), period=PERIODS, share=st.floats(0, 0.9))
def test_the_next_beat_is_ahead_by_a_period_at_most_and_in_its_place(now, period, share):
    place = share * period
    found = next_beat(now, period, place)
    assert now < found <= now + period + 1e-6
    turns = (found - place) / period
    assert abs(turns - round(turns)) < 1e-3


@given(now=st.floats(0, 1e6), profile=st.sampled_from(profiles.names("recorders")), power=st.sampled_from([None, *PACES]))
def test_the_writer_never_works_when_the_pump_does(now, profile, power):
    """By any pace that a profile has, or a word: each beat of the writer is as far from the pump's as their grids allow."""
    pace = PACES[power] if power else profiles.recorder_profile(profile)
    apart = gcd(pace.read_ms, pace.tick_ms) / 2000
    assert apart >= 0.01
    place = writers_place_s(pace.read_ms, pace.tick_ms)
    for _ in range(12):
        now = next_beat(now, pace.tick_ms / 1000, place)
        ahead = next_beat(now, pace.read_ms / 1000) - now
        assert apart - 1e-6 <= ahead <= pace.read_ms / 1000 - apart + 1e-6
