"""Which missing chunks to pull, in which order, and when.  No I/O, no clock.

Rules: newest first; never what retention would delete at once, because that would be pulled again at every round, so of what is too
old only what is locked here; never what is so new that its agent is still bringing it, unless its stamp lies in the future and so says
nothing of that; never what follows a difference in its epoch, which is another past (invariant 2); pieces of at most PULL_CHUNKS, so that
a stop or a fault costs little.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .compare import Run, Span

PULL_CHUNKS: Final = 64
"""About a minute of one camera; the peer's own bound on bytes cuts it shorter at high bit rates."""

ROUNDING_NS: Final = 1000
"""Peers tell times as Unix seconds, exact to a quarter of a microsecond: what touches a lock by less is not kept here for sure."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """UTC ns: runs that ended before horizon_ns would be deleted at once, unless kept(start_ns, end_ns); runs that ended after settled_ns
    are under way.

    What ends after ahead_ns is of a recorder whose clock is ahead: waiting for that time may be waiting for years (invariant 10).
    """

    horizon_ns: int
    settled_ns: int
    ahead_ns: int
    kept: Callable[[int, int], bool] = lambda _start_ns, _end_ns: False


@dataclass(frozen=True, slots=True)
class Pull:
    """Chunks first to last of an epoch to ask a peer for."""

    camera: str
    epoch: int
    first: int
    last: int

    @property
    def chunks(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """The missing runs sorted by what is to be done with them."""

    runs: tuple[Run, ...]
    """To pull, newest first."""
    expiring: int
    """Chunks left alone, because retention would delete them."""
    early: int
    """Chunks left to the agents for now."""
    contested: int
    """Chunks that come after a place where the two archives part: of another past than what is held here."""

    @property
    def chunks(self) -> int:
        return sum(run.chunks for run in self.runs)


def sort_missing(missing: Iterable[Run], bounds: Bounds, different: Iterable[Span] = ()) -> Wanted:
    """Decide about each missing run; different: ranges that both hold with other content."""
    wanted: list[Run] = []
    expiring = early = contested = 0
    parted: dict[int, int] = {}
    for epoch, first, _ in different:
        parted[epoch] = min(first, parted.get(epoch, first))
    for run in missing:
        if run.last >= parted.get(run.epoch, run.last + 1):
            contested += run.chunks
        elif run.end_ns <= bounds.horizon_ns and not bounds.kept(run.start_ns + ROUNDING_NS, run.end_ns - ROUNDING_NS):
            expiring += run.chunks
        elif bounds.settled_ns < run.end_ns <= bounds.ahead_ns:
            early += run.chunks
        else:
            wanted.append(run)
    wanted.sort(key=lambda run: (run.end_ns, run.epoch, run.last), reverse=True)
    return Wanted(tuple(wanted), expiring, early, contested)


def pulls(camera: str, wanted: Wanted) -> Iterator[Pull]:
    """The requests to make, in order; the chunks of one request ascend, so that each proves the one after it."""
    for run in wanted.runs:
        for first in range(run.first, run.last + 1, PULL_CHUNKS):
            yield Pull(camera, run.epoch, first, min(first + PULL_CHUNKS - 1, run.last))


def pause_s(sent_bytes: int, took_s: float, max_mbit_s: float) -> float:
    """How long to wait after a transfer so that the mean rate stays at max_mbit_s."""
    return max(sent_bytes * 8 / (max_mbit_s * 1e6) - took_s, 0.0)
