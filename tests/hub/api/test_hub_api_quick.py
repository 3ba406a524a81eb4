"""The quick way past FastAPI: the usual question is answered there, everything else by the application, from the first byte on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cluster_kit import said
from directory_kit import directory

from watchkeep.hub.api import quick
from watchkeep.hub.api.quick import Quick
from watchkeep.hub.directory.exchange import Said

QUESTION = b'{"how": "are you"}'


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


def asked(*messages: dict[str, Any], method: str = "POST", path: str = "/state", kind: str = "http") -> tuple[list[Any], list[Any]]:
    """(what was sent, what the application received: None when it was not called)."""
    waiting, sent, received = list(messages), [], []

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        received.append(None)
        for _ in messages:
            received.append(await receive())

    middleware = Quick(application, {"/state": lambda found: b"fine" if found == QUESTION else None})
    asyncio.run(middleware({"type": kind, "method": method, "path": path}, receive, send))
    return sent, received


def test_the_usual_question_is_answered_without_the_application() -> None:
    sent, received = asked(body(QUESTION))
    assert not received
    assert sent[0]["status"] == 200
    assert dict(sent[0]["headers"]) == {b"content-type": b"application/json", b"content-length": b"4"}
    assert sent[1]["body"] == b"fine"


@pytest.mark.parametrize("messages", [
    (body(b"nonsense"),),
    (body(QUESTION[:5], more=True), body(QUESTION[5:])),
    ({"type": "http.disconnect"},),
])  # fmt: skip
def test_everything_unusual_goes_to_the_application_as_it_came(messages: tuple[dict[str, Any], ...]) -> None:
    sent, received = asked(*messages)
    assert not sent
    assert received == [None, *messages]


@pytest.mark.parametrize("other", [{"method": "GET"}, {"path": "/other"}, {"kind": "lifespan"}])
def test_other_addresses_are_none_of_its_business(other: dict[str, str]) -> None:
    sent, received = asked(body(QUESTION), **other)
    assert not sent
    assert received == [None, body(QUESTION)]


def test_a_body_that_does_not_come_is_left_to_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "BODY_S", 0.01)
    sent, received = asked()
    assert not sent
    assert received == [None]


def test_servers_ask_this_way_and_the_route_says_what_is_wrong(tmp_path: Path, free_port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.clients["a"]
        question = Said(**dict(said("b")), signs={}).model_dump_json().encode()

        def ask(data: bytes) -> Any:
            return client.request("POST", "/v1/directory/state", data, Content_Type="application/json")

        by_the_route = ask(question[:-1] + b" " * (1 << 20) + b"}")
        assert by_the_route.status == 413
        answers = [ask(question)]
        monkeypatch.setattr(quick, "_whole", lambda _first: False)
        answers.append(ask(question))
        assert [answer.status for answer in answers] == [200, 200]
        assert [Said.model_validate_json(answer.body).server for answer in answers] == ["a", "a"]
        assert ask(b"{}").status == 400
