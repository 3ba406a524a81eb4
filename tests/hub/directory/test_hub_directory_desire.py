"""desired(): each camera that has a recorder is told to that one, as its entity, its group and the plan say."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory.desire import desired
from watchkeep.hub.directory.plan import Alive, plan
from watchkeep.wire.desired import AgentDesired, DesiredArchiver, DesiredCamera


def told(book: Book, agent: str) -> AgentDesired:
    found = desired(book.site, "demo", agent)
    assert found is not None
    return found


def test_a_camera_is_told_with_its_own_rule_its_groups_and_the_planned_list() -> None:
    book = Book(
        put("agent/edge"), put("archiver/a", url="http://h:1"), put("archiver/b"),
        put("group/doors", copies=2, archivers=["b", "a"], priority=8, failback="sticky"),
        put("camera/planned", url="rtsp://h/x"),
        put("camera/grouped", host="10.0.0.9", channel=3, stream="sub", profile="axis", transport="udp", credentials="yard", group="doors"),
        put("camera/own", url="rtsp://h/z", group="doors", copies=1, archivers=["a"], priority=0, failback="auto"), put("camera/nobodys", url="rtsp://h/w"),
    )  # fmt: skip
    book.assign({"planned": "edge", "grouped": "edge", "own": "edge"}, {"planned": ["b"]})
    book.assign({"planned": "edge"})
    found = told(book, "edge")
    assert found == AgentDesired(
        site="demo", agent="edge", term=1, index=3, archivers=(DesiredArchiver(id="a", url="http://h:1"),),
        cameras=(
            DesiredCamera(id="grouped", host="10.0.0.9", channel=3, stream="sub", profile="axis", transport="udp", credentials="yard",
                          copies=2, archivers=("b", "a"), priority=8, failback="sticky", term=1),
            DesiredCamera(id="planned", url="rtsp://h/x", copies=1, archivers=("b",), priority=5, term=2),
            DesiredCamera(id="own", url="rtsp://h/z", copies=1, archivers=("a",), priority=0, failback="auto", term=1),
        ))  # fmt: skip
    assert AgentDesired.model_validate_json(found.model_dump_json()) == found


def test_an_unknown_agent_has_no_document_and_an_idle_one_an_empty_one() -> None:
    book = Book(put("agent/edge"))
    assert desired(book.site, "demo", "other") is None
    assert told(book, "edge").cameras == ()


def test_absences_of_archivers_are_told_to_everybody_and_those_of_others_to_nobody() -> None:
    book = Book(put("agent/edge"), put("archiver/a"), put("server/d", url="http://h:1", rank=0),
                put("window/late", kind="archiver", target="a", start_s=50.0, end_s=60.0),
                put("window/early", kind="archiver", target="a", start_s=10.0, end_s=20.0),
                put("window/agent", kind="agent", target="edge", start_s=10.0, end_s=20.0),
                put("window/server", kind="server", target="d", start_s=10.0, end_s=20.0))  # fmt: skip
    assert [(one.archiver, one.start_s, one.end_s) for one in told(book, "edge").absences] == [("a", 10.0, 20.0), ("a", 50.0, 60.0)]


def test_a_camera_that_is_gone_or_moved_is_not_told_any_more() -> None:
    book = Book(put("agent/one"), put("agent/two"), camera(0), camera(1))
    book.assign({"cam0": "one", "cam1": "one"})
    book.assign({"cam0": "two"})
    book.edit(gone("camera/cam1"))
    book.assign({}, left={"cam0": 2})
    assert told(book, "one").cameras == ()
    assert [(one.id, one.term, one.relieves) for one in told(book, "two").cameras] == [("cam0", 2, False)]


def test_a_camera_that_moves_is_told_to_both_until_the_new_one_has_begun_and_last_to_the_one_that_leaves() -> None:
    book = Book(put("agent/one"), put("agent/two"), camera(0, priority=9), camera(1))
    book.assign({"cam0": "one", "cam1": "one"})
    book.assign({"cam0": "two"})
    assert [(one.id, one.term, one.leaving, one.relieves) for one in told(book, "one").cameras] == [
        ("cam1", 1, False, False), ("cam0", 1, True, False)]  # fmt: skip
    assert [(one.id, one.term, one.leaving, one.relieves) for one in told(book, "two").cameras] == [("cam0", 2, False, True)]


def test_no_document_names_a_camera_twice_whatever_the_journal_says() -> None:
    """An agent would refuse it, and each one after it."""
    book = Book(put("agent/one"), camera(0))
    book.write("assign", recorders={"cam0": ["one", 8]}, archivers={}, leaving={"cam0": [["one", 1]]})
    assert [(one.id, one.term, one.leaving) for one in told(book, "one").cameras] == [("cam0", 8, False)]


steps = st.lists(st.tuples(st.sampled_from(["add", "remove", "die", "return"]), st.integers(0, 5)), max_size=12)


@given(steps)
def test_every_camera_with_a_recorder_is_in_exactly_one_document(edits: list[tuple[str, int]]) -> None:
    names = ["one", "two", "three"]
    book = Book(*(put(f"agent/{name}", max_cameras=2) for name in names), put("archiver/a"))
    dead: set[str] = set()
    for what, number in edits:
        changes: list[Any] = []
        if what == "add":
            changes = [camera(number)]
        elif what == "remove" and f"cam{number}" in book.site.cameras:
            changes = [gone(f"camera/cam{number}")]
        elif what == "die":
            dead.add(names[number % 3])
        elif what == "return":
            dead.discard(names[number % 3])
        if changes:
            book.edit(*changes)
        found = plan(book.site, Alive(frozenset(names) - dead, frozenset("a")), 1_790_000_000.0)
        moved = {name: agent for name, agent in found.recorders.items()
                 if name not in book.site.recorders or book.site.recorders[name].agent != agent}  # fmt: skip
        book.assign(moved, {name: list(listed) for name, listed in found.archivers.items()})
        documents = {name: [one.id for one in told(book, name).cameras if not one.leaving] for name in names}
        leaving = {(one.id, name, one.term) for name in names for one in told(book, name).cameras if one.leaving}
        assert leaving == {(name, *one) for name, leaves in book.site.leaving.items() for one in leaves}
        recorded = {name: one.agent for name, one in book.site.recorders.items() if one.agent and name in book.site.cameras}
        assert sorted(one for listed in documents.values() for one in listed) == sorted(recorded)
        assert all(one in documents[agent] for one, agent in recorded.items())
