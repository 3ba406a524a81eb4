"""Which cameras an agent records, and what has to change to record others.  No I/O, no clock, no threads.

    of one camera                          change      and then
    ────────────────────────────────────   ─────────   ─────────────────────────────────────────────────────────────
    is wanted and was not                  added       recorded from now on
    its source: address, transport, make   turned      the session ends, the next one is of the new source
    its term: who records it was decided   renumbered  the session goes on; from its next key frame on a new epoch, which sorts behind
                                                       those of whoever had it meanwhile
    only how its chunks are to be kept      rekept      replication is told; the camera's session is not touched
    is not wanted any more                 removed     its session ends, what the ring holds is cut, copies go on
    nothing                                            nothing: a change of one camera is never felt by another

Rules: compares values alone, so that an order, a file or a directory may say the same thing as often as it likes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..wire.causes import CameraStatus
from ..wire.desired import Ingest
from ..wire.errors import redact
from .camera_state import FIRST_PAUSE_S
from .replicate.policy import CameraPolicy


class Fault(NamedTuple):
    """Why a camera cannot be asked at all, whatever it would answer."""

    status: CameraStatus
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where the video comes from, `tcp` or `udp`, and what the camera's profile says of its make."""

    url: str
    """With its credentials: never shown."""
    transport: str
    first_pause_s: float = FIRST_PAUSE_S
    timestamps_reliable: bool = True
    fault: Fault | None = None
    ingest: Ingest = "pyav"
    """Whoever makes one of a configuration says it; pyav is for who has none."""

    def __repr__(self) -> str:
        return f"Source({redact(self.url)!r}, {self.transport!r})"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How one camera is to be recorded, and how its chunks are to be kept."""

    source: Source
    policy: CameraPolicy
    term: int = 0
    """Of the directory that gave it to this recorder; 0 without one."""
    relieves: bool = False
    """Another recorder has it until this one has begun; when that is over, a session that was refused is tried again at once."""
    leaving: bool = False
    """Another recorder is about to have it, and tells of it from then on."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Camera ids, each in the order of the list that it stands in."""

    added: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    renumbered: tuple[str, ...] = ()
    rekept: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.turned or self.renumbered or self.rekept or self.removed)

    def __str__(self) -> str:
        """For people: `cam4 is added, cam1 and cam2 are removed`; empty when nothing changed."""
        said = (("added", self.added), ("asked anew", self.turned), ("renumbered", self.renumbered), ("kept otherwise", self.rekept),
                ("removed", self.removed))  # fmt: skip
        return ", ".join(f"{_listed(names)} {what}" for what, names in said if names)


def compare(before: Mapping[str, Wanted], after: Mapping[str, Wanted]) -> Changes:
    """What has to change; a camera is turned whatever else differs, renumbered whatever of its keeping does."""
    both = [name for name in after if name in before]
    turned = tuple(name for name in both if before[name].source != after[name].source)
    renumbered = tuple(name for name in both if name not in turned and before[name].term != after[name].term)
    felt = {*turned, *renumbered}
    return Changes(
        added=tuple(name for name in after if name not in before),
        turned=turned,
        renumbered=renumbered,
        rekept=tuple(name for name in both if name not in felt and before[name].policy != after[name].policy),
        removed=tuple(name for name in before if name not in after),
    )


NAMED: int = 8
"""Cameras named in one line; the rest is counted."""


def _listed(names: tuple[str, ...]) -> str:
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    shown = [*names[:NAMED], *more]
    verb = "is" if len(names) == 1 else "are"
    return (shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}") + f" {verb}"
