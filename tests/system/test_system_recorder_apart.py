"""A recorder is cut off from the directory alone, then from the whole hub while its stand-in has room for one camera: the important one
goes on, both record, all is kept.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faultrig import durable
from hub_kit import Hub
from recorder_site import ARCHIVERS, RecorderSite, recorder_site
from wksite import wait_until

from watchkeep.wire import http
from watchkeep.wire.ids import epoch_term
from watchkeep.wire.messages import Gap, Timeline

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
APART, OTHER = "edge-1", "edge-2"
TAKEN_UP_S = 30.0
"""The target is 10 s at p99 (`./run reliability recorder-silent` measures it); here the machine may be busy with other tests."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RecorderSite]:
    with recorder_site(tmp_path, apart=APART) as made:
        yield made


def ranked(site: RecorderSite, high: str, low: str) -> None:
    """One camera is more important than the other one, and the stand-in takes one."""
    urls = {name: site.ask().get(f"/v1/site/camera/{name}").json()["url"] for name in (high, low)}
    changes = [{"entity": "camera", "id": name, "value": {"url": urls[name], "copies": 2, "priority": rank}}
               for name, rank in ((high, 9), (low, 1))]  # fmt: skip
    changes.append({"entity": "agent", "id": OTHER, "value": {"max_cameras": 1}})
    answer = site.ask().post("edit", {"changes": changes})
    assert answer.status == 200, answer.body


def given(site: RecorderSite, **wanted: str) -> None:
    """Move each camera to the agent that is named."""
    for camera, agent in wanted.items():
        if site.recorders()[camera] != agent:
            assert site.ask().post("move", {"cameras": [camera], "agent": agent}).status == 200
    wait_until(lambda: site.recorders() == wanted and not site.site_now()["leaving"], TAKEN_UP_S, "the moves")


def gaps(site: RecorderSite, camera: str) -> list[Gap]:
    answer = Hub(f"http://127.0.0.1:{site.port('a')}", []).get(http.timeline(camera))
    return Timeline.model_validate_json(answer.body).gaps


def held(site: RecorderSite, camera: str, epoch: int) -> list[int]:
    """The newest chunk of an epoch on each archiver, asked for by itself: a timeline shows what the stand-in has of the same time."""
    found = [durable(f"http://127.0.0.1:{site.port(name)}", {camera: epoch}) for name in ARCHIVERS]
    return [-1 if seqs is None else seqs[camera] for seqs in found]


def cut_off_from_the_directory_alone(site: RecorderSite, camera: str) -> None:
    """It goes on recording to both archivers beside its stand-in, as nobody tells it to stop; back in touch, it does."""
    assert site.space is not None
    epoch = site.newest(camera).epoch
    site.space.cut_from(site.port("x"), on=True)
    wait_until(lambda: site.taken_up({camera: epoch_term(epoch)}), TAKEN_UP_S, "the stand-in's recording")
    assert site.lives()[APART] == "gone"
    seq = max(held(site, camera, epoch))
    wait_until(lambda: min(held(site, camera, epoch)) > seq + 1, TAKEN_UP_S, "its going on")
    site.space.cut_from(site.port("x"), on=False)
    wait_until(lambda: site.lives()[APART] == "lives" and site.view.agents[APART].cameras == 0, TAKEN_UP_S, "its end")
    assert set(site.recorders().values()) == {OTHER}, "sticky"
    assert gaps(site, camera) == []


def test_a_recorder_is_cut_off_and_its_stand_in_has_room_for_one(site):
    site.record("x", cameras=2)
    assert site.space is not None
    high, low = site.cameras
    given(site, **{high: APART, low: OTHER})
    cut_off_from_the_directory_alone(site, high)
    given(site, **{high: APART, low: OTHER})
    ranked(site, high, low)
    before = {name: site.term(name) for name in (high, low)}
    site.space.cut(on=True)
    wait_until(lambda: site.taken_up({high: before[high]}), TAKEN_UP_S, "the stand-in's recording of the important camera")
    assert site.recorders() == {high: OTHER, low: ""}
    told = [event.text for event in list(site.view.events) if event.kind == "assignment"]
    assert [text for text in told if low in text and "not recorded by anybody" in text], told
    site.space.cut(on=False)
    wait_until(lambda: site.recorders() == {high: OTHER, low: APART}, TAKEN_UP_S, "the other camera's going to who is back")
    wait_until(lambda: site.taken_up(before), TAKEN_UP_S, "its recording")
    site.settled()
    assert gaps(site, high) == []
    report = site.finish()
    for camera in report.cameras:
        assert camera.damage_total == 0
        assert [(one.missing_frames, one.duplicates) for one in camera.sessions] == [(0, ())] * len(camera.sessions)
    found = sorted(report.camera(high).epochs, key=lambda one: one.epoch)
    first = next(one for one in found if epoch_term(one.epoch) > before[high])
    alone = [one for one in found if epoch_term(one.epoch) == before[high]]
    assert max(one.end_s for one in alone) - first.start_s > 0, "both recorded it, and what the one that was cut off had is there"
