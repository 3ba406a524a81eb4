"""Merging files: ascending, complete, and no file begun before its turn."""

from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.verify.order import Key, merge

FILES = st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 30), min_size=1, unique=True)), max_size=8)


def plan(files: list[tuple[int, list[int]]]) -> list[list[Key]]:
    """Files of one epoch each, sorted as a Plan sorts them."""
    return sorted([(epoch, seq) for seq in sorted(seqs)] for epoch, seqs in files)


@given(FILES)
def test_items_come_in_order_and_none_is_lost(files: list[tuple[int, list[int]]]) -> None:
    planned = plan(files)
    sources: list[tuple[Key, Callable[[], Iterator[Key]]]] = [(keys[0], lambda keys=keys: iter(keys)) for keys in planned]  # type: ignore[misc]
    assert list(merge(sources, lambda key: key)) == sorted(key for keys in planned for key in keys)


@given(FILES)
def test_a_file_is_begun_only_when_the_stream_has_reached_it(files: list[tuple[int, list[int]]]) -> None:
    planned = plan(files)
    begun: list[Key] = []

    def source(keys: list[Key]) -> Iterator[Key]:
        begun.append(keys[0])
        yield from keys

    merged = merge([(keys[0], lambda keys=keys: source(keys)) for keys in planned], lambda key: key)  # type: ignore[misc]
    for key in merged:
        assert all(first <= key for first in begun)


def test_an_announcement_that_was_too_late_loses_nothing() -> None:
    sources: list[tuple[Key, Callable[[], Iterator[Key]]]] = [
        ((0, 0), lambda: iter([(0, 0), (0, 9)])), ((0, 5), lambda: iter([(0, 1), (0, 6)]))]  # fmt: skip
    assert sorted(merge(sources, lambda key: key)) == [(0, 0), (0, 1), (0, 6), (0, 9)]


def test_empty_files_are_passed_over() -> None:
    assert list(merge([((0, 0), lambda: iter(())), ((0, 1), lambda: iter([(0, 1)]))], lambda key: key)) == [(0, 1)]
