"""What a verification found, as it is printed with `--json`.

Rules: times are UTC seconds; seq ranges include both ends; a Report is good only when every list of faults in it is empty.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict

REPORT_VERSION: Final = 1
MAX_LISTED: Final = 1000
"""Damage entries listed per camera, about 300 kB; the rest is counted only."""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DamageFound(Model):
    """One thing wrong with a file; offset in bytes, frame counted from 0, video before audio."""

    file: str
    offset: int
    reason: str
    epoch: int | None = None
    seq: int | None = None
    frame: int | None = None


class GapFound(Model):
    """Time without proven video: the cause that the next epoch declares, or `hole`, `loss`, `damage`, `unexplained`.

    first_seq to last_seq are the chunks of `epoch` that are missing, when numbers tell.
    """

    start_s: float
    end_s: float
    cause: str
    text: str = ""
    """Of a declared loss: why, in the agent's words."""
    epoch: int
    first_seq: int | None = None
    last_seq: int | None = None


class SpanFound(Model):
    """A run of proven chunks without a gap, possibly over several epochs."""

    start_s: float
    end_s: float
    epoch: int
    first_seq: int
    chunks: int


class EpochFound(Model):
    epoch: int
    cause: str
    first_seq: int
    last_seq: int
    chunks: int
    start_s: float
    end_s: float


class SessionFound(Model):
    """Frame counters of one play of one test source (wire.counter)."""

    run: int
    session: int
    first: int
    last: int
    frames: int
    missing: tuple[tuple[int, int], ...] = ()
    """Counters between first and last that no proven frame carries."""
    duplicates: tuple[tuple[int, int], ...] = ()
    """Counters that more than one frame carries."""

    @property
    def missing_frames(self) -> int:
        return sum(high - low + 1 for low, high in self.missing)


class CameraReport(Model):
    camera: str
    files: int
    bytes: int
    """Of proven chunks, each counted once."""
    chunks: int
    copies: int
    """Further copies of chunks that were met again with the same hash."""
    frames: int
    """Video frames."""
    audio_frames: int
    uncounted: int
    """Video frames without a counter, where other frames of the camera carry one."""
    transport_damaged: int
    """Chunks that the recorder itself marked: the camera's stream arrived incomplete."""
    epochs: tuple[EpochFound, ...]
    spans: tuple[SpanFound, ...]
    gaps: tuple[GapFound, ...]
    sessions: tuple[SessionFound, ...]
    damage: tuple[DamageFound, ...]
    damage_total: int

    @property
    def good(self) -> bool:
        faults = any(session.missing or session.duplicates for session in self.sessions)
        return not (self.gaps or self.damage_total or faults)


class Difference(Model):
    """Chunks first_seq to last_seq of an epoch that two archives do not have in common."""

    epoch: int
    first_seq: int
    last_seq: int


class CameraComparison(Model):
    camera: str
    same: int
    missing_here: tuple[Difference, ...]
    missing_there: tuple[Difference, ...]
    different: tuple[Difference, ...]
    """Both have a chunk of that name, with different hashes."""

    @property
    def good(self) -> bool:
        return not (self.missing_here or self.missing_there or self.different)


class Comparison(Model):
    against: str
    good: bool
    cameras: tuple[CameraComparison, ...]


class Report(Model):
    version: int = REPORT_VERSION
    paths: tuple[str, ...]
    good: bool
    files: int
    bytes: int
    """Of all files, proven or not."""
    cameras: tuple[CameraReport, ...]
    against: Comparison | None = None

    def camera(self, name: str) -> CameraReport:
        """The report of one camera; raises KeyError when nothing of it was found."""
        for one in self.cameras:
            if one.camera == name:
                return one
        raise KeyError(name)
