"""GET /v1/events of a real hub: what the store reports and the site tells, numbered, kept over restarts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hub_kit import Hub, film, running, wait_for

from watchkeep.wire import http as names
from watchkeep.wire import topics
from watchkeep.wire.causes import EventKind
from watchkeep.wire.messages import Event
from watchkeep.wire.shell.mqtt import MqttClient

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


def test_events_of_the_whole_site_are_listed_once_each(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """Two archivers and an agent at one broker; what b reports is listed by a as well, and by b only once."""
    mqtt = {"url": f"mqtt://127.0.0.1:{free_port()}"}
    for name in ("broker", "b"):
        (tmp_path / name).mkdir()
    with (
        running(tmp_path / "broker", archiver=None, hub={"id": "m", "roles": ["broker"]}, mqtt=mqtt),
        running(tmp_path, mqtt=mqtt) as a,
        running(tmp_path / "b", hub={"id": "b"}, mqtt=mqtt) as b,
        agent(mqtt["url"]) as say,
    ):
        lost = Event(kind=EventKind.TAKEOVER, source="edge-1", at_s=1.5, archiver="a", text="archiver a is unhealthy")
        probe = Event(kind=EventKind.CLOCK, source="edge-1", at_s=1.0, text="stepped")

        def heard(hub: Hub, count: int) -> bool:
            """MQTT keeps no event for who subscribes later, so the probe is repeated until it is heard; it is listed once."""
            say(probe)
            return len(hub.get(f"{names.EVENTS}?since=0").json()["events"]) == count

        wait_for(lambda: heard(a, 1) and heard(b, 1), "both hubs to hear the agent")
        say(lost)
        say(lost)
        b.stored(FILM.batch())
        assert b.append(film(3, width=80).batch()).status == 409
        wait_for(lambda: heard(a, 3) and heard(b, 3), "every event, once")
        for hub in (a, b):
            page = hub.get(f"{names.EVENTS}?since=0").json()["events"]
            told = sorted((event["source"], event["kind"]) for event in page)
            assert told == [("b", "tamper"), ("edge-1", "clock"), ("edge-1", "takeover")]
            (found,) = hub.get(f"{names.EVENTS}?kind=takeover").json()["events"]
            assert (found["text"], found["archiver"], found["at_s"]) == (lost.text, "a", 1.5)
            assert [event["kind"] for event in hub.get(f"{names.EVENTS}?camera=cam0").json()["events"]] == ["tamper"]


@contextmanager
def agent(url: str) -> Iterator[Callable[[Event], None]]:
    """Somebody who publishes events."""
    client = MqttClient(url, client_id="edge-1", will=None, birth=list)
    client.start()
    try:
        yield lambda event: client.publish(topics.event("demo", event.kind), event.model_dump_json().encode())
    finally:
        client.stop()
