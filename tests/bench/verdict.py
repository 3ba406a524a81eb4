"""Which targets the trials of a case miss: a line each, empty when all are met.  No I/O, no clock.

Rules: a percentile is judged over all trials of the case; what was not measured is missed, not met; each limit has its arithmetic.
"""

from collections.abc import Callable, Iterator

from series import Series, percentile

CHUNK_S, TICK_S, POLL_S = 1.0, 0.2, 0.01
"""Of the generic profile, `chunk_ms` and `tick_ms`; and how often a bench asks an archiver."""

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


def missed(case: str, series: Series) -> list[str]:
    """Everything that the case did not reach."""
    return [*_proof(series), *series.shortfalls, *JUDGES.get(case.split("-", maxsplit=1)[0], _nothing)(case, series)]


def _proof(series: Series) -> Iterator[str]:
    if not series.trials:
        yield "no trial was made"
    for count, what in ((series.frames_lost, "frames lost"), (series.damage, "damaged places")):
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


def _at_most(series: Series, name: str, share: float, limit: float) -> Iterator[str]:
    yield from _bound(series.seconds, name, share, limit, above=True)


def _bound(values: dict[str, list[float]], name: str, share: float, limit: float, *, above: bool) -> Iterator[str]:
    found = values.get(name)
    if not found:
        yield f"{name}: not measured"
        return
    value = percentile(found, share)
    if value > limit if above else value < limit:
        yield f"{name}: {value:.2f} p{100 * share:.0f}, the target is {'at most' if above else 'at least'} {limit:.2f}"


JUDGES: dict[str, Callable[[str, Series], Iterator[str]]] = {
    **dict.fromkeys(TAKEOVER_S, _takeover), "redundant": _redundant, "recorder": _recorder,
}  # fmt: skip
"""By a case's name up to its first dash."""
