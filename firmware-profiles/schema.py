"""What a profile may say, with the bounds that the rest of the program relies on.

Rules: units in the names; a value out of range is refused with the reason for its range, because the bounds are
promises: DESIGN 5 (loss after a power cut <= chunk_ms + sync_ms, a ring of at least 30 s, and 30 s of chunks in RAM before it).
"""

from string import Formatter
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from watchkeep.wire.config import Config
from watchkeep.wire.errors import UsageError

from .address import host_part

Storage = Literal["sd", "nvme", "ssd", "hdd"]
"""What the journal stands on: the times below are meant for it, and the agent warns when data_dir stands on something slower."""
StreamName = Literal["main", "sub"]
Transport = Literal["tcp", "udp"]
Power = Literal["performance", "balanced", "low"]


class Pace(NamedTuple):
    """How often cameras are read, rings emptied and the journal fsynced."""

    read_ms: int
    tick_ms: int
    sync_ms: int


PACES: dict[str, Pace] = {"performance": Pace(20, 100, 500), "balanced": Pace(100, 200, 1000), "low": Pace(200, 500, 2000)}
"""What a profile has unless it says otherwise itself: more wake-ups for less delay and loss at a power cut, or fewer."""
_TEMPLATE_START = "rtsp://{host}:{port}/"
_PLACEHOLDERS = {"host", "port", "channel"}
_MIN_JOURNAL_FILES = 3
"""agent.journal needs one file to write, one to keep and one to free."""


class RecorderProfile(Config):
    """Timing, memory and journal sizes for one kind of recorder; recorders/generic.toml explains each by its consequence."""

    description: str = Field(min_length=1)
    storage: Storage
    max_cameras: int = Field(ge=1, le=1000)
    bitrate_mbit: float = Field(gt=0, le=200)
    ring_seconds: int = Field(ge=30, le=600)
    stage_seconds: int = Field(ge=30, le=600)
    chunk_ms: int = Field(ge=100, le=1000)
    segment_s: int = Field(ge=2, le=3600)
    power: Power = "balanced"
    read_ms: int = Field(ge=20, le=200)
    tick_ms: int = Field(ge=10, le=1000)
    sync_ms: int = Field(ge=100, le=60_000)
    journal_max_bytes: int = Field(gt=0)
    journal_file_bytes: int = Field(ge=1 << 20, le=1 << 30)
    journal_ram_bytes: int = Field(ge=1 << 20, le=4 << 30)

    @model_validator(mode="before")
    @classmethod
    def _paced(cls, data: Any) -> Any:
        """What the profile does not say itself is as its power has it; a power that is none is refused as such, later."""
        if not isinstance(data, dict) or data.get("power", "balanced") not in PACES:
            return data
        return {**PACES[data.get("power", "balanced")]._asdict(), **data}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.tick_ms > self.chunk_ms:
            raise ValueError("tick_ms may not be longer than chunk_ms: chunks would wait for the next tick and come late")
        if self.tick_ms > self.sync_ms:
            raise ValueError("tick_ms may not be longer than sync_ms: most syncs would find nothing to do")
        if self.journal_max_bytes < _MIN_JOURNAL_FILES * self.journal_file_bytes:
            raise ValueError(f"journal_max_bytes must hold at least {_MIN_JOURNAL_FILES} files of journal_file_bytes")
        return self

    @property
    def ring_bytes(self) -> int:
        """Capacity of one camera's ring: address space; a healthy camera touches about one second of it."""
        return int(self.ring_seconds * self.bitrate_mbit * 1_000_000 / 8)


class Stream(Config):
    """One RTSP address of a camera: a template over {host}, {port} and {channel}, which may carry a format such as {channel:02d}."""

    name: StreamName
    template: str

    @field_validator("template")
    @classmethod
    def _is_an_address(cls, template: str) -> str:
        if not template.startswith(_TEMPLATE_START):
            raise ValueError(f"must start with {_TEMPLATE_START}, without user or password: those belong into agent.toml")
        try:
            used = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
            if used <= _PLACEHOLDERS:
                template.format(host="h", port=1, channel=1)
        except ValueError as error:
            raise ValueError(f"is not a template: {error}") from error
        if not used <= _PLACEHOLDERS:
            raise ValueError(f"knows only {{host}}, {{port}} and {{channel}}, not {', '.join(sorted(used - _PLACEHOLDERS))}")
        if "@" in template or any(character.isspace() for character in template):
            raise ValueError("may hold neither @ nor white space: credentials belong into agent.toml")
        return template


class Quirks(Config):
    """Habits of a make that the agent acts on; what only an installer can act on is a note."""

    timestamps_reliable: bool = True
    """False: RTP stamps jump when the camera's clock is set, so a smaller jump forward begins a new epoch (agent/timing.py)."""
    reconnect_pause_s: float = Field(default=0.5, ge=0, le=60)
    """Wait this long before connecting again, for cameras that refuse while the old session lingers."""


class CameraProfile(Config):
    """One make: where its streams are, what it expects, and what an installer should set."""

    description: str = Field(min_length=1)
    default_port: int = Field(default=554, ge=1, le=65535)
    transport: Transport = "tcp"
    streams: tuple[Stream, ...] = Field(min_length=1)
    quirks: Quirks = Quirks()
    notes: tuple[str, ...] = ()
    """What an installer should do at the camera, most important first; `watchkeep agent check` says it."""

    @field_validator("streams")
    @classmethod
    def _has_main_once(cls, streams: tuple[Stream, ...]) -> tuple[Stream, ...]:
        found = [stream.name for stream in streams]
        if len(set(found)) < len(found) or "main" not in found:
            raise ValueError("needs one stream named main, and no name twice")
        return streams

    def url(self, host: str, *, channel: int = 1, stream: str = "main", port: int | None = None) -> str:
        """The RTSP URL of one channel (from 1) without credentials; raises UsageError for what does not fit."""
        template = next((known.template for known in self.streams if known.name == stream), None)
        if template is None:
            known_names = ", ".join(known.name for known in self.streams)
            raise UsageError(f"this camera profile has no stream {stream[:80]!r}", remedy=f"use one of: {known_names}")
        number = self.default_port if port is None else port
        if not 1 <= channel <= 999 or not 1 <= number <= 65535:
            remedy = "channels count from 1 to 999, ports from 1 to 65535"
            raise UsageError(f"channel {channel} or port {number} is out of range", remedy=remedy)
        return template.format(host=host_part(host), port=number, channel=channel)
