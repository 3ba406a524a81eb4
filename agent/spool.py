"""The journal as replication sees it (agent/replicate/ports.py).

Rules: only translates, and holds nothing of its own.
"""

from ..wire.errors import GoneError
from ..wire.ranges import RangeSet
from .journal.entry import Entry
from .journal.staged import StagedJournal
from .replicate.ports import ChunkRef, Parts


class JournalSpool:
    """Implements the Spool protocol on a Journal."""

    def __init__(self, journal: StagedJournal) -> None:
        self._journal = journal

    def read(self, ref: ChunkRef, /) -> Parts:
        entry = self._journal.chunk(ref.camera, ref.epoch, ref.seq)
        if entry is None:
            raise GoneError(f"chunk {ref.camera} {ref.epoch}.{ref.seq} is not in the journal", remedy="ask the archivers that have it")
        return self._journal.read(entry)

    def read_init(self, camera: str, epoch: int, /) -> Parts:
        entry = self._journal.init_of(camera, epoch)
        if entry is None:
            raise GoneError(f"the init segment of {camera}, epoch {epoch}, is not in the journal", remedy="its chunks are on the archivers")
        return self._journal.read(entry)

    def release(self, camera: str, epoch: int, low: int, high: int, /) -> None:
        self._journal.release(camera, epoch, low, high)


def runs(entries: tuple[Entry, ...]) -> list[tuple[str, int, int, int]]:
    """(camera, epoch, first seq, last seq) of entries, joined where they follow one another."""
    found: dict[tuple[str, int], RangeSet] = {}
    for entry in entries:
        found.setdefault((entry.camera, entry.epoch), RangeSet()).add(entry.seq, entry.seq)
    return [(camera, epoch, low, high) for (camera, epoch), seqs in found.items() for low, high in seqs]
