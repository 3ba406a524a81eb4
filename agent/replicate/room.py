"""Which cameras one archiver has no room for: a floor under the priorities that it serves.  No I/O, no clock, no threads.

    priorities there: 3, 5, 9          short             short             short: nothing, 9 alone is never left out
                              0 ───────────────▶ 5 ───────────────▶ 9
                                ◀─────────────── ◀─────────────────
                                    hold over         hold over

    short is   FULL   it answered 507 storage-full
               LATE   a chunk of a camera that it serves was owed for longer than the live lane lasts, and nothing had moved for CALM_S

Rules: one class at a time, the lowest first on the way up, the highest first on the way down, so a camera is never left out
while one of lower priority is served.  The hold is the failback's; it doubles up to MAX_HOLDS of them when the room was gone
again soon after it, so that an archiver at its limit does not move cameras to and fro.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

DEFAULT_PRIORITY: Final = 5
CALM_S: Final = 12.0
"""Longer than lanes.LIVE_S and the second that a tick looks back: what a takeover brought has gone by."""
MAX_HOLDS: Final = 4
"""Four minutes with the default hold of a minute: what one wrong step costs at most."""
MIN_HOLD_S: Final = 1.0
"""With failback_hold_s = 0 a full archiver would be tried in every tick."""


@dataclass(frozen=True, slots=True)
class Order:
    """Whom an archiver's lanes serve: by priority, those below the floor last, and not at all while it is full."""

    priorities: Mapping[str, int] = field(default_factory=dict)
    floor: int = 0
    full: bool = False

    def priority(self, camera: str) -> int:
        return self.priorities.get(camera, DEFAULT_PRIORITY)

    def left_out(self, camera: str) -> bool:
        return self.priority(camera) < self.floor


class Room:
    """One archiver's floor; times are the caller's monotonic seconds."""

    def __init__(self, hold_s: float, now: float) -> None:
        self._base_s = max(hold_s, MIN_HOLD_S)
        self._holds = 1
        self.floor, self.full, self.why = 0, False, ""
        self._until: float | None = None
        """When the floor is lowered by one class."""
        self._lowered_at = float("-inf")
        self._calm_from = now + CALM_S

    def moved(self, now: float) -> None:
        """Chunks were moved here, or it came back: what is late now says nothing about its room."""
        self._calm_from = now + CALM_S

    def is_full(self, served: Collection[int], now: float, why: str) -> bool:
        """It answered storage-full; `served` are the priorities of the cameras there.  True when the floor rose."""
        self.full, self.why = True, why
        return self._short(served, now)

    def is_late(self, served: Collection[int], now: float, why: str) -> bool:
        """Its live lane cannot keep up; true when the floor rose."""
        if now < self._calm_from:
            return False
        self.why = why if not self.full else self.why
        return self._short(served, now)

    def is_due(self, now: float) -> bool:
        """Whether a hold is over, so that a tick would take effect."""
        return self._until is not None and now >= self._until

    def tick(self, listed: Collection[int], now: float) -> bool:
        """Let a hold that is over take effect; `listed` are the priorities of all cameras that may go there.  True when the floor fell."""
        if not self.is_due(now):
            return False
        below = sorted({priority for priority in listed if priority < self.floor})
        self.floor = below[-1] if len(below) > 1 else 0
        self._lowered_at, self.full = now, False
        self._calm_from = now + CALM_S  # whoever is let in again comes late
        self._until = now + self._hold_s if self.floor else None
        return True

    def cap(self, highest: int) -> None:
        """The cameras are other ones now: the highest priority is never left out."""
        self.floor = min(self.floor, highest)
        if not self.floor:
            self._until, self.full = None, False

    def next_deadline(self) -> float | None:
        return self._until

    @property
    def _hold_s(self) -> float:
        return self._base_s * self._holds

    def _short(self, served: Collection[int], now: float) -> bool:
        classes = sorted({priority for priority in served if priority >= self.floor})
        if len(classes) < 2:
            self._until = now + self._hold_s if self.floor else None
            self.full = self.full and self.floor > 0
            return False
        if now < self._lowered_at + self._hold_s + 2 * CALM_S:  # a lane needs CALM_S to be found late, and a segment cut before
            self._holds = min(self._holds * 2, MAX_HOLDS)
        elif not self.floor:
            self._holds = 1
        self._lowered_at = float("-inf")
        self.floor, self._until = classes[1], now + self._hold_s
        self._calm_from = now + CALM_S
        return True
