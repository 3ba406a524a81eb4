"""Named states and causes that appear in seals, messages, topics and on screens.

Rules: a name never changes its meaning; codes are part of the seal layout (docs/STORAGE.md).
"""

from enum import IntEnum, StrEnum


class Cause(IntEnum):
    """Why an epoch began, that is, why there may be a gap before its first chunk."""

    FIRST_START = 1
    AGENT_DOWN = 2
    CAMERA_LOST = 3
    PARAMETER_CHANGE = 4
    TIME_JUMP = 5
    OVERFLOW = 6
    CLOCK_STEP = 7
    CONFIGURATION = 8

    @property
    def label(self) -> str:
        """The name used in JSON and on screens, for example `camera-lost`."""
        return self.name.lower().replace("_", "-")


HOLE = "hole"
"""Timeline cause of chunks that exist by their numbers and that this archiver does not hold."""


LOST = "loss"
"""Timeline cause of what its agent has declared lost (wire/losses.py): nobody has it."""


class ClockQuality(IntEnum):
    """How far the wall-clock start in a seal can be trusted."""

    UNKNOWN = 0
    FREE_RUNNING = 1
    SYNCHRONISED = 2


class CameraStatus(StrEnum):
    """What a camera's ingest is doing (docs/MQTT.md)."""

    RECORDING = "recording"
    CONNECTING = "connecting"
    STALLED = "stalled"
    UNAUTHORIZED = "unauthorized"
    UNSUPPORTED = "unsupported"


class Protection(StrEnum):
    """How many of the wanted copies are durable in time (DESIGN 4)."""

    PROTECTED = "protected"
    DEGRADED = "degraded"
    UNPROTECTED = "unprotected"


class EventKind(StrEnum):
    """Kinds of events under `event/<kind>`."""

    CAMERA = "camera"
    ARCHIVER = "archiver"
    TAKEOVER = "takeover"
    FAILBACK = "failback"
    HOLE = "hole"
    LOSS = "loss"
    TAMPER = "tamper"
    DISK = "disk"
    CLOCK = "clock"
    RETENTION = "retention"
    LOCK = "lock"
    ROLE = "role"
    BACKUP = "backup"
    ASSIGNMENT = "assignment"
    HEALTH = "health"
    STANDBY_WOKEN = "standby-woken"
    CONFIGURATION = "configuration"


class ConsolidationPhase(StrEnum):
    """What an archiver's consolidation is doing."""

    IDLE = "idle"
    WAITING = "waiting"
    PROVING = "proving"
    COMPARING = "comparing"
    PULLING = "pulling"
    DONE = "done"
    FAILED = "failed"
