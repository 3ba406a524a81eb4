"""The demo's figures: hub/demo/measure.py."""

import pytest

from watchkeep.hub.demo.follow import SiteView
from watchkeep.hub.demo.measure import Measure
from watchkeep.wire.causes import EventKind, Protection
from watchkeep.wire.messages import AgentBeacon, ArchiverLink, CameraState, Event


def link(name: str, *, healthy: bool = True, missing: int = 0) -> ArchiverLink:
    return ArchiverLink(archiver=name, healthy=healthy, since_s=0, received=0, durable=0, missing=missing, sent_bytes=0)


def says(view: SiteView, sent_s: float, *links: ArchiverLink) -> None:
    view.agents["e"] = AgentBeacon(agent="e", site="s", version="1", online=True, boot="x", beat=1, sent_s=sent_s, cameras=2, links=links)


def camera(status: str, age: float | None) -> CameraState:
    return CameraState(camera="cam0", agent="e", boot="x", status=status, since_s=0, protection=Protection.PROTECTED,
                       protection_since_s=0, chunk_age_s=age)  # fmt: skip


def takeover(archiver: str, at_s: float) -> Event:
    return Event(kind=EventKind.TAKEOVER, source="e", archiver=archiver, at_s=at_s, text="")


@pytest.fixture
def view() -> SiteView:
    return SiteView()


@pytest.fixture
def measure() -> Measure:
    made = Measure("a", "b")
    made.killed(10.0, 1010.0)
    return made


def test_the_death_is_noticed_when_the_agent_says_so_afterwards(view, measure):
    view.events.extend([takeover("a", 1009.0), takeover("b", 1011.0)])
    measure.look(view, 11.0)
    assert measure.takeover(settled=True).detected_s is None
    view.events.append(takeover("a", 1010.7))
    measure.look(view, 10.8)
    measure.look(view, 12.0)
    assert measure.takeover(settled=True).detected_s == 0.8


def test_caught_up_is_the_first_beacon_after_the_restart_that_owes_a_chunk_of_each_camera_at_most(view, measure):
    measure.restarted(15.0, 1015.0)
    for sent_s, state in [(1014.9, link("a")), (1016.0, link("a", healthy=False)), (1016.0, link("a", missing=3)), (1016.0, link("b"))]:
        says(view, sent_s, state)
        measure.look(view, 16.0)
        assert measure.takeover(settled=True).caught_up_s is None
    says(view, 1017.0, link("a", missing=2), link("b"))
    measure.look(view, 17.5)
    measure.look(view, 30.0)
    figures = measure.takeover(settled=True)
    assert (figures.dead_s, figures.caught_up_s) == (5.0, 2.5)
    assert measure.takeover(settled=False).caught_up_s is None


def test_the_worst_chunk_age_counts_recording_cameras_only(view, measure):
    for state in (camera("recording", 1.5), camera("recording", 0.5), camera("recording", None), camera("stalled", 9.0)):
        view.cameras["cam0"] = state
        measure.look(view, 11.0)
    assert measure.takeover(settled=True).worst_chunk_age_s == 1.5
