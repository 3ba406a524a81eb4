"""The grid of ticks: each thread's place in it, and that nobody is given a moment that has passed."""

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.beat import next_beat

PERIODS = st.sampled_from([0.02, 0.1, 0.2, 0.5, 1.0])


@given(now=st.floats(0, 1e7), period=PERIODS, share=st.floats(0, 0.9))
def test_the_next_beat_is_ahead_by_a_period_at_most_and_in_its_place(now, period, share):
    place = share * period
    found = next_beat(now, period, place)
    assert now < found <= now + period + 1e-6
    turns = (found - place) / period
    assert abs(turns - round(turns)) < 1e-3


@given(now=st.floats(0, 1e7))
def test_the_writer_is_half_a_read_behind_the_pump(now):
    writer = next_beat(now, 0.2, 0.05)
    assert abs(next_beat(writer, 0.1) - writer - 0.05) < 1e-6
