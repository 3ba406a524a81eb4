"""When threads that work on a tick wake: on one grid for all, each with a place of its own in it.  No I/O, no clock.

    |pump    |writer  |pump             |pump    |writer  |pump        read_ms 100, tick_ms 200
    0        50       100               200      250      300 ms

    |pump |writer     |pump             |pump       |writer |pump      read_ms 200, tick_ms 500
    0     50          200               400         550     600 ms

Rules: two that work at the same time take the interpreter's lock from each other at every frame, and each time one of them sleeps and is
woken; so the writer's place is as far from the pump's as both grids allow.  Who comes late has missed its beat: it waits for the next one.
"""

from math import floor, gcd


def writers_place_s(read_ms: int, tick_ms: int) -> float:
    """How far behind its grid the writer is: beats of both grids are a multiple of their common divisor apart, and this is half of that."""
    return gcd(read_ms, tick_ms) / 2000


def next_beat(now: float, period_s: float, place_s: float = 0.0) -> float:
    """The first moment after `now` that is `place_s` behind a whole number of periods; all of them monotonic seconds."""
    found = (floor((now - place_s) / period_s) + 1) * period_s + place_s
    return found if found > now else found + period_s
