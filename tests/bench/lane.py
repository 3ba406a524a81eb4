"""How old live video is on an archiver, and when what it missed is there, by what it said when it was asked.  No I/O, no clock.

    b listens ─▶ its first chunk ─▶ every camera is live ─▶ ... live all the while ... ─▶ nothing lacks of what a had when b listened

Rules: the age of a camera is that of the end of its newest chunk, by the chunk's own seal: source, agent and archivers have the clock of
one machine.  The oldest camera counts.  A time is that of the answer, so each age and each duration is at most a poll too long and
never too short.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from watchkeep.wire.messages import EpochState

LIVE_AGE_S = 2.0
"""The target.  With nothing in its way the newest received chunk ended at most 1.2 s ago: the next one is being cut for `chunk_ms` of 1000
and waits for a tick of 200 ms; the rest is what a batch may wait for another."""

Ends = Mapping[tuple[str, int, int], float]
"""UTC seconds at which a chunk ends, by camera, epoch and seq."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer."""

    now: float
    """Monotonic."""
    utc_s: float
    states: Mapping[str, EpochState]


@dataclass(slots=True)
class Returned:
    """Seconds from b's listening on; None: not in these samples."""

    first_s: float | None = None
    live_s: float | None = None
    filled_s: float | None = None
    ages: list[float] = field(default_factory=list)
    """Of the oldest camera's newest received chunk, in every sample from when it was live on."""


def newest(state: EpochState, *, durable: bool = False) -> int:
    """The newest seq that is received, or durable; -1 for none."""
    ranges = state.durable if durable else [*state.durable, *state.received]
    return max((high for _, high in ranges), default=-1)


def lacking(state: EpochState, upto: int) -> int:
    """How many of the chunks 0 to upto are not durable."""
    return upto + 1 - sum(min(high, upto) - low + 1 for low, high in state.durable if low <= upto)


def filled(sample: Sample, wanted: Mapping[str, int]) -> bool:
    """Whether every camera has all its chunks up to the wanted one, durable."""
    return all(camera in sample.states and lacking(sample.states[camera], upto) == 0 for camera, upto in wanted.items())


def age(sample: Sample, ends: Ends, *, durable: bool = False) -> float:
    """Of the camera whose newest chunk ended longest ago; infinite when it has none; KeyError when it is not in ends."""
    return max(_age(sample.utc_s, ends, camera, state, newest(state, durable=durable)) for camera, state in sample.states.items())


def _age(utc_s: float, ends: Ends, camera: str, state: EpochState, seq: int) -> float:
    return utc_s - ends[camera, state.epoch, seq] if seq >= 0 else math.inf


def returned(samples: Sequence[Sample], ends: Ends, *, since: float, before: Mapping[str, int], wanted: Mapping[str, int]) -> Returned:
    """before: b's newest chunks when it died; wanted: what a had when b listened, at `since`."""
    found = Returned()
    for sample in samples:
        if found.first_s is None and any(newest(state) > before[camera] for camera, state in sample.states.items()):
            found.first_s = sample.now - since
        if found.live_s is None and age(sample, ends) < LIVE_AGE_S:
            found.live_s = sample.now - since
        if found.live_s is not None:
            found.ages.append(age(sample, ends))
        if found.filled_s is None and filled(sample, wanted):
            found.filled_s = sample.now - since
    return found
