"""Comparing two archives by the names and hashes of their chunks: reads seals only, so it is quick.

Rules: a file that is damaged or cannot be read counts as far as it can be read: what follows is missing there.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ...wire.errors import FormatError
from ...wire.segment import init_length, iter_chunks
from .compare import Named, compare
from .files import Entry, Plan, reading, shown
from .order import merge
from .report import Comparison


def compare_paths(here: Sequence[Path], there: Sequence[Path]) -> Comparison:
    """Compare every camera that either has; raises UsageError when one of the two is missing or empty."""
    mine, theirs = Plan(here), Plan(there)
    cameras = tuple(compare(camera, _stream(mine.entries(camera)), _stream(theirs.entries(camera)))
                    for camera in sorted({*mine.cameras(), *theirs.cameras()}))  # fmt: skip
    return Comparison(against=", ".join(shown(str(path)) for path in there), good=all(camera.good for camera in cameras), cameras=cameras)


def _stream(entries: Sequence[Entry]) -> Iterator[Named]:
    return merge(((entry.key, partial(_seals, entry)) for entry in entries), lambda named: named[0])


def _seals(entry: Entry) -> Iterator[Named]:
    with suppress(OSError, FormatError), reading(entry) as read:
        for chunk in iter_chunks(read, init_length(read)):
            yield (chunk.seal.epoch, chunk.seal.seq), chunk.seal.chunk_hash
