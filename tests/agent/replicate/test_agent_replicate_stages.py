"""Stages by ranges do the same as stages chunk by chunk."""

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.replicate.book import EpochBook, at_least
from watchkeep.agent.replicate.stages import PENDING, TABLE, EpochStages, Stage, Step
from watchkeep.wire.ranges import RangeSet

spans = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(st.tuples(st.sampled_from(Step), spans), max_size=25))
def test_ranges_move_like_single_chunks(steps: list[tuple[Step, tuple[int, int]]]) -> None:
    stages, model = EpochStages(), dict[int, Stage | None]()
    for step, (low, high) in steps:
        moved = 0
        for seq in range(low, high + 1):
            stage = model.get(seq)
            if stage in TABLE[step]:
                model[seq] = TABLE[step][stage]
                moved += 1
        assert stages.apply(step, low, high) == moved
        for stage in Stage:
            assert set(range(21)).intersection(seq for seq, at in model.items() if at is stage) == {
                seq for low_, high_ in stages[stage] for seq in range(low_, high_ + 1)
            }


def test_durable_and_refused_are_final() -> None:
    for step in set(Step) - {Step.FORGET}:
        assert Stage.DURABLE not in TABLE[step]
        assert Stage.REFUSED not in TABLE[step]


def test_dismissal_ends_everything_pending() -> None:
    assert set(TABLE[Step.DISMISS]) == set(PENDING)


@given(st.lists(st.lists(spans, max_size=4), max_size=4), st.integers(1, 4))
def test_at_least(sets: list[list[tuple[int, int]]], count: int) -> None:
    ranges = [RangeSet(each) for each in sets]
    expected = {seq for seq in range(21) if sum(seq in each for each in ranges) >= count}
    found = at_least(count, ranges)
    assert {seq for low, high in found for seq in range(low, high + 1)} == expected
    assert found == RangeSet((seq, seq) for seq in sorted(expected))


def test_a_book_without_offers_has_no_recent_chunk() -> None:
    book = EpochBook("cam0", 1)
    assert book.first_since(0.0) == 0
    assert book.last_offer() == float("-inf")
