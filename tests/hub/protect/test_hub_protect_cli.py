"""`watchkeep hub lock add | list | remove` against a real archiver: what is printed, and the errors."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_kit import EPOCH, Hub, film, running
from typer.testing import CliRunner, Result

from watchkeep.hub.cli import app
from watchkeep.hub.protect.client import LockClient
from watchkeep.wire.errors import RemoteError, UsageError

WHAT = ("--camera", "cam0", "--start", str(EPOCH), "--end", "2026-01-01T00:00:02Z", "--owner", "case 7", "--reason", "a theft")


@pytest.fixture(name="hub")
def hub_(tmp_path: Path) -> Iterator[Hub]:
    with running(tmp_path) as made:
        made.stored(film(4).batch())
        yield made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["lock", *arguments])


def test_add_list_and_remove(hub: Hub) -> None:
    added = run("add", "--url", hub.url, *WHAT, "--expires", "2126-01-01T00:00:00Z")
    assert added.exit_code == 0, added.output
    assert added.stdout.startswith("lock-1  cam0  2026-01-01T00:00:00Z to 2026-01-01T00:00:02Z")
    assert "until 2126-01-01T00:00:00Z  case 7: a theft" in added.stdout
    (made,) = json.loads(run("add", "--url", hub.url, *WHAT, "--json").stdout)
    assert (made["id"], made["expires_s"]) == ("lock-2", None)
    assert [lock["id"] for lock in json.loads(run("list", "--url", hub.url, "--json").stdout)] == ["lock-1", "lock-2"]
    assert "until it is removed" in run("list", "--url", f"{hub.url}/").stdout
    removed = run("remove", "lock-1", "--url", hub.url)
    assert (removed.exit_code, removed.stdout.split()[:2]) == (0, ["removed:", "lock-1"])
    assert json.loads(run("remove", "lock-2", "--url", hub.url, "--json").stdout)[0]["id"] == "lock-2"
    assert run("list", "--url", hub.url).stdout == ""


def test_what_the_archiver_refuses_is_an_error_with_its_remedy(hub: Hub) -> None:
    for arguments in (("remove", "lock-9", "--url", hub.url), ("remove", "../cameras", "--url", hub.url),
                      ("add", "--url", hub.url, *WHAT, "--expires", "1")):  # fmt: skip
        error = run(*arguments).exception
        assert isinstance(error, RemoteError), arguments
        assert error.remedy
        assert error.status in (400, 404)


def test_what_is_typed_wrong_is_found_before_anything_is_sent() -> None:
    error = run("add", "--url", "http://127.0.0.1:1", *WHAT[:-1], "two\nlines").exception
    assert isinstance(error, UsageError)
    assert "reason" in error.message
    for url in ("127.0.0.1:9701", "ftp://h", "http://h:99999", "http://h?x=1"):
        assert isinstance(run("list", "--url", url).exception, UsageError), url


def test_an_archiver_that_is_not_there_or_no_archiver(free_port: Callable[[], int]) -> None:
    with pytest.raises(RemoteError, match="cannot be reached") as caught:
        LockClient(f"http://127.0.0.1:{free_port()}").list()
    assert caught.value.remedy
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = threading.Thread(target=answer_once, args=(server, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
        other.start()
        with pytest.raises(RemoteError, match="no sense"):
            LockClient(f"http://127.0.0.1:{server.getsockname()[1]}").list()
        other.join(10)


def answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)
