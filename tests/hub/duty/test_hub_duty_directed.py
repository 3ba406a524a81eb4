"""How long an archiver keeps video when the directory says so: what counts, from when on, and what is told of it."""

import pytest

from watchkeep.hub.duty.directed import FOR_EVER, MIN_DAYS, UNDO_S, Follower, Retention, peers
from watchkeep.wire.desired import ArchiverDesired, DesiredArchiver
from watchkeep.wire.errors import FormatError
from watchkeep.wire.follow import Verdict


def document(index: int, days: float | None = None, *, term: int = 8, who: str = "a", site: str = "demo",
             urls: str = "", **cameras: float) -> ArchiverDesired:  # fmt: skip
    listed = tuple(DesiredArchiver(id=name, url=f"http://{name}:1") for name in urls)
    return ArchiverDesired(site=site, archiver=who, term=term, index=index, retention_days=days, peers=listed, retention=cameras)


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


def rules(made: Retention, now: float) -> tuple[float, float, dict[str, float]]:
    """As the store gets them: a camera with days of its own is spared nothing there."""
    made.tick(now)
    assert not (made.spared and made.cameras)
    return made.days, made.spared, dict(made.cameras)


def test_days_of_single_cameras_count_at_once_when_they_are_more_and_an_hour_later_when_they_are_fewer() -> None:
    made = Retention(30, document(4), 0.0)
    assert rules(made, UNDO_S) == (30, 0, {})
    assert made.heard(document(5, door=90, gate=90), UNDO_S) == (
        "video of door, gate is kept for 90 days from now on, 30 before, as the directory says at 8.5")  # fmt: skip
    assert rules(made, UNDO_S) == (30, 0, {"door": 90, "gate": 90})
    said = made.heard(document(6, door=7, gate=90), 2 * UNDO_S)
    assert said == ("video of door is kept for 7 days from now on, 90 before, as the directory says at 8.6: "
                    "what is older is deleted in 60 minutes")  # fmt: skip
    assert rules(made, 3 * UNDO_S - 1) == (30, 90, {}), "everybody's is spared, for as long as anybody's was kept"
    assert rules(made, 3 * UNDO_S) == (30, 0, {"door": 7, "gate": 90})


def test_a_camera_that_loses_its_own_days_is_spared_what_it_had() -> None:
    made = Retention(30, document(4, 7, door=90), 0.0)
    made.tick(UNDO_S)
    assert "video of door is kept for 7 days from now on, 90 before" in made.heard(document(5, 7), UNDO_S)
    assert rules(made, 2 * UNDO_S - 1) == (7, 90, {})
    assert "video of door is kept for 400 days" in made.heard(document(6, 7, door=400), 2 * UNDO_S - 1)
    assert rules(made, 2 * UNDO_S - 1) == (7, 400, {}), "what is kept for longer is spared for longer, in the same hour"
    assert rules(made, 2 * UNDO_S) == (7, 0, {"door": 400})


def test_a_general_number_that_sinks_moves_those_that_have_none_of_their_own() -> None:
    made = Retention(30, document(4, 60, door=90), 0.0)
    made.tick(UNDO_S)
    said = made.heard(document(5, 30, door=90, gate=0.5), UNDO_S)
    assert said == ("video is kept for 30 days from now on, 60 before; video of gate is kept for 1 days from now on, 60 before, "
                    "as the directory says at 8.5: what is older is deleted in 60 minutes")  # fmt: skip
    assert rules(made, 2 * UNDO_S) == (30, 0, {"door": 90, "gate": MIN_DAYS})


def test_cameras_whose_days_hub_toml_says_are_left_alone_and_many_are_counted() -> None:
    made = Retention(30, document(4), 0.0, {"door": 5.0})
    made.tick(UNDO_S)
    assert made.heard(document(5, door=90), UNDO_S) == ""
    many = {f"cam{number:02}": 90.0 for number in range(20)}
    assert "video of cam00, cam01, cam02, cam03, cam04, cam05, cam06, cam07 and 12 more is kept" in made.heard(document(6, **many), UNDO_S)
    each = {f"cam{number:02}": 90.0 + number for number in range(20)}
    assert "; and 15 changes more, as" in made.heard(document(7, **each), UNDO_S)


def test_days_of_single_cameras_from_before_a_start_delete_an_hour_later() -> None:
    made = Retention(30, document(4, 30, door=7), 0.0)
    assert rules(made, UNDO_S - 1) == (30, FOR_EVER, {})
    assert rules(made, UNDO_S) == (30, 0, {"door": 7})


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
