"""The hub's HTTP client against servers that answer, trickle, babble, stop early, and close what was idle."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from watchkeep.hub.request import Connection, Failure, Reply, RequestError, checked
from watchkeep.wire.errors import UsageError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[socket.socket], None]


@contextmanager
def server(*talks: Talk) -> Iterator[str]:
    """One connection after the other is given to the next talk, once its request is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            for talk in talks:
                connection, _ = listener.accept()
                with connection, suppress(OSError):  # the client has had enough
                    connection.recv(65_536)
                    talk(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join(20)


def say(data: bytes) -> Talk:
    return lambda connection: connection.sendall(data)


def trickle(start: bytes) -> Talk:
    """A byte at a time, so that no single read is late."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(b"x")
            threading.Event().wait(0.01)

    return talk


def asked(url: str, *, limit_s: float = 5.0, max_bytes: int = 1000) -> Reply:
    with closing(Connection(url)) as connection:
        return connection.request("GET", "/", limit_s=limit_s, max_bytes=max_bytes)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"])
def test_who_trickles_headers_or_body_is_out_of_time(start: bytes) -> None:
    with server(trickle(start)) as url:
        began = time.monotonic()
        with pytest.raises(RequestError) as caught:
            asked(url, limit_s=0.5, max_bytes=1 << 20)
    assert caught.value.failure is Failure.SILENT
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize(("answer", "failure"), [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000, Failure.OVERSIZE),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", Failure.REFUSED),
    (b"SSH-2.0-OpenSSH\r\n", Failure.REFUSED),
    (b"", Failure.REFUSED),
])  # fmt: skip
def test_what_is_no_whole_answer_is_a_failure(answer: bytes, failure: Failure) -> None:
    with server(say(answer)) as url, pytest.raises(RequestError) as caught:
        asked(url)
    assert caught.value.failure is failure
    assert url in caught.value.message
    assert caught.value.remedy


def test_an_idle_connection_that_was_closed_is_opened_again_once() -> None:
    with server(say(OK), say(OK), say(b"")) as url, closing(Connection(url)) as connection:
        for _ in range(2):
            assert connection.request("GET", "/", limit_s=5.0, max_bytes=10) == Reply(200, b"ok")
        with pytest.raises(RequestError) as caught:
            connection.request("GET", "/", limit_s=5.0, max_bytes=10)
        assert caught.value.failure is Failure.REFUSED


def test_who_closes_with_his_answer_is_read_to_the_end() -> None:
    with server(say(b"HTTP/1.1 503 No\r\nConnection: close\r\n\r\nlater")) as url:
        assert asked(url) == Reply(503, b"later")


def test_nobody_there_and_no_such_name(free_port: Callable[[], int]) -> None:
    for url, failure in ((f"http://127.0.0.1:{free_port()}", Failure.REFUSED), (f"http://{'a' * 64}.invalid", Failure.UNREACHABLE)):
        with pytest.raises(RequestError) as caught:
            asked(url)
        assert caught.value.failure is failure


@pytest.mark.parametrize("url", ["127.0.0.1:9701", "ftp://x", "http://", "http://a:b@c", "http://x:port", "http://x:0", "http://x/?y"])
def test_what_is_no_address_is_a_usage_error_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(url, "archiver")
    assert "a:b" not in caught.value.line()
