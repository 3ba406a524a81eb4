"""How well one camera's chunks are protected, judged in time (DESIGN 4).  No I/O, no clock, no threads.

    chunks older than GRACE_S             protection
    all have every copy durable           PROTECTED
    some have fewer, all have one         DEGRADED
    some have none                        UNPROTECTED

Rules: only durable copies count (invariant 3); chunks younger than GRACE_S are on their way and do not count yet; a
chunk lost to the journal's quota is a declared loss, reported by the journal, and no longer judged here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ...wire.causes import Protection
from .book import CameraBook, EpochBook

GRACE_S: Final = 5.0
"""A chunk is sent within a tick of 0.1 s, fsynced within 1 s and asked for within 0.5 s; the rest is patience for a slow disk."""


@dataclass(frozen=True, slots=True)
class Judgement:
    state: Protection
    why: str = ""


@dataclass(frozen=True, slots=True)
class ProtectionView:
    """How one camera is protected; since is UTC seconds, the age counts from when the chunk was offered."""

    state: Protection
    since_s: float
    why: str
    durable_age_s: float | None
    owed: dict[str, int] = field(default_factory=dict)
    """Archiver to chunks owed and not acknowledged."""
    oldest_owed_age_s: float = 0.0


def judge(camera: CameraBook, unhealthy: Mapping[str, str], now: float, more: Iterable[str] = ()) -> Judgement:
    """The state of one camera; `unhealthy` maps archivers that cannot be used to the reason, `more` are reasons in full.

    When all is well no reason is looked at: `is_protected` tells before whether any have to be found out.
    """
    bare = sum(_aged(book, 1, now) for book in camera.epochs.values())
    lacking = sum(_aged(book, camera.copies, now) for book in camera.epochs.values()) if camera.copies > 1 else bare
    if not lacking:
        return Judgement(Protection.PROTECTED)
    state = Protection.UNPROTECTED if bare else Protection.DEGRADED
    reasons = [*more, *(f"{name}: {why}" for name, why in sorted(unhealthy.items()))]
    return Judgement(state, "; ".join([_shortage(camera, bare, lacking), *reasons]))


def is_protected(camera: CameraBook, now: float) -> bool:
    """Whether every chunk older than GRACE_S has all its copies."""
    return not any(_aged(book, max(camera.copies, 1), now) for book in camera.epochs.values())


def _aged(book: EpochBook, copies: int, now: float) -> int:
    """How many chunks older than GRACE_S have fewer durable copies than `copies`."""
    lacking = book.lacking(copies)
    first = lacking.first()
    if first is None:
        return 0
    young = book.first_since(now - GRACE_S)
    return len(lacking.clip(first, young - 1)) if first < young else 0


def _shortage(camera: CameraBook, bare: int, lacking: int) -> str:
    if len(camera.targets) < camera.copies:
        return f"{len(camera.targets)} of {camera.copies} archivers are known"
    if bare:
        return f"{bare} {'chunk has' if bare == 1 else 'chunks have'} no durable copy"
    return f"{lacking} {'chunk has' if lacking == 1 else 'chunks have'} fewer than {camera.copies} durable copies"
