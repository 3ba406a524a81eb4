"""An announced maintenance of this archiver, and which agents know of it.  No I/O, no clock, no threads.

    order ─▶ every answer to an agent says what is left ─▶ the time is over, an order of 0 s, or the process ends

Rules: nothing of it is on the disk: the restart that it was announced for ends it, so an archiver that is back is watched as ever.
`left_s` may be asked on any thread, everything else on the event loop.  Bound: MAX_CALLERS agents, the longest silent one goes first.
"""

import re
from typing import Final

from ...wire.errors import UsageError
from ...wire.messages import MAX_MAINTENANCE_S

SEEN_S: Final = 10.0
"""An agent that is alive asks an archiver of its list every 2 s at least; one that has been silent for longer need not be waited for."""
MAX_CALLERS: Final = 1024
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


class Maintenance:
    """Times are the caller's monotonic seconds."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self.version = 0
        """Counts orders: what an agent was told belongs to one of them."""
        self._callers: dict[str, tuple[float, int]] = {}
        """Agent to when it was answered last, and of which order it knows."""

    def order(self, seconds: float, now: float) -> None:
        """Silence is announced for so long from now on; 0 ends it."""
        self._until, self.version = now + min(seconds, MAX_MAINTENANCE_S), self.version + 1

    def left_s(self, now: float) -> float:
        return max(self._until - now, 0.0)

    def told(self, agent: str, version: int, now: float) -> None:
        """An answer has gone to this agent that says what holds since the order `version`."""
        self._callers.pop(agent, None)
        self._callers[agent] = (now, version)
        if len(self._callers) > MAX_CALLERS:
            del self._callers[next(iter(self._callers))]

    def untold(self, now: float) -> list[str]:
        """Agents heard within SEEN_S that do not know of the last order yet."""
        return sorted(agent for agent, (at, version) in self._callers.items() if version != self.version and at >= now - SEEN_S)


def seconds_of(text: str) -> float:
    """`90`, `90s`, `15m` or `1h` as seconds; raises UsageError."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smh]?)", text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 1 <= seconds <= MAX_MAINTENANCE_S:
        raise UsageError(f"{text!r} is no time from 1 s to {MAX_MAINTENANCE_S / 3600:g} h", remedy="write it as 90s, 15m or 1h")
    return seconds
