"""Order over UDP: by hand, then both implementations on the same shuffled numbers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.native import reorder, reorder_py

MS = 1_000_000


@pytest.fixture(params=[reorder, reorder_py], ids=["compiled", "twin"])
def sorter(request):
    return request.param.Sorter()


def name(number):
    return str(number % 65536).encode()


def fed(sorter, numbers, now=0):
    return [int(data) for number in numbers for data in sorter.take(number, name(number), now)]


def test_what_comes_in_order_passes_at_once_and_what_is_swapped_waits(sorter):
    assert fed(sorter, [65534, 65535, 65536]) == [65534, 65535, 0]
    assert fed(sorter, [3, 2]) == []
    assert sorter.held == 2
    assert fed(sorter, [1]) == [1, 2, 3]
    assert sorter.held == 0


def test_a_packet_that_never_comes_is_waited_for_100_ms(sorter):
    assert fed(sorter, [1, 3, 5]) == [1]
    assert sorter.due(99 * MS) == []
    assert sorter.due(100 * MS) == [b"3"]
    assert sorter.due(199 * MS) == []
    assert sorter.due(200 * MS) == [b"5"]
    assert fed(sorter, [2, 6]) == [2, 6], "whoever counts sees that 2 is late"


def test_a_window_that_is_full_waits_no_longer(sorter):
    assert fed(sorter, [0, *range(2, 66)]) == [0, *range(2, 66)]
    assert sorter.held == 0
    assert fed(sorter, [68, 200]) == [68, 200]


def test_a_new_numbering_is_followed(sorter):
    assert fed(sorter, [10, 40000, 40001, 7, 8]) == [10, 40000, 40001, 7, 8]


def test_what_is_doubled_or_does_not_fit_is_not_held(sorter):
    assert fed(sorter, [1, 3, 3]) == [1]
    assert sorter.take(4, bytes(2049), 0) == []
    assert sorter.take(5, b"", 0) == []
    assert sorter.held == 1


def test_any_shuffle_within_the_window_is_undone(sorter):
    rng = random.Random(5)
    numbers = list(range(65500, 65500 + 300))
    shuffled = [numbers[0], *sorted(numbers[1:], key=lambda number: number + rng.uniform(0, 50))]
    assert fed(sorter, shuffled) == [number % 65536 for number in numbers]


@given(
    st.lists(
        st.tuples(st.one_of(st.integers(0, 80), st.integers(0, 200), st.integers(0, 65535)), st.integers(0, 60 * MS), st.booleans()),
        max_size=80,
    )
)
def test_twins_agree(events):
    one, two, now = reorder.Sorter(), reorder_py.Sorter(), 0
    for number, step, looks in events:
        now += step
        assert one.take(number, name(number), now) == two.take(number, name(number), now)
        if looks:
            assert one.due(now) == two.due(now)
        assert one.held == two.held < 64
