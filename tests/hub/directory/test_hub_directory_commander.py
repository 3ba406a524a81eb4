"""Commands over a real Mosquitto to real directory servers: the leader alone acts and answers."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from directory_asker import Asker
from directory_kit import CAMERA, Client, directory
from hub_kit import wait_for
from mosquitto import Mosquitto

from watchkeep.hub.directory import inbox
from watchkeep.wire import topics
from watchkeep.wire.commands import CommandReply
from watchkeep.wire.shell.mqtt import MqttClient


class Operator:
    """A script or a home automation at the broker."""

    def __init__(self, url: str) -> None:
        self.heard: list[CommandReply] = []
        self.servers: set[str] = set()
        """Those whose beacon came: they hear commands too."""
        self._changed = threading.Condition()
        self._client = MqttClient(url, client_id="operator", will=None, birth=list)
        self._client.subscribe(topics.everything("demo"), self._take)
        self._client.start()
        wait_for(lambda: self._client.connected, "the broker")
        self._made = 0

    def _take(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/beacon"):
            self.servers.add(topic.split("/")[-2])
        if not topic.endswith("/reply"):
            return
        reply = CommandReply.model_validate_json(payload)
        assert topic == topics.command_reply("demo", reply.command, reply.id)
        with self._changed:
            self.heard.append(reply)
            self._changed.notify_all()

    def send(self, kind: str, ident: str, **fields: object) -> CommandReply:
        """Give a command and wait for its reply."""
        known = len(self.heard)
        self._client.publish(topics.command("demo", kind, ident), json.dumps({"at_s": time.time(), **fields}).encode())
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.heard) > known, 20), f"no reply to {kind}"
            return self.heard[known]

    def order(self, kind: str, **fields: object) -> CommandReply:
        self._made += 1
        return self.send(kind, f"n{self._made}", **fields)

    def close(self) -> None:
        self._client.stop()


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """One machine has one clock, so a server need not wait before it carries something out."""
    monkeypatch.setattr(inbox, "SKEW_S", 0.0)


@pytest.fixture(name="broker")
def broker_(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Mosquitto]:
    found = Mosquitto(tmp_path, free_port())
    found.start()
    yield found
    found.stop()


@pytest.fixture(name="operator")
def operator_(broker: Mosquitto) -> Iterator[Operator]:
    found = Operator(broker.url)
    yield found
    found.close()


def ordered(client: Client) -> list[str]:
    """Who has edited the site, the newest first, but the directory itself."""
    return [entry["actor"] for entry in client.get("/v1/site/history").json()["entries"] if entry["actor"] != "directory"]


def test_the_leader_alone_carries_out_and_answers(tmp_path: Path, free_port: Callable[[], int], broker: Mosquitto,
                                                  operator: Operator) -> None:  # fmt: skip
    with directory(tmp_path, free_port, "ab", mqtt={"url": broker.url}) as servers, ExitStack() as agents:
        leader = servers.led()
        agents.enter_context(closing(Asker("edge-1", [leader.url])))
        for path, value in (("agent/edge-1", {}), ("archiver/s1", {}), ("camera/door", CAMERA)):
            assert leader.put(path, value).status == 200
        wait_for(lambda: operator.servers == set(servers.clients), "the servers' beacons")
        wait_for(lambda: leader.site()["archivers"] == {"door": ["s1"]}, "the plan, which is written once")
        wait_for(lambda: leader.site()["lives"] == {"edge-1": "lives"}, "a living agent")
        moved = operator.send("move", "move-1", cameras=["door"], agent="edge-1", actor="anna")
        assert (moved.outcome, moved.server) == ("done", "a")
        assert moved.text in ("edge-1 records door", "edge-1 has door already"), "the plan may have been faster"
        assert moved.index > 0
        assert moved.copies == 2
        assert leader.site()["recorders"]["door"][0] == "edge-1"
        assert ordered(leader)[0] == "anna"
        assert operator.order("maintenance", name="s1", on=True, lasting_s=60).outcome == "done"
        known = ordered(leader)
        assert known[0].startswith("mqtt/n")
        for kind, fields, outcome in (
            ("move", {"cameras": ["none"], "agent": "edge-1"}, "refused"), ("move", {"cameras": 7}, "malformed"),
            ("failover", {"name": "directory", "at_s": time.time() - 600}, "stale"), ("dance", {}, "unknown"),
        ):  # fmt: skip
            reply = operator.order(kind, **fields)
            assert (reply.outcome, bool(reply.remedy)) == (outcome, True)
        assert operator.send("move", "move-1", cameras=["door"], agent="edge-1").outcome == "repeated"
        assert ordered(leader) == known, "nothing of this was written"
        assert len({(reply.id, reply.at_s) for reply in operator.heard}) == len(operator.heard), "one reply to each"
        over = operator.send("failover", "over-1", name="directory")
        assert (over.outcome, over.text) == ("done", "a hands the lead over")
        wait_for(lambda: servers.clients["b"].leader() == "b", "the other leader")
        again = operator.send("failover", "over-1", name="directory")
        assert (again.outcome, again.server) == ("repeated", "b"), "the new leader knows what the old one carried out"


def test_what_the_configuration_does_not_allow_is_refused(tmp_path: Path, free_port: Callable[[], int], broker: Mosquitto,
                                                           operator: Operator) -> None:  # fmt: skip
    wanted = {"servers": [], "mqtt_commands": ["maintenance"]}
    with directory(tmp_path, free_port, "a", mqtt={"url": broker.url}, directory=wanted) as servers:
        servers.led()
        wait_for(lambda: operator.servers == set(servers.clients), "the servers' beacons")
        assert operator.order("failover", name="directory").outcome == "not-allowed"


def test_a_leader_that_was_started_after_a_command_does_not_carry_it_out_again(tmp_path: Path, free_port: Callable[[], int],
                                                                               broker: Mosquitto, operator: Operator) -> None:  # fmt: skip
    with directory(tmp_path, free_port, "ab", mqtt={"url": broker.url}) as servers:
        leader = servers.led()
        assert leader.put("archiver/s1", {}).status == 200
        wait_for(lambda: operator.servers == set(servers.clients), "the servers' beacons")
        away: dict[str, object] = {"name": "s1", "on": True, "lasting_s": 60, "at_s": time.time(), "actor": "anna"}
        assert operator.send("maintenance", "away-1", **away).outcome == "done"
        servers.stop("b")
        operator.servers.clear()
        servers.start("b")
        wait_for(lambda: "b" in operator.servers, "b's beacon")
        servers.led()
        assert operator.order("failover", name="directory").outcome == "done"
        wait_for(lambda: servers.clients["b"].leader() == "b", "the other leader")
        known = ordered(servers.clients["b"])
        again = operator.send("maintenance", "away-1", **away)
        assert (again.outcome, again.server) == ("unsure", "b")
        assert ordered(servers.clients["b"]) == known, "nothing was written"
        assert operator.order("maintenance", name="s1", on=False).outcome == "done", "what is given by now is carried out"
