"""From parts to spans and gaps.  No I/O, no clock, no threads.

Rules: order is (epoch, seq), never the wall clock (invariant 10); a new epoch continues a span when it begins within
JOIN_NS of the end of the one before, or when only stream parameters changed; a gap has a cause and is never
negative: where a clock step makes epochs overlap there are two spans and no gap.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Protocol

from ...wire.causes import HOLE, LOST, Cause
from ...wire.messages import Gap, Span, Timeline
from .declared import Place
from .model import Part

JOIN_NS: Final = 100_000_000
"""Two frames of a slow camera; below it nobody can see that something is missing."""
_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class Run:
    """Chunks without a gap; last_seq is of last_epoch."""

    start_ns: int
    end_ns: int
    epoch: int
    first_seq: int
    last_epoch: int
    last_seq: int
    cause: int


class Why(Protocol):
    """Declared.why of one camera."""

    def __call__(self, gap: Place, /, *, unnumbered: bool) -> str | None: ...


def _undeclared(_gap: Place, /, *, unnumbered: bool) -> str | None:
    return None


def ordered(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (part.epoch, part.first_seq))


def runs(parts: Iterable[Part]) -> list[Run]:
    """The parts of one camera joined into runs; parts may overlap."""
    found: list[Run] = []
    for part in ordered(parts):
        if found and _continues(found[-1], part):
            last = found[-1]
            if (part.epoch, part.last_seq) > (last.last_epoch, last.last_seq):
                found[-1] = replace(last, end_ns=part.end_ns, last_epoch=part.epoch, last_seq=part.last_seq)
        else:
            found.append(Run(part.start_ns, part.end_ns, part.epoch, part.first_seq, part.epoch, part.last_seq, part.cause))
    return found


def _continues(run: Run, part: Part) -> bool:
    if part.epoch == run.last_epoch:
        return part.first_seq <= run.last_seq + 1
    if part.first_seq != 0:
        return False  # the epoch's beginning is missing
    return part.cause == Cause.PARAMETER_CHANGE or abs(part.start_ns - run.end_ns) <= JOIN_NS


def timeline(camera: str, parts: Iterable[Part], start_ns: int, end_ns: int, why: Why = _undeclared) -> Timeline:
    """Spans and gaps inside start_ns..end_ns (UTC ns); times are clipped to it, chunk numbers are not."""
    found = runs(parts)
    spans = [Span(start_s=max(run.start_ns, start_ns) / _S, end_s=min(run.end_ns, end_ns) / _S, epoch=run.epoch,
                  first_seq=run.first_seq, last_seq=run.last_seq)
             for run in found if run.start_ns < end_ns and run.end_ns > start_ns]  # fmt: skip
    gaps = []
    for before, after in pairwise(found):
        low, high = max(before.end_ns, start_ns), min(after.start_ns, end_ns)
        if low < high:
            cause, text = _cause(before, after, why)
            gaps.append(Gap(start_s=low / _S, end_s=high / _S, cause=cause, text=text))
    return Timeline(camera=camera, spans=spans, gaps=gaps)


def _cause(before: Run, after: Run, why: Why) -> tuple[str, str]:
    """Cause and text.  A run that starts inside an epoch follows chunks that exist and are not here, or that were declared lost."""
    gap = Place((before.last_epoch, before.last_seq), (after.epoch, after.first_seq), before.end_ns / _S, after.start_ns / _S)
    lost = why(gap, unnumbered=after.first_seq == 0 and after.cause == Cause.OVERFLOW)
    if lost is not None:
        return LOST, lost
    return Cause(after.cause).label if after.first_seq == 0 else HOLE, ""
