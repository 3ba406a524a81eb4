"""What servers have seen, kept and copied line by line, and how much of a period everybody was there by it."""

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.directory.availability import Availability
from watchkeep.hub.directory.health import record as module
from watchkeep.hub.directory.health.measure import BRIDGE_S, LEAD, measured
from watchkeep.hub.directory.health.model import Standing
from watchkeep.hub.directory.health.record import Line, Log

UP, DOWN, PLANNED, UNKNOWN = Standing.UP, Standing.DOWN, Standing.PLANNED, Standing.UNKNOWN
CAM = "camera/cam0"


def log(*looks: tuple[float, Standing], key: str = CAM, ends: float | None = None) -> Log:
    found = Log()
    for at_s, state in looks:
        found.look({key: state}, at_s)
    if ends is not None:
        found.end(ends)
    return found


def seconds(*logs: Log, key: str = CAM, until: float = 100) -> tuple[float, float, float, float]:
    one = measured(logs, 0, until).get(key, Availability(0, 0, 0, until, 0, 0))
    return one.up_s, one.down_s, one.planned_s, one.unknown_s


def test_only_turns_are_kept_and_every_second_is_counted() -> None:
    one = log((0, UP), (10, UP), (20, DOWN), (30, DOWN), (40, UP), (50, PLANNED), (60, UP), (100, UP))
    assert len(one.lines) == 4
    assert seconds(one) == (70, 20, 10, 0)
    assert seconds(log((0, UP), (40, UP))) == (40, 0, 0, 60), "what came behind is not known"


def test_what_leaves_the_site_is_unknown_from_then_on() -> None:
    one = log((0, UP))
    one.look({}, 30)
    one.look({}, 100)
    assert seconds(one) == (30, 0, 0, 70)
    one.look({CAM: UP}, 110)
    one.look({CAM: UP}, 200)
    assert seconds(one, until=200) == (120, 0, 0, 80)


def test_a_watch_that_ends_and_begins_again_leaves_out_what_lies_between() -> None:
    one = log((0, UP), (20, UP), ends=25)
    one.look({CAM: UP}, 80)
    one.look({CAM: UP}, 100)
    assert seconds(one) == (45, 0, 0, 55)
    assert [line.key for line in one.lines] == ["", ""], "whoever is as before needs no line"
    crashed = log((0, UP), (20, UP))
    crashed.end()
    crashed.look({CAM: DOWN}, 80)
    crashed.look({CAM: DOWN}, 100)
    assert seconds(crashed) == (20, 20, 0, 60)


def test_a_new_leader_that_is_there_soon_leaves_no_hole_and_a_late_one_does() -> None:
    dead = log((0, UP), (40, UP))
    assert seconds(dead, log((40 + BRIDGE_S, UP), (100, UP))) == (100, 0, 0, 0)
    assert seconds(dead, log((41 + BRIDGE_S, UP), (100, UP))) == (69, 0, 0, 31)
    assert seconds(log((0, DOWN), (40, DOWN)), log((50, DOWN), (100, UP))) == (0, 100, 0, 0)


def test_the_lead_of_the_directory_was_missing_while_nobody_watched() -> None:
    logs = log((0, UP), (40, UP), key=LEAD), log((50, UP), (100, UP), key=LEAD)
    assert seconds(*logs, key=LEAD) == (90, 10, 0, 0)
    assert seconds(log((50, UP), (60, UP), key=LEAD), key=LEAD) == (10, 0, 0, 90), "before and behind nothing is known"


def test_of_two_sides_of_a_torn_network_the_one_that_sees_it_counts() -> None:
    assert seconds(log((0, UP), (100, UP)), log((20, DOWN), (60, DOWN))) == (100, 0, 0, 0)
    assert seconds(log((0, DOWN), (50, PLANNED), (100, DOWN)), log((0, UNKNOWN), (100, UNKNOWN))) == (0, 50, 50, 0)


def test_a_copy_gets_what_follows_and_the_whole_when_that_is_folded_by_now(monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_LINES", 8)
    monkeypatch.setattr(module, "TURNS", 0)
    one = log((0, UP))
    copy = Log(one.base_s, one.base_number, one.base)
    for at_s in range(1, 9):
        one.look({CAM: DOWN if at_s % 2 else UP}, float(at_s))
    copy.take(one.after(0) or [], one.until_s)
    copy.take(one.after(0) or [], one.until_s)
    assert copy.lines == one.lines
    behind = one.number
    one.look({CAM: DOWN}, 9.0)
    assert len(one.lines) == 7
    assert (one.base_s, one.base_number) == (2.0, 2)
    assert one.after(1) is None
    assert one.after(behind) == [Line(9, 9.0, CAM, DOWN)]
    assert one.after(99) == []
    copy.take(one.after(behind) or [], one.until_s)
    assert seconds(copy, until=9) == seconds(one, until=9)


def test_what_has_left_for_good_is_folded_away(monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_LINES", 8)
    monkeypatch.setattr(module, "TURNS", 0)
    one = log((0, UP))
    for at_s in range(1, 40):
        one.look({f"camera/c{at_s}": UP}, float(at_s))
    assert len(one.base) < 12


def test_a_large_site_keeps_outages_of_everything_and_one_that_changes_its_things_does_not_grow(monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_LINES", 8)
    many = {f"camera/c{number}": UP for number in range(100)}
    one = Log()
    for at_s in range(100):
        one.look(dict.fromkeys(many, DOWN if at_s % 2 else UP), float(at_s))
    assert one.most == module.TURNS * 101, "and the watch"
    assert one.most * 3 // 4 <= len(one.lines) <= one.most
    up_s, down_s, _, unknown_s = seconds(one, key="camera/c7", until=99)
    assert abs(up_s - down_s) <= 1
    assert up_s + down_s + unknown_s == 99
    assert up_s + down_s >= 14, "of 20 outages of everything most are there"
    for at_s in range(100, 1000):
        one.look({f"camera/n{at_s}": UP}, float(at_s))
    assert one.most == module.TURNS * 2
    assert len(one.lines) <= one.most


def test_a_clock_that_is_set_back_makes_no_time_twice() -> None:
    one = log((0, UP), (50, DOWN), (20, UP), (100, UP))
    assert seconds(one) == (100, 0, 0, 0)
    assert [line.at_s for line in one.lines] == sorted(line.at_s for line in one.lines)


moments = st.lists(st.tuples(st.floats(0, 100), st.sampled_from(list(Standing))), max_size=8)


@given(st.lists(moments, min_size=1, max_size=3))
def test_every_second_is_counted_once_whatever_servers_have_seen(drawn) -> None:
    logs = [log(*sorted(looks, key=lambda one: one[0])) for looks in drawn]
    for one in measured(logs, 0, 100).values():
        assert abs(one.up_s + one.down_s + one.planned_s + one.unknown_s - 100) < 1e-6
