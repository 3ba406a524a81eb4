"""What agents ask of real directory servers over HTTP: questions that are held, and how many may be."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from directory_kit import Client, directory
from hub_kit import Answer, wait_for

from watchkeep.agent.directory.client import DirectoryClient
from watchkeep.hub.api import desired as routes
from watchkeep.wire.desired import AgentDesired
from watchkeep.wire.errors import WatchkeepError


def ask(client: Client, agent: str = "edge", at: tuple[int, int] = (0, 0), hold_s: float = 0.0) -> Answer:
    return client.get(f"/v1/site/agents/{agent}/desired?term={at[0]}&index={at[1]}&hold_s={hold_s}")


def document(answer: Answer) -> AgentDesired:
    assert answer.status == 200, answer.body
    return AgentDesired.model_validate_json(answer.body)


def position(answer: Answer) -> tuple[int, int]:
    found = document(answer)
    return found.term, found.index


def test_a_question_is_held_until_there_is_news_at_every_server(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "ab") as servers, ThreadPoolExecutor(2) as pool:
        leader = servers.led()
        assert leader.put("agent/edge", {}).status == 200
        servers.level()
        wait_for(lambda: all(ask(client).status == 200 for client in servers.clients.values()), "its document")
        at = position(ask(leader))
        held = [pool.submit(ask, client, "edge", at, 20.0) for client in servers.clients.values()]
        began = time.monotonic()
        assert leader.put("archiver/a", {"url": "http://10.0.0.1:1"}).status == 200
        for found in held:
            assert [one.id for one in document(found.result(15)).archivers] == ["a"]
        assert time.monotonic() - began < 10


def test_nothing_new_unknown_agents_and_bad_questions(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.led()
        client.put("agent/edge", {})
        wait_for(lambda: ask(client).status == 200, "its document")
        at = position(ask(client))
        began = time.monotonic()
        assert ask(client, at=at, hold_s=0.3).status == 204
        assert 0.25 < time.monotonic() - began < 5
        assert ask(client, at=(at[0], at[1] + 9)).status == 204
        answer = ask(client, agent="other")
        assert (answer.status, answer.json()["code"]) == (404, "not-found")
        newer = client.get("/v1/site/agents/edge/desired?term=0&index=0&colour=red")
        assert newer.status == 200, "what a newer agent says more is passed over"
        for wrong in ("edge/desired?hold_s=31", "edge/desired?term=-1", "edge/desired?index=x", "Edge/desired"):
            assert client.get(f"/v1/site/agents/{wrong}").status == 400
        with closing(DirectoryClient()) as asker, pytest.raises(WatchkeepError, match="does not know this agent"):
            asker.ask(client.url, "other", (0, 0))


def test_an_agent_that_knows_of_a_later_term_is_told_more_again_whichever_server_it_asks(tmp_path: Path,
                                                                                         free_port: Callable[[], int]) -> None:  # fmt: skip
    with directory(tmp_path, free_port, "ab") as servers:
        leader = servers.led()
        leader.put("agent/edge", {})
        servers.level()
        other = next(client for client in servers.clients.values() if client is not leader)
        wait_for(lambda: ask(other).status == 200, "its document")
        term, index = position(ask(other))
        assert ask(other, "stranger", (term + 90, 0)).status == 404
        wait_for(lambda: ask(other, at=(term + 40, index)).status == 200, "a document above its term")
        assert term + 40 < position(ask(leader))[0] < term + 90
        assert leader.put("camera/after", {"url": "rtsp://10.0.0.1/a"}).status == 200


def test_one_question_of_an_agent_is_held_and_not_too_many_of_all(tmp_path: Path, free_port: Callable[[], int],
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(routes, "MAX_HELD", 3)
    with directory(tmp_path, free_port, "a") as servers, ThreadPoolExecutor(4) as pool:
        client = servers.led()
        for name in ("one", "two", "three", "four"):
            client.put(f"agent/{name}", {})
        wait_for(lambda: ask(client, "four").status == 200, "its document")
        at = position(ask(client, "four"))
        began = time.monotonic()
        first = pool.submit(ask, client, "one", at, 20.0)
        second = None
        while not first.done():
            assert time.monotonic() - began < 15, "the first question is not ended by the second"
            second = second if second is not None and not second.done() else pool.submit(ask, client, "one", at, 20.0)
            threading.Event().wait(0.02)
        assert first.result().status == 204
        held: dict[str, Future[Answer]] = {}

        def refused() -> bool:
            """Asks of "four" take a place for a moment, so another one's question may be refused and come again."""
            for name in {"two", "three"} - {name for name, one in held.items() if not one.done()}:
                held[name] = pool.submit(ask, client, name, at, 20.0)
            return ask(client, "four", at).status == 503

        wait_for(refused, "a refusal")
        client.put("archiver/a", {"url": "http://10.0.0.1:1"})
        assert [one.result(15).status for one in (second, *held.values()) if one is not None] == [200] * 3


def test_two_hundred_agents_are_held_without_a_thread_for_any(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.led()
        names = [f"edge-{number}" for number in range(200)]
        changes = [{"entity": "agent", "id": name, "value": {}} for name in names]
        assert client.post("edit", {"changes": changes}).status == 200
        wait_for(lambda: ask(client, names[-1]).status == 200, "its document")
        term, index = position(ask(client, names[-1]))
        host, port = urlsplit(client.url).hostname, urlsplit(client.url).port
        threads = threading.active_count()
        held = [socket.create_connection((host, port), 10) for _ in names]
        try:
            for name, connection in zip(names, held, strict=True):
                connection.sendall(f"GET /v1/site/agents/{name}/desired?term={term}&index={index}&hold_s=30 HTTP/1.1\r\nHost: x\r\n\r\n"
                                   .encode())  # fmt: skip
            assert client.put("archiver/a", {"url": "http://10.0.0.1:1"}).status == 200, "edits go on beside them"
            assert threading.active_count() <= threads
            began = time.monotonic()
            for connection in held:
                assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
            assert time.monotonic() - began < 10
        finally:
            for connection in held:
                connection.close()
