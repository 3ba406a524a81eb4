"""What is sent on to a server that is cut off, and servers that stop while somebody waits: soon over, and honestly answered."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from directory_kit import CAMERA, Client, Servers
from hub_kit import Answer, wait_for
from leader_stub import LeaderStub, leader_stub

from watchkeep.hub.api import desired
from watchkeep.hub.directory import forward
from watchkeep.hub.directory.cluster.status import Member
from watchkeep.hub.directory.forward import Forwards
from watchkeep.hub.directory.link import LinkError

SOON_S = 6.0
"""Far below the 9 s that an edit takes at most with a leader that is there."""


@pytest.fixture
def mute() -> Iterator[LeaderStub]:
    with leader_stub() as made:
        yield made


def send(forwards: Forwards, port: int, *, heard: bool = True) -> LinkError:
    """How a request ends that is not answered."""
    with forwards.to(Member("a", f"http://127.0.0.1:{port}", 0), heard=heard) as link, pytest.raises(LinkError) as caught:
        link.request("GET", "/", limit_s=30.0)
    return caught.value


def test_it_is_given_up_once_the_other_server_is_heard_no_more(mute: LeaderStub) -> None:
    forwards = Forwards()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(send, forwards, mute.port)
        wait_for(lambda: len(mute.got) == 1, "the request")
        forwards.look({"a"})
        assert forwards
        assert not asked.done()
        forwards.look({"b"})
        assert asked.result(10).sent
    assert not forwards


def test_who_was_not_heard_at_its_beginning_gets_the_time_to_be(mute: LeaderStub) -> None:
    forwards = Forwards()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(send, forwards, mute.port, heard=False)
        wait_for(lambda: len(mute.got) == 1, "the request")
        forwards.look(())
        assert not asked.done()
        forwards.look({"a"})
        forwards.look(())
        assert asked.result(10).sent


def test_at_a_stop_everything_is_given_up_and_nothing_more_is_sent(mute: LeaderStub) -> None:
    forwards = Forwards()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(send, forwards, mute.port)
        wait_for(lambda: len(mute.got) == 1, "the request")
        forwards.end()
        assert asked.result(10).sent
    assert not send(forwards, mute.port).sent
    assert len(mute.got) == 1


def test_a_machine_that_does_not_answer_at_all_is_given_up_soon_and_has_got_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "CONNECT_S", 0.05)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # one waits to be accepted, the kernel lets nobody else in
            assert not send(Forwards(), port).sent


def following(tmp_path: Path, port: int, free_port: Callable[[], int]) -> Servers:
    """Server b, whose leader is the stub."""
    servers = Servers(tmp_path, {"a": port, "b": free_port()})
    client = servers.start("b")
    wait_for(lambda: client.leader() == "a", "its leader")
    return servers


def edit(pool: ThreadPoolExecutor, client: Client, leader: LeaderStub) -> "Future[Answer]":
    """One that the leader has got and does not answer."""
    found = pool.submit(client.put, "camera/cam0", CAMERA)
    wait_for(lambda: "/v1/site/edit" in leader.got, "the edit")
    return found


def test_an_edit_at_a_follower_whose_leader_is_cut_off_is_soon_answered_as_unsure(
        tmp_path: Path, free_port: Callable[[], int], mute: LeaderStub) -> None:  # fmt: skip
    servers = following(tmp_path, mute.port, free_port)
    with ThreadPoolExecutor(1) as pool:
        asked, began = edit(pool, servers.clients["b"], mute), time.monotonic()
        changes = [{"entity": "camera", "id": "cam0", "value": CAMERA}]
        assert json.loads(mute.bodies["/v1/site/edit"]) == {"changes": changes}, "an older leader may not know fields that say nothing new"
        mute.mute.set()
        answer = asked.result(20)
        assert time.monotonic() - began < SOON_S
        assert answer.status == 503
        assert answer.json()["code"] == "unsure", "the leader may have made it"
        assert answer.json()["remedy"]
    servers.close()


def test_a_stop_waits_for_no_leader_that_does_not_answer(tmp_path: Path, free_port: Callable[[], int], mute: LeaderStub) -> None:
    servers = following(tmp_path, mute.port, free_port)
    with ThreadPoolExecutor(1) as pool:
        asked, began = edit(pool, servers.clients["b"], mute), time.monotonic()
        servers.stop("b")
        assert time.monotonic() - began < SOON_S
        assert asked.result(10).json()["code"] == "unsure"


def test_a_stop_answers_the_questions_that_are_held_and_waits_for_no_server_out_of_reach(
        tmp_path: Path, free_port: Callable[[], int], mute: LeaderStub, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    mute.mute.set()
    holds: list[desired._Hold] = []
    begin = desired._Hold.__init__
    monkeypatch.setattr(desired._Hold, "__init__", lambda hold: (begin(hold), holds.append(hold))[0])
    servers = Servers(tmp_path, {"b": free_port(), "a": mute.port})
    client = servers.start("b")
    wait_for(lambda: client.leader() == "b", "the lead")
    assert client.put("agent/edge", {}).status == 200
    path = "/v1/site/agents/edge/desired"
    wait_for(lambda: client.get(path).status == 200, "its document")
    at = client.get(path).json()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.get, f"{path}?term={at['term']}&index={at['index']}&hold_s=25")
        wait_for(lambda: len(holds) == 1, "the question")
        began = time.monotonic()
        servers.stop("b")
        assert time.monotonic() - began < SOON_S
        assert held.result(10).status == 204

