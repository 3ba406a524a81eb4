"""Log lines: one line each, machine-readable on request, and without credentials."""

import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest

from watchkeep.wire.shell import log as wire_log

Lines = Callable[[], list[str]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """What was logged so far; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def read() -> list[str]:
        for handler in root.handlers:
            handler.flush()
        return str(capsys.readouterr().err).splitlines()

    yield read
    root.handlers[:] = handlers
    root.setLevel(level)


def failing() -> None:
    try:
        int("rtsp://admin:SECRET@cam\nsecond line")
    except ValueError:
        logging.getLogger("watchkeep.agent.ingest").exception("lost", extra={"camera": "cam0", "url": "rtsp://u:SECRET@h/1"})


def test_text_is_one_line_with_its_fields(lines: Lines) -> None:
    wire_log.setup()
    logging.getLogger("watchkeep.agent.ingest").warning("stalled for %d s", 5, extra={"camera": "cam0"})
    [line] = lines()
    assert line.endswith("warning agent.ingest: stalled for 5 s camera=cam0")
    assert line[10] == "T"
    assert line[23] == "Z"


def test_a_text_coloured_for_terminals_is_left_out(lines: Lines) -> None:
    wire_log.setup()
    logging.getLogger("uvicorn.error").warning("up %d", 7, extra={"color_message": "up \x1b[36m%d\x1b[0m"})
    [line] = lines()
    assert line.endswith("warning uvicorn: up 7")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_server_that_starts_is_no_line_that_reads_like_an_error(as_json: bool, lines: Lines) -> None:
    wire_log.setup(as_json=as_json)
    logging.getLogger("uvicorn.error").info("Started server process [1]")
    logging.getLogger("uvicorn.error").warning("late")
    [line] = lines()
    assert "late" in line
    assert "uvicorn.error" not in line


@pytest.mark.parametrize("as_json", [False, True])
def test_a_trace_is_one_line_without_credentials(as_json: bool, lines: Lines) -> None:
    wire_log.setup(as_json=as_json)
    failing()
    [line] = lines()
    assert "ValueError" in line
    assert "nsecond line" in line
    assert "SECRET" not in line


def test_json_carries_every_field(lines: Lines) -> None:
    wire_log.setup(as_json=True)
    failing()
    [line] = lines()
    fields = json.loads(line)
    assert fields["logger"] == "watchkeep.agent.ingest"
    assert (fields["level"], fields["text"], fields["camera"], fields["url"]) == ("error", "lost", "cam0", "rtsp://***@h/1")


def test_a_camera_cannot_forge_a_log_line(lines: Lines) -> None:
    wire_log.setup()
    logging.getLogger("x").warning("camera says: %s", "ok\n2026-01-01T00:00:00.000Z error x: forged\r\x1b[2J")
    [line] = lines()
    assert "\x1b" not in line


def test_setting_up_twice_logs_once(lines: Lines) -> None:
    wire_log.setup()
    wire_log.setup()
    logging.getLogger("x").warning("once")
    assert len(lines()) == 1


def test_chatty_libraries_are_held_to_warnings(lines: Lines) -> None:
    wire_log.setup(level="DEBUG")
    logging.getLogger("zeroconf").info("chatter")
    logging.getLogger("watchkeep").debug("ours")
    assert [line.rsplit(" ", 1)[1] for line in lines()] == ["ours"]
    assert logging.getLogger().handlers[0].stream is sys.stderr  # type: ignore[attr-defined]
