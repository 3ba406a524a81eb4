"""From stored chunks to what a player can decode: key-frame-aligned groups.  No I/O, no clock.

    chunks   K . . K . . | hole | . . K . .     K: starts with a key frame
    groups   [K . .][K . .]           [K . .]   after the hole: discontinuity, and nothing before the next key

Rules: bytes are never changed, a group is one byte range of one file (invariant 1).  Chunks between a hole and the next
key frame cannot be decoded and are left out here; they stay in the archive and in the media files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..store.model import StoredChunk
from .window import NS

GROUP_NS: Final = 4 * NS
"""A group ends at the first key frame after this: short enough to start quickly, long enough for a short playlist."""
LOOKBACK_NS: Final = 180 * NS
"""How far before a window its first key frame is looked for: a segment of 60 s, cut within one GOP, with room."""


@dataclass(frozen=True, slots=True)
class Group:
    """One byte range that starts with a key frame; `fresh` when it does not continue the group before it."""

    path: Path
    offset: int
    length: int
    start_ns: int
    duration_ns: int
    epoch: int
    init_hash: bytes
    init_bytes: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One decodable chunk; `fresh` when it does not continue the one before it."""

    chunk: StoredChunk
    fresh: bool


def decodable(chunks: Iterable[StoredChunk], start_ns: int) -> Iterator[Step]:
    """The chunks that can be decoded from the last key frame at or before start_ns on; the first one is fresh.

    chunks are in order of time and reach back LOOKBACK_NS before start_ns.
    """
    lead: list[Step] = []  # one GOP at most: every key frame empties it
    steps = _unbroken(chunks)
    for step in steps:
        if step.chunk.key:
            lead.clear()
        lead.append(step)
        if step.chunk.end_ns > start_ns:
            break
    else:
        return
    yield Step(lead[0].chunk, True)
    yield from lead[1:]
    yield from steps


def _unbroken(chunks: Iterable[StoredChunk]) -> Iterator[Step]:
    """The chunks without those between a hole and the next key frame."""
    last: StoredChunk | None = None
    for chunk in chunks:
        follows = last is not None and (chunk.epoch, chunk.seq, chunk.init_hash) == (last.epoch, last.seq + 1, last.init_hash)
        if follows or chunk.key:
            yield Step(chunk, not follows)
            last = chunk
        else:
            last = None


def groups(steps: Iterable[Step], *, ended: bool) -> Iterator[Group]:
    """Byte ranges of whole GOPs, each of about GROUP_NS; without `ended` the last one, which still grows, is left out."""
    group: Group | None = None
    for step in steps:
        chunk = step.chunk
        if group is None or step.fresh or not _joins(group, chunk):
            if group is not None:
                yield group
            group = Group(chunk.path, chunk.offset, chunk.length, chunk.start_ns, chunk.duration_ns, chunk.epoch, chunk.init_hash,
                          chunk.init_bytes, step.fresh)  # fmt: skip
        else:
            group = replace(group, length=group.length + chunk.length, duration_ns=group.duration_ns + chunk.duration_ns)
    if group is not None and ended:
        yield group


def _joins(group: Group, chunk: StoredChunk) -> bool:
    """Whether chunk continues the group's byte range, and the group is not long enough to end at its key frame."""
    adjacent = chunk.path == group.path and chunk.offset == group.offset + group.length
    return adjacent and not (chunk.key and group.duration_ns >= GROUP_NS)
