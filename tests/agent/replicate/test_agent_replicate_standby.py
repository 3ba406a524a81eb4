"""When magic packets go out, and when a standby has not been needed for long enough."""

from watchkeep.agent.replicate.standby import FIRST_S, LAST_S, Rest, Waking


def times(until: float) -> list[float]:
    """When packets go to one that never wakes, looked at each tenth of a second."""
    waking = Waking()
    return [tick / 10 for tick in range(int(until * 10)) if waking.due(["c"], tick / 10)]


def test_packets_are_repeated_with_growing_pauses_up_to_a_bound() -> None:
    found = times(500.0)
    assert found[:5] == [0.0, FIRST_S, 3.0, 7.0, 15.0]
    assert found[-1] - found[-2] == LAST_S


def test_one_that_woke_is_sent_nothing_and_the_next_time_begins_anew() -> None:
    waking = Waking()
    assert waking.due(["b", "c"], 0.0) == ["b", "c"]
    assert waking.due(["b"], 0.5) == []
    assert waking.due(["b", "c"], 0.6) == ["c"]
    assert waking.due(["b", "c"], 1.0) == ["b"]


def test_rest_counts_from_when_it_was_needed_last() -> None:
    rest = Rest(10.0)
    assert not rest.look(0.0, needed=False)
    assert not rest.look(9.0, needed=True)
    assert not rest.look(10.0, needed=False)
    assert not rest.look(19.9, needed=False)
    assert rest.look(20.0, needed=False)
