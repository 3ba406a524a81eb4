"""Documents: an agent is told what is new to it, and nothing that is not."""

import json

import pytest
from site_kit import Book, camera, gone, put

from watchkeep.hub.directory.documents import ArchiverDocuments, Documents, UnknownAgentError, UnknownArchiverError
from watchkeep.wire.desired import AgentDesired, ArchiverDesired


def site(*more: object) -> tuple[Book, Documents]:
    book = Book(put("agent/one"), put("agent/two"), put("group/doors"), camera(0, group="doors"), camera(1))
    book.assign({"cam0": "one", "cam1": "two"}, {"cam0": ["a"]})
    documents = Documents("demo")
    documents.renew(book.site.copy())
    return book, documents


def at(body: bytes | None) -> tuple[int, int]:
    assert body is not None
    found = AgentDesired.model_validate_json(body)
    return found.term, found.index


def cameras(body: bytes | None) -> list[str]:
    return [] if body is None else [one["id"] for one in json.loads(body)["cameras"]]


def test_an_agent_gets_its_document_once() -> None:
    book, documents = site()
    body = documents.after("one", (0, 0))
    assert (cameras(body), at(body)) == (["cam0"], (1, 2))
    assert documents.after("one", (1, 2)) is None
    assert documents.after("one", (1, 1)) == body
    documents.renew(book.site.copy())
    assert documents.after("one", (1, 2)) is None


@pytest.mark.parametrize("change", [
    camera(0, group="doors", copies=2), put("group/doors", copies=2), gone("camera/cam0"), put("archiver/b", url="http://h:1"),
    put("window/w", kind="archiver", target="a", start_s=1.0, end_s=2.0),
], ids=["its camera", "a group", "it is gone", "an archiver", "an archiver's absence"])  # fmt: skip
def test_what_concerns_it_is_told(change) -> None:
    book, documents = site()
    documents.after("one", (0, 0))
    book.edit(change)
    documents.renew(book.site.copy())
    assert at(documents.after("one", (1, 2))) == (1, 3)


def test_what_concerns_another_is_not() -> None:
    book, documents = site()
    for agent in ("one", "two"):
        documents.after(agent, (0, 0))
    book.edit(camera(1, copies=2), camera(7), put("location/hall"))
    book.assign({"cam1": "two"}, {"cam1": ["b"]})
    documents.renew(book.site.copy())
    assert documents.after("one", (1, 2)) is None
    assert at(documents.after("two", (1, 2))) == (1, 4)


def test_a_move_is_told_to_both() -> None:
    book, documents = site()
    for agent in ("one", "two"):
        documents.after(agent, (0, 0))
    book.assign({"cam0": "two"})
    documents.renew(book.site.copy())
    assert cameras(documents.after("one", (1, 2))) == ["cam0"]
    assert cameras(documents.after("two", (1, 2))) == ["cam0", "cam1"]
    book.assign({}, left={"cam0": 2})
    documents.renew(book.site.copy())
    assert at(documents.after("one", (1, 3))) == at(documents.after("two", (1, 3))) == (1, 4)
    assert cameras(documents.after("one", (1, 3))) == []


def test_a_new_term_is_told_to_everybody_because_what_they_know_may_have_been_cut_off() -> None:
    book, documents = site()
    documents.after("one", (1, 2))
    ahead = (1, 50)
    book.write("lead", term=9, server="b")
    documents.renew(book.site.copy())
    assert at(documents.after("one", ahead)) == (9, 3)


def test_a_server_that_lags_tells_nothing() -> None:
    _, documents = site()
    assert documents.after("one", (1, 99)) is None
    assert documents.after("one", (9, 1)) is None


def test_an_agent_that_was_removed_is_told_so_when_its_cameras_are_recorded_by_another() -> None:
    book, documents = site()
    documents.after("one", (0, 0))
    book.edit(gone("agent/one"))
    documents.renew(book.site.copy())
    assert documents.after("one", (1, 2)) is None, "nobody else has its camera yet"
    book.assign({"cam0": "two"})
    documents.renew(book.site.copy())
    assert cameras(documents.after("one", (1, 2))) == ["cam0"], "nobody has begun with it yet"
    book.assign({}, left={"cam0": 2})
    documents.renew(book.site.copy())
    body = documents.after("one", (1, 4))
    assert (cameras(body), at(body)) == ([], (1, 5))
    assert documents.after("one", (1, 5)) is None


def test_an_agent_that_was_never_there_or_of_which_this_journal_knows_nothing_is_unknown() -> None:
    _, documents = site()
    documents.after("one", (0, 0))
    documents.renew(Book(put("agent/two")).site)
    for agent in ("one", "three"):
        with pytest.raises(UnknownAgentError, match=agent):
            documents.after(agent, (1, 2))


def test_an_archiver_is_told_the_days_of_cameras_by_their_own_or_their_groups_and_nothing_else_of_them() -> None:
    book = Book(put("archiver/a"), put("group/doors", retention_days=90.0), put("group/halls"),
                camera(0, group="doors"), camera(1, group="halls"),
                camera(2, group="doors", retention_days=7), camera(3, retention_days=365.0))  # fmt: skip
    documents = ArchiverDocuments("demo")

    def after(index: int) -> dict[str, float] | None:
        documents.renew(book.site.copy())
        body = documents.after("a", (1, index))
        return None if body is None else ArchiverDesired.model_validate_json(body).retention

    assert after(0) == {"cam0": 90.0, "cam2": 7.0, "cam3": 365.0}
    book.edit(camera(0, group="doors", copies=2), camera(4), put("group/halls", copies=2))
    assert after(1) is None
    book.edit(put("group/doors"), camera(1, group="halls", retention_days=1.0), gone("camera/cam3"))
    assert after(1) == {"cam1": 1.0, "cam2": 7.0}


def test_an_archiver_is_told_its_days_and_the_others_and_nothing_of_cameras_and_capacities() -> None:
    book = Book(put("archiver/a", url="http://a:1", retention_days=7.0), put("archiver/b", url="http://b:1"), put("archiver/c"))
    documents = ArchiverDocuments("demo")

    def after(who: str, index: int) -> tuple[float | None, list[str], int] | None:
        documents.renew(book.site.copy())
        body = documents.after(who, (1, index))
        if body is None:
            return None
        found = ArchiverDesired.model_validate_json(body)
        return found.retention_days, [one.id for one in found.peers], found.index

    assert after("a", 0) == (7.0, ["b"], 1)
    assert after("b", 0) == (None, ["a"], 1), "the plan's default is no order to delete"
    book.edit(camera(0), put("archiver/b", url="http://b:1", disk_bytes=1), put("archiver/c", max_cameras=7))
    assert (after("a", 1), after("b", 1)) == (None, None)
    book.edit(put("archiver/a", url="http://a:1", retention_days=9.0))
    assert (after("a", 1), after("b", 1)) == ((9.0, ["b"], 3), None)
    book.edit(put("archiver/c", url="http://c:1"))
    assert after("a", 3) == (9.0, ["b", "c"], 4)
    book.write("lead", term=9, server="b")
    documents.renew(book.site.copy())
    assert documents.after("a", (1, 99)) is not None, "what it knows may have been cut off"
    book.edit(gone("archiver/a"))
    documents.renew(book.site.copy())
    with pytest.raises(UnknownArchiverError, match="'a'"):
        documents.after("a", (9, 5))
