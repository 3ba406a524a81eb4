"""The figures of one bench run, and what is wrong with it.  No I/O, no clock.

Rules: a figure counts only when nothing was lost beside it, on either side of the comparison; each fault is a line of its own, so
that a failed run says all that failed; a figure that was not measured is a fault and not a good figure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

FPS = 30
"""Of every camera of the load server."""
LIMITS = {"agent_cpu_percent_per_camera": 1.0, "agent_rss_mb_per_camera": 12.0, "archiver_cpu_percent_per_camera": 0.5}
TARGETS = {"cpu_ratio": 0.25, "agent_rss_mb_per_camera": 4.0, "archiver_cpu_percent_per_camera": 0.25, "agent_wakeups_per_s": 100.0}
"""What the native ingest has to reach from TARGET_CAMERAS on; with fewer the costs that do not grow with cameras weigh more."""
TARGET_CAMERAS = 64
BASELINE = "ffmpeg"
BASELINE_FIGURES = ("ffmpeg_cpu_percent_per_camera", "ffmpeg_rss_mb_per_camera")


@dataclass(frozen=True, slots=True)
class Counted:
    """What one recorder (an archive's name, or BASELINE) has on disk."""

    name: str
    cameras: int
    frames: int
    expected: int
    """Frames that the stamps leave room for."""
    fewest: int
    """Frames of the camera that has the fewest."""


@dataclass(slots=True)
class Result:
    """Figures of one run; CPU in % of one core per camera, memory in MB per camera."""

    when: str
    cameras: int
    seconds: float
    archives: tuple[str, ...]
    agent_cpu_percent_per_camera: float = 0.0
    agent_rss_mb_per_camera: float = 0.0
    agent_idle_rss_mb: float = 0.0
    agent_threads: int = 0
    agent_wakeups_per_s: float = 0.0
    archiver_cpu_percent_per_camera: float = 0.0
    archiver_rss_mb: float = 0.0
    ffmpeg_cpu_percent_per_camera: float = 0.0
    ffmpeg_rss_mb_per_camera: float = 0.0
    mbit_s_per_camera: float = 0.0
    counted: list[Counted] = field(default_factory=list)
    damage: int = 0
    losses: int = 0
    """Events `loss` in the agent's log: frames that its ring dropped."""
    gaps: int = 0

    @property
    def cpu_ratio(self) -> float:
        """Agent's CPU over FFmpeg's: ours writes twice over the network and once to disk, hashed and synced."""
        return self.agent_cpu_percent_per_camera / self.ffmpeg_cpu_percent_per_camera if self.ffmpeg_cpu_percent_per_camera else 0.0


def faults(result: Result) -> list[str]:
    """Why the run does not count, one line each; empty when it does."""
    return [*_limits(result), *_told(result), *_frames(result)]


def missed(result: Result) -> list[str]:
    """Targets that a run with the native ingest did not reach, one line each; none for fewer than TARGET_CAMERAS."""
    return [f"{name} is {getattr(result, name):.3f}, the target is {target:g}" for name, target in TARGETS.items()
            if result.cameras >= TARGET_CAMERAS and getattr(result, name) > target]  # fmt: skip


def _limits(result: Result) -> Iterator[str]:
    for name in (*LIMITS, *BASELINE_FIGURES):
        value, limit = getattr(result, name), LIMITS.get(name)
        if not value > 0:
            yield f"{name} was not measured: {value:g}"
        elif limit is not None and value > limit:
            yield f"{name} is {value:.3f}, the limit is {limit:g}"


def _told(result: Result) -> Iterator[str]:
    for count, what in ((result.losses, "losses told by the agent"), (result.gaps, "gaps in the archives"),
                        (result.damage, "damaged places in the archives")):  # fmt: skip
        if count:
            yield f"{what}: {count}"


def _frames(result: Result) -> Iterator[str]:
    """Every recorder must have every frame: a baseline that lost some did less work than it is compared for."""
    counted = {one.name: one for one in result.counted}
    least = int(result.seconds * FPS)
    for name in (*result.archives, BASELINE):
        one = counted.get(name)
        if one is None:
            yield f"{name}: nothing was counted"
            continue
        if one.cameras != result.cameras:
            yield f"{name}: {one.cameras} of {result.cameras} cameras were recorded"
        if one.frames != one.expected:
            yield f"{name}: {one.frames} frames, {one.expected} were sent"
        if one.fewest < least:
            yield f"{name}: a camera has {one.fewest} frames, {result.seconds:g} s have {least}"
