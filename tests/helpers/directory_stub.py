"""A directory server for tests: answers what it is told to, holds questions until there is something, and notes who asked.

Rules: real HTTP on loopback; every thread and socket of it is gone when the block ends.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from watchkeep.wire.desired import AgentDesired


class DirectoryStub:
    """`answer` is (status, body), or None to hold questions until it is set."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int]] = []
        """Path, term and index of each question."""
        self._changed = threading.Condition()
        self._answer: tuple[int, bytes] | None = None
        self._closed = False
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.serve(self)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="directory-stub")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def say(self, document: AgentDesired) -> None:
        self.answer(200, document.model_dump_json().encode())

    def answer(self, status: int, body: bytes = b"") -> None:
        with self._changed:
            self._answer = status, body
            self._changed.notify_all()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        term, index = int(query["term"][0]), int(query["index"][0])
        with self._changed:
            self.asked.append((parts.path, term, index))
            held = self._changed.wait_for(lambda: self._closed or self._news(term, index), float(query["hold_s"][0]))
            status, body = self._answer if self._answer is not None and held and not self._closed else (204, b"")
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _news(self, term: int, index: int) -> bool:
        """Whether there is something to say to whoever knows (term, index); what is no document is always said."""
        if self._answer is None:
            return False
        try:
            document = AgentDesired.model_validate_json(self._answer[1])
        except ValueError:
            return True
        return (document.term, document.index) != (term, index)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def directory_stub() -> Iterator[DirectoryStub]:
    made = DirectoryStub()
    try:
        yield made
    finally:
        made.close()
