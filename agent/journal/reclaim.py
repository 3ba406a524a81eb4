"""Which file goes when the quota is reached, and what becomes of its chunks.  No I/O, no clock, no threads.

    of a file, oldest first                          its chunks with a copy    its chunks without one
    all that is owed in it has a copy                go                        (none)
    half of it has a copy, or was released           go                        are carried to the journal's head
    an eighth of it, when no file has more           go                        are carried to the journal's head
    otherwise the oldest file                        go                        are a declared loss

Rules: invariant 4 of docs/STORAGE.md lives here.  Cameras share files, so one that is owed for long would otherwise hold back, or
lose with it, whatever stands beside it.  An eighth is the least that is worth it: each byte of room then costs seven that
are written again, and what is gained comes from copies and releases alone, so this ends.  A loss comes only when what has no copy
fills seven eighths of the quota.  A chunk that was carried counts as new: the oldest is what stands first in the journal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .entry import Entry
from .layout import CLOSE, room_of

HasCopy = Callable[[str, int, int], bool]
"""`has_copy(camera, epoch, seq)`: at least one archiver has this chunk durable."""
WORTH: Final = (1 / 2, 1 / 8)
"""Shares of a file that have to be gained; the first that any file offers."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be freed: the bytes of all records that were written to it, the room that init segments that are needed take
    elsewhere, the chunks in it that are owed, and how records lie there (layout.py)."""

    number: int
    bytes: int
    chunks: Sequence[Entry]
    init_bytes: int = 0
    block: int = CLOSE


@dataclass(frozen=True, slots=True)
class Choice:
    """The file to free, and what of it is written anew first."""

    file: int
    carry: tuple[Entry, ...] = ()
    loses: bool = False
    """Whether what has no copy goes with it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The chunks that a reclaimed file took along; `lost` is to be counted, logged, published and shown."""

    file: int
    copied: tuple[Entry, ...]
    lost: tuple[Entry, ...]
    carried: tuple[Entry, ...] = ()
    """They stand elsewhere now."""


def choose(files: Iterable[Candidate], has_copy: HasCopy, *, can_carry: bool) -> Choice | None:
    """The file to free, of files from the oldest on; None when there is none.

    Asks has_copy only until the answer is known: in the usual case, for the chunks of one file.
    """
    oldest: Choice | None = None
    worth: dict[float, Choice] = {}
    for file in files:
        bare = tuple(chunk for chunk in file.chunks if not has_copy(*chunk.name))
        if not bare:
            return Choice(file.number)
        oldest = oldest or Choice(file.number, loses=True)
        gain = 1 - (file.init_bytes + sum(room_of(chunk.record_bytes, file.block) for chunk in bare)) / file.bytes
        for share in WORTH:
            if gain >= share:
                worth.setdefault(share, Choice(file.number, bare))
    found = next((worth[share] for share in WORTH if share in worth), None) if can_carry else None
    return found or oldest


def batches(entries: Iterable[Entry], max_bytes: int) -> Iterator[list[Entry]]:
    """Entries in their order, of max_bytes together at most; one that is larger comes alone."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and size + entry.record_bytes > max_bytes:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.record_bytes
    if batch:
        yield batch


def dropped(file: int, chunks: Sequence[Entry], has_copy: HasCopy, carried: tuple[Entry, ...] = ()) -> Dropped:
    """Split the chunks of a freed file into those with a copy and those without."""
    copied: list[Entry] = []
    lost: list[Entry] = []
    for chunk in chunks:
        (copied if has_copy(*chunk.name) else lost).append(chunk)
    return Dropped(file, tuple(copied), tuple(lost), carried)
