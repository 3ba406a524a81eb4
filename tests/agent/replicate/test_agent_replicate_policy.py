"""Targets follow health by the table of policy.py: at once when a copy is at stake, at a cut when not."""

import pytest

from watchkeep.agent.replicate.health import Health, HealthLimits
from watchkeep.agent.replicate.policy import (
    Answered,
    Broken,
    CameraPolicy,
    Configured,
    CopyPolicy,
    Crowded,
    Failed,
    HealthChanged,
    Known,
    Moved,
    PauseEnded,
    Placed,
    Rested,
    Retarget,
    Tick,
    Waiting,
)
from watchkeep.agent.replicate.rank import choose

H, U, R, P = Health.HEALTHY, Health.UNHEALTHY, Health.HOLDING, Health.PAUSED
C, W = Health.COLD, Health.WAKING


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
        (1, (P, H, H), "", "b"),
        (2, (P, U, H), "", "ac"),
        (2, (P, U, U), "", "ab"),
        (1, (P, U, C), "", "c"),
        (1, (U, W, R), "b", "c"),
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
    assert policy.handle(Tick(), 1e6) == [HealthChanged("a", R, H, "")]
    assert policy.targets("cam0") == ("b",)
    assert policy.handle(Moved("a"), 1e6) == [HealthChanged("a", H, H, ""), Retarget("cam0", ("a",), 1, at_cut=True)]
    assert policy.handle(Moved("a"), 1e6 + 1) == []


def pair(one: str, other: str = "auto", order: str = "abc", copies: int = 1) -> tuple[CameraPolicy, CameraPolicy]:
    return tuple(CameraPolicy(f"cam{number}", copies, tuple(order), failback=failback) for number, failback in enumerate((one, other)))  # type: ignore[return-value, arg-type]


def missed(policy: CopyPolicy, name: str, at: float) -> None:
    """It fails, answers a second later, and its hold-down is over."""
    policy.handle(Broken(name, "refused"), at)
    policy.handle(Answered(name), at + 1)
    policy.handle(Tick(), at + 61)


@pytest.mark.parametrize("limits", ["auto", "sticky"])
def test_each_camera_has_a_failback_of_its_own(limits: str) -> None:
    policy = site(failback=limits)
    policy.handle(Configured(pair("sticky")), 0.5)
    missed(policy, "a", 1.0)
    assert [policy.targets(camera) for camera in ("cam0", "cam1")] == [("b",), ("a",)]
    policy.handle(Broken("b", "refused"), 100.0)
    assert [policy.targets(camera) for camera in ("cam0", "cam1")] == [("c",), ("a",)]
    policy.handle(Broken("c", "refused"), 101.0)
    assert policy.targets("cam0") == ("a",), "one that was away is better than none"
    missed(policy, "b", 102.0)
    assert policy.targets("cam0") == ("a",)
    missed(policy, "c", 200.0)
    assert policy.handle(Moved("b"), 300.0) == [], "a is the first of the list"


def test_a_change_of_failback_moves_nobody_but_who_has_waited_for_it() -> None:
    policy = site()
    policy.handle(Configured(pair("sticky")), 0.5)
    missed(policy, "a", 1.0)
    assert policy.handle(Configured(pair("sticky", "sticky")), 100.0) == [], "cam1 is on a again, and stays there"
    assert policy.handle(Configured(pair("auto", "sticky")), 101.0) == [Retarget("cam0", ("a",), 1, at_cut=True)]
    assert policy.handle(Configured(pair("sticky", "sticky")), 102.0) == []


def test_a_sticky_camera_that_is_new_or_has_a_new_list_follows_it_whoever_was_away() -> None:
    policy = site()
    policy.handle(Configured(pair("sticky")), 0.5)
    for name in "abc":
        missed(policy, name, {"a": 1.0, "b": 100.0, "c": 200.0}[name])
    policy.handle(Configured((CameraPolicy("new", 1, ("b", "a"), failback="sticky"),)), 300.0)
    assert policy.targets("new") == ("b",)
    relisted = pair("sticky", order="bca")
    assert policy.handle(Configured(relisted[:1]), 301.0) == [Retarget("cam0", ("b",), 1, at_cut=False)]
    assert policy.handle(Tick(), 302.0) == []


def test_giving_a_camera_back_long_after_the_hold_down_is_what_sticky_waits_for_too() -> None:
    policy = site()
    policy.handle(Configured(pair("sticky")), 0.5)
    missed(policy, "a", 1.0)
    assert policy.handle(Placed(("cam0",), None), 100.0) == [Retarget("cam0", ("a",), 1, at_cut=True)]


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


def paused(copies: int = 1) -> CopyPolicy:
    """a has announced a maintenance of 100 s at 10, and was last heard then."""
    policy = site(copies)
    assert policy.handle(Answered("a", 100.0), 10.0) == [HealthChanged("a", H, P, "in maintenance")]
    return policy


def test_nobody_takes_over_from_one_in_maintenance_until_it_is_overdue() -> None:
    policy = paused()
    assert policy.handle(Broken("a", "refused"), 20.0) == []
    assert (policy.targets("cam0"), policy.next_deadline()) == (("a",), 110.0)
    why = "it has not come back from its maintenance: refused"
    assert policy.handle(Tick(), 110.0) == [HealthChanged("a", P, U, why), Retarget("cam0", ("b",), 1, at_cut=False)]


def test_one_that_comes_back_from_maintenance_is_in_full_use_at_once_and_nothing_has_moved() -> None:
    policy = paused()
    policy.handle(Broken("a", "refused"), 20.0)
    assert policy.handle(Answered("a"), 40.0) == [HealthChanged("a", P, H, "")]


@pytest.mark.parametrize("known", [False, True])
def test_one_in_its_hold_down_is_waited_for_too_and_goes_back_to_it(known: bool) -> None:
    policy = site()
    for name in "abc":
        policy.handle(Broken(name, "refused"), 1.0)
    if known:
        policy.handle(Answered("a"), 2.0)
    assert policy.targets("cam0") == ("a",)
    policy.handle(Answered("a", 100.0), 10.0)
    for name in "bc":
        policy.handle(Answered(name), 11.0)
    assert policy.handle(Broken("a", "refused"), 20.0) == [], "a planned restart moves no camera"
    assert policy.handle(Answered("a"), 40.0) == [HealthChanged("a", P, R, "")]
    assert policy.targets("cam0") == ("a",)


def test_one_that_was_replaced_before_its_maintenance_does_not_come_back_sooner_by_it() -> None:
    policy = site()
    policy.handle(Broken("a", "refused"), 1.0)
    policy.handle(Answered("a", 100.0), 2.0)
    policy.handle(Answered("a"), 10.0)
    assert (policy.targets("cam0"), policy.next_deadline()) == (("b",), 70.0)
    policy.handle(Answered("a", 100.0), 20.0)
    policy.handle(Placed(("cam0",), None), 30.0)
    assert policy.handle(Answered("a"), 40.0) == [HealthChanged("a", P, H, ""), Retarget("cam0", ("a",), 1, at_cut=True)]


def test_maintenance_ends_for_a_camera_whose_other_archiver_fails() -> None:
    policy = paused(copies=2)
    policy.handle(Configured((CameraPolicy("cam0", 2, ("a", "b", "c", "d")),)), 11.0)
    policy.handle(Known(frozenset("abcd")), 11.0)
    policy.handle(Broken("a", "refused"), 20.0)
    assert policy.targets("cam0") == ("a", "b")
    assert policy.handle(Broken("b", "refused"), 30.0)[1:] == [Retarget("cam0", ("c", "d"), 2, at_cut=False)]


def test_without_a_fourth_archiver_the_spare_takes_the_place_of_the_dead_one_and_maintenance_goes_on() -> None:
    policy = paused(copies=2)
    policy.handle(Broken("a", "refused"), 20.0)
    assert policy.handle(Broken("b", "refused"), 30.0)[1:] == [Retarget("cam0", ("a", "c"), 2, at_cut=False)]
    assert policy.handle(Tick(), 100.0) == []


def test_two_in_maintenance_are_not_both_waited_for() -> None:
    policy = paused(copies=2)
    assert policy.handle(Answered("b", 100.0), 11.0)[1:] == [Retarget("cam0", ("a", "c"), 2, at_cut=True)]


def test_a_new_camera_does_not_go_to_one_in_maintenance_while_another_is_there() -> None:
    policy = paused()
    policy.handle(Configured((CameraPolicy("cam1", 1, ("a", "b")), CameraPolicy("cam2", 1, ("a",)))), 20.0)
    assert (policy.targets("cam1"), policy.targets("cam2")) == (("b",), ("a",))


def test_a_crowded_journal_waits_for_nobody_that_is_silent() -> None:
    policy = paused()
    policy.handle(Broken("a", "refused"), 20.0)
    assert policy.handle(Crowded(crowded=True), 30.0) == [PauseEnded(("a",)), Retarget("cam0", ("b",), 1, at_cut=False)]
    assert policy.handle(Crowded(crowded=True), 31.0) == []
    assert policy.handle(Crowded(crowded=False), 32.0) == []
    assert policy.targets("cam0") == ("b",)


def test_one_that_falls_silent_when_it_is_not_waited_for_gives_up_at_once_what_is_owed_to_it() -> None:
    policy = paused()
    assert policy.handle(Crowded(crowded=True), 20.0) == [Retarget("cam0", ("b",), 1, at_cut=True)]
    assert policy.handle(Broken("a", "refused"), 21.0) == [PauseEnded(("a",)), Retarget("cam0", ("b",), 1, at_cut=False)]


def with_standby(copies: int = 1, order: str = "abc") -> CopyPolicy:
    """c is a cold standby."""
    policy = CopyPolicy(HealthLimits(), cold="c")
    policy.handle(Configured((CameraPolicy("cam0", copies, tuple(order)),)), 0.0)
    policy.handle(Known(frozenset(order)), 0.0)
    assert policy.health("c").state is C
    return policy


def test_a_cold_standby_is_woken_when_it_becomes_a_target() -> None:
    policy = with_standby(order="ac")
    assert policy.handle(Broken("a", "refused"), 1.0) == [
        HealthChanged("a", H, U, "refused"), Retarget("cam0", ("c",), 1, at_cut=False), HealthChanged("c", C, W, "")]  # fmt: skip
    assert policy.handle(Broken("c", "no route"), 2.0) == []
    assert policy.handle(Answered("c"), 60.0) == [HealthChanged("c", W, H, "")]
    assert policy.targets("cam0") == ("c",)


def test_one_that_does_not_wake_is_passed_over() -> None:
    policy = with_standby(order="acb", copies=2)
    policy.handle(Broken("a", "refused"), 1.0)
    assert (policy.targets("cam0"), policy.health("c").state) == (("c", "b"), W)
    assert policy.handle(Tick(), 301.0)[0].why.startswith("it was woken and has not answered")  # type: ignore[union-attr]
    assert policy.targets("cam0") == ("a", "b")


def test_an_archiver_in_its_hold_down_goes_before_one_that_wakes_and_after_one_that_is_awake() -> None:
    policy = with_standby(order="ac")
    policy.handle(Broken("a", "refused"), 1.0)
    assert policy.handle(Answered("a"), 2.0)[1:] == [Retarget("cam0", ("a",), 1, at_cut=False)]
    policy = with_standby(order="ac")
    policy.handle(Broken("a", "refused"), 1.0)
    policy.handle(Answered("c"), 2.0)
    assert policy.handle(Answered("a"), 3.0)[1:] == []
    assert policy.handle(Tick(), 63.0)[1:] == [Retarget("cam0", ("a",), 1, at_cut=True)]


def test_it_rests_only_when_nobody_uses_it_whatever_its_place_in_the_list() -> None:
    policy = with_standby(order="ca")
    assert policy.targets("cam0") == ("a",)
    policy.handle(Broken("a", "refused"), 1.0)
    policy.handle(Answered("c"), 2.0)
    assert policy.handle(Rested("c"), 3.0) == []
    policy.handle(Answered("a"), 4.0)
    policy.handle(Tick(), 64.0)
    assert policy.targets("cam0") == ("a",)
    assert policy.handle(Rested("c"), 700.0) == [HealthChanged("c", H, C, "")]


def test_a_plain_archiver_never_rests() -> None:
    assert with_standby().handle(Rested("b"), 1e6) == []


def test_an_operator_puts_an_archiver_first_from_the_next_cut_on_and_gives_the_camera_back() -> None:
    policy = site()
    assert policy.handle(Placed(("cam0",), "c"), 1.0) == [Retarget("cam0", ("c",), 1, at_cut=True)]
    assert policy.moved_to("cam0") == "c"
    assert policy.handle(Broken("c", "refused"), 2.0)[1:] == [Retarget("cam0", ("a",), 1, at_cut=False)]
    assert policy.handle(Answered("c"), 3.0)[1:] == []
    assert policy.handle(Tick(), 63.0)[1:] == [Retarget("cam0", ("c",), 1, at_cut=True)]
    assert policy.handle(Placed(("cam0",), None), 64.0) == [Retarget("cam0", ("a",), 1, at_cut=True)]
    assert policy.moved_to("cam0") == ""


def test_giving_cameras_back_ends_what_sticky_waits_for() -> None:
    policy = site(failback="sticky")
    policy.handle(Broken("a", "refused"), 1.0)
    policy.handle(Answered("a"), 2.0)
    assert policy.handle(Placed(("cam0",), "a"), 2.5) == [Retarget("cam0", ("a",), 1, at_cut=True)], "the others that use b stay there"
    policy.handle(Placed(("cam0",), "b"), 2.6)
    assert policy.handle(Placed(("cam0",), None), 3.0) == [HealthChanged("a", R, H, ""), Retarget("cam0", ("a",), 1, at_cut=True)]


def test_a_cold_standby_that_an_operator_wants_is_woken() -> None:
    policy = with_standby(order="abc")
    assert policy.handle(Placed(("cam0",), "c"), 1.0) == [Retarget("cam0", ("c",), 1, at_cut=True), HealthChanged("c", C, W, "")]
