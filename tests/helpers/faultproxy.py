"""A TCP proxy between an agent and an archiver that fails on demand: reset, HTTP 500, silence; and remembers bodies.

    agent ──▶ proxy ──▶ archiver        a mode counts from the moment it is set, for connections that stand too

Rules: it speaks just enough HTTP/1.1 to know where a request ends (Content-Length, as our client sends it).  One thread
for each connection; close() ends every one.
"""

import ctypes
import socket
import struct
import threading
from contextlib import suppress
from enum import Enum

_LIBC = ctypes.CDLL(None)
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


class Mode(Enum):
    PASS = "passes everything on"
    RESET = "resets every connection"
    ERROR = "answers 500 to everything"
    SILENT = "accepts, reads and never answers"


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and stands before `target`, (host, port)."""

    def __init__(self, target: tuple[str, int], *, keep_bodies: bool = False) -> None:
        self._target, self._keep = target, keep_bodies
        self.bodies: list[bytes] = []
        self._mode = Mode.PASS
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._changed = threading.Event()
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, name="fault-proxy")]
        self._threads[0].start()

    def set(self, mode: Mode) -> None:
        """Behave like this from now on; connections that wait for an answer under SILENT are cut when it ends."""
        with self._lock:
            self._mode, waiting, self._changed = mode, self._changed, threading.Event()
            if mode is Mode.RESET:
                for connection in self._open:
                    _reset(connection)
        waiting.set()

    def close(self) -> None:
        self._closing = True
        self.set(Mode.RESET)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                if self._mode is Mode.RESET:
                    _reset(connection)
            worker = threading.Thread(target=self._serve, args=(connection,), name="fault-proxy-connection")
            self._threads = [thread for thread in self._threads if thread.is_alive()] + [worker]
            worker.start()

    def _serve(self, connection: socket.socket) -> None:
        upstream: socket.socket | None = None
        try:
            with connection, connection.makefile("rb") as reader:
                while (request := _message(reader)) is not None:
                    if self._keep:
                        self.bodies.append(request.partition(b"\r\n\r\n")[2])
                    with self._lock:
                        mode, changed = self._mode, self._changed
                    if mode is Mode.ERROR:
                        connection.sendall(_ERROR)
                        continue
                    if mode is not Mode.PASS:
                        changed.wait()
                        return
                    if upstream is None:
                        upstream = socket.create_connection(self._target, timeout=30)
                        answers = upstream.makefile("rb")
                    upstream.sendall(request)
                    answer = _message(answers)
                    if answer is None:
                        return
                    connection.sendall(answer)
        except OSError:
            return  # what a proxy between two that may die at any moment has to expect
        finally:
            with self._lock:
                self._open.discard(connection)
            if upstream is not None:
                answers.close()
                upstream.close()


def _message(reader) -> bytes | None:
    """One request or answer, head and body; None at the end of the connection."""
    lines, length = [], 0
    while (line := reader.readline()) not in (b"", b"\r\n"):
        lines.append(line)
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if not lines or not line:
        return None
    body = reader.read(length)
    return b"".join(lines) + b"\r\n" + body if len(body) == length else None


def _reset(connection: socket.socket) -> None:
    """Send RST at once and wake the thread that reads: connect(2) to AF_UNSPEC, which Python's own connect cannot say."""
    address = struct.pack("HxxIQ", socket.AF_UNSPEC, 0, 0)
    with suppress(OSError):
        _LIBC.connect(connection.fileno(), address, len(address))
