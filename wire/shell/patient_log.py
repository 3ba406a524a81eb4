"""Lines of a log on their way out, so that a log which is not taken keeps nobody from working.

    any thread ─ emit ─▶ lines that wait (bounded) ─ wk-log ─▶ stderr

Rules: whoever logs never waits for whoever reads: journald on a disk that hangs, a terminal after Ctrl-S, a pager.  Bound: MAX_BYTES of
text wait; when they do, further lines are dropped and counted, and the count is the first line once it goes on.  The thread is there
while there is something to write, and is a daemon: a process may end although its log is stuck, FLUSH_S later.
"""

import io
import logging
import threading
from collections import deque
from contextlib import suppress
from typing import Final, TextIO

from .files import write_all

MAX_BYTES: Final = 1 << 20
"""5000 lines of 200 bytes: a site of 64 cameras that is in trouble for a minute."""
FLUSH_S: Final = 1.0
LINGER_S: Final = 1.0
"""How long the thread waits for another line before it ends."""


class PatientHandler(logging.StreamHandler[TextIO]):
    """Writes to `stream`, past its buffer when it has a descriptor: a thread that hangs in there must hold no lock of the interpreter's."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._changed = threading.Condition()  # of an RLock: a finalizer that logs may run anywhere
        self._lines: deque[str] = deque()
        self._size = self._dropped = 0
        self._writing = False
        """Whether the thread is there."""
        try:
            self._descriptor: int | None = stream.fileno()
        except io.UnsupportedOperation:
            self._descriptor = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + self.terminator
        except Exception:  # noqa: BLE001 - as logging's own handlers do it: a line that cannot be made ends nothing
            self.handleError(record)
            return
        with self._changed:
            if self._lines and self._size + len(line) > MAX_BYTES:
                self._dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
            self._changed.notify_all()
            if not self._writing:
                with suppress(RuntimeError):  # no thread can be had now: the next line tries again
                    threading.Thread(target=self._run, name="wk-log", daemon=True).start()
                    self._writing = True

    def flush(self) -> None:
        """Wait until every line is out, FLUSH_S at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines, FLUSH_S)

    def _run(self) -> None:
        try:
            self._write()
        except BaseException:
            with self._changed:
                self._writing = False  # the next line begins anew
            raise

    def _write(self) -> None:
        while (text := self._next()) is not None:
            try:
                self._put(text)
            except (OSError, ValueError):  # nobody reads it any more, its disk is full, or it is closed: a log cannot tell of itself
                with self._changed:
                    self._dropped += 1
            with self._changed:
                self._size -= len(self._lines.popleft())
                self._changed.notify_all()

    def _next(self) -> str | None:
        """The oldest line, which still counts as waiting; None when there is none for LINGER_S, and the thread has to end."""
        with self._changed:
            self._writing = self._changed.wait_for(lambda: bool(self._lines), LINGER_S)
            if not self._writing:
                return None
            dropped, self._dropped = self._dropped, 0
            return (self._told(dropped) if dropped else "") + self._lines[0]

    def _told(self, dropped: int) -> str:
        said = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING",
                "msg": f"{dropped} lines of this log were not taken, and are lost"}  # fmt: skip
        return self.format(logging.makeLogRecord(said)) + self.terminator

    def _put(self, text: str) -> None:
        if self._descriptor is None:
            self.stream.write(text)
            self.stream.flush()
        else:
            write_all(self._descriptor, [text.encode(errors="backslashreplace")])
