"""`journal.mode = "on-outage"`: chunks wait in RAM while archivers take them in time, and reach the disk only when they do not.

    append ─▶ RAM ─┬─ released: archivers have it durable, the disk was never touched
                   └─ older than spill_s, or more than ram_bytes wait ─▶ Journal.append ─▶ as ever

Rules: has the methods of Journal, with the same threads and errors.  It spares SD cards and power, and pays with a weaker
loss bound: a power cut costs up to spill_s of what no archiver has received.  What the disk holds stays owed and is
read from there.  Bound: ram_bytes, plus one append; when the disk takes nothing, append raises and takes no more.
One lock guards the RAM; it is never held over I/O, and the journal's own locks are taken after it is released.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from watchkeep.wire.record import RecordKind, pack_header

from .entry import Entry, Item, entry_of, seal_of
from .journal import Journal, Record, Usage
from .reclaim import Dropped, HasCopy
from .scan import Cut

SPILL_S: Final = 5.0
"""A healthy archiver says durable within 2 to 3 s (its sync_ms and one more request); what is older is in trouble."""

Name = tuple[str, int, int]
Epoch = tuple[str, int]


class _Waiting:
    """One record in RAM: what it is, its bytes, and since when."""

    __slots__ = ("entry", "item", "record", "since")

    def __init__(self, record: Record, since: float) -> None:
        header, payload = record
        self.entry = entry_of(header, seal_of(header, payload), 0, 0)
        self.item: Item = (pack_header(header), payload)
        self.record, self.since = record, since


class OutageJournal:
    """A Journal behind RAM; takes over the journal that it is given and closes it."""

    def __init__(self, journal: Journal, *, ram_bytes: int, monotonic: Callable[[], float], spill_s: float = SPILL_S) -> None:
        self._journal, self._ram_bytes, self._monotonic, self._spill_s = journal, ram_bytes, monotonic, spill_s
        self._memory = threading.Lock()
        self._chunks: dict[Name, _Waiting] = {}
        """In the order of appending, so the first is the oldest."""
        self._inits: dict[Epoch, _Waiting] = {}
        """Of epochs with chunks here, and of each camera's newest: one more chunk may come."""
        self._newest: dict[str, int] = {}
        self._bytes = 0

    @property
    def recovered(self) -> list[Entry]:
        return self._journal.recovered

    @property
    def cuts(self) -> list[Cut]:
        return self._journal.cuts

    def append(self, records: Sequence[Record]) -> list[Entry]:
        """Take records into RAM after spilling what is due; raises what the journal raises, and has then taken none of them."""
        self._spill(self._due())
        now = self._monotonic()
        taken = [_Waiting(record, now) for record in records]
        with self._memory:
            for one in taken:
                self._keep(one)
        return [one.entry for one in taken]

    def sync(self) -> int:
        """Make what was spilled durable.  Raises like Journal.sync."""
        return self._journal.sync()

    def read(self, entry: Entry) -> bytes:
        """A record, header and payload; raises like Journal.read."""
        with self._memory:
            found = self._inits.get((entry.camera, entry.epoch)) if entry.kind is RecordKind.INIT else self._chunks.get(entry.name)
        return b"".join(found.item) if found is not None else self._journal.read(entry)

    def chunk(self, camera: str, epoch: int, seq: int) -> Entry | None:
        with self._memory:
            found = self._chunks.get((camera, epoch, seq))
        return found.entry if found is not None else self._journal.chunk(camera, epoch, seq)

    def init_of(self, camera: str, epoch: int) -> Entry | None:
        with self._memory:
            found = self._inits.get((camera, epoch))
        return found.entry if found is not None else self._journal.init_of(camera, epoch)

    def release(self, camera: str, epoch: int, low: int, high: int) -> int:
        """Nobody is owed low..high any more; returns how many chunks were held, here or on the disk."""
        with self._memory:
            names = [name for name in self._chunks if name[:2] == (camera, epoch) and low <= name[2] <= high]
            for name in names:
                self._bytes -= self._chunks.pop(name).entry.record_bytes
            self._forget_epochs(camera)
        return len(names) + self._journal.release(camera, epoch, low, high)

    def reclaim(self, has_copy: HasCopy) -> Dropped:
        return self._journal.reclaim(has_copy)

    def usage(self) -> Usage:
        """The disk's usage, with what waits in RAM counted as chunks, RAM and unsynced bytes."""
        disk = self._journal.usage()
        with self._memory:
            first = next(iter(self._chunks.values()), None)
            return replace(disk, chunks=disk.chunks + len(self._chunks), oldest=disk.oldest or (first.entry if first else None),
                           ram_bytes=disk.ram_bytes + self._bytes, unsynced_bytes=disk.unsynced_bytes + self._bytes)  # fmt: skip

    def close(self) -> None:
        """Spill everything that is still owed, then close the journal; raises like Journal.close, closed all the same."""
        try:
            with self._memory:
                left = list(self._chunks.values())
            self._spill(left)
        finally:
            self._journal.close()

    # RAM

    def _keep(self, one: _Waiting) -> None:
        entry = one.entry
        if entry.kind is RecordKind.INIT:
            self._inits[entry.camera, entry.epoch] = one
            self._newest[entry.camera] = max(entry.epoch, self._newest.get(entry.camera, 0))
            self._forget_epochs(entry.camera)
            return
        self._chunks[entry.name] = one
        self._bytes += entry.record_bytes

    def _forget_epochs(self, camera: str) -> None:
        """Drop init segments of epochs that are over and have no chunk here."""
        used = {name[:2] for name in self._chunks if name[0] == camera}
        for key in [key for key in self._inits if key[0] == camera and key not in used and key[1] != self._newest[camera]]:
            del self._inits[key]

    def _due(self) -> list[_Waiting]:
        """What has waited too long, and the oldest of what is too much."""
        with self._memory:
            too_old, over, due = self._monotonic() - self._spill_s, self._bytes - self._ram_bytes, []
            for one in self._chunks.values():
                if one.since > too_old and over <= 0:
                    break
                due.append(one)
                over -= one.entry.record_bytes
            return due

    def _spill(self, due: Sequence[_Waiting]) -> None:
        """Move chunks to the disk, each epoch's init segment before its first."""
        if not due:
            return
        with self._memory:
            epochs = dict.fromkeys(one.entry.name[:2] for one in due)
            inits = [self._inits[key].record for key in epochs if key in self._inits]
        missing = [record for record in inits if self._journal.init_of(record[0].camera, record[0].epoch) is None]
        self._journal.append([*missing, *(one.record for one in due)])
        with self._memory:
            gone = [one for one in due if self._chunks.pop(one.entry.name, None) is None]
            self._bytes -= sum(one.entry.record_bytes for one in due) - sum(one.entry.record_bytes for one in gone)
            for camera in {one.entry.camera for one in due}:
                self._forget_epochs(camera)
        for one in gone:  # released while it was being written: nobody would release it again
            self._journal.release(*one.entry.name, one.entry.seq)


AnyJournal = Journal | OutageJournal
"""What the rest of the agent works with; both have the same methods."""
