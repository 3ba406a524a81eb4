"""What the agent says of itself: beacons and camera states from what lines, ingest and replication show.  No I/O.

Rules: readers only look; nothing here decides.  Times on the wire are UTC seconds, ages are monotonic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol as Shape

from ..wire import VERSION
from ..wire.causes import CameraStatus, Protection
from ..wire.messages import AgentBeacon, ArchiverLink, CameraState
from .camera_state import CameraLife
from .line import Line
from .usage import Usage


class ProtectionView(Shape):
    """What replication knows of one camera's copies."""

    @property
    def state(self) -> Protection: ...
    @property
    def since_s(self) -> float: ...
    @property
    def why(self) -> str: ...
    @property
    def durable_age_s(self) -> float | None: ...
    @property
    def owed(self) -> dict[str, int]: ...
    @property
    def oldest_owed_age_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks: the agent, its site, and this process's random boot id."""

    agent: str
    site: str
    boot: str


class RateMeter:
    """Mbit/s of one camera between two readings of its byte counter."""

    def __init__(self) -> None:
        self._bytes, self._at = 0, 0.0
        self.mbit_s = 0.0

    def read(self, total_bytes: int, now: float) -> float:
        if now - self._at >= 1.0:
            self.mbit_s = (total_bytes - self._bytes) * 8 / 1e6 / (now - self._at) if self._at else 0.0
            self._bytes, self._at = total_bytes, now
        return round(self.mbit_s, 3)


def camera_state(who: Identity, line: Line, life: CameraLife, copies: ProtectionView, *, mbit_s: float, now: float) -> CameraState:
    """The retained state of one camera."""
    shown, stats = life.shown, line.stats
    return CameraState(
        camera=line.camera, agent=who.agent, boot=who.boot, status=shown.status, since_s=shown.since_s, why=shown.why,
        protection=copies.state, protection_since_s=copies.since_s, protection_why=copies.why, epoch=stats.epoch, chunks=stats.chunks,
        frames=stats.frames, dropped_frames=line.ring.dropped_frames, damaged_frames=line.ring.damaged_frames, reconnects=life.reconnects,
        chunk_age_s=None if stats.last_cut is None else round(now - stats.last_cut, 3), durable_age_s=copies.durable_age_s,
        owed=copies.owed, oldest_owed_age_s=round(copies.oldest_owed_age_s, 3), mbit_s=mbit_s, codec=stats.codec, audio=stats.audio,
        left_out=stats.left_out, epoch_cause=stats.cause, ingest=stats.ingest, ingest_why=stats.ingest_why,
        lost_packets=stats.quality.lost_packets, clock_ahead_s=stats.quality.clock_ahead_s)  # fmt: skip


def beacon(who: Identity, *, beat: int, sent_s: float, uptime_s: float, cameras: Sequence[CameraState], links: tuple[ArchiverLink, ...],
           journal_bytes: int, journal_max_bytes: int, oldest_owed_age_s: float, usage: Usage,
           desired: tuple[int, int] = (0, 0), disk: tuple[str, float | None] = ("", None)) -> AgentBeacon:  # fmt: skip
    """The agent's beacon.  disk: what is wrong with the journal's, and since when, in UTC."""
    return AgentBeacon(
        agent=who.agent, site=who.site, version=VERSION, online=True, boot=who.boot, beat=beat, sent_s=sent_s, uptime_s=uptime_s,
        cameras=len(cameras), recording=sum(camera.status.value == "recording" for camera in cameras), journal_bytes=journal_bytes,
        journal_max_bytes=journal_max_bytes, disk_why=disk[0], disk_since_s=disk[1], oldest_owed_age_s=oldest_owed_age_s, links=links,
        cpu_percent=usage.cpu_percent, cpu_percent_per_camera=round(usage.cpu_percent / max(len(cameras), 1), 4),
        wakeups_s=usage.wakeups_s, rss_mb=usage.rss_mb, desired_term=desired[0], desired_index=desired[1])  # fmt: skip


def stopped(state: CameraState, utc_s: float) -> CameraState:
    """The state of a camera that nobody records any more, because its agent was stopped."""
    why = "the agent has stopped"
    return state.model_copy(update={"status": CameraStatus.CONNECTING, "why": why, "since_s": utc_s, "mbit_s": 0.0})


def farewell(who: Identity, sent_s: float) -> bytes:
    """The payload that stands for an agent that is gone: its will, and its goodbye."""
    gone = AgentBeacon(agent=who.agent, site=who.site, version=VERSION, online=False, boot=who.boot, beat=-1, sent_s=sent_s)
    return gone.model_dump_json().encode()
