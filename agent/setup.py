"""From agent.toml and its profiles to the numbers that the service runs with.

Rules: reads files, touches nothing; every number that the operator did not give comes from the recorder's profile.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ..profiles import CameraProfile, RecorderProfile, camera_profile, recorder_profile
from ..wire.errors import ConfigError, ProfileError, UsageError
from .config import AgentConfig, CameraSection
from .replicate.policy import CameraPolicy
from .roster import Source, Wanted

RING_MARGIN = 1.25
"""Bitrates of real cameras swing: 25 % above the profile's figure, still 30 s of ring."""
MIN_JOURNAL_FILES = 3
"""One to write, one to keep, one to free: the journal refuses a smaller quota."""
MAX_FPS = 120
"""Frames a second, video and audio together, that the ring's table is made for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked configuration with everything that it refers to."""

    file: Path
    config: AgentConfig
    profile: RecorderProfile
    cameras: dict[str, CameraProfile]

    @property
    def ring_bytes(self) -> int:
        """Capacity of one camera's ring: ring_seconds at the profile's bitrate, plus the margin.  Touched only as needed."""
        return int(self.profile.ring_bytes * RING_MARGIN)

    @property
    def ring_frames(self) -> int:
        return int(self.profile.ring_seconds * MAX_FPS)

    @property
    def stage_bytes(self) -> int:
        """RAM for chunks that the journal's disk does not take, for the cameras of the file."""
        return self.stage_for(len(self.config.camera))

    def stage_for(self, cameras: int) -> int:
        """The same for so many: stage_seconds of all cameras at the profile's bitrate, plus the margin.
        Used only while the disk stalls, fails or is full."""
        return int(self.profile.stage_seconds * max(cameras, 1) * self.profile.bitrate_mbit * 1e6 / 8 * RING_MARGIN)

    def pool_for(self, cameras: int) -> int:
        """Memory of chunks that is kept for the next ones although nobody uses it: a second of so many cameras.  Chunks go when archivers
        and disk have them, a second's at once; those of 4 Mbit/s at a profile's 8 all fit twice."""
        return self.stage_for(cameras) // self.profile.stage_seconds

    def url(self, camera: CameraSection) -> str:
        """Where the camera's stream is, credentials included: its own url, or its profile's template for its host."""
        if camera.url is not None:
            return camera.url
        assert camera.host is not None, "agent.config has checked that one of the two is given"
        plain = self.cameras[camera.id].url(camera.host, channel=camera.channel, stream=camera.stream)
        if camera.user is None:
            return plain
        secret = f":{quote(camera.password, safe='')}" if camera.password else ""
        return plain.replace("rtsp://", f"rtsp://{quote(camera.user, safe='')}{secret}@", 1)

    def policy(self, camera: CameraSection) -> CameraPolicy:
        """How the camera's chunks are kept: its own values, else its group's, else the defaults.  The only place where this is decided."""
        rule = self.config.rule(camera)
        return CameraPolicy(camera.id, rule.copies, rule.archivers, rule.priority, rule.failback)

    def wanted(self) -> dict[str, Wanted]:
        """The cameras of the file as they are to be recorded."""
        return {camera.id: Wanted(self._source(camera), self.policy(camera)) for camera in self.config.camera}

    def _source(self, camera: CameraSection) -> Source:
        quirks = self.cameras[camera.id].quirks
        return Source(self.url(camera), self.transport(camera), quirks.reconnect_pause_s, quirks.timestamps_reliable,
                      ingest=camera.ingest)  # fmt: skip

    @property
    def chunk_ms(self) -> int:
        return self.config.recording.chunk_ms or self.profile.chunk_ms

    @property
    def segment_s(self) -> float:
        return self.config.recording.segment_s or self.profile.segment_s

    @property
    def journal_max_bytes(self) -> int:
        return self.config.journal.max_bytes or self.profile.journal_max_bytes

    @property
    def journal_hours(self) -> float:
        """How long the journal bridges a loss of all archivers at the profile's bitrate."""
        per_second = max(len(self.config.camera), 1) * self.profile.bitrate_mbit * 1e6 / 8
        return self.journal_max_bytes / per_second / 3600

    def transport(self, camera: CameraSection) -> str:
        """`tcp` or `udp`: the camera's own setting, or its profile's."""
        return camera.transport or self.cameras[camera.id].transport


def mode(rule: CameraPolicy) -> str:
    """The operator's word for a camera's rule (docs/FAILOVER.md, One rule)."""
    spares = None if rule.archivers is None else len(rule.archivers) - rule.copies
    if rule.copies == 1:
        return "one archiver" if spares == 0 else "failover"
    return "redundant" if spares == 0 else "redundant with spare" if spares is not None else "redundant, the others are spares"


def plan(file: Path, config: AgentConfig) -> Plan:
    """Load the profiles; raises ConfigError or ProfileError naming file and key."""
    key, cameras = "agent.profile", {}
    try:
        profile = recorder_profile(config.agent.profile)
        for number, camera in enumerate(config.camera):
            key = f"camera[{number}].profile"
            cameras[camera.id] = camera_profile(camera.profile)
    except ProfileError as error:
        raise ConfigError(str(file), key, error.message, remedy=error.remedy) from error
    if len(config.camera) > profile.max_cameras:
        raise ConfigError(str(file), "camera",
                          f"{len(config.camera)} cameras are more than the {profile.max_cameras} of profile {config.agent.profile}",
                          remedy="share the cameras between several recorders, or choose another profile")  # fmt: skip
    made = Plan(file, config, profile, cameras)
    if made.journal_max_bytes < MIN_JOURNAL_FILES * profile.journal_file_bytes:
        raise ConfigError(str(file), "journal.max_bytes", f"{made.journal_max_bytes} holds less than {MIN_JOURNAL_FILES} journal files",
                          remedy=f"make it at least {MIN_JOURNAL_FILES * profile.journal_file_bytes}")  # fmt: skip
    for number, camera in enumerate(config.camera):
        try:
            made.url(camera)
        except UsageError as error:
            raise ConfigError(str(file), f"camera[{number}].host", error.message, remedy=error.remedy) from error
    return made
