"""Logs on disk: appended, written anew when their base has moved, and read as far as they are whole."""

import json
from pathlib import Path

import pytest

from watchkeep.hub.directory.health import record as record_module
from watchkeep.hub.directory.health.logfile import MARK_S, LogFile
from watchkeep.hub.directory.health.model import Standing
from watchkeep.hub.directory.health.record import Log

UP, DOWN = Standing.UP, Standing.DOWN


def told(log: Log) -> tuple[object, ...]:
    return log.base_s, log.base_number, log.base, log.lines, log.until_s


def flap(log: Log, first: int, last: int) -> None:
    for at_s in range(first, last):
        log.look({"camera/cam0": DOWN if at_s % 2 else UP, "agent/e1": UP}, float(at_s))


def test_what_is_written_piece_by_piece_is_read_as_it_was(tmp_path: Path) -> None:
    path, log = tmp_path / "a.jsonl", Log()
    file = LogFile(path)
    file.write(log)
    assert not path.exists(), "nothing is known yet"
    for first in (0, 1, 4, 9):
        flap(log, first, first + 3)
        file.write(log)
        assert told(LogFile(path).read()) == told(log)
    again = LogFile(path)
    found = again.read()
    flap(found, 20, 23)
    again.write(found)
    assert told(LogFile(path).read()) == told(found)


def test_time_that_only_passes_is_marked_now_and_then(tmp_path: Path) -> None:
    path, log = tmp_path / "a.jsonl", Log()
    file = LogFile(path)
    log.look({"agent/e1": UP}, 0.0)
    file.write(log)
    size = path.stat().st_size
    log.look({"agent/e1": UP}, MARK_S - 1)
    file.write(log)
    assert path.stat().st_size == size
    log.look({"agent/e1": UP}, MARK_S)
    file.write(log)
    assert LogFile(path).read().until_s == MARK_S


def test_a_log_whose_base_has_moved_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "MAX_LINES", 8)
    monkeypatch.setattr(record_module, "TURNS", 0)
    path, log = tmp_path / "a.jsonl", Log()
    file = LogFile(path)
    for first in range(0, 60, 5):
        flap(log, first, first + 5)
        file.write(log)
        assert told(LogFile(path).read()) == told(log)
    assert len(path.read_bytes().splitlines()) < 20


@pytest.mark.parametrize("tail", [b'[99, 5.0, "camera/ca', b'[99, 5.0, "camera/cam0", "nonsense"]\n', b"[1\n", b"\xff\n", b"{}\n"])
def test_a_damaged_end_costs_what_is_in_it_and_is_gone_after_the_next_write(tmp_path: Path, tail: bytes) -> None:
    path, log = tmp_path / "a.jsonl", Log()
    flap(log, 0, 4)
    LogFile(path).write(log)
    with path.open("ab") as stream:
        stream.write(tail)
    file = LogFile(path)
    found = file.read()
    assert told(found) == told(log)
    flap(found, 6, 8)
    file.write(found)
    assert told(LogFile(path).read()) == told(found)
    assert [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("head", [b"", b"[]\n", b'{"base_s": 1}\n', b'{"base_s": 1, "base_number": 0, "base": {"a": "b"}}\n', b"\xff\xfe"])
def test_a_file_without_a_good_head_is_an_empty_log(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(head)
    assert told(LogFile(path).read()) == told(Log())


def test_a_write_that_fails_is_made_up_for(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path, log = tmp_path / "folder" / "a.jsonl", Log()
    file = LogFile(path)
    flap(log, 0, 4)
    file.write(log)
    path.rename(tmp_path / "kept")
    path.mkdir()
    flap(log, 4, 8)
    with pytest.raises(OSError, match="directory"):
        file.write(log)
    path.rmdir()
    file.write(log)
    assert told(LogFile(path).read()) == told(log)
