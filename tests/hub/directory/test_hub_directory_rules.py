"""Edits that do not fit the site are refused whole, with path and reason."""

import re

import pytest
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory import entities, roles
from watchkeep.hub.directory.entities import KINDS, MAX_SERVERS
from watchkeep.hub.directory.rules import MAX_PROBLEMS, problems
from watchkeep.hub.directory.site import Change, Key, Site

SECRET = "hunter2"
D1 = put("server/d1", url="http://d1:9701", rank=0)


def book() -> Book:
    return Book(put("location/hq"), put("location/floor", parent="hq"), put("archiver/a"), put("archiver/b"),
                put("group/door", copies=2, archivers=["a", "b"]), put("agent/edge-1", standbys=["edge-2"]), put("agent/edge-2"),
                camera(0, group="door", location="floor"), camera(1))  # fmt: skip


REFUSED = [
    ("malformed", "camera/cam9", [put("camera/cam9", url="http://h/0")]),
    ("malformed", "camera/cam9", [put("camera/cam9")]),
    ("malformed", "camera/cam9", [put("camera/cam9", url="rtsp://h/0", host="h")]),
    ("malformed", "camera/cam9", [put("camera/cam9", url=f"rtsp://admin:{SECRET}@h/0")]),
    ("malformed", "camera/cam9", [put("camera/cam9", host=f"admin:{SECRET}@h")]),
    ("malformed", "camera/cam9.colour", [camera(9, colour="red")]),
    ("malformed", "camera/cam9.priority", [camera(9, priority=10)]),
    ("malformed", "camera/cam9.priority", [camera(9, priority="5")]),
    ("malformed", "camera/cam9.mbit_s", [camera(9, mbit_s=0)]),
    ("malformed", "camera/cam9.archivers[1]", [camera(9, archivers=["a", "B!"])]),
    ("malformed", "agent/e.max_cameras", [put("agent/e", max_cameras=-1)]),
    ("malformed", "archiver/c.max_mbit_s", [put("archiver/c", max_mbit_s=-0.1)]),
    ("malformed", "window/w", [put("window/w", kind="agent", target="edge-1", start_s=20.0, end_s=10.0)]),
    ("malformed", "camera/../x", [put("camera/../x", url="rtsp://h/0")]),
    ("malformed", "tree/oak", [put("tree/oak")]),
    ("malformed", "location/hq.name", [put("location/hq", name="two\nlines")]),
    ("unknown", "camera/cam9", [camera(9, group="windows")]),
    ("unknown", "camera/cam9", [camera(9, archivers=["z"])]),
    ("unknown", "camera/cam9", [camera(9, recorders=["edge-7"])]),
    ("unknown", "camera/cam9", [gone("camera/cam9")]),
    ("unknown", "window/w", [put("window/w", kind="server", target="d9", start_s=1.0, end_s=2.0)]),
    ("unknown", "role/backups", [D1, put("role/backups", servers=["d1"])]),
    ("unknown", "role/consolidator", [D1, put("role/consolidator", servers=["d1"])]),
    ("unknown", "role/directory", [D1, put("role/directory", servers=["d1"])]),
    ("scheme", "archiver/a.url", [put("archiver/a", url="https://10.0.0.1:9701")]),
    ("scheme", "server/d9.url", [put("server/d9", url="https://10.0.0.1:9701", rank=6)]),
    ("in-use", "group/door", [gone("group/door")]),
    ("in-use", "agent/edge-2", [gone("agent/edge-2")]),
    ("in-use", "location/hq", [gone("location/hq")]),
    ("cycle", "location/hq.parent", [put("location/hq", parent="floor")]),
    ("cycle", "location/hq.parent", [put("location/hq", parent="hq")]),
    ("cycle", "agent/edge-2.standbys", [put("agent/edge-2", standbys=["edge-1"])]),
    ("copies", "camera/cam9.copies", [camera(9, copies=3, archivers=["a", "b"])]),
    ("copies", "group/door.copies", [put("group/door", copies=3, archivers=["a"])]),
    ("copies", "camera/cam0.copies", [put("group/door", copies=1, archivers=["a"]), camera(0, group="door", copies=2)]),
    ("twice", "camera/cam9.archivers", [camera(9, archivers=["a", "a"])]),
    ("twice", "camera/cam9", [camera(9), camera(9)]),
]


@pytest.mark.parametrize(("code", "path", "changes"), REFUSED, ids=[f"{code}-{number}" for number, (code, *_) in enumerate(REFUSED)])
def test_what_does_not_fit_is_refused_with_path_and_reason(code: str, path: str, changes: list[Change]) -> None:
    found = problems(book().site, tuple(changes))
    assert (code, path) in [(problem.code, problem.path) for problem in found]
    assert all(problem.text and problem.remedy for problem in found)
    assert SECRET not in "".join(problem.line() for problem in found)


def test_a_group_that_shrinks_under_its_cameras_is_refused_by_the_camera() -> None:
    site = Book(put("archiver/a"), put("archiver/b"), put("group/g", archivers=["a", "b"]), camera(0, group="g", copies=2)).site
    found = problems(site, (put("group/g", archivers=["a"]),))
    assert [(problem.code, problem.path) for problem in found] == [("copies", "camera/cam0.copies")]


FITS = [
    [put("archiver/a", url="http://10.0.0.1:9701"), put("archiver/b", url=None)],
    [camera(9, group="new"), put("group/new")],
    [gone("camera/cam0"), gone("group/door")],
    [gone("agent/edge-2"), put("agent/edge-1")],
    [put("location/hq", parent="campus"), put("location/campus")],
    [camera(0, group="door", copies=1)],
    [put("role/backup", servers=["d1"]), D1],
    [put("role/health", servers=["d1"], holder="highest"), D1],
]


@pytest.mark.parametrize("changes", FITS, ids=range(len(FITS)))
def test_what_fits_as_a_whole_is_let_pass_in_any_order(changes: list[Change]) -> None:
    assert problems(book().site, tuple(changes)) == []
    assert problems(book().site, tuple(reversed(changes))) == []


def test_an_edit_of_an_older_revision_is_stale_and_says_which_is_there() -> None:
    found = book()
    found.edit(camera(1, name="gate"))
    was = found.site.get(Key("camera", "cam1")).revision  # type: ignore[union-attr]
    assert problems(found.site, (camera(1)._replace(was=was),)) == []
    stale = problems(found.site, (camera(1)._replace(was=was - 1),))
    assert [problem.code for problem in stale] == ["stale"]
    assert f"revision {was}" in stale[0].text
    assert [problem.code for problem in problems(found.site, (camera(1)._replace(was=0),))] == ["stale"], "0: it must not exist"
    assert [problem.code for problem in problems(found.site, (camera(8)._replace(was=3),))] == ["stale"]
    assert problems(found.site, (camera(8)._replace(was=0),)) == []


def test_there_are_seven_directory_servers_at_most() -> None:
    many = tuple(put(f"server/d{number}", url=f"http://d{number}:1", rank=number % MAX_SERVERS) for number in range(MAX_SERVERS + 1))
    assert problems(book().site, many[1:]) == []
    assert problems(book().site, many)[0].code == "too-many"
    assert [problem.path for problem in problems(book().site, (many[0], many[7]))] == ["server/d0.rank", "server/d7.rank"]


def test_a_role_that_the_hub_does_not_have_is_refused_with_those_that_it_has() -> None:
    typo, none = (problems(Book(D1).site, (put(f"role/{name}", servers=["d1"]),))[0].line() for name in ("backups", "consolidator"))
    assert typo == ("role/backups: is no role of the hub, so its holder would do nothing; known roles: backup (writes backups of the "
                    "directory); health (watches over the site and raises its alarms)")  # fmt: skip
    assert "every archiver compares itself with the others" in none


def test_a_journal_with_an_unknown_role_is_folded_and_lives_on_until_somebody_removes_it() -> None:
    old = Book(D1, put("role/backups", servers=["d1"]))
    old.write("lease", role="backups", holder="d1", number=8)
    assert problems(old.site, (camera(9), put("role/backup", servers=["d1"]))) == []
    assert problems(old.site, (gone("role/backups"),)) == []
    assert Site.from_json(old.site.to_json()).digest() == old.site.digest()


def test_every_role_says_what_it_is_for_in_the_table() -> None:
    assert [name for name, what in roles.ROLES.items() if not re.search(rf"{name} +{what.split(' and ')[0]}", str(roles.__doc__))] == []


def test_the_list_of_problems_has_an_end() -> None:
    assert len(problems(book().site, tuple(camera(number, group="none") for number in range(900)))) == MAX_PROBLEMS


def test_every_kind_says_what_it_is_for_in_its_table() -> None:
    assert [kind for kind in KINDS if f"    {kind} " not in str(entities.__doc__)] == []


@pytest.mark.parametrize("change", [
    camera(9, priority="5"), camera(9, priority=1.5), camera(9, copies=99), camera(9, mbit_s=0), camera(9, mbit_s=float("inf")),
    camera(9, archivers="a"), camera(9, archivers=["B!"]), camera(9, archivers=["a"] * 65), camera(9, name="x" * 201), camera(9, name=7),
    camera(9, name="two\nlines"), camera(9, transport="ip"), put("camera/cam9", url="rtsp://h/a b"), put("camera/cam9", host=""),
    put("agent/e", standby="yes"), put("role/r", servers=[]), put("server/s", url="http://h:1"), put("server/s", url="ftp://h", rank=0),
    camera(9, colour="red"),
])  # fmt: skip
def test_every_mistake_is_told_in_words_of_ours(change: Change) -> None:
    for problem in problems(Site(), (change,)):
        said = f"{problem.text}; {problem.remedy}"
        assert not [word for word in ("should", "Input", "Extra", "valid string", "Value error", "[type=", "{") if word in said], said
        assert problem.remedy
