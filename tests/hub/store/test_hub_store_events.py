"""What the store tells is a warning in the log only when somebody has to do something."""

import logging

import pytest

from watchkeep.hub.store.clock import Clock
from watchkeep.hub.store.events import Reporter
from watchkeep.wire.causes import EventKind
from watchkeep.wire.messages import Event


@pytest.mark.parametrize(
    ("kind", "remedy", "level"),
    [
        (EventKind.HOLE, "", logging.INFO),
        (EventKind.HOLE, "look at the other archiver", logging.WARNING),
        (EventKind.LOCK, "", logging.INFO),
        (EventKind.RETENTION, "make room", logging.INFO),
        (EventKind.DISK, "", logging.WARNING),
        (EventKind.TAMPER, "", logging.WARNING),
    ],
)
def test_only_what_needs_somebody_is_a_warning_and_no_empty_remedy_is_shown(kind: EventKind, remedy: str, level: int,
                                                                            caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    told: list[Event] = []
    with caplog.at_level(logging.INFO):
        Reporter("a", Clock(), told.append).report(kind, "filled: 2 of 2 chunks", remedy, "cam0")
    [record] = caplog.records
    assert (record.levelno, vars(record).get("remedy", "")) == (level, remedy)
    assert ("remedy" in vars(record)) is bool(remedy)
    assert [event.remedy for event in told] == [remedy]
