"""Events of the store: one line for the log and one message for operators.

Rules: the same event is told not more often than every REPEAT_S, so that a full disk is one message and not one an append.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ...wire.causes import EventKind
from ...wire.messages import Event
from .clock import Clock

log = logging.getLogger(__name__)

_NEWS: Final = (EventKind.HOLE, EventKind.ARCHIVER, EventKind.LOCK)
"""Without a remedy there is nothing to do about those: a hole that is filled, a maintenance that is announced."""
REPEAT_S: Final = 60.0
MAX_REMEMBERED: Final = 1000
"""Different events whose last time is kept; beyond it the oldest may be told again too early, no more."""


class Reporter:
    """`report` may be called from any thread; `on_event` has to return at once and must not raise."""

    def __init__(self, archiver: str, clock: Clock, on_event: Callable[[Event], None]) -> None:
        self._archiver, self._clock, self._on_event = archiver, clock, on_event
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def report(self, kind: str, text: str, remedy: str, camera: str) -> None:
        if not self._is_news((kind, text, camera)):
            return
        level = logging.INFO if kind == EventKind.RETENTION or (kind in _NEWS and not remedy) else logging.WARNING
        log.log(level, text, extra={"event": str(kind)} | ({"remedy": remedy} if remedy else {}))
        self._on_event(Event(kind=EventKind(kind), source=self._archiver, at_s=self._clock.wall_ns() / 1e9, camera=camera,
                             archiver=self._archiver, text=text, remedy=remedy))  # fmt: skip

    def _is_news(self, event: tuple[str, str, str]) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            before = self._told.get(event)
            if before is not None and now - before < REPEAT_S:
                return False
            self._told[event] = now
            self._told.move_to_end(event)
            if len(self._told) > MAX_REMEMBERED:
                self._told.popitem(last=False)
            return True
