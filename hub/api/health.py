"""Is this hub fit for its roles?  No I/O, no clock.

    ok         every volume can be written, and its directory has nothing to complain of
    degraded   at least one can: recording goes on, an operator should look          still 200
    failing    none can, or the store does not answer                                503: agents go elsewhere

Rules: every status but ok says why, in the operator's words.
"""

from collections.abc import Sequence
from enum import StrEnum

from ...wire.messages import Message, VolumeState


class Status(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


class Health(Message):
    """Answer to `GET /healthz`: 200 for ok and degraded, 503 for failing."""

    id: str
    site: str
    roles: tuple[str, ...]
    version: str
    boot: str
    uptime_s: float
    status: Status
    why: tuple[str, ...] = ()
    volumes: tuple[VolumeState, ...] = ()

    @property
    def http_status(self) -> int:
        return 503 if self.status is Status.FAILING else 200


def judge(volumes: Sequence[VolumeState] | None, *, damaged_files: int = 0, problems: Sequence[str] = ()) -> tuple[Status, tuple[str, ...]]:
    """Status and reasons; volumes is None when the store did not answer, empty without the archiver role."""
    if volumes is None:
        return Status.FAILING, ("the store does not answer: a disk hangs",)
    why = [f"volume {volume.path}: {volume.why or 'offline'}" for volume in volumes if not volume.online or volume.why]
    if damaged_files:
        why.append(f"{damaged_files} damaged file(s): only their good part is served, see the log or `watchkeep verify`")
    why += problems
    if volumes and not any(volume.online for volume in volumes):
        return Status.FAILING, tuple(why)
    return (Status.DEGRADED if why else Status.OK), tuple(why)
