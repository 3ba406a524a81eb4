"""Answers of the control socket as text.  No I/O.

Rules: one paragraph for each thing that there is, WIDTH columns wide, which every terminal has; nothing is judged here, and a reason
that stands at an archiver is not said again at each of its cameras.
"""

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from ...wire.messages import ArchiverLink, CameraState
from ..replicate.overview import Copies, Lane
from .model import Moved, Status

WIDTH: Final = 80
CLOCK_S: Final = 2.0
"""A camera's clock that is this far off is worth a word: who compares the text in the picture with the archive's time sees it."""


def status(found: Status) -> Iterator[str]:
    """What `_paragraphs` says, wrapped: what goes on is indented further than where it began."""
    for text in _paragraphs(found):
        indent = " " * (len(text) - len(text.lstrip()))
        yield from textwrap.wrap(text.strip(), WIDTH, initial_indent=indent, subsequent_indent=indent + "      ",
                                 break_long_words=False, break_on_hyphens=False)  # fmt: skip


def _paragraphs(found: Status) -> Iterator[str]:
    """Text for an operator: the agent, its archivers, its cameras, what is missing where."""
    beacon = found.beacon
    yield (f"agent {beacon.agent}: {beacon.recording} of {beacon.cameras} cameras recording; "
           f"journal {beacon.journal_bytes / 1e9:.2f} of {beacon.journal_max_bytes / 1e9:.2f} GB, "
           f"the oldest chunk in it is {beacon.oldest_owed_age_s:.0f} s old")  # fmt: skip
    if beacon.disk_since_s is not None:
        yield (f"  its disk takes nothing since {datetime.fromtimestamp(beacon.disk_since_s, UTC):%Y-%m-%d %H:%M:%SZ}, new video is in RAM "
               f"alone until archivers have it: {beacon.disk_why}")  # fmt: skip
    lanes = {lane.archiver: lane for lane in found.replication.lanes}
    for link in beacon.links:
        why = f": {link.why}" if link.why else ""
        yield f"  archiver {link.archiver}: {_lane(lanes[link.archiver])}{why}" if link.archiver in lanes else f"  archiver {link.archiver}"
    states = {state.camera: _short(state, beacon.links) for state in found.cameras}
    for copies in found.replication.copies:
        state = states.get(copies.camera)
        shown = _state(state) if state is not None else "not recorded any more"
        yield f"  {copies.camera}: {shown}; {_copies(copies)}{_quality(state) if state is not None else ''}"
        for archiver, stages in copies.stages.items():
            yield f"    {archiver}: " + ", ".join(f"{count} {stage}" for stage, count in stages.items())
    for camera, places in found.replication.holes.items():
        for archiver, since_s in places.items():
            yield f"  hole: {archiver} lacks chunks of {camera} for {since_s:.0f} s"


def _short(state: CameraState, links: tuple[ArchiverLink, ...]) -> CameraState:
    """The state with an archiver's reason left out where it is the one that stands at the archiver."""
    why = state.protection_why
    for link in links:
        if link.why:
            why = why.replace(f"{link.archiver}: {link.why}", f"{link.archiver}: see above")
    return state.model_copy(update={"protection_why": why})


def moved(found: Moved) -> str:
    """One line for each camera."""
    then = f", {_names(found.next)} from its next segment cut on" if found.next else ""
    return f"{found.camera}: {_names(found.targets)}{then}"


def _state(state: CameraState) -> str:
    """Its two words, each with its reason."""
    words = ((state.status, state.why), (state.protection, state.protection_why))
    return ", ".join(f"{word} ({why})" if why else word for word, why in words)


def _quality(state: CameraState) -> str:
    """What its network and its clock do to the recording."""
    lost = f"; {_many(state.damaged_frames, 'frame')} damaged, {_many(state.lost_packets, 'packet')} lost"
    ahead = state.clock_ahead_s or 0.0
    clock = f"; its clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
    return (lost if state.damaged_frames or state.lost_packets else "") + (clock if abs(ahead) >= CLOCK_S else "")


def _lane(lane: Lane) -> str:
    floor = f", no room below priority {lane.floor}" if lane.floor else ""
    users, live = _many(lane.cameras, "camera"), _many(lane.live, "chunk")
    return f"{lane.state}, {users}, {live} live and {lane.catchup} of catch-up owed{floor}"


def _copies(copies: Copies) -> str:
    then = f", then {_names(copies.next)}" if copies.next else ""
    by = f", moved to {copies.moved_to} by an operator" if copies.moved_to else ""
    return f"{copies.copies} of {_names(copies.listed)} wanted, goes to {_names(copies.targets)}{then}{by}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nobody"
