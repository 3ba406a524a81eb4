"""Targets follow health by the table of policy.py: at once when a copy is at stake, at a cut when not."""

import pytest

from watchkeep.agent.replicate.health import Health, HealthLimits
from watchkeep.agent.replicate.policy import (
    Answered,
    Broken,
    CameraPolicy,
    Configured,
    CopyPolicy,
    Failed,
    HealthChanged,
    Known,
    Moved,
    Retarget,
    Tick,
    Waiting,
    choose,
)

H, U, R = Health.HEALTHY, Health.UNHEALTHY, Health.HOLDING


@pytest.mark.parametrize(
    ("copies", "states", "in_use", "expected"),
    [
        (1, (H, H, H), "", "a"),
        (2, (H, H, H), "", "ab"),
        (1, (U, H, H), "a", "b"),
        (2, (U, H, H), "ab", "bc"),
        (1, (R, H, H), "b", "b"),
        (1, (R, U, U), "b", "a"),
        (1, (R, R, U), "b", "b"),
        (2, (R, R, H), "bc", "bc"),
        (1, (U, U, U), "c", "a"),
        (2, (U, H, U), "bc", "ab"),
        (3, (H, H, H), "", "abc"),
        (5, (H, U, R), "", "abc"),
    ],
)
def test_choose(copies: int, states: tuple[Health, ...], in_use: str, expected: str) -> None:
    assert choose("abc", copies, dict(zip("abc", states, strict=True)), in_use) == tuple(expected)


def test_choose_ignores_unknown_and_repeated_names() -> None:
    assert choose(["x", "b", "b", "a"], 2, {"a": H, "b": H}, ()) == ("b", "a")


def site(copies: int = 1, **limits: float | str) -> CopyPolicy:
    policy = CopyPolicy(HealthLimits(**limits))  # type: ignore[arg-type]
    policy.handle(Configured((CameraPolicy("cam0", copies, ("a", "b", "c")),)), 0.0)
    assert policy.handle(Known(frozenset("abc")), 0.0) == [Retarget("cam0", tuple("abc")[:copies], copies, at_cut=False)]
    return policy


def test_takeover_is_at_once_and_failback_at_a_cut_after_the_hold_down() -> None:
    policy = site()
    assert policy.handle(Broken("a", "refused"), 1.0) == [HealthChanged("a", H, U, "refused"), Retarget("cam0", ("b",), 1, at_cut=False)]
    assert policy.handle(Answered("a"), 2.0) == [HealthChanged("a", U, R, "")]
    assert policy.targets("cam0") == ("b",)
    assert policy.next_deadline() == 62.0
    assert policy.handle(Tick(), 61.9) == []
    assert policy.handle(Tick(), 62.0) == [HealthChanged("a", R, H, ""), Retarget("cam0", ("a",), 1, at_cut=True)]


@pytest.mark.parametrize("many", [1, 5])
def test_status_500_counts_when_it_lasts(many: int) -> None:
    policy = site()
    policy.handle(Waiting("a"), 10.0)
    for at in range(many):
        assert policy.handle(Failed("a", "status 500"), 10.0 + at / 5) == []
        policy.handle(Waiting("a"), 10.1 + at / 5)
    assert policy.next_deadline() == 12.0
    assert policy.handle(Tick(), 12.0)[0] == HealthChanged("a", H, U, "status 500")


def test_sticky_leaves_the_stand_in_until_it_fails_or_the_operator_says_so() -> None:
    policy = site(failback="sticky")
    policy.handle(Broken("a", "refused"), 1.0)
    policy.handle(Answered("a"), 2.0)
    assert policy.handle(Tick(), 1e6) == []
    assert policy.targets("cam0") == ("b",)
    assert policy.handle(Moved("a"), 1e6)[1] == Retarget("cam0", ("a",), 1, at_cut=True)


def test_when_all_fail_the_list_rules_and_the_first_back_takes_all() -> None:
    policy = site()
    for name in "abc":
        policy.handle(Broken(name, "refused"), 1.0)
    assert policy.targets("cam0") == ("a",)
    policy.handle(Answered("c"), 2.0)
    assert policy.targets("cam0") == ("c",)
    assert policy.handle(Answered("a"), 3.0) == [HealthChanged("a", U, R, "")]
    assert policy.targets("cam0") == ("c",)


def test_an_archiver_in_its_hold_down_is_better_than_none() -> None:
    policy = site(copies=3)
    policy.handle(Broken("b", "reset"), 1.0)
    assert policy.targets("cam0") == ("a", "b", "c")
    policy.handle(Answered("b"), 2.0)
    assert policy.targets("cam0") == ("a", "b", "c")


def test_an_archiver_that_leaves_is_replaced_at_once_and_a_new_one_takes_its_rank_at_a_cut() -> None:
    policy = site(copies=2)
    assert policy.handle(Known(frozenset("bc")), 1.0) == [Retarget("cam0", ("b", "c"), 2, at_cut=False)]
    assert policy.handle(Known(frozenset("abc")), 2.0) == [Retarget("cam0", ("a", "b"), 2, at_cut=True)]


def test_failure_of_an_archiver_no_longer_in_use_is_told_because_it_may_hold_old_chunks() -> None:
    policy = site()
    assert policy.handle(Broken("c", "refused"), 1.0) == [HealthChanged("c", H, U, "refused"), Retarget("cam0", ("a",), 1, at_cut=False)]


def test_a_list_of_none_means_every_known_archiver_by_id() -> None:
    policy = CopyPolicy()
    policy.handle(Configured((CameraPolicy("cam0", 2),)), 0.0)
    policy.handle(Known(frozenset(["z", "m"])), 0.0)
    assert policy.targets("cam0") == ("m", "z")
    assert policy.handle(Configured((CameraPolicy("cam0", 2, ("z",)),)), 1.0) == [Retarget("cam0", ("z",), 2, at_cut=False)]


def test_words_about_an_archiver_that_left_are_too_late() -> None:
    policy = site()
    policy.handle(Known(frozenset("ab")), 1.0)
    for event in (Waiting("c"), Answered("c"), Failed("c", ""), Broken("c", ""), Moved("c")):
        assert policy.handle(event, 2.0) == []
