"""One camera of the test source: what it announces, whether it still answers, and the record of its plays.

Rules: used by the event loop only.  With --frames a camera is finished once one of its plays has sent them all;
until then a client that was cut off may come back, and its next play counts from 0 again.
"""

import random
from collections import deque
from dataclasses import dataclass, field

from .faults import Fault, FaultKind
from .media import Track, Unit
from .play import FINISHED, Play
from .protocol import Outlet
from .report import CameraRecord, SessionRecord
from .sender import Now


@dataclass(slots=True)
class Camera:
    name: str
    tracks: tuple[Track, ...]
    run: int
    limit: int | None
    fault: Fault | None
    rng: random.Random
    record: CameraRecord = field(default_factory=CameraRecord)
    finished: bool = False
    _stored: deque[tuple[float, Unit]] = field(default_factory=deque)
    """What `burst` sends first: a few seconds, whose packets every client shares."""

    @property
    def available(self) -> bool:
        """False answers 503."""
        return not self.finished and (self.fault is None or self.fault.kind is not FaultKind.REFUSE)

    @property
    def wrap_s(self) -> int | None:
        """Seconds after which a session's RTP timestamps pass 2^32; None where they begin at random."""
        return self.fault.value if self.fault is not None and self.fault.kind is FaultKind.WRAP else None

    def store(self, unit: Unit, now: Now) -> None:
        """Keep a unit that every play of now has been given, for the `burst` of the next one."""
        if self.fault is None or self.fault.kind is not FaultKind.BURST:
            return
        self._stored.append((now.elapsed_s, unit))
        while now.elapsed_s - self._stored[0][0] > self.fault.value:
            self._stored.popleft()

    def begin(self, outlets: tuple[Outlet, ...], now_s: float) -> tuple[Play, SessionRecord]:
        """Start the next play."""
        record = self.record.begin(outlets[0].transport.kind, now_s)
        play = Play(outlets, run=self.run, session=record.session, limit=self.limit, fault=self.fault, rng=self.rng, name=self.name,
                    stored=[unit for _, unit in self._stored])  # fmt: skip
        return play, record

    def end(self, play: Play, record: SessionRecord, why: str, now_s: float) -> None:
        """Close the record of a play."""
        record.count(play.frames)
        record.end, record.ended_s = why, now_s
        self.finished = self.finished or why == FINISHED
