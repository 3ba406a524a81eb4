"""Peers that misbehave: refusing, hung, trickling, babbling, lying.  Every one is an error within its time, and stores nothing."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from archive_kit import Pair, hub_named
from hub_kit import Film, Hub, film

from watchkeep.hub.consolidate.client import PeerClient, PeerError
from watchkeep.wire import http
from watchkeep.wire.causes import ConsolidationPhase
from watchkeep.wire.errors import UsageError

FILM = film(10)
Serve = Callable[[str], tuple[int, bytes]]
HEALTH = json.dumps({"id": "evil", "site": "demo", "boot": "x", "roles": ["archiver"]}).encode()
CAMERAS = json.dumps([{"camera": FILM.camera, "first_s": 0, "last_s": 1, "chunks": 10, "bytes": 1}]).encode()


@pytest.fixture(scope="module")
def b(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """An archiver that has nothing, whatever it is offered."""
    with hub_named(tmp_path_factory.mktemp("client"), "b") as hub:
        yield hub


@contextmanager
def peer(serve: Serve) -> Iterator[str]:
    """An HTTP server that answers each path as `serve` says; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = serve(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the tests look at answers."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def listener(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A peer at the level of bytes: `talk` gets each connection, once."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join()


def asked(url: str, **options: float) -> tuple[str, float]:
    """(what a health request raised, after how many seconds)."""
    client, started = PeerClient(url, **options), time.monotonic()
    try:
        with pytest.raises(PeerError) as error:
            client.health()
    finally:
        client.close()
    return error.value.message, time.monotonic() - started


def test_questions_share_one_connection() -> None:
    """A round asks hundreds; threads of the peer, one a connection, count them."""
    asked = set()

    def serve(_path: str) -> tuple[int, bytes]:
        asked.add(threading.get_ident())
        return 200, CAMERAS

    with peer(serve) as url, closing(PeerClient(url)) as client:
        assert [len(client.cameras()) for _ in range(4)] == [1] * 4
    assert len(asked) == 1


@pytest.mark.parametrize("url", ["127.0.0.1:9701", "ftp://x", "http://", "http://a:b@c", "http://x:port", "http://x/?y"])
def test_what_is_no_address_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        PeerClient(url)


def test_a_refusing_peer(free_port: Callable[[], int]) -> None:
    message, took = asked(f"http://127.0.0.1:{free_port()}")
    assert "refused" in message
    assert took < 2


def test_a_peer_that_accepts_and_never_answers() -> None:
    gone = threading.Event()
    with listener(lambda _: gone.wait(20) and None) as url:
        message, took = asked(url, read_s=0.3)
        gone.set()
    assert "in time" in message
    assert took < 3


def test_a_peer_that_trickles_its_headers_ends_at_the_deadline() -> None:
    def trickle(connection: socket.socket) -> None:
        with suppress(OSError):  # until the client has had enough
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                connection.sendall(b"x")
                threading.Event().wait(0.02)

    with listener(trickle) as url:
        _, took = asked(url, read_s=5.0, deadline_s=0.5)
    assert took < 4


def test_stop_ends_a_request_under_way() -> None:
    gone = threading.Event()
    with listener(lambda _: gone.wait(20) and None) as url:
        client = PeerClient(url)
        threading.Timer(0.2, client.abort).start()
        started = time.monotonic()
        with pytest.raises(PeerError):
            client.health()
        assert time.monotonic() - started < 5
        client.close()
        gone.set()


@pytest.mark.parametrize("answer", [(200, b"\xff\xfe"), (200, b"[]"), (200, b"x" * (17 << 20)), (500, b"<html>"), (302, b""), (404, b"{}")])
def test_nonsense_is_an_error_that_says_so(answer: tuple[int, bytes]) -> None:
    with peer(lambda _: answer) as url:
        message, _ = asked(url)
    assert url in message


LISTING = {"archiver": "evil", "camera": FILM.camera}


def run(first: int, last: int, digest: str = "00" * 32) -> dict[str, object]:
    return {"epoch": FILM.epoch, "first_seq": first, "last_seq": last, "last_hash": digest, "start_s": 1.0, "end_s": 2.0, "bytes": 100}


@pytest.mark.parametrize("pages", [
    {**LISTING, "runs": [run(5, 4)]},
    {**LISTING, "runs": [run(0, 4, "no hash")]},
    {**LISTING, "runs": [{**run(0, 4), "end_s": 1e400}]},
    {**LISTING, "runs": [], "next_epoch": 0, "next_seq": 0},
])  # fmt: skip
def test_a_listing_that_makes_no_sense(pages: dict[str, object]) -> None:
    with peer(lambda _: (200, json.dumps(pages).encode())) as url:
        client = PeerClient(url)
        with pytest.raises(PeerError):
            client.runs(FILM.camera)
        client.close()


def evil(records: bytes) -> Serve:
    """A peer that claims to have the whole film, and delivers `records`."""
    listing = json.dumps({**LISTING, "runs": [run(0, len(FILM.chunks) - 1, FILM.seals[-1].chunk_hash.hex())]}).encode()

    def serve(path: str) -> tuple[int, bytes]:
        if path == http.HEALTH:
            return 200, HEALTH
        if path == http.CAMERAS:
            return 200, CAMERAS
        return 200, listing if "/records" not in path else records

    return serve


def broken(made: Film) -> bytes:
    batch = bytearray(made.batch())
    batch[-1] ^= 1
    return bytes(batch)


@pytest.mark.parametrize("records", [
    b"", b"garbage" * 100, FILM.batch()[:-1], broken(FILM), FILM.init_record(), FILM.record(0),
    film(10, camera="cam9").batch(), film(10, epoch=FILM.epoch + 9).batch(), FILM.batch(3, 2), FILM.batch(3, 3),
    FILM.batch(0) + FILM.init_record(),
])  # fmt: skip
def test_nothing_of_what_a_liar_sends_is_stored(b: Hub, records: bytes) -> None:
    with peer(evil(records)) as url:
        state = Pair(b, b).ask(b, Hub(url, []), FILM.camera)
    assert state.phase is ConsolidationPhase.FAILED
    assert state.why
    assert b.files() == {}


@pytest.mark.parametrize("health", [{"id": "b", "site": "demo", "boot": "x"}, {"id": "evil", "site": "other", "boot": "x"}])
def test_oneself_and_archivers_of_other_sites_are_no_peers(b: Hub, health: dict[str, str]) -> None:
    with peer(lambda _: (200, json.dumps(health).encode())) as url:
        state = Pair(b, b).ask(b, Hub(url, []))
    assert state.phase is ConsolidationPhase.FAILED
    assert "site" in state.why


def test_an_honest_batch_of_the_same_peer_is_stored(tmp_path: Path) -> None:
    """The counterpart: what refuses the liar lets the truth pass."""
    with hub_named(tmp_path, "b") as hub, peer(evil(FILM.batch())) as url:
        assert Pair(hub, hub).ask(hub, Hub(url, []), FILM.camera).pulled == len(FILM.chunks)
