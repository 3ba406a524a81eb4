"""The demo's verdict: what was sent, what each archive holds, and what stands between them.  No I/O.

Rules: frame-exact: the source's own count of what it sent is compared with the counters read back out of each archive;
one missing frame, one unproven chunk or one unexplained gap is a failure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..verify.report import CameraReport, Report

Sent = Mapping[str, Mapping[int, int]]
"""Per camera, per session of the test source: how many frames it sent, counted from 0."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What `verify` found in one archive, per camera."""

    name: str
    frames: Mapping[str, int]
    missing: Mapping[str, int]
    """Frames that were sent and are not there."""
    gaps: Mapping[str, int]
    damage: Sequence[str]


@dataclass(frozen=True, slots=True)
class Takeover:
    """How the surviving archiver fared while the other was dead."""

    killed: str
    survivor: str
    detected_s: float | None
    """From the kill to the agent's own word that the archiver is not healthy; None when it was never said."""
    dead_s: float
    caught_up_s: float | None
    """From the restart to everything acknowledged again; None when that did not happen."""
    worst_chunk_age_s: float
    """The oldest that any camera's newest chunk became meanwhile: recording itself never waited."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that the demo proves; `good` is what the exit code says."""

    cameras: int
    seconds: float
    sent: Mapping[str, int]
    archives: Sequence[Archive]
    identical: bool
    """Both archives hold the same chunks with the same hashes."""
    takeover: Takeover
    clean_exits: bool
    problems: Sequence[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "good": self.good}


def sent_frames(report: Mapping[str, Any]) -> dict[str, dict[int, int]]:
    """What the test source's report (watchkeep source --report) says was sent."""
    return {camera: {session["session"]: session["frames"] for session in record["sessions"] if session["frames"]}
            for camera, record in report["cameras"].items()}  # fmt: skip


def archive_of(name: str, proof: Report, sent: Sent) -> Archive:
    """Hold the proof of one archive against what was sent."""
    cameras = {camera.camera: camera for camera in proof.cameras}
    missing = {camera: sum(sessions.values()) - _present(cameras.get(camera), sessions) for camera, sessions in sent.items()}
    damage = [f"{camera.camera}: {item.reason} in {item.file}" for camera in proof.cameras for item in camera.damage]
    damage += [f"{camera.camera}: frames {session.duplicates} stand there twice"
               for camera in proof.cameras for session in camera.sessions if session.duplicates]  # fmt: skip
    return Archive(name, {camera: found.frames for camera, found in cameras.items()}, missing,
                   {camera: len(found.gaps) for camera, found in cameras.items()}, damage)  # fmt: skip


def _present(camera: CameraReport | None, sessions: Mapping[int, int]) -> int:
    """How many different frames of these sessions are proven to be there."""
    if camera is None:
        return 0
    return sum(found.last - found.first + 1 - found.missing_frames for found in camera.sessions if found.session in sessions)


def judge(verdict: Verdict) -> list[str]:
    """Every reason why the demo is not a success, in words; empty when it is one."""
    found = [f"camera {camera} sent nothing" for camera, frames in verdict.sent.items() if frames == 0]
    if not verdict.sent:
        found.append("the source sent nothing")
    for archive in verdict.archives:
        for camera, sent in verdict.sent.items():
            if archive.missing.get(camera, sent):
                found.append(f"archive {archive.name}: {archive.missing.get(camera, sent)} of {sent} frames of {camera} are missing")
            if archive.gaps.get(camera, 0):
                found.append(f"archive {archive.name}: {archive.gaps[camera]} gaps in {camera}")
        found += [f"archive {archive.name}: {text}" for text in archive.damage]
    if not verdict.identical:
        found.append("the archives differ")
    if verdict.takeover.detected_s is None:
        found.append(f"the agent never said that archiver {verdict.takeover.killed} was gone")
    if verdict.takeover.caught_up_s is None:
        found.append(f"archiver {verdict.takeover.killed} did not catch up")
    if not verdict.clean_exits:
        found.append("a process did not end cleanly")
    return found
