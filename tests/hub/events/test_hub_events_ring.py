"""Numbers, bounds and pages of the list of events."""

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.events.ring import MAX_TEXT, ListedEvent, Ring
from watchkeep.wire.causes import EventKind
from watchkeep.wire.messages import Event

KINDS = (EventKind.DISK, EventKind.LOCK)
CAMERAS = ("", "cam0", "cam1")


def event(kind: EventKind = EventKind.DISK, camera: str = "", text: str = "x") -> Event:
    return Event(kind=kind, source="a", at_s=1.5, camera=camera, archiver="a", text=text, remedy="y")


def ring(count: int, *, limit: int = 100) -> Ring:
    found = Ring(limit=limit)
    for number in range(count):
        found.add(event(KINDS[number % 2], CAMERAS[number % 3], f"number {number + 1}"))
    return found


def test_numbers_rise_by_one_and_the_oldest_go() -> None:
    found = ring(25, limit=10)
    assert [one.number for one in found.after(0)] == list(range(16, 26))
    assert (found.oldest, found.newest, len(found)) == (16, 25, 10)
    assert [one.text for one in found.after(24)] == ["number 25"]
    assert list(found.after(25)) == []
    assert list(found.after(99)) == []


def test_numbers_go_on_after_what_was_loaded() -> None:
    found = Ring([ListedEvent(**event().model_dump(), number=41)])
    assert found.add(event(text="another")).number == 42


def test_long_texts_are_cut() -> None:
    assert len(ring(0).add(event(text="x" * 5000)).text) == MAX_TEXT


@given(st.integers(0, 40), st.sampled_from([None, *KINDS]), st.sampled_from([None, *CAMERAS]), st.integers(1, 7), st.integers(0, 45))
def test_a_reader_that_goes_on_with_next_sees_everything_once(
    count: int, kind: EventKind | None, camera: str | None, limit: int, since: int
) -> None:
    found = ring(count, limit=30)
    wanted = [one for one in found.after(since) if kind in (None, one.kind) and camera in (None, one.camera)]
    seen: list[ListedEvent] = []
    for _ in range(50):
        page = found.page(since=since, kind=kind, camera=camera, limit=limit)
        assert len(page.events) <= limit
        seen += page.events
        since = page.next
        if len(page.events) < limit:
            break
    assert seen == wanted
    assert since >= found.newest


def test_without_since_the_newest_ones_in_order() -> None:
    page = ring(20).page(since=None, kind=EventKind.LOCK, camera=None, limit=3)
    assert [one.number for one in page.events] == [16, 18, 20]
    assert (page.next, page.oldest, page.newest) == (20, 1, 20)


def test_nothing() -> None:
    page = Ring().page(since=None, kind=None, camera=None, limit=3)
    assert (page.events, page.next, page.oldest, page.newest) == ([], 0, 0, 0)
