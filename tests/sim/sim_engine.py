"""The simulated world's time and chance: one event queue, random streams by name, the trace, and what a broken invariant is.

Rules: nothing here or in the other sim_*.py reads a clock, the environment or `random` without a seed, and nothing depends on
the order of a set of strings, so that a seed replays exactly under any PYTHONHASHSEED.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from traceback import format_exception
from typing import Any

START_S = 1000.0
"""Monotonic time at which a world begins: not 0, which is nothing special to the product either."""


class Broken(BaseException):
    """An invariant of docs/STORAGE.md does not hold; `number` is its number there, 0 when something was raised that nobody answers for.

    Not an Exception, because shells of the product may answer for those.
    """

    def __init__(self, number: int, what: str) -> None:
        self.number, self.what = number, what
        super().__init__(f"invariant {number}: {what}")

    def __reduce__(self) -> tuple[type["Broken"], tuple[int, str]]:
        """It travels between the processes of a sweep."""
        return type(self), (self.number, self.what)


class Timer:
    """One event to come; `cancel` makes it nothing."""

    __slots__ = ("args", "call")

    def __init__(self, call: Callable[..., None] | None, args: tuple[Any, ...]) -> None:
        self.call, self.args = call, args

    def cancel(self) -> None:
        self.call = None


class Loop:
    """Runs events in the order of their time, then of their making; `now` is monotonic seconds of the whole world."""

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        self.now = START_S
        self.events = 0
        self.seed = seed
        self.trace: list[str] | None = [] if tracing else None
        self._queue: list[tuple[float, int, Timer]] = []
        self._made = 0

    def at(self, when: float, call: Callable[..., None], *args: Any) -> Timer:
        timer = Timer(call, args)
        self._made += 1
        heapq.heappush(self._queue, (when if when > self.now else self.now, self._made, timer))
        return timer

    def after(self, delay_s: float, call: Callable[..., None], *args: Any) -> Timer:
        timer = Timer(call, args)
        self._made += 1
        heapq.heappush(self._queue, (self.now + delay_s if delay_s > 0 else self.now, self._made, timer))
        return timer

    def run(self, until: float) -> None:
        """Let time pass up to `until`."""
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= until:
            when, _, timer = pop(queue)
            if when > self.now:  # noqa: PLR1730 (a third of the time of a call)
                self.now = when
            if timer.call is not None:
                self.events += 1
                timer.call(*timer.args)
        self.now = max(self.now, until)

    def wait(self, until: float, done: Callable[[], bool]) -> None:
        """From within an event: let others happen up to `until`, or until `done`.  Who runs the loop may find it later than asked for."""
        queue = self._queue
        while not done():
            if not queue or queue[0][0] > until:
                self.now = max(self.now, until)
                return
            when, _, timer = heapq.heappop(queue)
            self.now = max(self.now, when)
            if timer.call is not None:
                self.events += 1
                timer.call(*timer.args)

    def random(self, name: str) -> random.Random:
        """A stream of its own for each part, so that one part's chance does not shift another's."""
        return random.Random(f"{self.seed}/{name}")

    def say(self, who: str, *what: object) -> None:
        """One line of the trace."""
        if self.trace is not None:
            self.trace.append(f"{self.now - START_S:9.3f} {who:8} {' '.join(map(str, what))}")


@dataclass(slots=True)
class Result:
    """What a run found."""

    seed: int
    broken: Broken | None
    events: int
    made: int
    """Chunks that were cut, or edits that were acknowledged."""
    simulated_s: float
    done: dict[str, int] = field(default_factory=dict)
    trace: list[str] | None = None


def broken_by(play: Callable[[], None]) -> Broken | None:
    """Play, and what broke; what the product raises and nothing of it answers for is a finding like any other."""
    try:
        play()
    except Broken as found:
        return found
    except Exception as error:  # noqa: BLE001 (see above)
        return Broken(0, "".join(format_exception(error)[-4:]))
    return None
