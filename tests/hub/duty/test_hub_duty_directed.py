"""How long an archiver keeps video when the directory says so: what counts, from when on, and what is told of it."""

import pytest

from watchkeep.hub.duty.directed import FOR_EVER, MIN_DAYS, UNDO_S, Follower, Retention, peers
from watchkeep.wire.desired import ArchiverDesired, DesiredArchiver
from watchkeep.wire.errors import FormatError
from watchkeep.wire.follow import Verdict


def document(index: int, days: float | None = None, *, term: int = 8, who: str = "a", site: str = "demo",
             urls: str = "") -> ArchiverDesired:  # fmt: skip
    listed = tuple(DesiredArchiver(id=name, url=f"http://{name}:1") for name in urls)
    return ArchiverDesired(site=site, archiver=who, term=term, index=index, retention_days=days, peers=listed)


def counts(made: Retention, now: float) -> tuple[float, float]:
    """(wanted days, days that are spared)."""
    made.tick(now)
    return made.days, made.spared


def test_before_the_directory_has_ever_said_anything_age_deletes_nothing_however_long() -> None:
    made = Retention(30, None, 0.0)
    assert counts(made, 100 * UNDO_S) == (30, FOR_EVER)
    assert made.heard(document(4, 90), 100 * UNDO_S) == "video is kept for 90 days from now on, 30 before, as the directory says at 8.4"
    assert counts(made, 101 * UNDO_S - 1) == (90, FOR_EVER)
    assert counts(made, 101 * UNDO_S) == (90, 0)


def test_what_was_told_before_a_start_counts_and_deletes_an_hour_later() -> None:
    made = Retention(30, document(4, 7), 0.0)
    assert counts(made, UNDO_S - 1) == (7, FOR_EVER)
    assert counts(made, UNDO_S) == (7, 0)
    assert made.heard(document(5, 7), UNDO_S) == ""
    assert counts(made, UNDO_S) == (7, 0), "what changed was something else"


def test_more_days_count_at_once_and_fewer_an_hour_after_they_were_told() -> None:
    made = Retention(30, document(4, 30), 0.0)
    made.tick(UNDO_S)
    assert made.heard(document(5, 60), UNDO_S)
    assert counts(made, UNDO_S) == (60, 0)
    said = made.heard(document(6, 7), 2 * UNDO_S)
    assert said == "video is kept for 7 days from now on, 60 before, as the directory says at 8.6: what is older is deleted in 60 minutes"
    assert counts(made, 3 * UNDO_S - 1) == (7, 60)
    assert counts(made, 3 * UNDO_S) == (7, 0)


def test_a_number_that_is_put_right_within_the_hour_has_deleted_nothing_and_one_that_sinks_in_steps_spares_the_first() -> None:
    made = Retention(30, document(4, 30), 0.0)
    made.tick(UNDO_S)
    made.heard(document(5, 3), UNDO_S)
    made.heard(document(6, 2), 1.5 * UNDO_S)
    assert counts(made, 2 * UNDO_S) == (2, 30)
    made.heard(document(7, 30), 2 * UNDO_S)
    assert counts(made, 9 * UNDO_S) == (30, 0)


def test_the_directory_may_not_say_less_than_a_day_and_what_it_does_not_say_is_the_default() -> None:
    made = Retention(30, document(4, 30), 0.0)
    assert "(it says 0.01; less than 1 only hub.toml can say)" in made.heard(document(5, 0.01), 0.0)
    assert made.days == MIN_DAYS
    assert "30 days from now on, 1 before, as nobody says otherwise" in made.heard(document(6), 0.0)
    assert Retention(30, document(4, 0.01), 0.0).days == MIN_DAYS


def test_a_directory_that_does_not_know_this_archiver_leaves_it_the_default_or_what_was_said_before() -> None:
    made = Retention(30, None, 0.0)
    assert made.heard(None, 10.0) == ""
    assert made.heard(None, 20.0) == ""
    assert counts(made, 9 + UNDO_S) == (30, FOR_EVER)
    assert counts(made, 10 + UNDO_S) == (30, 0)
    told = Retention(30, document(4, 90), 0.0)
    assert told.heard(None, 10.0) == ""
    assert told.days == 90


@pytest.mark.parametrize("wrong", [
    document(9, who="b"), document(9, site="other"), document(9, urls="bb"), document(3), document(99, term=7),
])  # fmt: skip
def test_documents_of_others_and_earlier_ones_are_refused(wrong: ArchiverDesired) -> None:
    made = Follower("demo", "a", ["http://one"], document(4))
    with pytest.raises(FormatError) as caught:
        made.answered(wrong)
    assert caught.value.remedy
    assert "agent" not in caught.value.line()
    assert made.at == (8, 4)
    assert made.answered(document(5)) is Verdict.NEWS


def test_peers_are_those_that_can_be_reached() -> None:
    listed = (DesiredArchiver(id="b", url="http://b:1"), DesiredArchiver(id="c", url="https://c:1"))
    assert peers(document(4).model_copy(update={"peers": listed})) == {"b": "http://b:1"}
    assert peers(None) == {}
