"""Chunks of many files as one ascending stream.  No I/O of its own: it pulls iterators that read.

Rules: the files come sorted by the name of their first chunk, and each holds its chunks in ascending order; a file is
begun only when the stream has reached its first chunk.  So only files that overlap are open at once: as a rule one for
each archive that is verified together.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import TypeVar

Key = tuple[int, int]
"""(epoch, seq) of one camera's chunk."""
Item = TypeVar("Item")


def merge(files: Iterable[tuple[Key, Callable[[], Iterator[Item]]]], key_of: Callable[[Item], Key]) -> Iterator[Item]:
    """Yield the items of all files by ascending key; equal keys in the order of the files.

    A file whose first item comes before the key that it was announced with is merged as well as can be: the caller
    has to expect a key below the last one.
    """
    heap: list[tuple[Key, int, Item, Iterator[Item]]] = []
    waiting = iter(files)
    upcoming = next(waiting, None)
    number = 0
    while heap or upcoming is not None:
        while upcoming is not None and (not heap or upcoming[0] <= heap[0][0]):
            _push(heap, number, upcoming[1](), key_of)
            number, upcoming = number + 1, next(waiting, None)
        if heap:
            _, rank, item, items = heappop(heap)
            yield item
            _push(heap, rank, items, key_of)


def _push(heap: list[tuple[Key, int, Item, Iterator[Item]]], rank: int, items: Iterator[Item], key_of: Callable[[Item], Key]) -> None:
    item = next(items, None)
    if item is not None:
        heappush(heap, (key_of(item), rank, item, items))
