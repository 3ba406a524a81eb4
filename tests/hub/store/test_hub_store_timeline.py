"""Spans and gaps with their causes, clipped, never negative."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.store.model import Part
from watchkeep.hub.store.timeline import runs, timeline
from watchkeep.wire.causes import Cause
from watchkeep.wire.messages import Timeline

S = 1_000_000_000


def part(epoch: int, first: int, last: int, start_s: float, cause: Cause = Cause.CAMERA_LOST) -> Part:
    """One chunk a second."""
    return Part(volume="v", path=f"{epoch}.{first}", camera="cam0", epoch=epoch, segment_seq=first, first_seq=first, last_seq=last,
                start_ns=int(start_s * S), end_ns=int((start_s + last - first + 1) * S), init_bytes=0, init_hash=b"", last_hash=b"",
                cause=cause, size=0, file_size=0)  # fmt: skip


def seen(found: Timeline) -> tuple[list[tuple[float, float]], list[tuple[float, float, str]]]:
    return [(span.start_s, span.end_s) for span in found.spans], [(gap.start_s, gap.end_s, gap.cause) for gap in found.gaps]


@pytest.mark.parametrize(("parts", "spans", "gaps"), [
    ([], [], []),
    ([part(1, 0, 4, 0), part(1, 5, 9, 5)], [(0, 10)], []),
    ([part(1, 5, 9, 5), part(1, 0, 4, 0)], [(0, 10)], []),
    ([part(1, 0, 4, 0), part(1, 7, 9, 7)], [(0, 5), (7, 10)], [(5, 7, "hole")]),
    ([part(1, 0, 6, 0), part(1, 5, 9, 5)], [(0, 10)], []),
    ([part(1, 0, 4, 0), part(2, 0, 4, 8)], [(0, 5), (8, 13)], [(5, 8, "camera-lost")]),
    ([part(1, 0, 4, 0), part(2, 0, 4, 5.05)], [(0, 10.05)], []),
    ([part(1, 0, 4, 0), part(2, 0, 4, 6, Cause.PARAMETER_CHANGE)], [(0, 11)], []),
    ([part(1, 0, 4, 0), part(2, 3, 4, 8)], [(0, 5), (8, 10)], [(5, 8, "hole")]),
    ([part(1, 0, 9, 100), part(2, 0, 4, 50, Cause.CLOCK_STEP)], [(100, 110), (50, 55)], []),
])  # fmt: skip
def test_parts_become_spans_and_gaps(parts: list[Part], spans: list[tuple[float, float]], gaps: list[tuple[float, float, str]]) -> None:
    assert seen(timeline("cam0", parts, 0, 1000 * S)) == (spans, gaps)


def test_a_window_clips_spans_and_gaps() -> None:
    parts = [part(1, 0, 9, 0), part(2, 0, 9, 20)]
    assert seen(timeline("cam0", parts, 5 * S, 25 * S)) == ([(5, 10), (20, 25)], [(10, 20, "camera-lost")])
    assert seen(timeline("cam0", parts, 12 * S, 18 * S)) == ([], [(12, 18, "camera-lost")])
    assert seen(timeline("cam0", parts, 31 * S, 40 * S)) == ([], [])


PARTS = st.builds(lambda epoch, first, more, start, cause: part(epoch, first, first + more, start, cause),
                  st.integers(1, 4), st.integers(0, 30), st.integers(0, 5), st.integers(0, 60), st.sampled_from(Cause))  # fmt: skip


@given(st.lists(PARTS, max_size=12), st.integers(0, 50), st.integers(1, 30))
def test_whatever_the_parts_gaps_are_positive_and_inside_the_window(parts: list[Part], low: int, width: int) -> None:
    found = timeline("cam0", parts, low * S, (low + width) * S)
    for piece in (*found.spans, *found.gaps):
        assert low <= piece.start_s < piece.end_s <= low + width
    orders = [(span.epoch, span.first_seq) for span in found.spans]
    assert all(before < after for before, after in pairwise(orders))


OLD, NEW = 1, (8 << 36) + 1
"""Epochs of two recorders: the second one stood in."""


@pytest.mark.parametrize(("parts", "spans", "gaps"), [
    ([part(OLD, 0, 9, 0), part(NEW, 0, 9, 13)], [(0, 10), (13, 23)], [(10, 13, "camera-lost")]),
    ([part(OLD, 0, 19, 0), part(NEW, 0, 9, 13)], [(0, 13), (13, 23)], []),
    ([part(OLD, 0, 39, 0), part(NEW, 0, 9, 13)], [(0, 13), (13, 23), (23, 40)], []),
    ([part(OLD, 0, 9, 0), part(OLD + 1, 0, 9, 20), part(NEW, 0, 14, 8)], [(0, 8), (8, 23), (23, 30)], []),
    ([part(OLD, 0, 9, 0), part(OLD + 1, 0, 9, 20), part(NEW, 0, 4, 12)], [(0, 10), (12, 17), (20, 30)],
     [(10, 12, "camera-lost"), (17, 20, "camera-lost")]),
    ([part(OLD, 0, 4, 5), part(NEW, 0, 14, 0)], [(0, 15)], []),
    ([part(OLD, 0, 9, 0), part(NEW, 0, 9, 10.05)], [(0, 10), (10.05, 20.05)], []),
], ids=["one after the other", "both for a while", "the first goes on", "the second fills a gap", "and only some of it", "within",
        "at once"])  # fmt: skip
def test_what_two_recorders_have_is_shown_once(parts: list[Part], spans: list[tuple[float, float]],
                                               gaps: list[tuple[float, float, str]]) -> None:  # fmt: skip
    assert seen(timeline("cam0", parts, 0, 1000 * S)) == (spans, gaps)


TERMS = st.builds(lambda term, epoch, first, more, start: part((term << 36) + epoch, first, first + more, start),
                  st.integers(0, 2), st.integers(1, 2), st.integers(0, 20), st.integers(0, 9), st.integers(0, 40))  # fmt: skip


@given(st.lists(TERMS, max_size=10))
def test_of_several_recorders_every_second_is_shown_that_one_has_and_spans_of_two_never_overlap(parts: list[Part]) -> None:
    found = timeline("cam0", parts, 0, 100 * S)
    for second in range(60):
        now = second + 0.5
        there = any(one.start_ns <= now * S < one.end_ns for one in runs(parts))
        over = [span for span in found.spans if span.start_s <= now < span.end_s]
        assert bool(over) is there
        assert len({span.epoch >> 36 for span in over}) <= 1
