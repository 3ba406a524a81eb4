"""What stands behind the RAM of an agent whose journal could not be opened: nothing, and once its disk is well the journal.

    absent ── arrived(journal) ──▶ everything goes there ── close, handed_over ──▶ the journal, with all that is in it, of the next start

Rules: while it is absent each append is refused with the reason, as by a disk that fails in the middle of recording: so chunks stay in
RAM (stage.py has the bound), archivers get them from there, and it is tried again for ever.  What the journal holds from before belongs
to the next start, which asks archivers for it: until then nothing of it counts as copied.  Arrives once; any thread.
Bound: it remembers what is written in the seconds between the two, the stage's chunks and what is cut meanwhile.
"""

from collections.abc import Sequence
from typing import NoReturn

from watchkeep.wire.errors import FullError, GoneError, VolumeError
from watchkeep.wire.record import RecordKind

from .entry import Entry, Item, Proven
from .journal import Journal, Usage
from .reclaim import Dropped, HasCopy


class AbsentJournal(Journal):
    """Each method is that of a journal, with nothing in it; owns the one that arrives, and closes it unless it is kept."""

    def __init__(self, why: VolumeError, *, max_bytes: int) -> None:
        self._why, self._quota = why, max_bytes
        self._there: Journal | None = None
        self._written: list[Entry] = []
        self._kept = False
        self.recovered, self.cuts = [], []

    def arrived(self, journal: Journal) -> None:
        """The disk takes it: what is refused now goes there at the next try."""
        self._there = journal

    def keep(self) -> None:
        """`close` leaves the one that arrived open, for `handed_over`."""
        self._kept = self._there is not None

    def handed_over(self) -> Journal | None:
        """The journal that was kept, after `close`: as if it had just been opened, its `recovered` are all that is still owed."""
        if not self._kept or (there := self._there) is None:
            return None
        now = [there.init_of(*entry.name[:2]) if entry.kind is RecordKind.INIT else there.chunk(*entry.name)
               for entry in (*there.recovered, *self._written)]  # fmt: skip
        there.recovered = sorted({entry.position: entry for entry in now if entry is not None}.values(), key=lambda entry: entry.position)
        return there

    def append_proven(self, records: Sequence[Proven]) -> list[Entry]:
        if (there := self._there) is None:
            raise VolumeError(self._why.message, remedy=self._why.remedy)
        entries = there.append_proven(records)
        self._written += entries
        return entries

    def sync(self) -> int:
        return 0 if (there := self._there) is None else there.sync()

    def read(self, entry: Entry) -> bytes:
        return self._gone(entry) if (there := self._there) is None else there.read(entry)

    def recent(self, entry: Entry) -> Item | None:
        return self._gone(entry) if (there := self._there) is None else there.recent(entry)

    def release(self, camera: str, epoch: int, low: int, high: int) -> int:
        return 0 if (there := self._there) is None else there.release(camera, epoch, low, high)

    def over(self, camera: str) -> None:
        if (there := self._there) is not None:
            there.over(camera)

    def reclaim(self, has_copy: HasCopy) -> Dropped:
        """Without has_copy, which takes everything older than what was offered for copied."""
        if (there := self._there) is None:
            raise FullError(self._why.message, remedy=self._why.remedy)
        return there.reclaim(lambda _camera, _epoch, _seq: False)

    def chunk(self, camera: str, epoch: int, seq: int) -> Entry | None:
        return None if (there := self._there) is None else there.chunk(camera, epoch, seq)

    def init_of(self, camera: str, epoch: int) -> Entry | None:
        return None if (there := self._there) is None else there.init_of(camera, epoch)

    def usage(self) -> Usage:
        if (there := self._there) is not None:
            return there.usage()
        return Usage(0, self._quota, 0, 0, None, 1, 0, 0, 0, 0, 0)

    def close(self) -> None:
        if (there := self._there) is None:
            return
        if self._kept:
            there.sync()
        else:
            there.close()

    @staticmethod
    def _gone(entry: Entry) -> NoReturn:
        raise GoneError(f"chunk {entry.name} is not in RAM any more, and there is no journal", remedy="ask the archivers that have it")
