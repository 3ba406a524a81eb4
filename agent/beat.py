"""When threads that work on a tick wake: on one grid for all, each with a place of its own in it.  No I/O, no clock.

    |pump    |writer  |pump             |pump    |writer  |pump        read_ms 100, tick_ms 200
    0        50       100               200      250      300 ms

Rules: two that work at the same time take the interpreter's lock from each other at every frame, and each time one of them sleeps and is
woken; so the writer's place is half a read behind the pump's.  Who comes late has missed its beat: it waits for the next one.
"""

from math import floor


def next_beat(now: float, period_s: float, place_s: float = 0.0) -> float:
    """The first moment after `now` that is `place_s` behind a whole number of periods; all of them monotonic seconds."""
    found = (floor((now - place_s) / period_s) + 1) * period_s + place_s
    return found if found > now else found + period_s
