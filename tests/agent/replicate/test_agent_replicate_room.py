"""The floor of an archiver: one class at a time, never all, never for longer than its holds; room.py and its part of policy.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.replicate.health import Health, HealthLimits
from watchkeep.agent.replicate.policy import (
    Answered,
    Broken,
    CameraPolicy,
    Configured,
    CopyPolicy,
    Full,
    HealthChanged,
    Known,
    Late,
    Rested,
    Retarget,
    RoomChanged,
    Tick,
)
from watchkeep.agent.replicate.room import CALM_S, MAX_HOLDS, Room

HOLD = 60.0
CLASSES = (3, 5, 9)


def test_up_and_down_as_drawn() -> None:
    room = Room(HOLD, 0.0)
    floors = [room.floor]
    for _ in range(3):
        room.is_full(CLASSES, 100.0, "status 507")
        floors.append(room.floor)
    assert floors == [0, 5, 9, 9], "9 alone is never left out"
    assert room.next_deadline() == 160.0
    assert not room.tick(CLASSES, 159.9)
    assert room.tick(CLASSES, 160.0)
    assert (room.floor, room.full) == (5, False)
    assert room.tick(CLASSES, 220.0)
    assert (room.floor, room.next_deadline()) == (0, None)


def test_one_class_is_never_left_out() -> None:
    room = Room(HOLD, 0.0)
    assert not room.is_full((5, 5, 5), 1.0, "status 507")
    assert (room.floor, room.full, room.next_deadline()) == (0, False, None)


def test_late_counts_only_when_nothing_has_moved_lately() -> None:
    room = Room(HOLD, 0.0)
    assert not room.is_late(CLASSES, CALM_S - 0.1, "late")
    room.moved(CALM_S)
    assert not room.is_late(CLASSES, CALM_S + 1, "late")
    assert room.is_late(CLASSES, 2 * CALM_S, "late")
    assert not room.is_late(CLASSES, 2 * CALM_S + 1, "late"), "the step itself has to show first"
    assert room.is_late(CLASSES, 3 * CALM_S, "late")
    assert room.floor == 9
    room.tick(CLASSES, 1000.0)
    assert not room.is_late(CLASSES, 1000.1, "late"), "whoever is let in again comes late"


def test_holds_double_up_to_the_limit_and_begin_anew_after_a_quiet_time() -> None:
    room, now, holds = Room(HOLD, 0.0), 1000.0, []
    for _ in range(5):
        assert room.is_full((3, 9), now, "status 507")
        until = room.next_deadline()
        assert until is not None
        holds.append((until - now) / HOLD)
        now = until
        assert room.tick((3, 9), now)
        now += 10.0
    assert holds == [1, 2, 4, MAX_HOLDS, MAX_HOLDS]
    now += MAX_HOLDS * HOLD + 2 * CALM_S
    assert room.is_full((3, 9), now, "status 507")
    assert room.next_deadline() == now + HOLD


events = st.lists(st.tuples(st.sampled_from(["full", "late", "tick", "moved", "cap"]), st.floats(0.0, 90.0)), max_size=60)


@given(st.sets(st.integers(0, 9), min_size=1), events)
def test_whatever_happens_the_highest_is_served_and_the_floor_ends(priorities: set[int], happened: list[tuple[str, float]]) -> None:
    room, now = Room(HOLD, 0.0), 0.0
    for kind, later in happened:
        now += later
        match kind:
            case "full":
                room.is_full(priorities, now, "")
            case "late":
                room.is_late(priorities, now, "")
            case "tick":
                room.tick(priorities, now)
            case "moved":
                room.moved(now)
            case _:
                room.cap(max(priorities))
        assert max(priorities) >= room.floor
        assert (room.floor > 0) == (room.next_deadline() is not None), "a floor always ends"
        assert room.floor > 0 or not room.full
    steps = 0
    while (deadline := room.next_deadline()) is not None:
        assert deadline - now <= MAX_HOLDS * HOLD
        now, steps = deadline, steps + 1
        room.tick(priorities, now)
    assert steps <= len(priorities)


def site() -> CopyPolicy:
    policy = CopyPolicy(HealthLimits(failback_hold_s=HOLD))
    cameras = [CameraPolicy(f"p{priority}", 1, ("a", "b"), priority) for priority in CLASSES] + [CameraPolicy("alone", 1, ("a",), 3)]
    policy.handle(Configured(tuple(cameras)), 0.0)
    policy.handle(Known(frozenset("ab")), 0.0)
    return policy


def test_the_lowest_go_to_the_next_of_their_list_at_once_and_return_at_a_cut() -> None:
    policy = site()
    assert policy.handle(Full("a", "status 507"), 100.0) == [
        RoomChanged("a", 0, 5, "status 507"), Retarget("p3", ("b",), 1, at_cut=False)]  # fmt: skip
    assert policy.targets("alone") == ("a",), "owed all the same, or it would be forgotten"
    assert policy.no_room("alone") == {"a": "status 507"}
    assert policy.order("a").full
    assert [policy.order("a").left_out(camera) for camera in ("p3", "alone", "p5", "p9")] == [True, True, False, False]
    assert policy.handle(Full("a", "status 507"), 101.0)[1:] == [Retarget("p5", ("b",), 1, at_cut=False)]
    assert policy.handle(Full("a", "status 507"), 102.0) == []
    assert policy.next_deadline() == 162.0
    assert policy.handle(Tick(), 162.0) == [RoomChanged("a", 9, 5, "status 507"), Retarget("p5", ("a",), 1, at_cut=True)]
    assert policy.handle(Tick(), 222.0) == [RoomChanged("a", 5, 0, "status 507"), Retarget("p3", ("a",), 1, at_cut=True)]
    assert policy.no_room("p3") == {}


def test_without_room_is_better_than_unhealthy_and_worse_than_anything_else() -> None:
    policy = site()
    policy.handle(Full("a", "status 507"), 100.0)
    policy.handle(Broken("b", "refused"), 101.0)
    assert policy.targets("p3") == ("a",)
    assert policy.handle(Late("b", "late"), 200.0) == [], "an unhealthy archiver is not late"


def with_standby(copies: int = 1) -> CopyPolicy:
    """s is a cold standby, b another archiver only where there are two copies."""
    order = "as" if copies == 1 else "abs"
    policy = CopyPolicy(HealthLimits(failback_hold_s=HOLD, wake_timeout_s=300.0), cold="s")
    policy.handle(Configured(tuple(CameraPolicy(f"p{priority}", copies, tuple(order), priority) for priority in CLASSES)), 0.0)
    policy.handle(Known(frozenset(order)), 0.0)
    return policy


@pytest.mark.parametrize("copies", [1, 2])
def test_want_of_room_wakes_a_cold_standby_for_whoever_is_left_out(copies: int) -> None:
    policy = with_standby(copies)
    others = ("b",) * (copies - 1)
    assert policy.handle(Full("a", "status 507"), 100.0) == [
        RoomChanged("a", 0, 5, "status 507"), Retarget("p3", (*others, "s"), copies, at_cut=False),
        HealthChanged("s", Health.COLD, Health.WAKING, "")]  # fmt: skip
    assert policy.targets("p5") == ("a", *others)
    assert policy.handle(Answered("s"), 130.0) == [HealthChanged("s", Health.WAKING, Health.HEALTHY, "")]
    assert policy.handle(Tick(), 160.0) == [RoomChanged("a", 5, 0, "status 507"), Retarget("p3", ("a", *others), copies, at_cut=True)]
    assert policy.handle(Rested("s"), 800.0) == [HealthChanged("s", Health.HEALTHY, Health.COLD, "")]


def test_a_standby_that_does_not_wake_gives_the_camera_back_to_who_has_no_room() -> None:
    policy = with_standby()
    policy.handle(Full("a", "status 507"), 100.0)
    policy.handle(Full("a", "status 507"), 150.0)
    assert policy.targets("p3") == ("s",)
    for at in (210.0, 270.0, 399.0):
        policy.handle(Tick(), at)
        policy.handle(Full("a", "status 507"), at + 0.5)
    assert policy.targets("p3") == ("s",)
    changes = policy.handle(Tick(), 400.0)
    assert Retarget("p3", ("a",), 1, at_cut=False) in changes
    assert (policy.health("s").state, policy.no_room("p3")) == (Health.UNHEALTHY, {"a": "status 507"})


def test_a_standby_without_room_is_no_reason_to_leave_it_asleep_or_to_prefer_it() -> None:
    policy = with_standby()
    policy.handle(Full("a", "a is full"), 100.0)
    policy.handle(Answered("s"), 110.0)
    policy.handle(Full("a", "a is full"), 120.0)
    policy.handle(Full("s", "s is full"), 121.0)
    assert policy.targets("p3") == ("a",), "the first of the list, when nobody has room"


def test_new_priorities_end_a_floor_that_would_leave_all_out() -> None:
    policy = site()
    policy.handle(Full("a", ""), 1.0)
    policy.handle(Full("a", ""), 2.0)
    policy.handle(Configured((CameraPolicy("p9", 1, ("a", "b"), 1), CameraPolicy("p5", 1, ("a", "b"), 1))), 3.0)
    assert policy.order("a").floor == 3
    assert not policy.order("a").left_out("p3")


ACTIONS = st.lists(st.tuples(st.sampled_from([Full, Late, Tick, Broken, Known]), st.sampled_from("ab"), st.floats(0.0, 40.0)), max_size=40)


@given(ACTIONS)
def test_no_camera_is_left_out_before_a_less_important_one_and_none_is_forgotten(happened: list[tuple[type, str, float]]) -> None:
    policy, now = site(), 0.0
    for kind, name, later in happened:
        now += later
        event = Tick() if kind is Tick else Known(frozenset("ab")) if kind is Known else kind(name, "why")
        policy.handle(event, now)
        for archiver in "ab":
            out = [policy.order(archiver).left_out(f"p{priority}") for priority in CLASSES]
            assert out == sorted(out, reverse=True)
            assert not out[-1], "the most important are never left out"
        assert all(policy.targets(camera) for camera in ("alone", "p3", "p5", "p9"))
