"""Two archives of one camera compared by runs: what each lacks, and where they contradict each other.  No I/O.

    mine    |----------- H1|---- H2|          |---- H3|        equal H1: every chunk below is equal too
    theirs  |----------- H1|----------- H4|                    H2 against their hash at the same seq: a question

A run is chained (each seal carries the previous chunk's hash), so one equal hash at the end of a range that both hold proves
the whole range.  Where runs end at different chunks, one side's hash there is not in the listing: `questions` names those
chunks, the caller looks them up and passes the answers to `compare`.

Rules: what was not answered is neither same nor different, it is left unproven; nothing is guessed (invariant 2).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

Place = tuple[int, int]
"""(epoch, seq)."""
Span = tuple[int, int, int]
"""(epoch, first seq, last seq), inclusive."""
Hashes = Mapping[Place, bytes | None]
"""Answers to questions; None: the chunk cannot be read there."""


@dataclass(frozen=True, slots=True)
class Run:
    """Chunks first to last of an epoch in one file; last_hash is the hash of the chunk last."""

    epoch: int
    first: int
    last: int
    last_hash: bytes
    start_ns: int = 0
    end_ns: int = 0
    bytes: int = 0

    @property
    def chunks(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Shared:
    """A range that both sides hold, inside one run of each."""

    mine: Run
    theirs: Run

    @property
    def first(self) -> int:
        return max(self.mine.first, self.theirs.first)

    @property
    def last(self) -> int:
        return min(self.mine.last, self.theirs.last)

    @property
    def place(self) -> Place:
        """The chunk whose hash decides."""
        return self.mine.epoch, self.last


@dataclass(frozen=True, slots=True)
class Compared:
    """missing_*: parts of the other side's runs; different and unproven: ranges that both hold."""

    same: int
    missing_here: tuple[Run, ...]
    missing_there: tuple[Run, ...]
    different: tuple[Span, ...]
    unproven: tuple[Span, ...]

    @property
    def good(self) -> bool:
        return not (self.missing_here or self.missing_there or self.different or self.unproven)


def tidy(runs: Iterable[Run]) -> list[Run]:
    """The runs in order, each chunk in one of them: files may overlap after one was given up."""
    found: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.epoch, run.first, run.last)):
        before = found[-1] if found and found[-1].epoch == run.epoch else None
        if before is None or run.first > before.last:
            found.append(run)
        elif run.last > before.last:
            found.append(replace(run, first=before.last + 1))
    return found


def shared(mine: Sequence[Run], theirs: Sequence[Run]) -> Iterator[Shared]:
    """Every range that both hold; both sides are tidy."""
    left, right = 0, 0
    while left < len(mine) and right < len(theirs):
        a, b = mine[left], theirs[right]
        if a.epoch == b.epoch and max(a.first, b.first) <= min(a.last, b.last):
            yield Shared(a, b)
        if (a.epoch, a.last) <= (b.epoch, b.last):
            left += 1
        else:
            right += 1


def questions(mine: Sequence[Run], theirs: Sequence[Run]) -> tuple[list[Place], list[Place]]:
    """(chunks whose hash to look up here, chunks whose hash to ask the other side for); both sides are tidy."""
    here, there = [], []
    for both in shared(mine, theirs):
        if both.mine.last > both.last:
            here.append(both.place)
        elif both.theirs.last > both.last:
            there.append(both.place)
    return here, there


def compare(mine: Sequence[Run], theirs: Sequence[Run], here: Hashes, there: Hashes) -> Compared:
    """Both sides are tidy; here and there answer the questions about them."""
    same = 0
    different: list[Span] = []
    unproven: list[Span] = []
    for both in shared(mine, theirs):
        span = (both.mine.epoch, both.first, both.last)
        a = both.mine.last_hash if both.mine.last == both.last else here.get(both.place)
        b = both.theirs.last_hash if both.theirs.last == both.last else there.get(both.place)
        if a is None or b is None:
            unproven.append(span)
        elif a == b:
            same += both.last - both.first + 1
        else:
            different.append(span)
    return Compared(same, tuple(lacking(mine, theirs)), tuple(lacking(theirs, mine)), tuple(different), tuple(unproven))


def lacking(have: Sequence[Run], other: Sequence[Run]) -> Iterator[Run]:
    """The parts of the other side's runs that `have` does not cover; both sides are tidy.  Times stay those of the whole run,
    bytes are in proportion."""
    at = 0
    for run in other:
        first = run.first
        while at < len(have) and (have[at].epoch, have[at].last) < (run.epoch, first):
            at += 1
        look = at
        while look < len(have) and have[look].epoch == run.epoch and have[look].first <= run.last:
            if have[look].first > first:
                yield _piece(run, first, have[look].first - 1)
            first = max(first, have[look].last + 1)
            look += 1
        if first <= run.last:
            yield _piece(run, first, run.last)


def _piece(run: Run, first: int, last: int) -> Run:
    return replace(run, first=first, last=last, bytes=run.bytes * (last - first + 1) // run.chunks)
