"""Deletions summed up until it is time to tell of them.  No I/O, no clock, no threads.

Rules: the first of a kind is told at once, what follows at most every TELL_S: a disk that is kept at its floor deletes a few files
every round, and an event for each would push everything else out of the list of events.
"""

from typing import Final, NamedTuple

TELL_S: Final = 600.0
"""144 events a day and volume."""
MAX_KEYS: Final = 2000
"""More than volumes and locks together; beyond it the oldest key's time is forgotten, and it is told again too early, no more."""


class Deleted(NamedTuple):
    files: int
    bytes: int


class Tally:
    """What was deleted for each key (a volume, a lock) and not told yet."""

    def __init__(self) -> None:
        self._open: dict[str, Deleted] = {}
        self._told: dict[str, float] = {}

    def add(self, key: str, size: int) -> None:
        before = self._open.get(key, Deleted(0, 0))
        self._open[key] = Deleted(before.files + 1, before.bytes + size)

    def due(self, now: float, *, everything: bool = False) -> dict[str, Deleted]:
        """What is to be told now (monotonic seconds); it is forgotten here."""
        ready = {key: found for key, found in self._open.items() if everything or now - self._told.get(key, float("-inf")) >= TELL_S}
        for key in ready:
            del self._open[key]
            self._told.pop(key, None)
            self._told[key] = now
        while len(self._told) > MAX_KEYS:
            del self._told[next(iter(self._told))]
        return ready
