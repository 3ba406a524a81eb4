"""Events that others of the site tell on MQTT: what of them is taken into the list.  No I/O, no clock, no threads.

    payload ─▶ an Event? ─▶ its kind is the topic's, its ids are ids, its time is a number ─▶ within the rate ─▶ taken

Rules: advisory: nothing is decided by these events.  Anybody who reaches the broker can publish, so what does not fit is counted and
left alone, and a flood costs the list no more than RATE_S a second: BURST at once are a site of 16 agents that loses all its archivers.
"""

from math import isfinite
from typing import Final

from pydantic import ValidationError

from ...wire.errors import IdError
from ...wire.ids import check_id
from ...wire.messages import Event

BURST: Final = 2000
"""16 agents of 60 cameras with two events each; a fifth of the list."""
RATE_S: Final = 5.0
"""Events a second on the average: 300 bytes each are 130 MB a day written at most, and as a rule nothing."""


class SiteEvents:
    """A filter with a bucket of BURST events that fills with RATE_S; times are the caller's monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._left, self._at = float(BURST), now
        self.foreign = self.flooded = 0
        """What was left out: not an event of ours; too many."""

    def take(self, topic: str, payload: bytes, now: float) -> Event | None:
        """The event, or None when it is not taken."""
        event = _event(topic, payload)
        if event is None:
            self.foreign += 1
            return None
        self._left, self._at = min(self._left + (now - self._at) * RATE_S, BURST), now
        if self._left < 1:
            self.flooded += 1
            return None
        self._left -= 1
        return event


def _event(topic: str, payload: bytes) -> Event | None:
    try:
        event = Event.model_validate_json(payload)
        check_id("source", event.source)
        for kind, value in (("camera", event.camera), ("archiver", event.archiver)):
            if value:
                check_id(kind, value)
    except (ValidationError, IdError):
        return None
    return event if isfinite(event.at_s) and topic.rpartition("/")[2] == event.kind else None
