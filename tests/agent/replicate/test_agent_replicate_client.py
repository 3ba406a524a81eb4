"""The HTTP adapter against peers that misbehave on the wire."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from replicate_http import HttpArchiver

from watchkeep.agent.replicate.client import MAX_PIECES, AppendClient
from watchkeep.agent.replicate.verdict import AppendError, Fault, Verdict, judge
from watchkeep.wire import http
from watchkeep.wire.messages import ChunkName, ErrorAnswer
from watchkeep.wire.record import ask

TIMEOUT_S = 0.3
ASK = ask("cam0", 1, 0, 5)


@contextmanager
def client_for(url: str) -> Iterator[AppendClient]:
    client = AppendClient(url, "edge-1", read_timeout_s=TIMEOUT_S)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def peer(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A listening socket whose first connection goes to `serve`; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def append(client: AppendClient, *buffers: bytes) -> AppendError:
    def attempt() -> None:
        client.connect()
        client.append(buffers)

    with pytest.raises(AppendError) as caught:
        attempt()
    assert caught.value.remedy
    return caught.value


def test_one_connection_carries_many_batches_with_our_headers() -> None:
    archiver = HttpArchiver("a")
    try:
        with client_for(archiver.url + "/") as client:
            for _ in range(3):
                client.connect()
                answer = client.append([ASK, ASK])
                assert answer.archiver == "a"
                assert answer.cameras["cam0"][0].missing == [(0, 5)]
            assert client.connections == 1
    finally:
        archiver.close()


def test_the_request_says_who_speaks_and_which_wire() -> None:
    seen = bytearray()

    def serve(connection: socket.socket) -> None:
        while not seen.endswith(ASK):
            seen.extend(connection.recv(65536))

    with peer(serve) as url, client_for(url) as client:
        assert append(client, ASK).fault is Fault.RESET
    head = bytes(seen).split(b"\r\n\r\n")[0].decode()
    assert head.startswith("POST /v1/append HTTP/1.1\r\n")
    wanted = {"Content-Type": http.RECORDS_TYPE, "Content-Length": str(len(ASK)), http.AGENT_HEADER: "edge-1", http.VERSION_HEADER: "1"}
    assert wanted.items() <= dict(line.split(": ") for line in head.split("\r\n")[1:]).items()


@pytest.mark.parametrize("urgent", [False, True])
def test_an_urgent_batch_says_so(urgent: bool) -> None:
    seen = bytearray()

    def serve(connection: socket.socket) -> None:
        while not seen.endswith(ASK):
            seen.extend(connection.recv(65536))

    with peer(serve) as url, client_for(url) as client:
        client.connect()
        with pytest.raises(AppendError):
            client.append([ASK], urgent=urgent)
    assert (f"{http.SYNC_HEADER}: {http.SYNC_NOW}".encode() in seen) is urgent


def test_a_connection_that_is_dropped_as_soon_as_it_is_opened_is_a_refusal_once() -> None:
    with peer(lambda connection: None) as url, client_for(url) as client:
        client.connect()
        client.hung_up()
        with pytest.raises(AppendError) as caught:
            client.reconnect()
        client.reconnect()
    assert caught.value.fault is Fault.RESET
    assert judge(caught.value) is Verdict.BROKEN
    assert client.idle_socket is None


def test_nobody_listens(free_port: Callable[[], int]) -> None:
    with client_for(f"http://127.0.0.1:{free_port()}") as client:
        assert append(client, ASK).fault is Fault.REFUSED


def test_a_peer_that_never_answers_and_one_that_reads_nothing() -> None:
    done = threading.Event()
    for body in (ASK, bytes(64 << 20)):
        with peer(lambda _connection: done.wait(20) and None) as url, client_for(url) as client:
            try:
                assert append(client, body).fault is Fault.SILENT
            finally:
                done.set()
        done.clear()


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"])
def test_a_peer_that_trickles_its_answer_is_silent(start: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        with contextlib.suppress(OSError):  # the agent has had enough
            connection.sendall(start)
            while True:
                connection.sendall(b"x")
                threading.Event().wait(TIMEOUT_S / 10)

    with peer(serve) as url, client_for(url) as client:
        assert append(client, ASK).fault is Fault.SILENT


def anonymous(purpose: int) -> ssl.SSLContext:
    """TLS without a certificate."""
    context = ssl.SSLContext(purpose)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
    return context


@pytest.mark.parametrize("tls", [False, True])
def test_many_pieces_arrive_in_order_at_a_peer_that_reads_slowly(tls: bool) -> None:
    pieces = [bytes([number % 251]) * (1 + number * 97 % 2000) for number in range(2 * MAX_PIECES + 3)]
    pieces[MAX_PIECES] = bytes(3 << 20)
    body, seen = b"".join(pieces), bytearray()

    def serve(connection: socket.socket) -> None:
        with anonymous(ssl.PROTOCOL_TLS_SERVER).wrap_socket(connection, server_side=True) if tls else connection as stream:
            while (at := seen.find(b"\r\n\r\n")) < 0 or len(seen) < at + 4 + len(body):
                seen.extend(stream.recv(70_000))

    with peer(serve) as url, client_for(url.replace("http", "https") if tls else url) as client:
        if tls:
            client._http._context = anonymous(ssl.PROTOCOL_TLS_CLIENT)  # type: ignore[attr-defined]
        assert append(client, *pieces).fault is Fault.RESET
    assert bytes(seen.split(b"\r\n\r\n", 1)[1]) == body


def test_an_early_refusal_is_read_although_the_body_cannot_be_sent() -> None:
    answer = ErrorAnswer(code=http.OVERSIZE, reason="too long").model_dump_json().encode()

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    with peer(serve) as url, client_for(url) as client:
        error = append(client, *[bytes(1 << 20)] * 4)
    assert (error.status, error.fault) == (413, Fault.STATUS)
    assert judge(error) is Verdict.SPLIT


def test_abort_ends_a_call_under_way() -> None:
    began, done = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        began.set()
        done.wait(20)

    with peer(serve) as url, client_for(url) as client:
        aborter = threading.Thread(target=lambda: (began.wait(20), client.abort()))
        aborter.start()
        try:
            assert append(client, ASK).fault is Fault.RESET
        finally:
            done.set()
            aborter.join()


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
def test_something_else_lives_there(raw: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(raw)

    with peer(serve) as url, client_for(url) as client:
        error = append(client, ASK)
    assert judge(error) is Verdict.BROKEN


@pytest.mark.parametrize(
    ("status", "code", "named", "verdict"),
    [
        (409, http.CONFLICT, True, Verdict.BLAME),
        (422, http.HASH_MISMATCH, True, Verdict.BLAME),
        (422, http.HASH_MISMATCH, False, Verdict.SPLIT),
        (400, http.MALFORMED, False, Verdict.SPLIT),
        (413, http.OVERSIZE, False, Verdict.SPLIT),
        (400, http.TRUNCATED, True, Verdict.FAILED),
        (400, http.UNKNOWN_VERSION, True, Verdict.FAILED),
        (503, http.BUSY, False, Verdict.FAILED),
        (507, http.STORAGE_FULL, True, Verdict.FAILED),
        (404, http.MALFORMED, True, Verdict.FAILED),
    ],
)
def test_verdicts_of_statuses(status: int, code: str, named: bool, verdict: Verdict) -> None:
    names = [ChunkName(camera="cam0", epoch=1, seq=2)] if named else []
    answer = ErrorAnswer(code=code, reason="because", names=names)
    assert judge(AppendError("refused", Fault.STATUS, remedy="look", status=status, answer=answer)) is verdict


def test_a_page_of_a_proxy_blames_no_chunk() -> None:
    assert judge(AppendError("refused", Fault.STATUS, remedy="look", status=400)) is Verdict.FAILED


def test_every_fault_has_a_verdict() -> None:
    assert {judge(AppendError("", fault, remedy="look")) for fault in Fault} == {Verdict.AGAIN, Verdict.BROKEN, Verdict.FAILED}


def test_a_host_that_no_name_can_be_is_an_archiver_that_is_not_there() -> None:
    with pytest.raises(AppendError, match="no host can have such a name") as caught:
        AppendClient("http://a..b:1", "edge-1", read_timeout_s=1.0).connect()
    assert caught.value.fault is Fault.REFUSED
