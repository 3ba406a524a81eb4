"""The control socket: `data_dir/control.sock`, answered by the thread `wk-control`.

    bind ─▶ mode 0600 ─▶ listen ─▶ accept ─▶ one line in, one line out, closed ─▶ accept ...

Rules: one request at a time, read and written within CLIENT_S; who asks too much or too slowly is let go.  A socket that cannot be
made is a warning: recording does not depend on it.  The journal's lock has made sure that a socket which is there is a dead process's.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ...wire.shell.threads import Supervised
from .model import MAX_REQUEST_BYTES, SOCKET_NAME, Answer, Request

log = logging.getLogger(__name__)
CLIENT_S: Final = 2.0
BACKLOG: Final = 4


@contextlib.contextmanager
def short_path(folder: Path) -> Iterator[str]:
    """A name of the socket in a folder that fits into the 107 bytes which there are for one."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET_NAME}"
    finally:
        os.close(handle)


class ControlServer:
    """start() once, stop() once, also when it was not started."""

    def __init__(self, folder: Path, answer: Callable[[Request], Answer]) -> None:
        self._folder, self._answer = folder, answer
        self._listener: socket.socket | None = None
        self._thread = Supervised("wk-control", self._run)

    def start(self) -> None:
        """Listen, if that is possible."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with short_path(self._folder) as path:
                Path(path).unlink(missing_ok=True)
                listener.bind(path)
                Path(path).chmod(0o600)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            log.warning("the control socket cannot be made: agent status and agent move do not work",
                        extra={"why": error.strerror or str(error), "remedy": "check the disk of data_dir"})  # fmt: skip
            return
        self._listener = listener
        self._thread.start()

    def stop(self) -> None:
        """Answer the request under way, within 2 * CLIENT_S, and take the socket away."""
        self._thread.stop()
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept under way
            self._thread.join(3 * CLIENT_S)
            self._listener.close()
            (self._folder / SOCKET_NAME).unlink(missing_ok=True)

    def _run(self, stop: threading.Event) -> None:
        assert self._listener is not None, "started after it was made"
        while not stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if not stop.is_set():
                    raise
                return
            with connection:
                try:
                    self._serve(connection)
                except OSError as error:  # it went away, or was too slow
                    log.info("a request at the control socket was not finished", extra={"why": str(error)})

    def _serve(self, connection: socket.socket) -> None:
        line = _read_line(connection)
        try:
            answer = self._answer(Request.model_validate_json(line))
        except ValidationError:
            answer = Answer(error="the request cannot be read", remedy="use the watchkeep command of the agent's own version")
        connection.settimeout(CLIENT_S)
        connection.sendall(answer.model_dump_json().encode() + b"\n")


def _read_line(connection: socket.socket) -> bytes:
    """What came up to a line's end or the bound; raises OSError when it takes longer than CLIENT_S."""
    deadline, line = time.monotonic() + CLIENT_S, bytearray()
    while not line.endswith(b"\n") and len(line) < MAX_REQUEST_BYTES:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        part = connection.recv(64 << 10)
        if not part:
            break
        line += part
    return bytes(line)
