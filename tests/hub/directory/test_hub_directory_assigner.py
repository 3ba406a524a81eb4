"""When the leader plans, what of it is written, and what is told: assigner.py, played over a journal in memory."""

from collections import Counter
from typing import Any

import pytest
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory.assigner import (
    BALANCE_S,
    DEBOUNCE_S,
    REST,
    RETRY_S,
    RETURNS,
    USED_UP,
    Assigner,
    Difference,
    Make,
    Relieve,
    Scene,
    Told,
)
from watchkeep.hub.directory.leaving import HAND_OVER_S
from watchkeep.hub.directory.liveness import CLOSED_S, COLD_S, SILENT_S, START_S
from watchkeep.hub.directory.plan import plan
from watchkeep.hub.directory.signs import Sign
from watchkeep.hub.directory.steady import HOLD_S
from watchkeep.hub.naming import NAMED
from watchkeep.wire.causes import EventKind
from watchkeep.wire.ids import MAX_TERM

UTC_S = 1_790_000_000.0
LOOK_S = 0.1


class Player:
    """A leader's steward without threads: agents of `awake` ask every second, plans are written at once unless `refuses`."""

    def __init__(self, book: Book, *awake: str) -> None:
        self.book, self.now, self.leads, self.refuses = book, 0.0, True, False
        self.assigner = Assigner(0.0, cold_s=0.0)
        self.awake, self.signs = set(awake), dict[str, Sign]()
        self.gone: frozenset[str] = frozenset()
        self.told: list[str] = []
        self.plans: list[float] = []
        self.cost_s = 0.0
        self.between: list[dict[str, Any]] = []
        """An edit that comes after the state that a plan is made of, and before what is written for it."""
        self.deaf: set[str] = set()
        """Cameras that no agent can open."""

    def run(self, seconds: float) -> "Player":
        for _ in range(round(seconds / LOOK_S)):
            self.now = round(self.now + LOOK_S, 3)
            if self.now % 1 == 0:
                self.signs |= {name: Sign(self.now, closed=False, begun=self._begun(name)) for name in self.awake}
            scene = Scene(self.book.site.copy(), self.leads, self.signs, self.gone, UTC_S + self.now)
            for action in self.assigner.look(scene, self.now):
                self._do(action)
        return self

    def _begun(self, agent: str) -> dict[str, int]:
        site = self.book.site
        return {name: site.recorders[name].term for name in site.leaving
                if site.recorders[name].agent == agent and name not in self.deaf}  # fmt: skip

    def _do(self, action: Told | Make | Relieve) -> None:
        if isinstance(action, Told):
            self.told.append(action.text)
            return
        if isinstance(action, Relieve):
            self.told += [told.text for told in action.told]
            self.assigner.written(self.book.assign({}, left=action.left).index, self.now)
            return
        self.plans.append(self.now)
        site = self.book.site.copy()
        found = plan(site, action.alive, UTC_S + self.now, max_moves=action.max_moves,
                     max_returns=action.max_returns)  # fmt: skip
        differs = self.assigner.planned(found, site, self.cost_s, self.now)
        self.told += [told.text for told in differs.short]
        if differs and not self.refuses:
            self._write(differs)
            self.told += [told.text for told in differs.moves]
        elif differs:
            self.assigner.written(None, self.now)

    def _write(self, differs: Difference) -> None:
        listed = {name: None if one is None else list(one) for name, one in differs.archivers.items()}
        if self.between:
            self.book.edit(self.between.pop())
        self.assigner.written(self.book.assign(differs.recorders, listed).index, self.now)

    @property
    def recorders(self) -> dict[str, str]:
        return {name: one.agent for name, one in self.book.site.recorders.items()}

    def dies(self, name: str, *, closed: bool) -> None:
        self.awake.discard(name)
        if closed:
            self.signs[name] = Sign(self.now + 0.01, closed=True)


def player(*awake: str, cameras: int = 2, **options: Any) -> Player:
    book = Book(put("agent/one"), put("agent/two", standby=True), *(camera(number, **options) for number in range(cameras)))
    return Player(book, *(awake or ("one", "two")))


def test_cameras_are_given_to_agents_that_were_heard_and_not_to_those_that_may_yet_come() -> None:
    play = player("two")
    play.run(0.9)
    assert play.recorders == {}
    assert play.told == []
    play.run(0.5)
    assert play.recorders == {"cam0": "two", "cam1": "two"}
    assert play.told == ["agent two is there: it has come up", "two records cam0, cam1"]


def test_an_edit_between_a_plan_and_its_writing_is_planned_for_at_once() -> None:
    play = player()
    play.between.append(camera(7))
    play.run(3)
    assert play.between == []
    assert play.recorders == {"cam0": "one", "cam1": "one", "cam7": "one"}


@pytest.mark.parametrize(("closed", "within_s", "why"), [
    (True, CLOSED_S + 0.5, "its connection was closed, and it has not come back"), (False, SILENT_S + 0.5, "silent for 4 s")])  # fmt: skip
def test_a_dead_agents_cameras_go_on_elsewhere_under_a_higher_term_and_stay_there(closed, within_s, why) -> None:
    play = player().run(3)
    assert play.recorders == {"cam0": "one", "cam1": "one"}
    before = play.book.site.recorders["cam0"].term
    play.told.clear()
    play.dies("one", closed=closed)
    play.run(within_s)
    assert play.recorders == {"cam0": "two", "cam1": "two"}
    assert play.book.site.recorders["cam0"].term > before
    assert play.told == [f"agent one is gone: {why}", "two records cam0, cam1, one did before"]
    play.awake.add("one")
    play.run(20)
    assert play.recorders == {"cam0": "two", "cam1": "two"}, "sticky"
    assert play.told[2:] == ["agent one is there: it answers again"]


def test_agents_that_die_together_are_one_plan() -> None:
    book = Book(*(put(f"agent/a{number}") for number in range(5)), *(camera(number) for number in range(10)))
    play = Player(book, *(f"a{number}" for number in range(5))).run(5)
    plans, entries = len(play.plans), len(book.entries)
    for name in ("a0", "a1", "a2"):
        play.dies(name, closed=True)
    play.run(10)
    assert (len(play.plans), len(book.entries)) == (plans + 1, entries + 2), "and one when the others have begun"
    assert set(play.recorders.values()) <= {"a3", "a4"}


def test_who_does_not_lead_watches_and_writes_nothing_and_knows_the_dead_when_it_leads() -> None:
    play = player()
    play.leads = False
    play.run(3)
    play.dies("one", closed=False)
    play.run(6)
    assert (play.plans, play.told, play.recorders) == ([], [], {})
    play.leads = True
    play.run(1.5)
    assert play.recorders == {"cam0": "two", "cam1": "two"}


def test_a_new_leader_takes_nothing_away_until_everybody_had_time_to_find_it() -> None:
    play = player().run(3)
    play.leads = False
    play.run(0.5)
    play.leads = True
    play.dies("one", closed=False)
    play.run(START_S - 0.5)
    assert set(play.recorders.values()) == {"one"}
    play.run(1.0)
    assert set(play.recorders.values()) == {"two"}


def test_a_directory_that_comes_up_waits_long_for_those_that_it_has_not_heard() -> None:
    play = player("two", cameras=1)
    play.book.assign({"cam0": "one"})
    play.assigner = Assigner(0.0)
    play.run(COLD_S - 0.5)
    assert play.recorders == {"cam0": "one"}
    play.run(1.0)
    assert play.recorders == {"cam0": "two"}


def test_a_camera_without_another_recorder_stays_with_the_dead_one_and_is_named() -> None:
    play = player("one", cameras=1, recorders=["one"]).run(START_S + 2)
    play.told.clear()
    play.dies("one", closed=False)
    play.run(10)
    assert play.recorders == {"cam0": "one"}
    assert play.told == ["agent one is gone: silent for 4 s", "cam0: not recorded by anybody; cam0: none of its recorders is there: one"]
    assert list(play.assigner.without) == ["cam0"]
    play.awake.add("one")
    play.run(2)
    assert play.told[2:] == ["agent one is there: it answers again", "cam0: all that was missing is there again"]
    assert len([entry for entry in play.book.entries if entry.kind == "assign"]) == 1


def test_a_camera_for_which_a_living_agent_has_no_room_is_taken_away_from_it_and_so_is_one_that_is_removed() -> None:
    play = player("one", cameras=3).run(START_S + 2)
    play.book.edit(put("agent/one", max_cameras=2), camera(2, priority=9), gone("camera/cam0"))
    play.run(1)
    assert play.recorders == {"cam0": "", "cam1": "one", "cam2": "one"}
    play.told.clear()
    play.book.edit(put("agent/one", max_cameras=1))
    play.run(1)
    assert play.recorders == {"cam0": "", "cam1": "", "cam2": "one"}
    assert play.told == [
        "cam1: not recorded by anybody; cam1: no room: its 1 possible recorder(s) are full of cameras of the same or a higher priority",
        "nobody records cam1, one did before"]  # fmt: skip


def test_planned_lists_are_written_without_dead_archivers_and_a_site_without_any_leaves_them_to_the_agents() -> None:
    play = player("one", cameras=1).run(2)
    assert play.book.site.archivers == {}
    play.book.edit(*(put(f"archiver/{name}", url=f"http://{name}:1") for name in "abc"))
    play.run(1)
    assert play.book.site.archivers == {"cam0": ("a", "b")}
    play.gone = frozenset("a")
    play.run(1)
    assert play.book.site.archivers == {"cam0": ("b", "c")}
    play.book.edit(camera(0, archivers=["c"]))
    play.run(1)
    assert play.book.site.archivers == {}


def test_an_archiver_in_its_maintenance_window_keeps_its_places() -> None:
    play = player("one", cameras=1)
    play.book.edit(*(put(f"archiver/{name}", url=f"http://{name}:1") for name in "abc"),
                   put("window/w", kind="archiver", target="a", start_s=UTC_S, end_s=UTC_S + 10))  # fmt: skip
    play.run(2)
    play.gone = frozenset("a")
    play.run(2)
    assert play.book.site.archivers == {"cam0": ("a", "b")}
    play.run(10)
    assert play.book.site.archivers == {"cam0": ("b", "c")}, "the window is over"


def test_an_agent_in_its_maintenance_window_keeps_its_cameras_until_it_is_over() -> None:
    play = player().run(3)
    play.book.edit(put("window/w", kind="agent", target="one", start_s=UTC_S, end_s=UTC_S + 15))
    play.dies("one", closed=True)
    play.run(10)
    assert set(play.recorders.values()) == {"one"}
    play.run(5)
    assert set(play.recorders.values()) == {"two"}


def test_what_is_not_written_is_planned_again_and_told_only_then() -> None:
    play = player("one").run(0.5)
    play.refuses = True
    play.run(3)
    assert len(play.plans) >= 3
    assert min(later - earlier for earlier, later in zip(play.plans[1:], play.plans[2:], strict=False)) >= RETRY_S - LOOK_S / 2
    assert play.told == ["agent one is there: it has come up"]
    play.refuses = False
    play.run(1)
    assert play.told[1:] == ["one records cam0, cam1"]


def test_edits_without_end_cost_a_quarter_of_the_time_and_own_entries_none() -> None:
    play = player("one").run(START_S + 1)
    plans = len(play.plans)
    play.run(5)
    assert len(play.plans) == plans, "nothing has changed but by its own entry"
    play.cost_s = 0.5
    for number in range(100):
        play.book.edit(put("location/hall", name=str(number)))
        play.run(LOOK_S)
    assert len(play.plans) - plans <= 10 / (REST * play.cost_s) + 2
    assert len(play.plans) > plans


def test_cameras_go_back_when_the_first_of_their_list_has_lived_for_its_hold_a_few_at_a_time() -> None:
    play = player(cameras=6, recorders=["one", "two"], recorder_failback="auto").run(3)
    play.dies("one", closed=True)
    play.run(5)
    assert set(play.recorders.values()) == {"two"}
    play.awake.add("one")
    play.run(HOLD_S)
    assert set(play.recorders.values()) == {"two"}
    play.deaf = {f"cam{number}" for number in range(6)}
    plans = len(play.plans)
    play.run(5)
    assert Counter(play.recorders.values()) == {"one": RETURNS, "two": 2}
    play.book.edit(put("location/l"))
    play.run(5)
    assert Counter(play.recorders.values()) == {"one": RETURNS, "two": 2}, "the others wait, whatever is planned meanwhile"
    play.deaf.clear()
    play.run(HAND_OVER_S)
    assert set(play.recorders.values()) == {"one"}
    assert play.book.site.leaving == {}
    play.run(30)
    assert len(play.plans) == plans + 3, "one for each lot and for the edit, and no more"


def test_a_camera_that_is_on_its_way_elsewhere_goes_back_when_it_has_arrived() -> None:
    play = player(recorders=["one", "two"], recorder_failback="auto").run(2 * HOLD_S)
    play.book.assign({"cam0": "two"})
    play.run(0.5)
    assert play.recorders == {"cam0": "two", "cam1": "one"}
    play.run(5)
    assert play.recorders == {"cam0": "one", "cam1": "one"}


def test_an_agent_that_comes_and_goes_does_not_draw_its_cameras_each_time() -> None:
    play = player(recorders=["one", "two"], recorder_failback="auto").run(3)
    drawn = 0
    for _ in range(12):
        play.dies("one", closed=True)
        play.run(5)
        assert set(play.recorders.values()) == {"two"}
        play.awake.add("one")
        play.run(1.9 * HOLD_S)
        drawn += set(play.recorders.values()) == {"one"}
    assert drawn == 1, "after the first death alone: then its hold is longer than it lives"


def test_a_sticky_camera_stays_with_its_stand_in_however_long_the_other_lives() -> None:
    play = player(recorders=["one", "two"]).run(3)
    play.dies("one", closed=True)
    play.run(5)
    play.awake.add("one")
    assert set(play.run(3 * HOLD_S).recorders.values()) == {"two"}
    play.book.edit(*(camera(number, recorders=["one", "two"], recorder_failback="auto") for number in range(2)))
    assert set(play.run(2).recorders.values()) == {"one"}, "once its rule says otherwise"


def test_balance_moves_one_camera_after_a_quiet_minute() -> None:
    book = Book(put("agent/one", max_cameras=4), *(camera(number) for number in range(4)))
    play = Player(book, "one", "late").run(3)
    book.edit(put("agent/late", max_cameras=4))
    play.run(BALANCE_S - 1)
    assert set(play.recorders.values()) == {"one"}
    play.run(5)
    assert sorted(play.recorders.values()) == ["late", "one", "one", "one"]
    play.run(BALANCE_S * 5)
    assert sorted(play.recorders.values()).count("late") in (1, 2)


def test_a_camera_whose_terms_are_used_up_stays_where_it_is_and_keeps_no_other_from_moving() -> None:
    play = player().run(3)
    play.book.write("assign", recorders={"cam0": ["one", MAX_TERM - 3]}, archivers={})
    play.run(START_S)
    play.told.clear()
    play.dies("one", closed=True)
    play.run(4)
    assert play.recorders == {"cam0": "one", "cam1": "two"}
    assert f"cam0: not recorded by anybody; cam0: {USED_UP}" in play.told


def test_who_lives_is_relieved_when_its_successor_has_begun_and_that_is_no_reason_to_plan() -> None:
    play = player("one", "two").run(START_S + 1)
    play.book.assign({"cam0": "two"})
    play.run(0.5)
    plans = len(play.plans)
    assert play.book.site.leaving["cam0"][0].agent == "one"
    play.run(1)
    assert play.book.site.leaving == {}
    play.run(5)
    assert len(play.plans) == plans
    assert play.recorders == {"cam0": "two", "cam1": "one"}


def test_who_lives_stops_after_a_time_in_which_its_successor_has_not_begun_and_that_is_told() -> None:
    play = player("one", "two").run(START_S + 1)
    play.told.clear()
    play.deaf.add("cam0")
    play.book.assign({"cam0": "two"})
    play.run(HAND_OVER_S - 0.5)
    assert (play.book.site.leaving["cam0"][0].agent, play.told) == ("one", [])
    play.run(1)
    assert play.book.site.leaving == {}
    assert play.told == ["two has not begun with cam0 within 15 s: one stops all the same"]


def test_a_new_leader_gives_the_whole_time_again() -> None:
    play = player("one", "two").run(START_S + 1)
    play.deaf.add("cam0")
    play.book.assign({"cam0": "two"})
    play.run(HAND_OVER_S - 1)
    play.leads = False
    play.run(0.5)
    play.leads = True
    play.run(HAND_OVER_S - 1)
    assert "cam0" in play.book.site.leaving
    play.run(1.5)
    assert play.book.site.leaving == {}


def test_roles_are_told_when_they_go_to_another_server_and_long_lists_are_cut() -> None:
    play = player("one", cameras=NAMED + 3).run(2)
    assert any(text.endswith("cam6 and 3 more") for text in play.told)
    play.told.clear()
    play.book.write("lease", role="backup", holder="b", number=17)
    play.run(DEBOUNCE_S * 2)
    assert play.told == ["role backup is held by server b (number 17)"]
    play.book.write("lease", role="backup", holder="", number=25)
    play.run(DEBOUNCE_S * 2)
    assert play.told[1:] == ["role backup is held by nobody (number 25)"]
    assert {EventKind.ROLE, EventKind.ASSIGNMENT} <= set(EventKind)
