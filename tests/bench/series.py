"""What one case of `./run reliability` measured, and what the proof of its archives said.  No I/O, no clock.

Rules: each time stands by itself under the name of what was measured, so that a report can be judged again; what a case misses of its own
promises is a line each and never replaces another; targets over all trials are judged in verdict.py.
"""

import math
from dataclasses import dataclass, field

from watchkeep.hub.verify.report import Report


@dataclass(slots=True)
class Series:
    """Seconds of each trial by what was measured, in order of the trials."""

    case: str
    what: str
    trials: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=dict)
    """What is no time and the better the higher, such as a rate, one for each trial: its unit is in its name."""
    frames: int = 0
    frames_lost: int = 0
    gaps: int = 0
    damage: int = 0
    edits: int = 0
    """That directory servers have acknowledged."""
    edits_missing: int = 0
    """Of these, how many are not in the journal of every server at the end."""
    note: str = ""
    shortfalls: list[str] = field(default_factory=list)
    """What the case itself saw that must not be, a line each."""

    def add(self, name: str, seconds: float) -> None:
        self.seconds.setdefault(name, []).append(round(seconds, 3))

    def figure(self, name: str, value: float) -> None:
        self.figures.setdefault(name, []).append(round(value, 3))

    def miss(self, *lines: str) -> None:
        """Enter what must not be; empty lines say nothing."""
        self.shortfalls.extend(line for line in lines if line)

    def judge(self, report: Report) -> None:
        """Enter frames, losses, gaps and damage of a proof."""
        for camera in report.cameras:
            self.frames += camera.frames
            self.frames_lost += sum(session.first + session.missing_frames for session in camera.sessions)
            self.gaps += len(camera.gaps)
            self.damage += camera.damage_total


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def low_percentile(values: list[float], share: float) -> float:
    """The value that so large a share of them reaches."""
    return -percentile([-value for value in values], share)
