"""A site that is watched, with real archivers and directory servers: an alarm and its end, from any server, and by a new leader."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from directory_asker import Asker
from directory_kit import CAMERA, Client, Servers, directory
from hub_kit import EPOCH, Hub, film, running, wait_for
from sitectl_kit import within

from watchkeep.hub import service
from watchkeep.hub.directory import steward
from watchkeep.hub.directory.health import monitor as module
from watchkeep.wire.mdns import Found


@pytest.fixture(name="stack")
def stack_(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """Looks follow each other fast, so that a test does not wait for them."""
    monkeypatch.setattr(module, "ROUND_S", 0.1)
    monkeypatch.setattr(module, "IDLE_S", 0.1)
    with ExitStack() as made:
        yield made


def camera(client: Client) -> dict[str, Any]:
    answer = client.get("/v1/site/health")
    found: dict[str, Any] = answer.json()["cameras"].get("cam0", {}) if answer.status == 200 else {}
    return found


def health_events(client: Client) -> list[str]:
    return [one["text"] for one in client.get("/v1/events?kind=health").json()["events"]]


def described(servers: Servers, archiver: Hub, stack: ExitStack) -> None:
    client = servers.led()
    for path, value in (("archiver/a", {"url": archiver.url}), ("agent/edge-1", {}), ("camera/cam0", {**CAMERA, "archivers": ["a"]})):
        assert client.put(path, value).status == 200
    stack.enter_context(closing(Asker("edge-1", [one.url for one in servers.clients.values()])))
    servers.level()


def test_an_alarm_and_its_end_are_events_and_states_at_every_server_and_a_new_leader_goes_on(
        tmp_path: Path, free_port: Callable[[], int], stack: ExitStack) -> None:  # fmt: skip
    (tmp_path / "store").mkdir()
    archiver = stack.enter_context(running(tmp_path / "store"))
    servers = stack.enter_context(directory(tmp_path, free_port, "ab", directory={"durable_age_alarm_s": 5.0}))
    described(servers, archiver, stack)
    leader = servers.led()
    follower = next(client for client in servers.clients.values() if client is not leader)
    made = film(4)
    archiver.stored(made.batch())
    archiver.wait_durable(made)
    wait_for(lambda: camera(follower).get("state") == "protected", "protection, asked of a server that does not watch")
    assert camera(follower)["copies"] == camera(follower)["wanted"] == 1
    wait_for(lambda: camera(leader).get("state") == "unprotected", "the alarm, five seconds after the last chunk")
    assert camera(leader)["age_s"] >= 5
    assert any(text.startswith("no durable video for more than 5 s: cam0") for text in health_events(leader))
    shown = within("health", server=follower.url)
    assert (shown.code, "1 unprotected" in shown.out, "cam0" in shown.out) == (0, True, True), shown
    assert "1 camera without durable video: watchkeep site health" in within("show", server=follower.url).out
    servers.stop(leader.name)
    wait_for(lambda: camera(follower).get("state") == "unprotected", "the same alarm, by the new leader")
    more = film(4, epoch=EPOCH + 10)
    archiver.stored(more.batch())
    wait_for(lambda: camera(follower).get("state") == "protected", "the end of the alarm")
    assert any(text.startswith("durable video again") for text in health_events(follower))
    wait_for(lambda: follower.get("/v1/site/health").json()["agents"]["edge-1"]["state"] == "up", "the agent, at the new leader")
    whole = json.loads(within("health", "--json", server=follower.url).out)
    assert (whole["server"], whole["archivers"]["a"]["state"]) == (follower.name, "up")


def test_an_archiver_without_an_address_in_the_site_is_asked_where_mdns_shows_it(
        tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    shows: list[Callable[[dict[str, Found]], None]] = []

    class Silent:
        """Instead of zeroconf, whose own tests are elsewhere."""

        def __init__(self, *arguments: Any, **_: Any) -> None:
            shows.extend(one for one in arguments if callable(one))

        def start(self) -> None: ...

        def stop(self) -> None: ...

    monkeypatch.setattr(service, "Browser", Silent)
    monkeypatch.setattr(service, "Advertiser", Silent)
    monkeypatch.setattr(steward, "PROBE_S", 0.1)
    hub = stack.enter_context(running(tmp_path, hub={"roles": ["archiver", "directory"]}, discovery={"mdns": True}))
    wait_for(lambda: hub.get("/v1/site").json()["leader"] == "a" and shows, "it leads, and browses")
    assert hub.request("PUT", "/v1/site/archiver/a", b"{}", Content_Type="application/json").status == 200

    def state() -> str:
        answer = hub.get("/v1/site/health")
        return str(answer.json()["archivers"].get("a", {}).get("state")) if answer.status == 200 else ""

    wait_for(lambda: state() == "unknown", "nobody knows where it is")
    assert hub.get("/v1/site").json()["stores"] == {}
    shows[0]({"a": Found("a", hub.url, ("archiver",), "demo", "0")})
    wait_for(lambda: state() == "up", "its being asked")
    wait_for(lambda: hub.get("/v1/site").json()["stores"] == {"a": "lives"}, "the leader's knowing that it answers")
    shows[0]({})
    assert state() == "up", "a dead one is to be missed, not forgotten"


def test_whoever_answers_under_an_archivers_address_by_another_name_is_not_believed(
        tmp_path: Path, free_port: Callable[[], int], stack: ExitStack) -> None:  # fmt: skip
    (tmp_path / "store").mkdir()
    archiver = stack.enter_context(running(tmp_path / "store"))
    servers = stack.enter_context(directory(tmp_path, free_port, "a"))
    client = servers.led()
    for path, value in (("archiver/other", {"url": archiver.url}), ("archiver/none", {"url": f"http://127.0.0.1:{free_port()}"})):
        assert client.put(path, value).status == 200
    stack.enter_context(closing(Asker("edge-1", [client.url])))
    assert client.put("agent/edge-1", {}).status == 200

    def archivers() -> set[str]:
        answer = client.get("/v1/site/health")
        return {one["state"] for one in answer.json()["archivers"].values()} if answer.status == 200 else set()

    wait_for(lambda: archivers() == {"down"}, "both being silent")
