"""Whether an archive holds what a test source sent, frame by frame, over any number of reconnects.  No I/O, no clock.

Rules: a session is one play, whose frames are counted from 0; every one of them has to be there, once.  Only the last session of a camera
may lack frames at its end: those that were on their way when the recorder was stopped.  Time may be missing where a session ended, and
nowhere else.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watchkeep.hub.verify.report import CameraReport, SessionFound
from watchkeep.wire.causes import Cause

RECONNECT = Cause.CAMERA_LOST.label


def unaccounted(plays: int, sent: Sequence[Mapping[str, Any]], found: CameraReport, *, in_flight: int) -> list[str]:
    """What is wrong, a line each; plays and sent: of the source's report."""
    return [f"{found.camera}: {line}" for line in (*_frames(plays, sent, found, in_flight), *_gaps(plays, found))]


def _frames(plays: int, sent: Sequence[Mapping[str, Any]], found: CameraReport, in_flight: int) -> Iterator[str]:
    if plays != len(sent):
        yield f"the source told of {len(sent)} sessions only, {plays} there were"
    if found.uncounted:
        yield f"{found.uncounted} frames without a counter"
    recorded = {session.session: session for session in found.sessions}
    if len(recorded) != len(found.sessions):
        yield "sessions of more than one source"
    for session in sent:
        number, frames = session["session"], session["frames"]
        one = recorded.pop(number, None)
        if one is not None:
            yield from _session(one, frames, in_flight if number == plays - 1 else 0)
        elif frames > (in_flight if number == plays - 1 else 0):
            yield f"session {number}: none of {frames} frames"
    if recorded:
        yield f"sessions that the source did not tell of: {sorted(recorded)}"


def _session(one: SessionFound, frames: int, in_flight: int) -> Iterator[str]:
    missing = [*([(0, one.first - 1)] if one.first else []), *one.missing]
    if missing:
        yield f"session {one.session}: {one.first + one.missing_frames} frames missing: {missing}"
    if one.duplicates:
        yield f"session {one.session}: frames twice: {list(one.duplicates)}"
    if one.last >= frames:
        yield f"session {one.session}: ends with frame {one.last}, {frames} were sent"
    if frames - 1 - one.last > in_flight:
        yield f"session {one.session}: its last {frames - 1 - one.last} frames are missing"


def _gaps(plays: int, found: CameraReport) -> Iterator[str]:
    causes = {gap.cause for gap in found.gaps} - {RECONNECT}
    if causes:
        yield f"gaps that no reconnect made: {sorted(causes)}"
    if len(found.gaps) > max(plays - 1, 0):
        yield f"{len(found.gaps)} gaps, {max(plays - 1, 0)} reconnects"
