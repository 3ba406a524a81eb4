"""The list of events on disk: lines of JSON in `events.jsonl`, and before them in `events.old.jsonl`.

    add ─▶ ring ─▶ wk-hub-events: what is above the last number written ─▶ append, fsync ─▶ at MAX_EVENTS lines: old, new file

Rules: `add` never waits for a disk: what the disk does not take stays in the ring, and is written as soon as it can be, unless
the ring has lost it by then.  A torn or damaged line is skipped and counted, the others stand.  Events tell what happened and decide
nothing: a list that cannot be read costs history, not recording.
"""

import logging
import os
import threading
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ...wire.causes import EventKind
from ...wire.messages import Event
from ...wire.shell.files import sync_dir
from ...wire.shell.threads import Supervised
from .ring import MAX_EVENTS, EventPage, ListedEvent, Ring

log = logging.getLogger(__name__)

EVENTS_FILE: Final = "events.jsonl"
OLD_FILE: Final = "events.old.jsonl"
MAX_FILE_BYTES: Final = 64 << 20
"""MAX_EVENTS lines are 4 MB as a rule and 30 MB at most; both files together at most 60 MB."""
RETRY_S: Final = 10.0
JOIN_S: Final = 2.0


class EventLog:
    """`open` first, `close` last; `add` and `page` from any thread.  The files are written by its own thread only."""

    def __init__(self, folder: Path, *, limit: int = MAX_EVENTS) -> None:
        self._path, self._old, self._limit = folder / EVENTS_FILE, folder / OLD_FILE, limit
        self._lock = threading.Lock()
        self._ring = Ring(limit=limit)
        self._written = 0
        self._lines = self._size = 0
        self._failing = False
        self._wake = threading.Event()
        self._thread = Supervised("wk-hub-events", self._body)

    def open(self) -> None:
        """Read what there is and start the thread; raises OSError when the folder cannot be used."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        before = [*_read(self._old)[0]]
        events, self._size = _read(self._path)
        self._lines = len(events)
        self._ring = Ring(_rising([*before, *events]), limit=self._limit)
        self._written = self._ring.newest
        self._thread.start()

    def add(self, event: Event) -> None:
        """List an event unless it is listed already; returns at once."""
        with self._lock:
            self._ring.add(event)
        self._wake.set()

    def page(self, *, since: int | None = None, kind: EventKind | None = None, camera: str | None = None, limit: int = 100) -> EventPage:
        with self._lock:
            return self._ring.page(since=since, kind=kind, camera=camera, limit=limit)

    def close(self) -> None:
        """Write what is left and end; a disk that hangs keeps its thread."""
        self._thread.stop()
        self._wake.set()
        if not self._thread.join(JOIN_S):
            log.error("the disk of data_dir hangs: the newest events are not written")

    # -- the thread --------------------------------------------------------------------------------------------

    def _body(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._wake.wait(RETRY_S if self._failing else None)
            self._wake.clear()
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            lines, newest = self._ring.lines_after(self._written), self._ring.newest
        if not lines:
            return
        try:
            self._append(lines, newest)
            if self._lines >= self._limit:
                self._turn_over()
        except OSError as error:
            if not self._failing:
                log.warning("events cannot be written", extra={"file": str(self._path), "why": error.strerror})
            self._failing = True
        else:
            self._failing = False

    def _append(self, lines: list[bytes], newest: int) -> None:
        data = b"".join(line + b"\n" for line in lines)
        fresh = not self._path.exists()
        with self._path.open("r+b" if not fresh else "wb") as stream:
            stream.truncate(self._size)  # a torn line of a crash, or of a write that failed halfway
            stream.seek(self._size)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if fresh:
            sync_dir(self._path.parent)
        self._size += len(data)
        self._lines += len(lines)
        self._written = newest

    def _turn_over(self) -> None:
        self._path.replace(self._old)
        sync_dir(self._path.parent)
        self._lines = self._size = 0


def _rising(events: list[ListedEvent]) -> list[ListedEvent]:
    """The events whose number is above all before them: a number is listed once."""
    found: list[ListedEvent] = []
    for event in events:
        if not found or event.number > found[-1].number:
            found.append(event)
    return found


def _read(path: Path) -> tuple[list[ListedEvent], int]:
    """(events, bytes up to the end of the last whole line) of a file; raises OSError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return [], 0
    size = data.rfind(b"\n") + 1
    found, bad = [], 0
    for line in data[:size].splitlines():
        try:
            found.append(ListedEvent.model_validate_json(line))
        except ValidationError:
            bad += 1
    if bad or size < len(data):
        log.warning("events were damaged on disk", extra={"file": str(path), "lines": bad, "torn_bytes": len(data) - size})
    return found, size
