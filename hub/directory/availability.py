"""How much of the time something was there: availability over any period, planned absence apart.  No I/O, no clock.

    period      ├──────────────────────────────────────────┤
    known             ├────up────┤  down  ├──────up────────
    planned                   ├────────┤
    counts      unknown│  up   │planned│dn│      up       │        availability = up / (up + down)

Rules: what was not watched is `unknown` and counts neither way: an availability says over how much of the period it speaks.  Being up in a
planned window counts as planned too, so that two windows of different luck compare.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Turn(NamedTuple):
    """At at_s it became up (True), down (False), or nobody knew any more (None)."""

    at_s: float
    up: bool | None


@dataclass(frozen=True, slots=True)
class Availability:
    """Seconds of a period; they add up to it."""

    up_s: float
    down_s: float
    planned_s: float
    unknown_s: float
    outages: int
    """Runs of being down that are not planned as a whole."""
    longest_s: float

    @property
    def share(self) -> float | None:
        """0 to 1; None when nothing is known."""
        watched = self.up_s + self.down_s
        return self.up_s / watched if watched > 0 else None


def availability(turns: Iterable[Turn], planned: Iterable[tuple[float, float]], start_s: float, end_s: float) -> Availability:
    """Of one thing, from its turns in order of time; turns before the period say how it began."""
    windows = _merged(planned, start_s, end_s)
    sums: dict[bool | None, float] = {True: 0.0, False: 0.0, None: 0.0}
    excused = longest = down = 0.0
    outages = 0
    for low, high, up in _stretches(turns, start_s, end_s):
        in_plan = sum(min(high, to) - max(low, since) for since, to in windows if since < high and to > low)
        excused += in_plan
        sums[up] += high - low - in_plan
        down = down + high - low - in_plan if up is False else 0.0
        outages += up is False and high - low > in_plan
        longest = max(longest, down)
    return Availability(sums[True], sums[False], excused, sums[None], outages, longest)


def _stretches(turns: Iterable[Turn], start_s: float, end_s: float) -> list[tuple[float, float, bool | None]]:
    """The period as runs of one state, in order; neighbours differ."""
    found: list[tuple[float, float, bool | None]] = []
    at, up = start_s, None

    def until(moment: float) -> None:
        if moment > at:
            if found and found[-1][2] is up:
                found[-1] = (found[-1][0], moment, up)
            else:
                found.append((at, moment, up))

    for turn in turns:
        moment = min(max(turn.at_s, at), end_s)
        until(moment)
        at, up = moment, turn.up
    until(end_s)
    return found


def _merged(planned: Iterable[tuple[float, float]], start_s: float, end_s: float) -> list[tuple[float, float]]:
    """Windows inside the period, overlapping ones joined."""
    found: list[tuple[float, float]] = []
    for since, to in sorted((max(since, start_s), min(to, end_s)) for since, to in planned):
        if to <= since:
            continue
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], to))
        else:
            found.append((since, to))
    return found
