"""What others tell on MQTT: what of it is taken, and how much."""

import pytest

from watchkeep.hub.events.ring import Ring
from watchkeep.hub.events.site import BURST, RATE_S, SiteEvents
from watchkeep.wire import topics
from watchkeep.wire.causes import EventKind
from watchkeep.wire.messages import Event

TOPIC = topics.event("demo", "takeover")
GOOD = Event(kind=EventKind.TAKEOVER, source="edge-1", at_s=7.5, archiver="a", text="archiver a is unhealthy", remedy="check it")


def payload(**changes: object) -> bytes:
    return GOOD.model_copy(update=changes).model_dump_json().encode()


def test_an_event_of_the_site_is_taken() -> None:
    assert SiteEvents(0.0).take(TOPIC, payload(), 0.0) == GOOD


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        (TOPIC, b"\xff not json"),
        (TOPIC, b"{}"),
        (TOPIC, payload().replace(b'"takeover"', b'"party"')),
        (TOPIC, payload(source="")),
        (TOPIC, payload(source="x" * 64)),
        (TOPIC, payload(camera="../etc")),
        (TOPIC, payload(archiver="A B")),
        (TOPIC, payload().replace(b"7.5", b"Infinity")),
        (topics.event("demo", "loss"), payload()),
    ],
)
def test_what_is_not_ours_is_counted_and_left_alone(topic: str, said: bytes) -> None:
    site = SiteEvents(0.0)
    assert site.take(topic, said, 0.0) is None
    assert (site.foreign, site.flooded) == (1, 0)


def test_a_flood_is_limited_and_others_are_heard_again_afterwards() -> None:
    site = SiteEvents(0.0)
    taken = [site.take(TOPIC, payload(text=str(number)), 0.0) for number in range(BURST + 50)]
    assert sum(event is not None for event in taken) == BURST
    assert site.flooded == 50
    assert site.take(TOPIC, payload(), 1 / RATE_S) == GOOD
    assert site.take(TOPIC, payload(), 1 / RATE_S) is None


def test_an_event_that_comes_twice_is_listed_once_until_the_ring_has_forgotten_it() -> None:
    ring = Ring(limit=3)
    assert ring.add(GOOD) is not None
    assert ring.add(GOOD) is None
    assert ring.add(GOOD.model_copy(update={"at_s": 8.0})) is not None
    assert ring.add(GOOD.model_copy(update={"source": "edge-2"})) is not None
    assert [event.number for event in ring.after(0)] == [1, 2, 3]
    assert ring.add(GOOD.model_copy(update={"text": "x" * 900})) is not None
    assert ring.add(GOOD.model_copy(update={"text": "x" * 900})) is None, "compared as it is kept"
    assert ring.add(GOOD) is not None, "it had gone"
    assert Ring(ring.after(0), limit=3).add(GOOD) is None, "also after a restart"
    assert len(ring._listed) == len(ring)
