"""A log of what a server has seen (record.py) in a file: a line of JSON for its base, then one for each line, and marks of how far it goes.

    {"base_s": ..., "base_number": ..., "base": {...}}
    [17, 1790000000.0, "camera/cam0", "down"]
    [0, 1790000060.0]                             up to then it is known how things were

Rules: lines are appended and synced; a file whose head is another one by now, or that holds many more lines than the log, is written anew.
A torn or damaged line ends the reading, and the file is written anew from what stands before it.  What cannot be written stays in memory.

Bounds: MAX_BYTES are read; a file has twice the lines of a full log at most.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from ....wire.shell.files import publish
from .model import Standing
from .record import Line, Log

MAX_BYTES: Final = 32 << 20
"""Of 10 000 cameras: twice 200 000 lines of 45 bytes, and the base, are 18 MB."""
MARK_S: Final = 60.0
"""How much of the time before a crash is unknown afterwards, when no other server has a copy."""


class LogFile:
    """One file and its log; one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head = -1
        """base_number of what is in the file; -1: it has to be written anew."""
        self.written = self._lines = 0
        """Up to this line the log is on disk."""
        self._marked_s = 0.0

    @property
    def whole(self) -> bool:
        """Whether the file has all that was ever written to it, as far as can be seen."""
        return self._head >= 0

    def read(self) -> Log:
        """What is in the file; an empty log when there is none, or none that can be read.  Raises OSError."""
        try:
            with self.path.open("rb") as stream:
                raw = stream.read(MAX_BYTES).split(b"\n")
        except FileNotFoundError:
            return Log()
        try:
            head = json.loads(raw[0])
            log = Log(float(head["base_s"]), int(head["base_number"]), {str(key): Standing(state) for key, state in head["base"].items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            return Log()
        whole = self._take(log, raw[1:])
        self._head, self.written, self._lines, self._marked_s = log.base_number if whole else -1, log.number, len(raw), log.until_s
        return log

    @staticmethod
    def _take(log: Log, raw: list[bytes]) -> bool:
        """Whether every line was good."""
        for text in raw[:-1]:
            try:
                number, at_s, *rest = json.loads(text)
                if rest:
                    log.take([Line(int(number), float(at_s), str(rest[0]), Standing(rest[1]))], float(at_s))
                else:
                    log.take([], float(at_s))
            except (ValueError, TypeError, IndexError):
                return False
        return raw[-1:] == [b""]

    def write(self, log: Log) -> None:
        """Make the file tell what the log does; raises OSError."""
        if not (log.base or log.lines):
            return
        fresh = log.after(self.written) if self._head == log.base_number else None
        if fresh is None or self._lines > 2 * log.most:
            self._anew(log)
            return
        added: list[Any] = [list(line) for line in fresh]
        if fresh or log.until_s >= self._marked_s + MARK_S:
            added.append([0, log.until_s])
            self._append(added)
            self.written, self._marked_s = log.number, log.until_s

    def _anew(self, log: Log) -> None:
        head = {"base_s": log.base_s, "base_number": log.base_number, "base": log.base}
        publish(self.path, _text([head, *map(list, log.lines), [0, log.until_s]]))
        self._head, self.written, self._lines, self._marked_s = log.base_number, log.number, len(log.lines) + 2, log.until_s

    def _append(self, added: list[Any]) -> None:
        head, self._head = self._head, -1  # a write that fails may leave half a line
        with self.path.open("ab") as stream:
            stream.write(_text(added))
            stream.flush()
            os.fsync(stream.fileno())
        self._head, self._lines = head, self._lines + len(added)


def _text(values: list[Any]) -> bytes:
    return b"".join(json.dumps(value, separators=(",", ":")).encode() + b"\n" for value in values)
