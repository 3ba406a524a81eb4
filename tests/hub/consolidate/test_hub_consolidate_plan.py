"""Which missing chunks are pulled, in which order and how fast."""

from functools import partial
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.consolidate.compare import Run
from watchkeep.hub.consolidate.plan import PULL_CHUNKS, Bounds, pause_s, pulls, sort_missing
from watchkeep.hub.protect.locks import Locks
from watchkeep.hub.protect.model import Lock

EVERYTHING = Bounds(-1, 1 << 60, 1 << 60)


def run(first: int, last: int, end_ns: int, epoch: int = 7) -> Run:
    return Run(epoch, first, last, b"", end_ns - 10, end_ns, 1000)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 300), st.integers(0, 1000)), max_size=10))
def test_every_wanted_chunk_is_asked_for_once_in_bounded_pieces_newest_run_first(made: list[tuple[int, int, int]]) -> None:
    runs = [run(1000 * at + first, 1000 * at + first + count - 1, end) for at, (first, count, end) in enumerate(made)]
    asked = list(pulls("cam0", sort_missing(runs, EVERYTHING)))
    seqs = [seq for pull in asked for seq in range(pull.first, pull.last + 1)]
    assert sorted(seqs) == sorted(seq for one in runs for seq in range(one.first, one.last + 1))
    assert all(pull.chunks <= PULL_CHUNKS for pull in asked)
    ends = [next(one.end_ns for one in runs if one.first <= pull.first <= one.last) for pull in asked]
    assert all(before >= after for before, after in pairwise(ends))


def test_what_retention_would_delete_at_once_is_not_pulled() -> None:
    wanted = sort_missing([run(0, 9, 100), run(10, 19, 101), run(20, 29, 300)], Bounds(horizon_ns=100, settled_ns=1000, ahead_ns=1000))
    assert [one.first for one in wanted.runs] == [20, 10]
    assert wanted.expiring == 10


def test_what_is_locked_here_is_pulled_whatever_its_age() -> None:
    locks = Locks([Lock(id="lock-1", camera="cam0", start_ns=95_000, end_ns=98_000, owner="me", reason="x", created_ns=0)])
    starts = {0: 70_000, 10: 80_000, 20: 90_000, 30: 98_000}
    missing = [Run(7, first, first + 9, b"", start, start + 10_000) for first, start in starts.items()]
    for kept, wanted in ((partial(locks.covers, "cam0"), [20]), (partial(locks.covers, "cam1"), []),
                         (partial(Locks(everything=True).covers, "cam0"), [])):  # fmt: skip
        found = sort_missing(missing, Bounds(1 << 40, 1 << 50, 1 << 50, kept))
        assert [one.first for one in found.runs] == wanted
        assert found.expiring == 40 - 10 * len(wanted)


def test_a_lock_that_a_file_only_touches_is_none_whatever_the_peer_has_rounded() -> None:
    locks = Locks([Lock(id="lock-1", camera="cam0", start_ns=100_000, end_ns=200_000, owner="me", reason="x", created_ns=0)])
    touching = [Run(7, 0, 9, b"", 50_000, 100_240), Run(7, 10, 19, b"", 199_760, 300_000)]
    assert sort_missing(touching, Bounds(1 << 40, 1 << 50, 1 << 50, partial(locks.covers, "cam0"))).runs == ()


def test_what_is_new_is_left_to_the_agents() -> None:
    wanted = sort_missing([run(0, 9, 500), run(10, 19, 501)], Bounds(horizon_ns=0, settled_ns=500, ahead_ns=700))
    assert [one.first for one in wanted.runs] == [0]
    assert wanted.early == 10


def test_what_a_clock_that_is_ahead_has_stamped_is_not_left_to_the_agents_until_that_day() -> None:
    wanted = sort_missing([run(0, 9, 700), run(10, 19, 701), run(20, 29, 86_400_000)], Bounds(horizon_ns=0, settled_ns=500, ahead_ns=700))
    assert [one.first for one in wanted.runs] == [20, 10]
    assert wanted.early == 10


def test_the_mean_rate_stays_at_the_limit() -> None:
    assert pause_s(12_500_000, 0.25, 100) == 0.75
    assert pause_s(12_500_000, 2.0, 100) == 0


def test_what_follows_a_difference_in_its_epoch_is_left_alone() -> None:
    missing = [run(0, 9, 100), run(30, 39, 300), run(30, 39, 300, epoch=8)]
    wanted = sort_missing(missing, EVERYTHING, [(7, 20, 29), (7, 10, 14)])
    assert [(one.epoch, one.first) for one in wanted.runs] == [(8, 30), (7, 0)]
    assert wanted.contested == 10
