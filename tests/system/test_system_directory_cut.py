"""The directory's leader is cut off, from its followers, from agents, and from both: recording does not notice, and no edit is lost."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from directory_kit import CAMERA
from faultrig import SECOND
from recorder_site import RecorderSite, recorder_site
from wksite import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
TOLD_S = 30.0
ANSWER_S = 6.0
"""Far below the 9 s that an edit takes at most with a leader that is there."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RecorderSite]:
    with recorder_site(tmp_path) as made:
        yield made


def told(site: RecorderSite, camera: str) -> None:
    """Wait until an agent has been told of a camera."""
    wait_until(lambda: camera in site.view.cameras, TOLD_S, f"an agent's trying to record {camera}")


def answers_soon(site: RecorderSite) -> None:
    """An edit at z whose leader x has just been cut off: told within seconds that it was not made, or made by the next leader."""
    began = time.monotonic()
    answer = site.clients["z"].put("camera/at-z", CAMERA)
    assert time.monotonic() - began < ANSWER_S, answer.body
    assert answer.status == 200 or (answer.json()["code"], answer.headers["retry-after"]) == ("busy", "1"), answer.body


def test_a_leader_is_cut_off_from_its_followers_from_agents_and_from_both(site):
    site.record("xyz", cameras=1, away="x", room=9)
    assert site.leader("xyz") == "x"
    epoch = site.newest("cam0").epoch
    cut_off(site)
    assert site.newest("cam0").epoch == epoch, "the agent recorded on"
    report = site.finish()
    (camera,) = report.cameras
    assert camera.damage_total == 0
    assert [(one.missing_frames, one.duplicates) for one in camera.sessions] == [(0, ())] * len(camera.sessions)


def cut_off(site: RecorderSite) -> None:
    """The leader, from its followers, from agents, and from both."""
    assert site.space is not None
    site.space.cut(on=True)  # from its followers: agents ask it by the other link
    answers_soon(site)
    site.inside("PUT", "/v1/site/camera/at-x", CAMERA)
    told(site, "at-x")
    wait_until(lambda: site.takes("z", "at-z"), TOLD_S, "an edit there")
    site.space.cut(on=False)
    wait_until(lambda: site.leader("xyz") != "", TOLD_S, "one leader again")
    told(site, "at-z")
    if site.leader("xyz") != "x":
        assert site.clients["y"].post("failover", {"name": "directory"}).status == 200
        wait_until(lambda: site.leader("xyz") == "x", TOLD_S, "x, of the lowest rank, to lead again")

    site.space.cut(on=True, link=SECOND)  # from agents: they ask the others
    assert site.takes("y", "by-others")
    told(site, "by-others")
    wait_until(lambda: set(site.lives().values()) == {"lives"}, TOLD_S, "agents that are known to live by what others say")
    assert site.leader("xyz") == "x", "it leads on"

    site.space.cut(on=True)  # from both
    wait_until(lambda: site.takes("y", "without-x"), TOLD_S, "an edit there")
    told(site, "without-x")
    site.space.cut(on=False)
    site.space.cut(on=False, link=SECOND)
    wait_until(lambda: site.leader("xyz") != "", TOLD_S, "one leader again")
    assert set(site.clients["x"].get("/v1/site/camera").json()) == {"cam0", "at-x", "at-z", "by-others", "without-x"}
