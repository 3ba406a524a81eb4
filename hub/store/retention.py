"""Which parts may go.  No I/O, no clock, no threads.

Rules: oldest first, whole files only, never one that is being written (the catalog lists closed ones only); protected
parts stay, and can never stop new recording.  Age is judged by the wall clock, which can be wrong: after a step forward, also
one between two runs, nothing is deleted for its age until the clock has been steady for a day, nor while all recorders say another
day; space is freed all the same.  A step back deletes nothing too early: it is told, and that is all.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from .freshness import Newest
from .model import Part

DAY_NS: Final = 86_400_000_000_000
STEP_S: Final = 3600.0
"""A wall clock that runs ahead of the monotonic one by more than this between two looks is not trusted."""
TELL_S: Final = 60.0
"""A step of more than this, either way, is told: what a time service sets when it has just begun is less, or worth knowing."""
DISTRUST_S: Final = 86_400.0
"""How long a stepped clock deletes nothing: time for somebody to see the event and set it right."""
BEHIND_S: Final = 86_400.0
"""Less than a day off costs less than a day of video; what a peer gives of the last hours is no sign of a wrong clock."""
CLOCK_SET_NS: Final = 1_577_836_800_000_000_000
"""2020: what is stamped earlier is of a recorder that had booted without a clock, and says nothing of its age (invariant 10)."""

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


class Past(NamedTuple):
    """What an archiver knew of its clock when it last looked, in the run before this one."""

    wall_ns: int | None
    """UTC; None: nothing is known."""
    left_s: float
    """For how much longer nothing was to be deleted for its age."""


UNKNOWN: Final = Past(None, DISTRUST_S)


class ClockWatch:
    """Whether the wall clock can be trusted with deleting by age.

    A machine that starts with its clock years ahead looks like one that was off for years; so after a long absence, too, nothing is deleted
    for a day.  The day is of running time, and a restart neither ends it nor begins it anew.
    """

    def __init__(self, past: Past | None = None) -> None:
        """past: of the run before; None: this one is the first that counts, and the clock is right."""
        self._offset: float | None = None
        self._past = past
        self._distrust_until = float("-inf")

    def look(self, wall_ns: int, monotonic: float) -> float:
        """Take a look at both clocks; by how many seconds the wall clock has stepped (back: less than 0) if that is seen now, else 0.

        At the first look it is compared with the run before: less than STEP_S ahead is a restart, and no step.
        """
        offset, before = wall_ns / 1e9 - monotonic, self._offset
        self._offset = offset
        ahead_s = self._since_past(wall_ns, monotonic) if before is None else offset - before
        if ahead_s > STEP_S:
            self._distrust_until = monotonic + DISTRUST_S
        least_s = STEP_S if before is None else TELL_S
        return ahead_s if ahead_s > least_s or ahead_s < -TELL_S else 0.0

    def _since_past(self, wall_ns: int, monotonic: float) -> float:
        if self._past is None:
            return 0.0
        self._distrust_until = monotonic + self._past.left_s
        return 0.0 if self._past.wall_ns is None else (wall_ns - self._past.wall_ns) / 1e9

    def trusted(self, monotonic: float) -> bool:
        return monotonic >= self._distrust_until

    def left_s(self, monotonic: float) -> float:
        """For how much longer it is not trusted."""
        return max(self._distrust_until - monotonic, 0.0)


def behind_s(newest: Iterable[Newest], wall_ns: int, monotonic: float) -> float:
    """By how much everything that became durable in the last hour is stamped behind this clock, if that is more than BEHIND_S, else 0.

    Recorders have clocks of their own: when all of them say another day than this one, this one is no reason to delete anything.
    """
    lags = [(wall_ns - one.end_ns) / 1e9 - (monotonic - one.at) for one in newest
            if one.end_ns >= CLOCK_SET_NS and monotonic - one.at <= STEP_S]  # fmt: skip
    least = min(lags, default=0.0)
    return least if least > BEHIND_S else 0.0
