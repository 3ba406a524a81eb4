"""How much of a period everybody was there, by what several servers have seen.  No I/O, no clock.

    log of a   up ───────┤ (a dies)                          several at once, in a torn network: the best one counts,
    log of b              ├── up ──┤ down ├── up ──           since each side sees its own half:  up > planned > down > unknown
    merged     up ─────────────────┤ down ├── up ──
                          └ BRIDGE_S at most: as it was before

Rules: time that nobody watched counts neither way (availability.py), except for the lead of the directory itself, which was missing then.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from ..availability import Availability, Turn, availability
from ..orders import DIRECTORY
from .model import Standing
from .record import Log

BRIDGE_S: Final = 30.0
"""From a leader's death to the first look of the next one are 4 to 10 s."""
LEAD: Final = f"role/{DIRECTORY}"
_BEST: Final = (Standing.UP, Standing.PLANNED, Standing.DOWN, Standing.UNKNOWN)
Turns = list[tuple[float, Standing]]


def measured(logs: Iterable[Log], start_s: float, end_s: float) -> dict[str, Availability]:
    """By key, of everybody of whom something is known in the period."""
    by_key: dict[str, list[Turns]] = {}
    for number, log in enumerate(logs):
        for key, at_s, state in log.turns():
            found = by_key.setdefault(key, [])
            while len(found) <= number:
                found.append([])
            found[number].append((at_s, state))
    every = {key: _availability(bridged(merged(found), lead=key == LEAD), start_s, end_s) for key, found in sorted(by_key.items())}
    return {key: one for key, one in every.items() if one.unknown_s < end_s - start_s}


def merged(several: list[Turns]) -> Turns:
    """The turns of one thing by all logs, the best state of each moment."""
    if len(several) == 1:
        return several[0]
    now = [Standing.UNKNOWN] * len(several)
    found: Turns = []
    for at_s, number, state in sorted((at_s, number, state) for number, turns in enumerate(several) for at_s, state in turns):
        now[number] = state
        best = min(now, key=_BEST.index)
        if found and found[-1][0] == at_s:
            found.pop()
        if not found or found[-1][1] is not best:
            found.append((at_s, best))
    return found


def bridged(turns: Turns, *, lead: bool) -> Turns:
    """Without the moments that nobody watched between two servers; of the lead itself these were down."""
    found: Turns = []
    for (at_s, state), (until_s, _) in pairwise([*turns, (float("inf"), Standing.UNKNOWN)]):
        if state is Standing.UNKNOWN and found and until_s < float("inf"):
            if lead:
                found.append((at_s, Standing.DOWN))
                continue
            if until_s - at_s <= BRIDGE_S:
                continue
        found.append((at_s, state))
    return found


def _availability(turns: Turns, start_s: float, end_s: float) -> Availability:
    until = [at_s for at_s, _ in turns[1:]] + [end_s]
    planned = [(at_s, to_s) for (at_s, state), to_s in zip(turns, until, strict=True) if state is Standing.PLANNED]
    known = {Standing.UP: True, Standing.DOWN: False, Standing.PLANNED: False, Standing.UNKNOWN: None}
    return availability([Turn(at_s, known[state]) for at_s, state in turns], planned, start_s, end_s)
