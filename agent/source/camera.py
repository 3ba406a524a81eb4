"""One camera of the test source: what it announces, whether it still answers, and the record of its plays.

Rules: used by the event loop only.  With --frames a camera is finished once one of its plays has sent them all;
until then a client that was cut off may come back, and its next play counts from 0 again.
"""

import random
from dataclasses import dataclass, field

from .faults import Fault, FaultKind
from .media import Track
from .play import FINISHED, Play
from .protocol import Outlet
from .report import CameraRecord, SessionRecord


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

    @property
    def available(self) -> bool:
        """False answers 503."""
        return not self.finished and (self.fault is None or self.fault.kind is not FaultKind.REFUSE)

    def begin(self, outlets: tuple[Outlet, ...], now_s: float) -> tuple[Play, SessionRecord]:
        """Start the next play."""
        record = self.record.begin(outlets[0].transport.kind, now_s)
        play = Play(outlets, run=self.run, session=record.session, limit=self.limit, fault=self.fault, rng=self.rng, name=self.name)
        return play, record

    def end(self, play: Play, record: SessionRecord, why: str, now_s: float) -> None:
        """Close the record of a play."""
        record.count(play.frames)
        record.end, record.ended_s = why, now_s
        self.finished = self.finished or why == FINISHED
