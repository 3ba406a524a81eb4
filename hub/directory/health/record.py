"""What one server has seen while it watched over the site: who was there, turn by turn.  No I/O, no clock.

    base at base_s ── lines: (number, at_s, key, state) ──────────────▶ until_s
    key    kind/id, as camera/cam0; empty: the watch itself             state   of model.Standing; of the watch: up begins, unknown ends

Rules: a log is written by one server only, and copied by the others line by line, in the order of its numbers; it needs no other log to be
understood: when a watch begins again, whoever no line speaks of is as that server saw it last.  Times never go back within a log.

Bounds: MAX_LINES, or TURNS for each thing of the site if that is more; beyond it the oldest quarter is folded into the base.  20 000 lines
are a year of a site in which 27 things fail and come back each day; 3 MB.  In a site of 10 000 cameras an outage of everything is
20 000 lines: ten such outages, 200 000 lines, 25 MB, are kept.  The base has one entry for each thing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final, NamedTuple

from .model import Standing

MAX_LINES: Final = 20_000
TURNS: Final = 20
WATCH: Final = ""


class Line(NamedTuple):
    number: int
    at_s: float
    key: str
    state: Standing


class Log:
    """Of one server.  look() and end() by the server itself, take() by those that copy it."""

    def __init__(self, base_s: float = 0.0, base_number: int = 0, base: Mapping[str, Standing] | None = None) -> None:
        self.base_s, self.base_number, self.base = base_s, base_number, dict(base or {})
        self.lines: list[Line] = []
        self.until_s = base_s
        """Up to then it is known how things were."""
        self._last = dict(self.base)
        self._present = _known(self._last.values())
        """How many there are of whom something is known."""

    @property
    def number(self) -> int:
        """Of the last line."""
        return self.lines[-1].number if self.lines else self.base_number

    @property
    def most(self) -> int:
        """How many lines it may have."""
        return max(MAX_LINES, TURNS * self._present)

    @property
    def watching(self) -> bool:
        return self._last.get(WATCH) is Standing.UP

    def look(self, states: Mapping[str, Standing], at_s: float) -> None:
        """Everybody as it is now; begins to watch, if need be."""
        at_s = max(at_s, self.until_s)
        if not self.base and not self.lines:
            self.base_s, self.base = at_s, {WATCH: Standing.UP, **states}
            self._last, self._present = dict(self.base), _known(self.base.values())
        elif not self.watching:
            self._add(at_s, WATCH, Standing.UP)
        for key, state in states.items():
            if self._last.get(key) is not state:
                self._add(at_s, key, state)
        for key, state in list(self._last.items()):
            if key not in states and key != WATCH and state is not Standing.UNKNOWN:
                self._add(at_s, key, Standing.UNKNOWN)
        self.until_s = at_s

    def end(self, at_s: float | None = None) -> None:
        """Nobody watches from then on; None: since it was last seen to, as after a crash."""
        if self.watching:
            self.until_s = max(self.until_s, at_s or 0.0)
            self._add(self.until_s, WATCH, Standing.UNKNOWN)

    def take(self, lines: Iterable[Line], until_s: float) -> None:
        """What follows, from the one who writes it; what is known already is passed over."""
        for line in lines:
            if line.number > self.number:
                self._add(max(line.at_s, self.lines[-1].at_s if self.lines else self.base_s), line.key, line.state, line.number)
        self.until_s = max(self.until_s, until_s)

    def _add(self, at_s: float, key: str, state: Standing, number: int | None = None) -> None:
        self.lines.append(Line(self.number + 1 if number is None else number, at_s, key, state))
        self._present += _known([state]) - _known([self._last.get(key, Standing.UNKNOWN)])
        self._last[key] = state
        if len(self.lines) > self.most:
            self._fold(self.most // 4)

    def _fold(self, count: int) -> None:
        for line in self.lines[:count]:
            self.base[line.key] = line.state
        self.base_s, self.base_number = self.lines[count - 1].at_s, self.lines[count - 1].number
        del self.lines[:count]
        spoken_of = {WATCH, *(line.key for line in self.lines)}
        for key in [key for key, state in self.base.items() if state is Standing.UNKNOWN and key not in spoken_of]:
            del self.base[key], self._last[key]

    def copy(self) -> "Log":
        """As it is now."""
        found = Log(self.base_s, self.base_number, self.base)
        found.lines, found.until_s, found._last, found._present = list(self.lines), self.until_s, dict(self._last), self._present
        return found

    def after(self, number: int) -> list[Line] | None:
        """What follows a line; None when that is folded into the base by now."""
        return None if number < self.base_number else self.lines[self._behind(number) :]

    def following(self, number: int) -> Line | None:
        """The first one behind a line."""
        at = self._behind(number)
        return self.lines[at] if at < len(self.lines) else None

    def _behind(self, number: int) -> int:
        """Where the lines behind one begin: asked every few seconds of logs in which nothing is new."""
        return bisect_right(self.lines, number, key=attrgetter("number"))

    def turns(self) -> Iterator[tuple[str, float, Standing]]:
        """(key, when, state) in order of time for each key; while nobody watches everything is unknown."""
        known = {key: state for key, state in self.base.items() if key != WATCH}
        watching = self.base.get(WATCH) is Standing.UP
        if watching:
            yield from ((key, self.base_s, state) for key, state in known.items())
        for line in self.lines:
            if line.key == WATCH:
                watching = line.state is Standing.UP
                yield from ((key, line.at_s, state if watching else Standing.UNKNOWN) for key, state in known.items())
            else:
                known[line.key] = line.state
                if watching:
                    yield line.key, line.at_s, line.state
        if watching:
            yield from ((key, self.until_s, Standing.UNKNOWN) for key in known)


def _known(states: Iterable[Standing]) -> int:
    return sum(state is not Standing.UNKNOWN for state in states)
