"""A leader for tests: says that it leads, as long as `mute` is not set, and answers nothing else at all.

Rules: real HTTP on loopback; every thread and socket of it is gone when the block ends.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cluster_kit import said

from watchkeep.hub.directory.cluster.status import Lead, Role

TERM = 8


class LeaderStub:
    """Server `a`."""

    def __init__(self) -> None:
        self.mute = threading.Event()
        self.got: list[str] = []
        """Paths of requests that wait for an answer."""
        self.bodies: dict[str, bytes] = {}
        """What was posted last, by path."""
        self._over = threading.Event()
        beats, owner = itertools.count(1), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner.got.append(self.path)
                owner._over.wait()
                self.close_connection = True

            def do_POST(self) -> None:
                owner.bodies[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path != "/v1/directory/state" or owner.mute.is_set():
                    self.do_GET()
                    return
                body = said("a", Role.LEADING, TERM, 0, Lead(term=TERM, server="a", beat=next(beats))).model_dump_json().encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="leader-stub")
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def leader_stub() -> Iterator[LeaderStub]:
    made = LeaderStub()
    try:
        yield made
    finally:
        made.close()
