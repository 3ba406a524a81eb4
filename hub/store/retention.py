"""Which parts may go.  No I/O, no clock, no threads.

Rules: oldest first, whole files only, never one that is being written (the catalog lists closed ones only); protected
parts stay, and can never stop new recording.  Age is judged by the wall clock, which can be wrong: after a step forward
nothing is deleted for its age until the clock has been steady for a day; space is freed all the same.
"""

from collections.abc import Callable, Iterable
from typing import Final

from .model import Part

DAY_NS: Final = 86_400_000_000_000
STEP_S: Final = 3600.0
"""A wall clock that runs away from the monotonic one by this between two looks was stepped."""
DISTRUST_S: Final = 86_400.0
"""How long a stepped clock deletes nothing: time for somebody to see the event and set it right."""

Protected = Callable[[Part], bool]


def nothing_protected(_: Part) -> bool:
    return False


def choose(parts: Iterable[Part], *, expired_ns: int, need_bytes: int, protected: Protected = nothing_protected) -> list[Part]:
    """Of a volume's closed parts, oldest first, those to delete: all that ended before expired_ns (UTC), and as many more
    as it takes to free need_bytes."""
    chosen, freed = [], 0
    for part in parts:
        if part.end_ns >= expired_ns and freed >= need_bytes:
            break
        if not protected(part):
            chosen.append(part)
            freed += part.file_size
    return chosen


class ClockWatch:
    """Whether the wall clock can be trusted with deleting by age."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._distrust_until = float("-inf")

    def look(self, wall_ns: int, monotonic: float) -> bool:
        """Take a look at both clocks; True when a forward step was seen now."""
        offset, before = wall_ns / 1e9 - monotonic, self._offset
        self._offset = offset
        stepped = before is not None and offset - before > STEP_S
        if stepped:
            self._distrust_until = monotonic + DISTRUST_S
        return stepped

    def trusted(self, monotonic: float) -> bool:
        return monotonic >= self._distrust_until
