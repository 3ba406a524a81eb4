"""The list of events on disk: restarts, torn lines, turned over files, and disks that refuse or hang."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from watchkeep.hub.events import log as module
from watchkeep.hub.events.log import EVENTS_FILE, OLD_FILE, EventLog
from watchkeep.hub.events.ring import MAX_EVENTS, MAX_TEXT, ListedEvent
from watchkeep.wire.causes import EventKind
from watchkeep.wire.messages import Event


def event(text: str) -> Event:
    return Event(kind=EventKind.DISK, source="a", at_s=1.5, text=text, remedy="y")


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these disks hangs for ever: a thread that is waited for in vain has only not had its turn."""
    monkeypatch.setattr(module, "JOIN_S", 20.0)


@contextmanager
def running(folder: Path, *, limit: int = 100) -> Iterator[EventLog]:
    log = EventLog(folder, limit=limit)
    log.open()
    try:
        yield log
    finally:
        log.close()


def texts(log: EventLog) -> list[tuple[int, str]]:
    return [(one.number, one.text) for one in log.page(since=0, limit=1000).events]


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, what
        threading.Event().wait(0.005)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_events_survive_restarts_and_numbers_go_on(tmp_path: Path) -> None:
    for round_ in range(3):
        with running(tmp_path) as log:
            assert len(texts(log)) == 2 * round_
            log.add(event(f"{round_}a"))
            log.add(event(f"{round_}b"))
    with running(tmp_path) as log:
        assert texts(log) == [(1, "0a"), (2, "0b"), (3, "1a"), (4, "1b"), (5, "2a"), (6, "2b")]


def test_an_event_is_on_disk_soon_and_not_only_at_the_end(tmp_path: Path) -> None:
    with running(tmp_path) as log:
        log.add(event("now"))
        until(lambda: lines(tmp_path / EVENTS_FILE) == 1, "the line is written")


def test_the_last_limit_events_are_kept_and_files_are_bounded(tmp_path: Path) -> None:
    for first in range(0, 60, 4):
        with running(tmp_path, limit=10) as log:
            for number in range(first, first + 4):
                log.add(event(str(number)))
    with running(tmp_path, limit=10) as log:
        assert texts(log) == [(number + 1, str(number)) for number in range(50, 60)]
    assert lines(tmp_path / OLD_FILE) <= 13
    assert lines(tmp_path / EVENTS_FILE) < 10


def test_a_torn_line_is_cut_and_a_damaged_one_skipped(tmp_path: Path) -> None:
    with running(tmp_path) as log:
        for text in "abc":
            log.add(event(text))
    path = tmp_path / EVENTS_FILE
    kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(kept[0] + b"\xff{broken\n" + kept[2] + kept[1][:20] + b"x" * 1000)
    with running(tmp_path) as log:
        assert texts(log) == [(1, "a"), (3, "c")]
        log.add(event("d"))
    with running(tmp_path) as log:
        assert texts(log) == [(1, "a"), (3, "c"), (4, "d")]


def test_a_disk_that_refuses_costs_nothing_once_it_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    tries, real = list[int](), module.os.fsync

    def failing(handle: int) -> None:
        tries.append(handle)
        if len(tries) < 4:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(module.os, "fsync", failing)
    with running(tmp_path) as log:
        log.add(event("a"))
        until(lambda: len(tries) >= 2, "tried again")
        log.add(event("b"))
        until(lambda: lines(tmp_path / EVENTS_FILE) == 2 and len(tries) >= 4, "written in the end, each once")
    with running(tmp_path) as log:
        assert texts(log) == [(1, "a"), (2, "b")]


def test_adding_and_reading_never_wait_for_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    back, hanging, real = threading.Event(), threading.Event(), module.os.fsync

    def hang(handle: int) -> None:
        hanging.set()
        assert back.wait(20)
        real(handle)

    monkeypatch.setattr(module.os, "fsync", hang)
    with running(tmp_path, limit=50) as log:
        log.add(event("first"))
        assert hanging.wait(10)
        started = time.monotonic()
        for number in range(200):
            log.add(event(str(number)))
        assert texts(log)[-1] == (201, "199")
        assert len(texts(log)) == 50
        assert time.monotonic() - started < 5
        back.set()
    with running(tmp_path, limit=50) as log:
        assert texts(log) == [(number + 2, str(number)) for number in range(150, 200)]


def test_a_full_file_of_the_longest_lines_can_be_read() -> None:
    longest = ListedEvent(kind=EventKind.RETENTION, source="a" * 63, at_s=1e10 + 0.123456, camera="c" * 63, archiver="a" * 63,
                          text="\U0001f512" * MAX_TEXT, remedy="\U0001f512" * MAX_TEXT, number=10**15)  # fmt: skip
    assert 2 * MAX_EVENTS * (len(longest.model_dump_json().encode()) + 1) < module.MAX_FILE_BYTES
