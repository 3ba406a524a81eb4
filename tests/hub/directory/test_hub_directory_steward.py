"""Directory servers that assign cameras to agents, over real HTTP: who dies, who comes back, and a leader that changes meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from directory_asker import Asker
from directory_kit import Servers, directory
from hub_kit import wait_for

from watchkeep.hub.directory import assigner, steward
from watchkeep.hub.directory.liveness import CLOSED_S, SILENT_S
from watchkeep.hub.directory.steady import Steadiness

NAMES = ("one", "two", "three")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def site(servers: Servers, stack: ExitStack, cameras: int = 6) -> dict[str, Asker]:
    """Agents that ask, each a server of its own first, with all cameras given."""
    client = servers.led()
    changes = [{"entity": "agent", "id": name, "value": {}} for name in NAMES]
    changes += [{"entity": "camera", "id": f"cam{number}", "value": {"url": f"rtsp://10.0.0.{number}/a"}} for number in range(cameras)]
    urls = [one.url for one in servers.clients.values()]
    turned = [urls[number % len(urls) :] + urls[: number % len(urls)] for number in range(len(NAMES))]
    agents = {name: Asker(name, turn) for name, turn in zip(NAMES, turned, strict=True)}
    for agent in agents.values():
        stack.callback(agent.close)
    assert client.post("edit", {"changes": changes}).status == 200
    wait_for(lambda: given(agents) == cameras, "all cameras at agents that live")
    return agents


def given(agents: dict[str, Asker]) -> int:
    return sum(len(agent.cameras) for agent in agents.values())


def fullest(agents: dict[str, Asker]) -> str:
    return max(agents, key=lambda name: len(agents[name].cameras))


def moved(servers: Servers, agents: dict[str, Asker]) -> None:
    """A camera stays with its recorder until the new one has said, to whichever server, that it has begun."""
    client, camera = servers.led(), "cam0"
    before = next(agent for agent in agents.values() if camera in agent.cameras)
    after = next(agent for agent in agents.values() if agent is not before)
    term = before.cameras[camera]
    after.refuses.add(camera)
    assert client.post("move", {"cameras": [camera], "agent": after.agent}).status == 200
    wait_for(lambda: after.cameras.get(camera, 0) > term, "its new recorder")
    assert client.site()["leaving"] == {camera: [[before.agent, term]]}
    assert before.cameras[camera] == term
    after.refuses.clear()
    wait_for(lambda: camera not in before.cameras, "its being left")
    assert client.site()["leaving"] == {}
    story = client.get(f"/v1/site/history?entity=camera/{camera}").json()["entries"]
    assert [one["payload"].get("leaving") for one in story[:2]] == [{camera: []}, {camera: [[before.agent, term]]}]


def went_back(servers: Servers, agents: dict[str, Asker]) -> None:
    """It goes back to the first of its list by itself, once it may."""
    client, camera = servers.led(), "cam0"
    stands_in = next(agent for agent in agents.values() if camera in agent.cameras)
    first = next(agent for agent in agents.values() if agent is not stands_in)
    value = {"url": "rtsp://10.0.0.0/a", "recorders": [first.agent, stands_in.agent], "recorder_failback": "auto"}
    assert client.post("edit", {"changes": [{"entity": "camera", "id": camera, "value": value}]}).status == 200
    wait_for(lambda: camera in first.cameras and camera not in stands_in.cameras, "the first of its list")


def test_a_dead_agents_cameras_go_to_the_others_with_higher_terms_and_it_learns_so_when_it_is_back(
        tmp_path: Path, free_port: Callable[[], int], stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(assigner, "Steadiness", partial(Steadiness, 0.2))
    with directory(tmp_path, free_port, "ab") as servers:
        agents = site(servers, stack)
        moved(servers, agents)
        went_back(servers, agents)
        dead = fullest(agents)
        before = agents[dead].cameras
        began = time.monotonic()
        agents.pop(dead).close()
        wait_for(lambda: given(agents) == 6, "its cameras at the others")
        assert CLOSED_S - 0.2 < time.monotonic() - began < CLOSED_S + 6
        after = {camera: term for agent in agents.values() for camera, term in agent.cameras.items()}
        assert all(after[camera] > term for camera, term in before.items())
        client = servers.led()
        assert client.site()["lives"][dead] == "gone"
        again = Asker(dead, [one.url for one in servers.clients.values()])
        stack.callback(again.close)
        wait_for(lambda: client.site()["lives"][dead] == "lives", "its return")
        wait_for(lambda: again._follower.taken is not None and again.cameras == {}, "a document without cameras: sticky")
        assert given(agents) == 6
        assert client.site()["without"] == {}


def test_a_server_that_comes_to_lead_looks_at_once(
        tmp_path: Path, free_port: Callable[[], int], stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    looks, look = list[None](), assigner.Assigner.look

    def counted(self: assigner.Assigner, scene: assigner.Scene, now: float) -> list[object]:
        looks.extend([] if scene.leads else [None])
        return list(look(self, scene, now))

    monkeypatch.setattr(assigner.Assigner, "look", counted)
    with directory(tmp_path, free_port, "ab") as servers:
        agents = site(servers, stack, 2)
        monkeypatch.setattr(steward, "FOLLOW_LOOK_S", 300.0)
        before = len(looks)
        wait_for(lambda: len(looks) > before, "the follower's last look")
        servers.stop(servers.led().name)
        assert servers.led().put("camera/cam2", {"url": "rtsp://10.0.0.2/a"}).status == 200
        wait_for(lambda: given(agents) == 3, "the new camera at an agent")


def test_an_agent_that_falls_silent_and_the_leader_that_stops_meanwhile(
        tmp_path: Path, free_port: Callable[[], int], stack: ExitStack) -> None:  # fmt: skip
    with directory(tmp_path, free_port, "abc") as servers:
        agents = site(servers, stack)
        dead = fullest(agents)
        began = time.monotonic()
        agents.pop(dead).silence()
        wait_for(lambda: given(agents) == 6, "its cameras at the others")
        assert time.monotonic() - began > SILENT_S - 1.2
        second = fullest(agents)
        servers.stop(servers.led().name)
        agents.pop(second).close()
        wait_for(lambda: given(agents) == 6, "all cameras at the one that is left")
        assert servers.led().site()["recorders"]["cam0"][0] == next(iter(agents))
