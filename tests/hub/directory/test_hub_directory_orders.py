"""What orders mean for a site: who takes over, which cameras go where, which windows open; and what is refused."""

import pytest
from site_kit import Book, camera, put

from watchkeep.hub.directory.orders import Edited, Lead, Pass, Recorders, failover, maintenance, move
from watchkeep.hub.directory.rules import Problem, problems

NOW = 1_790_000_000.0


@pytest.fixture(name="book")
def book_() -> Book:
    book = Book(put("location/hq"), put("location/floor", parent="hq"), put("location/annex"),
                put("agent/e1", reaches=["hq"], max_cameras=3), put("agent/e2", max_cameras=2), put("agent/same"), put("archiver/same"),
                put("server/d1", url="http://d1:1", rank=0), put("server/d2", url="http://d2:1", rank=1),
                put("role/backup", servers=["d1"]),
                camera(0, location="floor"), camera(1, location="floor"), camera(2, location="floor", recorders=["e1"]),
                camera(3, location="annex"))  # fmt: skip
    book.assign({"cam0": "e1", "cam1": "e1", "cam2": "e1"})
    return book


def over(book: Book, name: str, alive: str = "e1 e2 same") -> object:
    return failover(book.site, name, "d1", frozenset(alive.split()), NOW)


def codes(found: object) -> list[tuple[str, str]]:
    assert isinstance(found, list), found
    assert all(isinstance(one, Problem) and one.remedy for one in found)
    return [(one.code, one.path) for one in found]


def test_a_failover_is_of_the_lead_of_a_role_or_of_an_agent(book: Book) -> None:
    assert over(book, "directory") == over(book, "d1") == over(book, "server/d1") == Lead()
    assert over(book, "backup") == over(book, "role/backup") == Pass("backup")
    assert codes(over(book, "d2")) == [("refused", "server/d2")]
    assert codes(over(book, "nobody")) == [("unknown", "nobody")]
    assert codes(over(book, "camera/cam0")) == [("unknown", "camera/cam0")]


def test_an_agents_cameras_go_to_whom_the_plan_chooses_and_the_rest_stays_by_name(book: Book) -> None:
    found = over(book, "e1", "e1 e2")
    assert isinstance(found, Recorders)
    assert found.recorders == {"cam0": "e2", "cam1": "e2"}
    assert "e2 records cam0, cam1" in found.text
    assert "cam2 stay with e1" in found.text
    assert codes(over(book, "e1", "e1")) == [("refused", "agent/e1")], "nobody else lives"
    assert codes(over(book, "e2")) == [("refused", "agent/e2")], "it records nothing"


def test_cameras_move_together_or_not_at_all(book: Book) -> None:
    found = move(book.site, ["cam0", "camera/cam1", "cam0"], "agent/e2", frozenset(), NOW)
    assert isinstance(found, Recorders)
    assert found.recorders == {"cam0": "e2", "cam1": "e2"}
    assert codes(move(book.site, ["cam0", "none"], "nobody", frozenset(), NOW)) == [("unknown", "camera/none"), ("unknown", "agent/nobody")]
    assert codes(move(book.site, ["cam0", "cam2"], "e2", frozenset(), NOW)) == [("refused", "camera/cam2.recorders")]
    wrong = [("refused", "agent/e1.reaches"), ("refused", "agent/e1.max_cameras")]
    assert codes(move(book.site, ["cam3"], "e1", frozenset(), NOW)) == wrong
    assert codes(move(book.site, ["cam0", "cam1", "cam3"], "e2", frozenset(), NOW)) == [("refused", "agent/e2.max_cameras")]
    assert codes(move(book.site, ["cam0"], "e2", frozenset({"e2"}), NOW)) == [("refused", "agent/e2")]


def test_a_camera_that_the_agent_has_already_is_not_asked_anew(book: Book) -> None:
    book.assign({"cam0": "e2"})
    again = move(book.site, ["cam0"], "e2", frozenset(), NOW)
    assert again == Edited((), "e2 has cam0 already"), "as when the order is given twice: who gave it is written down, and nothing else"
    assert problems(book.site, ()) == []
    found = move(book.site, ["cam1", "cam0"], "e2", frozenset(), NOW)
    assert found == Recorders({"cam1": "e2"}, "e2 records cam1; it has cam0 already")


def window(book: Book, name: str, *, on: bool = True, lasting_s: float = 600.0, now_s: float = NOW) -> object:
    return maintenance(book.site, name, on=on, lasting_s=lasting_s, now_s=now_s)


def test_a_maintenance_opens_one_window_lengthens_it_and_ends_it(book: Book) -> None:
    opened = window(book, "e1")
    assert isinstance(opened, Edited)
    book.edit(*opened.changes)
    (name,) = book.site.windows
    assert (book.site.windows[name].target, book.site.windows[name].end_s) == ("e1", NOW + 600)
    longer = window(book, "agent/e1", lasting_s=900.0, now_s=NOW + 10)
    assert isinstance(longer, Edited)
    book.edit(*longer.changes)
    assert [(one.start_s, one.end_s) for one in book.site.windows.values()] == [(NOW, NOW + 910)]
    over_ = window(book, "e1", on=False, now_s=NOW + 20)
    assert isinstance(over_, Edited)
    assert problems(book.site, over_.changes) == []
    book.edit(*over_.changes)
    assert book.site.windows[name].end_s == NOW + 20, "the time until then stays planned"
    assert codes(window(book, "e1", on=False, now_s=NOW + 30)) == [("refused", "agent/e1")]


def test_a_window_that_ends_when_it_began_never_was(book: Book) -> None:
    opened = window(book, "e1")
    assert isinstance(opened, Edited)
    book.edit(*opened.changes)
    over_ = window(book, "e1", on=False)
    assert isinstance(over_, Edited)
    assert problems(book.site, over_.changes) == []
    book.edit(*over_.changes)
    assert book.site.windows == {}


def test_a_name_that_several_kinds_have_is_not_guessed(book: Book) -> None:
    assert codes(window(book, "same")) == [("several", "same")]
    assert isinstance(window(book, "archiver/same"), Edited)
    assert codes(window(book, "none")) == [("unknown", "none")]
    assert isinstance(window(book, "a" * 63), list)
    book.edit(put(f"agent/{'a' * 63}"))
    longest = window(book, "a" * 63)
    assert isinstance(longest, Edited)
    assert problems(book.site, longest.changes) == []


def test_a_camera_that_would_go_back_is_not_moved_unless_the_other_is_away(book: Book) -> None:
    book.edit(camera(0, location="floor", recorders=["e1", "e2", "same"], recorder_failback="auto"), camera(4, recorder_failback="auto"))
    book.assign({"cam4": "e2"})
    found = move(book.site, ["cam0"], "same", frozenset(), NOW)
    assert codes(found) == [("refused", "camera/cam0.recorder_failback")]
    assert "cam0 would go back to e1" in found[0].text
    assert isinstance(move(book.site, ["cam0"], "same", frozenset({"e1", "e2"}), NOW), Recorders)
    book.assign({"cam0": "e2"})
    assert isinstance(move(book.site, ["cam0"], "e1", frozenset(), NOW), Recorders)
    book.assign({"cam0": "e1"})
    assert isinstance(move(book.site, ["cam4"], "same", frozenset(), NOW), Recorders), "of those that do not stand by none is preferred"
    assert codes(over(book, "e1")) == [("refused", "camera/cam0.recorder_failback")]
    book.edit(put("window/w", kind="agent", target="e1", start_s=NOW - 1, end_s=NOW + 1))
    assert codes(move(book.site, ["cam0"], "same", frozenset(), NOW)) == [("refused", "camera/cam0.recorder_failback")], "e2 is there"
    found = over(book, "e1")
    assert isinstance(found, Recorders), "an absence that is announced is no reason to keep them"
    assert found.recorders["cam0"] == "e2"


def test_a_camera_that_goes_back_to_who_does_not_stand_by_is_not_moved_to_who_does(book: Book) -> None:
    book.edit(put("agent/s", standby=True), camera(3, location="annex", recorder_failback="auto"))
    found = move(book.site, ["cam3"], "s", frozenset(), NOW)
    assert codes(found) == [("refused", "camera/cam3.recorder_failback")]
    assert "go back to e2" in found[0].text, "e1 does not reach it"
