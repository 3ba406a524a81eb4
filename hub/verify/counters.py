"""Frame counters of test sources, gathered into sessions.  No I/O.

Rules: one session is one (run, session) of wire.counter.  What lies before its first or after its last counter was
never promised: a recorder starts at a key frame and stops when it is told to.
"""

from ...wire.counter import FrameCounter
from ...wire.ranges import RangeSet
from .report import SessionFound


class Sessions:
    """All sessions of one camera; memory grows with the number of plays and of gaps, not of frames."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[int, int], _Session] = {}
        self.frames = 0

    def add(self, counter: FrameCounter) -> None:
        self.frames += 1
        key = counter.run, counter.session
        if key not in self._sessions:
            self._sessions[key] = _Session()
        self._sessions[key].add(counter.counter)

    def found(self) -> tuple[SessionFound, ...]:
        """The sessions in the order in which they were met."""
        return tuple(session.found(*key) for key, session in self._sessions.items())


class _Session:
    def __init__(self) -> None:
        self.seen, self.twice, self.frames = RangeSet(), RangeSet(), 0

    def add(self, counter: int) -> None:
        self.frames += 1
        (self.twice if counter in self.seen else self.seen).add(counter, counter)

    def found(self, run: int, session: int) -> SessionFound:
        spans = self.seen.spans()
        first, last = spans[0][0], spans[-1][1]
        missing = RangeSet([(first, last)]).minus(self.seen)
        return SessionFound(run=run, session=session, first=first, last=last, frames=self.frames,
                            missing=tuple(missing), duplicates=tuple(self.twice))  # fmt: skip
