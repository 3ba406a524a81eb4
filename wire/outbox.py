"""Messages that wait for the broker.  No I/O, no locks: the owner guards it.

Rules: bounded; of a retained topic only the newest waits, because an older state would be a lie; when full, the oldest
message that is not retained goes first (an event that is also in the log), then the oldest state.
"""

from dataclasses import dataclass
from typing import Final

_RETAINED: Final = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    topic: str
    payload: bytes
    retain: bool


class Outbox:
    """First in, first out, over at most `limit` messages; `dropped` counts what was given up."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[tuple[str, int], Outgoing] = {}
        self._number = _RETAINED
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Outgoing) -> None:
        """Append a message; a retained one takes the place of an older one on its topic."""
        self._number += 1
        key = (message.topic, _RETAINED if message.retain else self._number)
        self._waiting.pop(key, None)
        if len(self._waiting) >= self._limit:
            self._drop_one()
        self._waiting[key] = message

    def put_first(self, births: list[tuple[str, bytes]]) -> None:
        """Put retained births before everything else; they replace what waits on their topics, being newer."""
        for topic, _ in births:
            self._waiting.pop((topic, _RETAINED), None)
        self._waiting = {(topic, _RETAINED): Outgoing(topic, payload, True) for topic, payload in births} | self._waiting
        while len(self._waiting) > max(self._limit, len(births)):
            self._drop_one()

    def take(self) -> Outgoing:
        """Remove and return the oldest; the caller has checked that there is one."""
        return self._waiting.pop(next(iter(self._waiting)))

    def _drop_one(self) -> None:
        victim = next((key for key in self._waiting if key[1] != _RETAINED), None) or next(iter(self._waiting))
        del self._waiting[victim]
        self.dropped += 1
