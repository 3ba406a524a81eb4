"""Who has lived for long enough that cameras may go back there: a hold without a break, twice as long after each early death."""

from watchkeep.hub.directory.liveness import Life
from watchkeep.hub.directory.steady import FORGIVEN_S, HOLD_S, LONGEST_S, Steadiness

LIVES, GONE, SUSPECT, NEW = Life.LIVES, Life.GONE, Life.SUSPECT, Life.NEW


def died(made: Steadiness, at: float) -> float:
    made.look({"e": LIVES}, at)
    made.look({"e": GONE}, at + 1)
    return at + 2


def holds(made: Steadiness, at: float, expected_s: float) -> float:
    """It comes back at `at`, is steady after this hold and not before, and dies; returns when."""
    assert not made.look({"e": LIVES}, at)
    assert not made.look({"e": LIVES}, at + expected_s - 0.1)
    assert made.look({"e": LIVES}, at + expected_s)
    assert made.steady == {"e"}
    assert not made.look({"e": LIVES}, at + expected_s), "only once"
    assert not made.look({"e": GONE}, at + expected_s + 1)
    assert made.steady == frozenset()
    return at + expected_s + 2


def test_each_early_death_doubles_the_hold_up_to_an_hour() -> None:
    made = Steadiness()
    at = holds(made, 0.0, HOLD_S)
    for hold_s in (60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0, 3840.0):
        at = holds(made, at, hold_s)
    assert (HOLD_S, LONGEST_S) == (60.0, 3840.0)


def test_a_death_before_the_hold_is_over_counts_and_one_after_a_day_does_not() -> None:
    made = Steadiness()
    at = holds(made, died(made, died(made, died(made, 0.0))), 4 * HOLD_S)
    made.look({"e": LIVES}, at)
    made.look({"e": GONE}, at + FORGIVEN_S)
    holds(made, at + FORGIVEN_S + 1, HOLD_S)


def test_a_break_begins_the_same_hold_anew() -> None:
    made = Steadiness()
    made.look({"e": LIVES}, 0.0)
    for life in (SUSPECT, NEW):
        made.look({"e": life}, 50.0)
        assert not made.look({"e": LIVES}, 51.0)
        assert not made.look({"e": LIVES}, 110.9)
        assert made.look({"e": LIVES}, 111.0)
        assert not made.look({"e": life}, 0.0)
        assert made.steady == frozenset()


def test_one_that_was_never_heard_has_not_died_and_one_that_is_removed_is_forgotten() -> None:
    made = Steadiness()
    made.look({"e": NEW}, 0.0)
    made.look({"e": GONE}, 20.0)
    at = holds(made, holds(made, 30.0, HOLD_S), HOLD_S)
    made.look({}, at)
    holds(made, at + 1, HOLD_S)
