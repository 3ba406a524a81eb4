"""From parts to spans and gaps.  No I/O, no clock, no threads.

Rules: order is (epoch, seq), never the wall clock (invariant 10); a new epoch continues a span when it begins within
JOIN_NS of the end of the one before, or when only stream parameters changed; a gap has a cause and is never
negative: where a clock step makes epochs overlap there are two spans and no gap.  Two recorders of one camera, of different terms, may
have recorded at the same time, cut off from each other: the later one's is shown, and the earlier one's where the later one has none, in
order of time.  Both stay stored.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Protocol

from ...wire.causes import HOLE, LOST, Cause
from ...wire.ids import epoch_term
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
    if part.first_seq != 0 or epoch_term(part.epoch) != epoch_term(run.last_epoch):
        return False  # the epoch's beginning is missing; or another recorder's
    return part.cause == Cause.PARAMETER_CHANGE or abs(part.start_ns - run.end_ns) <= JOIN_NS


def shown(found: list[Run]) -> list[Run]:
    """Runs of several terms as one course of time: pieces that do not overlap those of a later term.  Of one term: as they are."""
    terms = sorted({epoch_term(run.epoch) for run in found}, reverse=True)
    if len(terms) < 2:
        return found
    pieces: list[Run] = []
    for term in terms:
        taken = sorted((run.start_ns, run.end_ns) for run in pieces)
        pieces += [piece for run in found if epoch_term(run.epoch) == term for piece in _outside(run, taken)]
    return sorted(pieces, key=lambda run: (run.start_ns, run.epoch, run.first_seq))


def _outside(run: Run, taken: list[tuple[int, int]]) -> list[Run]:
    """What of a run lies beside these intervals, which are in order of their beginning."""
    left, low = [], run.start_ns
    for start_ns, end_ns in taken:
        if start_ns - JOIN_NS > low and start_ns < run.end_ns:
            left.append(replace(run, start_ns=low, end_ns=start_ns))
        if start_ns < run.end_ns:
            low = max(low, end_ns)
    return [*left, *([replace(run, start_ns=low)] if low + JOIN_NS < run.end_ns or (low, left) == (run.start_ns, []) else [])]


def timeline(camera: str, parts: Iterable[Part], start_ns: int, end_ns: int, why: Why = _undeclared) -> Timeline:
    """Spans and gaps inside start_ns..end_ns (UTC ns); times are clipped to it, chunk numbers are not."""
    found = shown(runs(parts))
    spans = [Span(start_s=max(run.start_ns, start_ns) / _S, end_s=min(run.end_ns, end_ns) / _S, epoch=run.epoch,
                  first_seq=run.first_seq, last_seq=run.last_seq)
             for run in found if run.start_ns < end_ns and run.end_ns > start_ns]  # fmt: skip
    gaps = []
    for before, after in pairwise(found):
        low, high = max(before.end_ns, start_ns), min(after.start_ns, end_ns)
        again = epoch_term(before.last_epoch) != epoch_term(after.epoch)
        if low < high and (not again or after.start_ns - before.end_ns > JOIN_NS):
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
