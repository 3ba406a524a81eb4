"""What retention chooses, and that the keeper deletes exactly that."""

from dataclasses import replace
from pathlib import Path

import pytest
from hub_store_chunks import SECOND_NS, START_NS, Chain, Site, contents, durable, expected, until
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.store import Clock
from watchkeep.hub.store.freshness import Newest
from watchkeep.hub.store.model import Part
from watchkeep.hub.store.retention import BEHIND_S, DAY_NS, DISTRUST_S, STEP_S, TELL_S, UNKNOWN, ClockWatch, Past, behind_s, choose
from watchkeep.wire.causes import EventKind

DAY_S = 86_400
PART = Part(volume="v", path="p", camera="cam0", epoch=1, segment_seq=0, first_seq=0, last_seq=0, start_ns=0, end_ns=0, init_bytes=0,
            init_hash=b"", last_hash=b"", cause=1, size=0, file_size=100)  # fmt: skip
PARTS = [replace(PART, path=f"p{number}", end_ns=number) for number in range(10)]


@pytest.mark.parametrize(("expired_ns", "need_bytes", "count"),
                         [(0, 0, 0), (3, 0, 3), (0, 1, 1), (0, 250, 3), (5, 250, 5), (2, 450, 5), (99, 0, 10), (0, 5000, 10)])  # fmt: skip
def test_the_oldest_go_first_for_age_and_for_space(expired_ns: int, need_bytes: int, count: int) -> None:
    assert choose(PARTS, expired_ns=expired_ns, need_bytes=need_bytes) == PARTS[:count]


@given(st.sets(st.integers(0, 9)), st.integers(0, 1200), st.integers(0, 12))
def test_protected_parts_stay_and_others_go_in_their_place(protected: set[int], need: int, expired_ns: int) -> None:
    chosen = choose(PARTS, expired_ns=expired_ns, need_bytes=need, protected=lambda part: part.end_ns in protected)
    free = [part for part in PARTS if part.end_ns not in protected]
    assert chosen == free[: len(chosen)]
    assert len(chosen) >= min(len(free), -(-need // 100))
    assert all(part in chosen for part in free if part.end_ns < expired_ns)


def test_a_stepped_clock_deletes_nothing_for_its_age_for_a_day() -> None:
    watch = ClockWatch()
    assert not watch.look(START_NS, 0)
    assert not watch.look(START_NS + 60 * SECOND_NS, 60)
    assert watch.trusted(60)
    assert watch.look(START_NS + 400 * DAY_NS, 62) == pytest.approx(400 * DAY_S, abs=100)
    assert not watch.trusted(62 + DISTRUST_S - 1)
    assert not watch.look(START_NS + 400 * DAY_NS + SECOND_NS, 63), "told once"
    assert watch.trusted(62 + DISTRUST_S)


@pytest.mark.parametrize("step_s", [-400 * DAY_S, -3600.0, -TELL_S - 1, TELL_S + 1, STEP_S - 1])
def test_a_step_back_and_a_small_one_ahead_are_told_and_trusted(step_s: float) -> None:
    watch = ClockWatch()
    assert not watch.look(START_NS, 0)
    assert watch.look(START_NS + int((step_s + 2) * SECOND_NS), 2) == pytest.approx(step_s)
    assert watch.trusted(2)
    assert not watch.look(START_NS + int((step_s + 4) * SECOND_NS), 4), "told once"


@pytest.mark.parametrize("step_s", [-TELL_S + 1, TELL_S - 1])
def test_what_a_time_service_sets_by_itself_is_not_told(step_s: float) -> None:
    watch = ClockWatch()
    assert not watch.look(START_NS, 0)
    assert not watch.look(START_NS + int((step_s + 2) * SECOND_NS), 2)


@pytest.mark.parametrize(("past", "ahead_s", "left_s"), [
    (Past(START_NS, 0.0), STEP_S - 1, 0.0),
    (Past(START_NS, 0.0), STEP_S + 1, DISTRUST_S),
    (Past(START_NS, 0.0), 400 * DAY_S, DISTRUST_S),
    (Past(START_NS, 0.0), -400 * DAY_S, 0.0),
    (Past(START_NS, 0.0), -TELL_S + 1, 0.0),
    (Past(START_NS, 5000.0), 60, 5000.0),  # the day goes on
    (Past(START_NS, 5000.0), STEP_S + 1, DISTRUST_S),
    (UNKNOWN, 0, DISTRUST_S),
])  # fmt: skip
def test_the_run_before_says_whether_the_clock_is_ahead(past: Past, ahead_s: float, left_s: float) -> None:
    watch = ClockWatch(past)
    stepped = watch.look(START_NS + int(ahead_s * SECOND_NS), 7.0)
    assert stepped == (pytest.approx(ahead_s) if ahead_s > STEP_S or ahead_s < -TELL_S else 0)
    assert watch.left_s(7.0) == left_s
    assert watch.trusted(7.0) is (left_s == 0)
    assert watch.trusted(7.0 + left_s)


def newest(behind_s: float, at: float) -> Newest:
    """What was stamped so much before the moment at which it became durable; the clock says START_NS at 0."""
    return Newest(1, 1, at, START_NS + int((at - behind_s) * SECOND_NS))


@pytest.mark.parametrize(("lags", "found"), [
    ([], 0), ([0.0], 0), ([400 * DAY_S], 400 * DAY_S), ([400 * DAY_S, 300 * DAY_S], 300 * DAY_S), ([400 * DAY_S, 1.0], 0),
    ([BEHIND_S - 1], 0), ([-400 * DAY_S], 0), ([START_NS / SECOND_NS], 0),
])  # fmt: skip
def test_a_clock_that_all_recorders_contradict_is_no_reason_to_delete(lags: list[float], found: float) -> None:
    assert behind_s([newest(lag, 100.0) for lag in lags], START_NS + 200 * SECOND_NS, 200.0) == pytest.approx(found, abs=1e-3)


def test_what_came_more_than_an_hour_ago_contradicts_nothing() -> None:
    came = [newest(400 * DAY_S, 0.0)]
    assert behind_s(came, START_NS + int(STEP_S * SECOND_NS), STEP_S)
    assert not behind_s(came, START_NS + int(STEP_S + 1) * SECOND_NS, STEP_S + 1)


def test_days_old_segments_go_with_their_directories_and_are_missing_then(tmp_path: Path) -> None:
    site, now = Site(tmp_path), [START_NS, 0.0]
    old, new = Chain(segment=2), Chain(epoch=8, segment=2, start_ns=START_NS + 2 * DAY_NS)
    clock = Clock(wall_ns=lambda: int(now[0]))
    with site.running() as store:
        store.append([*old.batch(0, 1, 2, 3), *new.batch(0, 1)])
    now[0] = START_NS + 3 * DAY_NS
    with site.running(retention_days=2, clock=clock) as store:
        until(lambda: [chunk.epoch for chunk in store.chunks("cam0")] == [8, 8], "retention")
        assert store.state("cam0", 7, 0, 3).missing == [(0, 3)]
        assert durable(store, new) == [(0, 1)]
        assert [path.name for path in (site.volumes[0] / "cam0").iterdir()] == ["2026-09-23"]
        until(lambda: site.events)
        assert site.events[-1].kind is EventKind.RETENTION
        now[0] = START_NS + 300 * DAY_NS
        until(lambda: site.events[-1].kind is EventKind.CLOCK, "the step was seen")
        assert contents(store) == expected(new, 0, 1)
        now[0] -= 299 * DAY_NS
        until(lambda: "went back by 299.0 days" in site.events[-1].text, "so was the step back")
        assert contents(store) == expected(new, 0, 1)


def test_a_file_that_is_being_written_is_never_deleted(tmp_path: Path) -> None:
    site, chain = Site(tmp_path), Chain(segment=100)
    with site.running(retention_days=0.001, min_free_bytes=1 << 60) as store:
        for seq in range(20):
            store.append(chain.batch(seq))
        until(lambda: durable(store, chain) == [(0, 19)])
        assert contents(store) == expected(chain, *range(20))
