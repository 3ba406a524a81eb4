"""Which file goes when the quota is reached, and what its going means.  No I/O, no clock, no threads.

Rules: invariant 4 of docs/STORAGE.md lives here: the oldest file whose chunks all have a durable copy goes first; only when
there is none does the oldest file go, and its chunks without a copy are a declared loss that the caller publishes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .entry import Entry

HasCopy = Callable[[str, int, int], bool]
"""`has_copy(camera, epoch, seq)`: at least one archiver has this chunk durable."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The chunks that a reclaimed file took along; `lost` is to be counted, logged, published and shown."""

    file: int
    copied: tuple[Entry, ...]
    lost: tuple[Entry, ...]


def choose(files: Iterable[tuple[int, Sequence[Entry]]], has_copy: HasCopy) -> int | None:
    """The number of the file to free, of files as (number, chunks still owed) from the oldest on; None when there is none.

    Asks has_copy only until the answer is known: in the usual case, for the chunks of one file.
    """
    oldest = None
    for number, chunks in files:
        oldest = number if oldest is None else oldest
        if all(has_copy(*chunk.name) for chunk in chunks):
            return number
    return oldest


def dropped(file: int, chunks: Sequence[Entry], has_copy: HasCopy) -> Dropped:
    """Split the chunks of a freed file into those with a copy and those without."""
    copied: list[Entry] = []
    lost: list[Entry] = []
    for chunk in chunks:
        (copied if has_copy(*chunk.name) else lost).append(chunk)
    return Dropped(file, tuple(copied), tuple(lost))
