"""What servers have seen is with all of them: copied, kept over restarts, and asked of any; real servers over HTTP."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from directory_asker import Asker
from directory_kit import CAMERA, Client, directory
from hub_kit import wait_for
from sitectl_kit import within

from watchkeep.hub.directory.health import monitor, recorder


@pytest.fixture(name="stack")
def stack_(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """Looks and copies follow each other fast, so that a test does not wait for them."""
    for module, name in ((monitor, "ROUND_S"), (monitor, "IDLE_S"), (recorder, "PULL_S")):
        monkeypatch.setattr(module, name, 0.1)
    with ExitStack() as made:
        yield made


def of(client: Client, kind: str, name: str) -> dict[str, Any]:
    things = client.get(f"/v1/site/availability?kind={kind}").json()["things"]
    return next((one for one in things if one["id"] == name), {})


def test_what_a_dead_leader_saw_is_known_to_the_others_and_to_itself_after_a_restart(
        tmp_path: Path, free_port: Callable[[], int], stack: ExitStack) -> None:  # fmt: skip
    servers = stack.enter_context(directory(tmp_path, free_port, "ab"))
    leader = servers.led()
    other = next(client for client in servers.clients.values() if client is not leader)
    for path, value in (("agent/edge-1", {}), ("camera/cam0", CAMERA)):
        assert leader.put(path, value).status == 200
    with closing(Asker("edge-1", [other.url])):
        wait_for(lambda: of(other, "agent", "edge-1").get("up_s", 0) > 0.5, "the agent's time, copied to the other server")
    wait_for(lambda: of(other, "agent", "edge-1").get("down_s", 0) > 0.5, "its outage")
    before = of(other, "agent", "edge-1")
    assert (before["outages"], 0 < before["share"] < 1) == (1, True)
    name = leader.name
    servers.stop(name)
    wait_for(lambda: of(other, "agent", "edge-1")["down_s"] > before["down_s"] + 2, "the outage's going on under the new leader")
    after = of(other, "agent", "edge-1")
    assert (after["outages"], after["up_s"]) == (1, pytest.approx(before["up_s"], abs=0.3)), "one outage, seen by two leaders"
    lead = of(other, "role", "directory")
    assert lead["down_s"] > 0.5, "between the two leaders"
    again = servers.start(name)
    wait_for(lambda: of(again, "agent", "edge-1").get("down_s", 0) >= after["down_s"], "what the new leader has seen, at the old one")
    assert of(again, "agent", "edge-1")["up_s"] == pytest.approx(before["up_s"], abs=0.3)
    assert of(other, "camera", "cam0") == {}, "without an archiver nothing is known of it"
    said = within("availability", "agent", "--from", "1h", server=again.url)
    assert (said.code, "agent/edge-1" in said.out) == (0, True), said
    assert json.loads(within("availability", "role/directory", "--json", server=again.url).out)["things"][0]["outages"] >= 1


def test_a_period_that_is_none_is_refused(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.led()
        for query, says in (("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to is not after from"), ("from=yesterday", "is no time"),
                            ("from=9000000000", "to is not after from"), ("kind=cameras", "kind")):  # fmt: skip
            answer = client.get(f"/v1/site/availability?{query}")
            assert (answer.status, says in answer.json()["reason"]) == (400, True), answer.body
        assert within("availability", "cameras", server=client.url).code == 2
        assert within("availability", "--from", "yesterday", server=client.url).code == 2
