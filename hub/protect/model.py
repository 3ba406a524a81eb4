"""A lock, a request for one, and the answer about one.  No I/O, no clock.

Rules: inside, times are UTC ns, because a lock is exact to the chunk; outside they are Unix seconds or ISO 8601 with a
zone, as everywhere in the API.  Owner and reason are one printable line each: they end in logs and events.
"""

from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ...wire import http
from ...wire.errors import UsageError
from ...wire.messages import Message

MAX_LOCKS: Final = 1000
"""Of one archiver: an incident a day for nearly three years.  With the bounds below locks.json is 300 kB as a rule and at
most 1000 x 2.9 kB; deciding about a file bisects the locks of its camera."""
MAX_OWNER: Final = 100
MAX_REASON: Final = 500


class Lock(Message):
    """One range of a camera's video, [start_ns, end_ns), that retention leaves alone until it expires or is removed."""

    id: str
    camera: str
    start_ns: int
    end_ns: int
    owner: str
    reason: str
    created_ns: int
    expires_ns: int | None = None
    lost_files: int = 0
    """Files that had to go all the same, because nothing else was left to make room for new video."""
    lost_bytes: int = 0

    @property
    def label(self) -> str:
        """How it is named in events and errors."""
        return f"lock {self.id} of {self.owner} ({self.reason})"

    @property
    def asked(self) -> Hashable:
        """What was asked for: a request that is repeated makes one lock."""
        return self.camera, self.start_ns, self.end_ns, self.owner, self.reason, self.expires_ns


Time = Annotated[str | int | float, Field(description="ISO 8601 with a zone, or Unix seconds", examples=["2026-01-02T03:04:05Z"])]


class LockRequest(BaseModel):
    """Body of `POST /v1/locks`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    camera: str
    start: Time
    end: Time
    owner: str = Field(min_length=1, max_length=MAX_OWNER, description="who answers for it: a person or a case")
    reason: str = Field(min_length=1, max_length=MAX_REASON)
    expires: Time | None = Field(default=None, description="when retention applies again; without it, when the lock is removed")

    @field_validator("owner", "reason")
    @classmethod
    def one_line(cls, text: str) -> str:
        if not text.isprintable() or not text.strip():
            raise ValueError("is not one line of printable text")
        return text.strip()


class LockState(Message):
    """A lock, and what of its video is stored here."""

    id: str
    camera: str
    start_s: float
    end_s: float
    owner: str
    reason: str
    created_s: float
    expires_s: float | None = None
    files: int
    """Finished segment files that overlap it; those being written stay in any case."""
    bytes: int
    lost_files: int = 0
    """Files that were deleted all the same, because nothing else was left to make room for new video."""
    lost_bytes: int = 0
    export: str
    """Address of exactly the chunks that overlap it, as an MP4."""

    def line(self) -> str:
        """One line for a terminal."""
        until = "until it is removed" if self.expires_s is None else f"until {_utc(self.expires_s)}"
        lost = f", {self.lost_files} file(s) LOST to make room" if self.lost_files else ""
        held = f"{self.files} file(s), {self.bytes / 1e6:.1f} MB{lost}"
        return f"{self.id}  {self.camera}  {_utc(self.start_s)} to {_utc(self.end_s)}  {held}  {until}  {self.owner}: {self.reason}"


def _utc(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}Z"


def lock_request(**fields: str | None) -> LockRequest:
    """A request of what was typed; raises UsageError naming what is wrong with it."""
    try:
        return LockRequest.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"{first['loc'][0]}: {first['msg']}", remedy="correct it") from error


def state_of(lock: Lock, files: int, size: int) -> LockState:
    """What the API says about a lock."""
    return LockState(
        id=lock.id, camera=lock.camera, start_s=lock.start_ns / 1e9, end_s=lock.end_ns / 1e9, owner=lock.owner, reason=lock.reason,
        created_s=lock.created_ns / 1e9, expires_s=None if lock.expires_ns is None else lock.expires_ns / 1e9, files=files, bytes=size,
        lost_files=lock.lost_files, lost_bytes=lock.lost_bytes, export=http.lock_export(lock.id))  # fmt: skip
