"""Connections without a request end, so that what is left of them does not add up to a hub that refuses agents."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hub_kit import Hub, running, wait_for

from watchkeep.hub.api.silent import REQUEST_S, Silent
from watchkeep.wire import http


def test_who_asks_nothing_is_due_after_its_time_and_who_has_asked_begins_anew() -> None:
    silent = Silent()
    assert silent.due(["a", "b"], 0.0) == []
    assert silent.due(["a"], REQUEST_S - 1) == []
    assert silent.due(["a", "b"], REQUEST_S) == ["a"], "b had asked meanwhile"
    assert silent.due(["b"], 2 * REQUEST_S - 1) == []
    assert silent.due(["b"], 2 * REQUEST_S) == ["b"]


@pytest.fixture(name="hub")
def hub_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("watchkeep.hub.api.silent.REQUEST_S", 0.2)
    monkeypatch.setattr("watchkeep.hub.api.server.TICK_S", 0.05)
    with running(tmp_path) as served:
        yield served


def connect(hub: Hub) -> socket.socket:
    where = urlsplit(hub.url)
    return socket.create_connection((where.hostname or "", where.port or 0), timeout=10)


def ends(silent: socket.socket) -> bool:
    try:
        return silent.recv(65536) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nX-A: 1\r\n"])
def test_a_connection_without_a_whole_request_ends(hub: Hub, begun: bytes) -> None:
    with connect(hub) as silent:
        silent.sendall(begun)
        assert ends(silent)
    assert hub.get(http.HEALTH).status == 200


def test_one_that_was_answered_stays_until_it_begins_a_request_and_does_not_end_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents send about once a second over one connection: an idle one has the keep-alive time."""
    looks, real = list[float](), Silent.due

    def due(self: Silent, waiting: list[object], now: float) -> list[object]:
        looks.append(now)
        return real(self, waiting, now)

    monkeypatch.setattr(Silent, "due", due)
    with connect(hub) as kept:
        for _ in range(2):
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in kept.recv(65536)
            answered = len(looks)
            wait_for(lambda answered=answered: len(looks) > answered and looks[-1] > looks[answered] + 0.3, "longer than REQUEST_S")  # type: ignore[misc]
        kept.sendall(b"GET /heal")
        assert ends(kept)
