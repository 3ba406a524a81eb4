"""A log that nobody takes: wire/shell/patient_log.py keeps nobody waiting, and says afterwards what it could not keep."""

import logging
import os
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from watchkeep.wire.shell import patient_log
from watchkeep.wire.shell.patient_log import PatientHandler


@pytest.fixture(autouse=True)
def soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_log, "LINGER_S", 0.01)


@pytest.fixture
def stuck() -> Iterator[tuple[TextIO, int]]:
    """A pipe that is full, as its writer sees it, and the end to read from."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, bytes(4096))
    except BlockingIOError:
        os.set_blocking(write, True)
    with open(write, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        yield stream, read
    os.close(read)


def logger_of(handler: logging.Handler) -> logging.Logger:
    logger = logging.Logger("stuck")
    logger.addHandler(handler)
    return logger


def drained(read: int, until: str) -> list[str]:
    found = b""
    while until.encode() not in found:
        found += os.read(read, 65536)
    return found.decode().lstrip("\0").splitlines()


@pytest.mark.timeout(20)
def test_whoever_logs_does_not_wait_and_what_did_not_fit_is_counted(stuck: tuple[TextIO, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_log, "MAX_BYTES", 100)
    stream, read = stuck
    handler = PatientHandler(stream)
    logger = logger_of(handler)
    for number in range(30):
        logger.warning("line %d", number)
    lines = drained(read, "line 12\n")
    assert [line for line in lines if line.startswith("line")] == [f"line {number}" for number in range(13)]
    assert sum(int(line.split()[0]) for line in lines if line.endswith("lines of this log were not taken, and are lost")) == 17
    logger.warning("taken")
    assert drained(read, "taken\n") == ["taken"]


@pytest.mark.timeout(20)
def test_a_process_that_ends_waits_for_its_log_no_longer_than_it_says(stuck: tuple[TextIO, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_log, "FLUSH_S", 0.01)
    stream, read = stuck
    handler = PatientHandler(stream)
    logger_of(handler).warning("late")
    handler.flush()
    assert any(thread.name == "wk-log" and thread.daemon for thread in threading.enumerate())
    assert drained(read, "late\n") == ["late"]


def test_a_log_whose_reader_has_gone_is_no_obstacle(stuck: tuple[TextIO, int]) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        handler = PatientHandler(stream)
        logger = logger_of(handler)
        logger.warning("nobody")
        logger.warning("hears it")
        handler.flush()
        assert not handler._lines
