"""Which targets the trials of a case miss: a line each, empty when all are met.  No I/O, no clock.

Rules: a percentile is judged over all trials of the case; what was not measured is missed, not met; each limit has its arithmetic.
"""

from collections.abc import Callable, Iterator

from lane import LIVE_AGE_S
from series import Series, low_percentile, percentile

TICK_S, SYNC_S, POLL_S = 0.2, 1.0, 0.01
"""`tick_ms` of the generic profile, `sync_ms` of an archiver; and how often a bench asks one."""

FIRST_CHUNK = "first chunk on the stand-in"
TAKEOVER_S = {"kill": 1.0, "reset": 1.0, "error": 3.0, "silent": 3.0, "stop": 3.0, "drop": 3.0}
"""p99 of the first durable chunk on the stand-in: refused or reset, and silent death."""

PAUSE_BEFORE = "longest pause on the survivor, before"
PAUSE_AFTER = "longest pause on the survivor, after"
PAUSE_MARGIN_S = TICK_S + 2 * POLL_S
"""A chunk that just misses a tick waits for the next one, and each end of a pause is seen a poll late: two pauses in which nothing happened
differ by so much.  The smallest delay that a takeover can make, noticing a reset at the next batch, is a chunk: five times that."""

RECORDER_FIRST = "every camera's first chunk"
RECORDER_S = {"recorder-kill": 6.0, "recorder-silent": 10.0}
"""p99 of a camera's first chunk from another recorder."""

UNTIL_FIRST = "from b's return to its first chunk"
UNTIL_LIVE = "from there until every camera is live"
FILLED_FROM_RETURN = "until all is filled, from b's return"
FILLED_FROM_FIRST = "until all is filled, from b's first chunk"
RATE_FROM_RETURN = "x real time, from b's return"
RATE_FROM_FIRST = "x real time, from b's first chunk"
AGE = "age of the newest received chunk meanwhile"
DURABLE_AGE = "age of the newest durable chunk meanwhile"
CATCHUP_RATE = 20.0
"""At least, usually and at p99, which is the rate that 99 of 100 trials reach."""
DURABLE_AGE_S = LIVE_AGE_S + SYNC_S
"""An archiver acknowledges a chunk as durable at its next sync."""

WRITES = "edits taken again after the leader's SIGKILL"
LAG = "a follower's lag"
IDLE = "CPU in an hour of an idle follower"
DIRECTORY_S = {WRITES: (0.99, 4.0), LAG: (0.99, 0.2), IDLE: (1.0, 18.0)}
"""At which share, at most; 18 s are 0.5 % of a core."""
BURST = "edits a second journaled"
BURST_RATE = 1000.0


def missed(case: str, series: Series) -> list[str]:
    """Everything that the case did not reach."""
    return [*_proof(series), *series.shortfalls, *JUDGES.get(case.split("-", maxsplit=1)[0], _nothing)(case, series)]


def _proof(series: Series) -> Iterator[str]:
    if not series.trials:
        yield "no trial was made"
    for count, what in ((series.frames_lost, "frames lost"), (series.damage, "damaged places"),
                        (series.edits_missing, "acknowledged edits missing")):  # fmt: skip
        if count:
            yield f"{what}: {count}"


def _nothing(_case: str, _series: Series) -> Iterator[str]:
    yield from ()


def _takeover(case: str, series: Series) -> Iterator[str]:
    yield from _at_most(series, FIRST_CHUNK, 0.99, TAKEOVER_S[case])


def _recorder(case: str, series: Series) -> Iterator[str]:
    yield from _at_most(series, RECORDER_FIRST, 0.99, RECORDER_S[case])


def _redundant(_case: str, series: Series) -> Iterator[str]:
    """No takeover delay at all: neither usually nor at worst may the survivor pause longer than it did with the other one there."""
    for share in (0.5, 0.99):
        before = series.seconds.get(PAUSE_BEFORE)
        if before:
            yield from _at_most(series, PAUSE_AFTER, share, percentile(before, share) + PAUSE_MARGIN_S)
        else:
            yield f"{PAUSE_BEFORE}: not measured"


def _catchup(_case: str, series: Series) -> Iterator[str]:
    """Live stays live while the backlog is filled: the worst moment counts, and a lane that begins has as long as a chunk may be old."""
    for name in (RATE_FROM_RETURN, RATE_FROM_FIRST):
        for share in (0.5, 0.99):
            yield from _bound(series.figures, name, share, CATCHUP_RATE, above=False)
    for name in (UNTIL_LIVE, AGE):
        yield from _at_most(series, name, 1.0, LIVE_AGE_S)


def _disk(_case: str, series: Series) -> Iterator[str]:
    """Archivers go on receiving while the agent's disk stands still, as if nothing were the matter."""
    yield from _at_most(series, AGE, 1.0, LIVE_AGE_S)
    yield from _at_most(series, DURABLE_AGE, 1.0, DURABLE_AGE_S)


def _directory(_case: str, series: Series) -> Iterator[str]:
    """A part that an option has left out is not judged; one that was begun has its figure or ended the case."""
    for name, (share, limit) in DIRECTORY_S.items():
        if name in series.seconds:
            yield from _at_most(series, name, share, limit)
    if not series.edits and {WRITES, LAG} & series.seconds.keys():
        yield "acknowledged edits missing: not measured"
    if BURST in series.figures:
        yield from _bound(series.figures, BURST, 0.5, BURST_RATE, above=False)


def _at_most(series: Series, name: str, share: float, limit: float) -> Iterator[str]:
    yield from _bound(series.seconds, name, share, limit, above=True)


def _bound(values: dict[str, list[float]], name: str, share: float, limit: float, *, above: bool) -> Iterator[str]:
    found = values.get(name)
    if not found:
        yield f"{name}: not measured"
        return
    value = percentile(found, share) if above else low_percentile(found, share)
    if value > limit if above else value < limit:
        at = "worst" if share == 1.0 else f"p{100 * share:.0f}"
        yield f"{name}: {value:.2f} {at}, the target is {'at most' if above else 'at least'} {limit:.2f}"


JUDGES: dict[str, Callable[[str, Series], Iterator[str]]] = {
    **dict.fromkeys(TAKEOVER_S, _takeover), "redundant": _redundant, "recorder": _recorder,
    "catchup": _catchup, "agent": _disk, "directory": _directory,
}  # fmt: skip
"""By a case's name up to its first dash."""
