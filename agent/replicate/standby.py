"""When cold standbys are woken again, and when they have not been needed for long enough.  No I/O, no clock, no threads.

    needed, does not answer:   packet ─ 1 s ─▶ packet ─ 2 s ─▶ packet ─ 4 s ─▶ ... each LAST_S
    not needed:                since sleep_after_s ─▶ left alone

Rules: a magic packet is a datagram that nobody confirms: it is repeated until the archiver answers or is not needed any more.
Bound: one entry for each cold archiver.
"""

from collections.abc import Collection
from typing import Final

FIRST_S: Final = 1.0
LAST_S: Final = 60.0
"""While nobody can take its place, for as long as it takes: a packet of 102 bytes a minute."""


class Waking:
    """Magic packets of one agent; times are the caller's monotonic seconds."""

    def __init__(self) -> None:
        self._next: dict[str, tuple[float, float]] = {}
        """Archiver to when the next packet is due, and the pause after it."""

    def due(self, asleep: Collection[str], now: float) -> list[str]:
        """Whom to send a packet now, of those that are needed and do not answer."""
        self._next = {name: self._next.get(name, (now, FIRST_S)) for name in asleep}
        found = [name for name, (at, _) in sorted(self._next.items()) if now >= at]
        for name in found:
            pause_s = self._next[name][1]
            self._next[name] = now + pause_s, min(pause_s * 2, LAST_S)
        return found


class Rest:
    """Since when one cold archiver has not been needed."""

    def __init__(self, sleep_after_s: float) -> None:
        self._sleep_after_s = sleep_after_s
        self._since: float | None = None

    def look(self, now: float, *, needed: bool) -> bool:
        """Whether it has not been needed for long enough."""
        self._since = None if needed else now if self._since is None else self._since
        return self._since is not None and now >= self._since + self._sleep_after_s
