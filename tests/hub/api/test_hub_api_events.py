"""GET /v1/events of a real hub: what the store reports, numbered, kept over restarts."""

from pathlib import Path

from hub_kit import film, running, wait_for

from watchkeep.wire import http as names

FILM = film(3)


def test_what_the_store_reports_is_listed_and_survives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as hub:
        assert hub.get(names.EVENTS).json() == {"events": [], "next": 0, "oldest": 0, "newest": 0}
        hub.stored(FILM.batch())
        assert hub.append(film(3, width=80).batch()).status == 409, "the same names, other chunks"
        (told,) = hub.get(names.EVENTS).json()["events"]
        assert (told["number"], told["kind"], told["camera"], told["source"], told["archiver"]) == (1, "tamper", "cam0", "a", "a")
        assert told["remedy"]
    with running(tmp_path) as hub:
        page = hub.get(f"{names.EVENTS}?since=0&kind=tamper&camera=cam0&limit=1").json()
        assert [event["number"] for event in page["events"]] == [1]
        assert hub.get(f"{names.EVENTS}?since={page['next']}").json()["events"] == []
        assert hub.get(f"{names.EVENTS}?kind=disk").json()["events"] == []
        assert hub.get(f"{names.EVENTS}?camera=cam1").json()["events"] == []


def test_a_mistake_is_a_bad_request(tmp_path: Path) -> None:
    with running(tmp_path) as hub:
        for query in ("since=-1", "since=x", "kind=party", "limit=0", "limit=1001"):
            answer = hub.get(f"{names.EVENTS}?{query}")
            assert (answer.status, answer.json()["code"]) == (400, names.BAD_REQUEST), query


def test_a_hub_that_stores_nothing_has_no_list(tmp_path: Path) -> None:
    sections = {"hub": {"roles": ["broker"]}, "archiver": None, "broker": {"listen": "127.0.0.1:0"}}
    with running(tmp_path, **sections) as hub:
        wait_for(lambda: hub.get(names.HEALTH).status == 200, "it is up")
        assert hub.get(names.EVENTS).status == 404
        assert hub.get(names.LOCKS).status == 404
