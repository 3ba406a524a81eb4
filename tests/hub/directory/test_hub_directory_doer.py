"""Who is asked what the server says that does a duty, and what is said when it does not: hub/directory/doer.py."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from watchkeep.hub.directory.cluster.status import Member
from watchkeep.hub.directory.doer import told_by
from watchkeep.hub.directory.errors import BusyError
from watchkeep.hub.directory.link import LinkError

SAID = {"nobody": "nobody does it", "mute": "is mute", "refuses": "refuses"}


class Answer(BaseModel):
    text: str


class Server:
    """One of a site without roles, whose leader answers as it is told."""

    me = "a"

    def __init__(self, leader: Member | None, status: int = 200, body: bytes = b'{"text": "well"}', error: LinkError | None = None) -> None:
        self.leading, self.status, self.body, self.error = leader, status, body, error
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def view(self) -> Any:
        return SimpleNamespace(roles={}, servers={}, leases={})

    def leader(self) -> Member | None:
        return self.leading

    @contextmanager
    def forward(self, to: Member) -> Any:
        def request(method: str, path: str, *, limit_s: float, headers: dict[str, str]) -> Any:
            self.asked.append((to.id, path, headers))
            if self.error is not None:
                raise self.error
            return SimpleNamespace(status=self.status, body=self.body)

        yield SimpleNamespace(request=request)


def ask(server: Server, via: str = "") -> Answer:
    return told_by(server, "health", "/v1/it", Answer, via, **SAID)  # type: ignore[arg-type]


def leader(name: str) -> Member:
    return Member(name, f"http://{name}:9701", 0, recovery=False)


def test_the_one_that_does_it_is_asked_in_the_name_of_who_asks() -> None:
    server = Server(leader("b"))
    assert ask(server).text == "well"
    assert [(name, path, "a" in headers.values()) for name, path, headers in server.asked] == [("b", "/v1/it", True)]


@pytest.mark.parametrize(
    ("server", "via"),
    [(Server(None), ""), (Server(leader("a")), ""), (Server(leader("b")), "c")],
    ids=["nobody leads", "it would be this one", "passed on already"],
)
def test_nobody_is_asked_when_there_is_none_to_ask_or_it_was_passed_on_already(server: Server, via: str) -> None:
    with pytest.raises(BusyError, match="nobody does it"):
        ask(server, via)
    assert server.asked == []


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (Server(leader("b"), error=LinkError("no answer", refused=False, sent=True)), "server b is mute"),
        (Server(leader("b"), body=b"{}"), "server b is mute"),
        (Server(leader("b"), status=503), "server b refuses"),
    ],
    ids=["silent", "nonsense", "busy"],
)
def test_one_that_does_not_say_is_named(server: Server, said: str) -> None:
    with pytest.raises(BusyError, match=said):
        ask(server)
