"""An archiver that is taken out of use and given back: which cameras go where, what agents are told, what the plan makes of it."""

import pytest
from site_kit import Book, camera, put

from watchkeep.hub.directory.desire import desired
from watchkeep.hub.directory.health.standing import Members
from watchkeep.hub.directory.health.watch import Scene, Watch
from watchkeep.hub.directory.orders import Edited, failover, given_back
from watchkeep.hub.directory.plan import Alive, plan
from watchkeep.hub.directory.rules import Problem, problems
from watchkeep.hub.directory.site import Key
from watchkeep.hub.directory.uselast import in_turn, used_last
from watchkeep.wire.messages import CameraFreshness

NOW = 1_790_000_000.0


@pytest.fixture(name="book")
def book_() -> Book:
    """cam0 by its own list, cam1 and cam2 by their group's, cam3 as planned."""
    book = Book(put("agent/edge"), *(put(f"archiver/{name}", url=f"http://{name}:1", name=name.upper()) for name in "abcd"),
                put("group/pairs", copies=2, archivers=["a", "b", "c"]), put("group/two", copies=2, archivers=["b", "a"]),
                camera(0, archivers=["a", "b"]), camera(1, group="pairs"), camera(2, group="two"), camera(3))  # fmt: skip
    book.assign({f"cam{number}": "edge" for number in range(4)}, {"cam3": ["a", "d"]})
    return book


def told(book: Book) -> dict[str, tuple[str, ...] | None]:
    """The lists of an agent's document."""
    found = desired(book.site, "demo", "edge")
    assert found is not None
    return {one.id: one.archivers for one in found.cameras}


def out(book: Book, name: str, *silent: str) -> object:
    return failover(book.site, name, "d1", frozenset({"edge"}), NOW, frozenset(silent))


def taken(book: Book, found: object) -> str:
    """The order, carried out; what it says."""
    assert isinstance(found, Edited)
    assert problems(book.site, found.changes) == []
    book.edit(*found.changes)
    return found.text


def refused(found: object) -> tuple[str, str]:
    assert isinstance(found, list)
    [one] = found
    assert isinstance(one, Problem)
    assert one.remedy
    return one.path, one.text


@pytest.mark.parametrize(("listed", "last", "used"), [
    ("abc", "", "abc"), ("abc", "a", "bca"), ("abc", "ab", "cab"), ("ab", "ab", "ab"), ("", "a", ""),
])  # fmt: skip
def test_a_list_keeps_its_order_behind_which_those_that_are_used_last_come(listed: str, last: str, used: str) -> None:
    assert in_turn(tuple(listed), frozenset(last)) == tuple(used)


def test_its_cameras_go_to_the_next_of_their_lists_and_come_back_as_they_were(book: Book) -> None:
    before = told(book)
    assert before == {"cam0": ("a", "b"), "cam1": ("a", "b", "c"), "cam2": ("b", "a"), "cam3": ("a", "d")}
    text = taken(book, out(book, "a"))
    assert text == ("archiver/a is used last until it is given back: b has cam0; c has cam1; d has cam3; "
                    "cam2 stay with a, nobody else of their lists is there")  # fmt: skip
    assert told(book) == {"cam0": ("b", "a"), "cam1": ("b", "c", "a"), "cam2": ("b", "a"), "cam3": ("d", "a")}
    assert book.site.entities["archiver"]["a"].value == {"url": "http://a:1", "name": "A", "used_last": True}
    back = taken(book, given_back(book.site, "archiver/a"))
    assert back == "archiver/a has its place in every list again: a has cam0, cam1, cam3"
    assert told(book) == before
    assert book.site.entities["archiver"]["a"].value == {"url": "http://a:1", "name": "A"}


def test_an_order_that_would_change_nothing_is_refused(book: Book) -> None:
    taken(book, out(book, "b"))
    assert refused(out(book, "b")) == ("archiver/b", "is used last already")
    assert refused(given_back(book.site, "a")) == ("archiver/a", "is not used last")
    assert refused(given_back(book.site, "edge")) == ("edge", "is no archiver of this site")
    assert refused(out(book, "none"))[1] == "is no role, server, agent or archiver of this site"
    book.edit(put("agent/a"))
    assert refused(out(book, "a")) == ("a", "means agent/a and archiver/a")


def test_where_nobody_else_is_there_an_archiver_stays_in_use_unless_it_is_gone_itself(book: Book) -> None:
    path, text = refused(out(book, "a", "b", "c", "d"))
    assert (path, text) == ("archiver/a", "no camera of it can go to another one: of the list of cam0 nobody else is there")
    assert "b has cam0; d has cam3" in taken(book, out(book, "a", "a", "c")), "then it stays away when it is back"


def test_an_archiver_that_no_camera_goes_to_first_is_taken_out_too(book: Book) -> None:
    assert taken(book, out(book, "c")) == "archiver/c is used last until it is given back: no camera moves"
    assert used_last(book.site) == {"c"}


def lists(book: Book, *dead: str) -> dict[str, tuple[str, ...]]:
    found = plan(book.site, Alive(frozenset({"edge"}), frozenset(book.site.stores) - set(dead)), NOW)
    return found.archivers


def test_the_plan_leaves_it_in_the_lists_where_it_stands_and_puts_it_into_no_other_one_while_others_have_room(book: Book) -> None:
    taken(book, out(book, "a"))
    book.edit(*(camera(number) for number in range(4, 12)))
    found = lists(book)
    assert found["cam3"] == ("a", "d")
    assert not [name for name, listed in found.items() if "a" in listed and name != "cam3"]
    assert lists(book, "d")["cam3"][0] == "a", "who is gone leaves the list, it does not"
    alone = lists(book, "b", "c", "d")
    assert {listed[0] for listed in alone.values()} == {"a"}, "a copy on it is better than none"


def test_room_is_counted_where_cameras_go_by_then() -> None:
    book = Book(put("agent/edge"), put("archiver/a", max_cameras=1), put("archiver/b", max_cameras=1), camera(0, archivers=["a", "b"]),
                camera(1, archivers=["b"], priority=1))  # fmt: skip
    site = Alive(frozenset({"edge"}), frozenset("ab"))
    assert plan(book.site, site, NOW).without == {}
    book.edit(put("archiver/a", max_cameras=1, used_last=True))
    assert plan(book.site, site, NOW).without == {"cam1": "0 of 1 copies: no other listed archiver lives and has room"}


def test_what_the_watch_misses_is_what_cameras_have_by_then(book: Book) -> None:
    taken(book, out(book, "a"))
    watch, fresh = Watch(15.0), {"cam1": CameraFreshness(epoch=1, seq=1, age_s=1.0)}
    members = Members({"edge": "lives"}, False, frozenset("abcd"), frozenset(), frozenset("x"), "x")
    watch.look(Scene(book.site, {"a": {}, "b": fresh, "c": {}, "d": {}}, members, frozenset[Key](), NOW), 100.0)
    assert watch.cameras["cam1"].why == "1 of 2 copies: c has nothing new"
