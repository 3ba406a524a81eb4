"""Who recorded a camera before goes on until its successor has begun, and no longer than it should: leaving.py."""

import pytest
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory.leaving import HAND_OVER_S, RELEASE_S, Late, Leaving, Release
from watchkeep.hub.directory.signs import Sign
from watchkeep.hub.directory.site import Recording, Site

NAMED = {".": "", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six"}


def moved(*agents: str, cameras: int = 1) -> Book:
    """All cameras, recorded by each of these in turn."""
    book = Book(*(put(f"agent/{name}") for name in NAMED.values() if name), *(camera(number) for number in range(cameras)))
    for agent in agents:
        book.assign({f"cam{number}": agent for number in range(cameras)})
    return book


def heard(agent: str, now: float, **terms: int) -> dict[str, Sign]:
    """It asks now, and says that it has begun with these cameras."""
    return {agent: Sign(now, closed=False, begun=terms)}


@pytest.mark.parametrize(("agents", "leaves"), [
    ("1", []), ("11", []), ("1.", []), (".1", []), ("1.2", []), ("12", [("one", 1)]), ("122", [("one", 1)]),
    ("123", [("one", 1), ("two", 2)]), ("121", [("two", 2)]), ("12.", []), ("1212", [("one", 3)]),
    ("123451", [("two", 2), ("three", 3), ("four", 4), ("five", 5)]),
    ("123456", [("two", 2), ("three", 3), ("four", 4), ("five", 5)])])  # fmt: skip
def test_those_leave_who_had_it_since_somebody_was_known_to_record_it(agents: str, leaves: list[tuple[str, int]]) -> None:
    site = moved(*(NAMED[one] for one in agents)).site
    assert site.leaving == ({"cam0": tuple(Recording(*one) for one in leaves)} if leaves else {})
    assert Site.from_json(site.to_json()).digest() == site.copy().digest() == site.digest()


def test_a_camera_that_is_removed_is_left_by_nobody_and_a_snapshot_of_before_has_nobody_who_leaves() -> None:
    book = moved("one", "two")
    book.edit(gone("camera/cam0"))
    assert book.site.leaving == {}
    old = {name: value for name, value in book.site.to_json().items() if name != "leaving"}
    assert Site.from_json(old).digest() == book.site.digest()


def test_a_release_counts_for_the_recorder_that_it_names_only() -> None:
    book = moved("one", "two")
    book.assign({}, left={"cam0": 1, "strange": 1})
    assert book.site.leaving == {"cam0": (Recording("one", 1),)}
    book.assign({}, left={"cam0": 2})
    assert book.site.leaving == {}


def test_it_ends_when_the_recorder_says_that_it_has_begun_under_its_term() -> None:
    site, leaving = moved("one", "two").site, Leaving()
    for signs in ({}, heard("one", 1.0, cam0=2), heard("two", 1.0, cam0=1), heard("two", 1.0, cam1=2)):
        assert leaving.look(site, signs, 1.0) is None
    assert leaving.look(site, heard("two", 1.0, cam0=2), 1.1) == Release({"cam0": 2}, [])


def silent(leaving: Leaving, site: Site, since: float, until: float) -> Release | None:
    """`two` and `three` ask each second, and have not begun; the first release, and nothing but one at the end."""
    now = since
    while now < until:
        assert leaving.look(site, heard("two", now) | heard("three", now), now) is None
        now += 1.0
    return leaving.look(site, heard("two", until) | heard("three", until), until)


def test_it_ends_after_a_time_and_who_is_late_is_named() -> None:
    assert silent(Leaving(), moved("one", "two").site, 1.0, 1.0 + HAND_OVER_S) == Release({"cam0": 2}, [Late("cam0", "two", "one")])


def test_the_time_counts_from_the_present_recorders_appointment() -> None:
    book, leaving = moved("one", "two"), Leaving()
    assert silent(leaving, book.site, 0.0, HAND_OVER_S - 1) is None
    book.assign({"cam0": "three"})
    assert silent(leaving, book.site, 20.0, 20.0 + HAND_OVER_S) == Release(
        {"cam0": 3}, [Late("cam0", "three", "one"), Late("cam0", "three", "two")])  # fmt: skip


@pytest.mark.parametrize("signs", [{}, {"two": Sign(1.0, closed=False)}, {"two": Sign(98.0, closed=True)}],
                         ids=["never", "long ago", "closed"])  # fmt: skip
def test_the_time_counts_only_while_the_recorder_is_heard(signs: dict[str, Sign]) -> None:
    """It may be dead, or this server cut off from it: then nobody has taken anything over."""
    site, leaving = moved("one", "two").site, Leaving()
    assert silent(leaving, site, 0.0, 2.0) is None
    for now in (50.0, 99.0):
        assert leaving.look(site, signs, now) is None
    assert silent(leaving, site, 100.0, 99.0 + HAND_OVER_S) == Release({"cam0": 2}, [Late("cam0", "two", "one")])


def test_cameras_that_begin_one_by_one_are_few_entries() -> None:
    book, leaving = moved("one", "two", cameras=100), Leaving()
    releases, now = 0, 0.0
    while book.site.leaving:
        now += 0.1
        number = round(now / 0.1)
        found = leaving.look(book.site, heard("two", now, **{f"cam{at}": 2 for at in range(min(number * 4, 100))}), now)
        if found is not None:
            releases += 1
            book.assign({}, left=found.left)
    assert 2 < releases <= now / RELEASE_S + 1


def test_what_was_said_under_a_later_term_of_a_branch_that_is_gone_is_no_beginning() -> None:
    site, leaving = moved("one", "two").site, Leaving()
    assert leaving.look(site, heard("two", 0.0, cam0=56), 17.0) is None
    assert leaving.look(site, heard("two", 18.0, cam0=2), 18.0) == Release({"cam0": 2}, [])


def test_another_leader_begins_anew() -> None:
    site, leaving = moved("one", "two").site, Leaving()
    assert silent(leaving, site, 0.0, HAND_OVER_S - 1) is None
    leaving.reset()
    assert leaving.look(site, heard("two", HAND_OVER_S), HAND_OVER_S) is None
