"""An archiver over real HTTP with faults that tests switch: refuse, hang, 500, reset, wrong id, conflict, crash.

Rules: a fault takes effect with the next request; kill() closes the listening socket and every connection, as a
SIGKILL would; close() is kill() for good.
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from replicate_fakes import Name, Store

from watchkeep.agent.replicate.lanes import Ask
from watchkeep.wire import http
from watchkeep.wire.losses import Loss, LossReport
from watchkeep.wire.record import RecordKind, asked_last, iter_records


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Whether the condition came true in time; looks every 5 ms."""
    pause, left = threading.Event(), timeout_s / 0.005
    while not condition() and left > 0:
        pause.wait(0.005)
        left -= 1
    return condition()


class HttpArchiver:
    """A Store behind `POST /v1/append`; fsyncs before every answer unless auto_fsync is off."""

    def __init__(self, archiver: str) -> None:
        self.store, self.lock = Store(archiver), threading.Lock()
        self.fault = ""
        self.conflicts: set[Name] = set()
        self.unnamed: set[Name] = set()
        self.auto_fsync = True
        self.slow_s = 0.0
        """How long each answer takes."""
        self.requests: list[list[tuple[RecordKind, Name]]] = []
        self.attempts = 0
        self.losses: list[Loss] = []
        self.loss_fault, self.loss_attempts = "", 0
        self._resume = threading.Event()
        self._connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self.serve()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Listen, again on the same port after kill()."""
        outer = self

        class Handler(_Handler):
            owner = outer

        self._resume.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="fake-archiver")
        self._thread.start()

    def kill(self) -> None:
        """Like SIGKILL: what was not fsynced is gone, connections are reset, nobody listens."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None
        self._resume.set()
        self.hang_up()
        with self.lock:
            self.store.restart()

    def hang_up(self) -> None:
        """Close every connection, as a server does that has kept an idle one for long enough."""
        with self.lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            present = set(self._connections)
        wait_for(lambda: not present & self._connections)

    def heal(self) -> None:
        self.fault = ""
        self._resume.set()
        if self._server is None:
            self.serve()

    def close(self) -> None:
        self.kill()

    @property
    def stored(self) -> set[Name]:
        with self.lock:
            return self.store.durable | self.store.received

    def handle(self, body: bytes) -> tuple[int, dict[str, Any]]:
        records = [(header, bytes(payload)) for header, payload in iter_records(body)]
        chunks = [(header.camera, header.epoch, header.seq) for header, _ in records if header.kind is RecordKind.CHUNK]
        with self.lock:
            self.requests.append([(header.kind, (header.camera, header.epoch, header.seq)) for header, _ in records])
            bad = self.conflicts & set(chunks)
            if bad:
                names = [{"camera": camera, "epoch": epoch, "seq": seq} for camera, epoch, seq in sorted(bad)]
                return 409, {"code": http.CONFLICT, "reason": "another hash", "remedy": "find out which is genuine", "names": names}
            if self.unnamed & set(chunks):
                return 400, {"code": http.MALFORMED, "reason": "something is wrong", "remedy": "send the record again"}
            asks = []
            for header, payload in records:
                if header.kind is RecordKind.INIT:
                    self.store.inits.add((header.camera, header.epoch))
                elif header.kind is RecordKind.ASK:
                    asks.append(Ask(header.camera, header.epoch, header.seq, asked_last(payload)))
                else:
                    self.store.put((header.camera, header.epoch, header.seq))
            if self.auto_fsync:
                self.store.fsync()
            return 200, self.store.answer(chunks, asks).model_dump()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: HttpArchiver

    def setup(self) -> None:
        super().setup()
        with self.owner.lock:
            self.owner._connections.add(self.connection)

    def finish(self) -> None:
        with self.owner.lock:
            self.owner._connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the agent closed, or kill() did
            super().handle()

    def do_POST(self) -> None:
        owner = self.owner
        owner.attempts += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == http.LOSSES:
            self._losses(body)
            return
        if owner.fault == "hang":
            owner._resume.wait(30)
            self.close_connection = True
            return
        if owner.fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        if owner.fault == "500":
            self._send(500, {"code": "internal", "reason": "a bug", "remedy": "look at the log"})
            return
        if owner.fault == "page":
            self._send(200, "<html>It works!</html>")
            return
        threading.Event().wait(owner.slow_s)
        status, answer = owner.handle(body)
        if owner.fault == "wrong id":
            answer["archiver"] = "impostor"
        self._send(status, answer)
        if owner.fault == "close":
            self.close_connection = True  # without having said so

    def _losses(self, body: bytes) -> None:
        owner = self.owner
        with owner.lock:
            owner.loss_attempts += 1
            if owner.loss_fault == "500":
                self._send(500, {"code": "internal", "reason": "a bug", "remedy": "look at the log"})
            elif owner.loss_fault == "page":
                self._send(404, "<html>what?</html>")
            elif owner.loss_fault == "wrong id":
                self._send(200, {"archiver": "impostor", "fresh": 1})
            else:
                owner.losses += [loss for loss in LossReport.model_validate_json(body).losses if loss not in owner.losses]
                self._send(200, {"archiver": owner.store.archiver, "fresh": 1})

    def _send(self, status: int, answer: object) -> None:
        raw = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""
