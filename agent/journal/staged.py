"""The journal as the agent uses it: RAM in front, the disk behind, so that a disk that stalls, fails or is full delays nobody.

    append ─▶ Stage (RAM) ─ spill ─▶ Journal (disk)          read, chunk, init_of: RAM first, then the disk
                  │                     │                    `journal.mode`: always     each chunk is due at once
                  └──── release ────────┘                                    on-outage  only what archivers did not take in time

Rules: `append`, `release` and reading from RAM do no I/O; one thread spills (wk-spill).  What the stage decides, and its bound:
stage.py.  A chunk leaves RAM only when the journal has it, so a reader that looks here first and then there always finds it.
Loss bound of a power cut: what is in RAM and what is not synced.  With `always` the RAM is emptied at each tick of the writer, so
it is chunk_ms + sync_ms unless the disk stands still; `on-outage` adds its hold.  One lock guards the stage; it is never held over
I/O, and the journal's own locks are taken after it is released.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from watchkeep.wire.record import Payload, RecordKind

from .entry import Entry
from .journal import Journal, Usage
from .reclaim import Dropped, HasCopy
from .scan import Cut
from .stage import AT_ONCE, Hold, Record, Stage

HOLD_S: Final = 5.0
"""Of `on-outage`: a healthy archiver says durable within 2 to 3 s (its sync_ms and one more request); what is older is in trouble."""
SPILL_BYTES: Final = 8 << 20
"""Of one write: a second of 16 cameras of 4 Mbit/s.  What is released while it is under way stays in RAM until its end."""


class StagedJournal:
    """A Journal behind RAM; takes over the journal that it is given and closes it."""

    def __init__(self, journal: Journal, *, max_bytes: int, monotonic: Callable[[], float], hold: Hold = AT_ONCE,
                 from_disk: Callable[[Callable[[], bytes]], bytes] = lambda read: read()) -> None:  # fmt: skip
        """`from_disk` carries a read of the disk out, and may refuse it with BusyError (patience.py)."""
        self._journal, self._monotonic, self._from_disk = journal, monotonic, from_disk
        self._stage = Stage(max_bytes, hold)
        self._changed = threading.Condition(threading.Lock())
        self._expected: frozenset[str] | None = None

    @property
    def recovered(self) -> list[Entry]:
        return self._journal.recovered

    @property
    def cuts(self) -> list[Cut]:
        return self._journal.cuts

    @property
    def room(self) -> int:
        """Bytes that `append` has room for now."""
        with self._changed:
            return self._stage.room

    def expect(self, cameras: Collection[str], max_bytes: int) -> None:
        """These are recorded from now on, and the RAM is so large for them; init segments of others go with their last chunks.  No I/O."""
        with self._changed:
            over = (self._expected or frozenset()) - set(cameras)
            self._expected = frozenset(cameras)
            self._stage.expect(cameras, max_bytes)
            over -= self._stage.cameras()
        for camera in over:
            self._journal.over(camera)

    def append(self, records: Sequence[Record]) -> list[Entry]:
        """Take records, in order, as far as there is room: the entries of those taken.  No I/O; raises FormatError alone."""
        with self._changed:
            taken = self._stage.take(records, self._monotonic())
            self._changed.notify_all()
        return taken

    def spill(self, *, everything: bool = False) -> bool:
        """Write what is due to the journal's disk, SPILL_BYTES of it; False when nothing is.  One thread; waits for the disk.

        Raises what Journal.append_proven raises, and then all of it is still in RAM: after FullError call `reclaim`, then again.
        """
        with self._changed:
            due = self._stage.due(self._monotonic(), SPILL_BYTES, everything=everything)
        if not due:
            return False
        try:
            known = [epoch for epoch in {one.entry.name[:2] for one in due} if self._journal.init_of(*epoch) is not None]
            with self._changed:
                records = self._stage.with_inits(due, known)
            self._journal.append_proven(records)
        except BaseException:
            with self._changed:
                self._stage.failed()
            raise
        with self._changed:
            gone = self._stage.spilled()
            over = set() if self._expected is None else {one.entry.camera for one in due} - self._expected - self._stage.cameras()
        for entry in gone:
            self._journal.release(*entry.name, entry.seq)
        for camera in over:
            self._journal.over(camera)
        return True

    def wait_due(self, timeout_s: float) -> None:
        """Wait until something may be due to spill, timeout_s at most."""
        with self._changed:
            due = self._stage.next_due()
            left_s = timeout_s if due is None else min(due - self._monotonic(), timeout_s)
            if left_s > 0:
                self._changed.wait(left_s)

    def sync(self) -> int:
        """Make what was spilled durable.  Raises like Journal.sync."""
        return self._journal.sync()

    def read(self, entry: Entry) -> tuple[Payload, ...]:
        """A record in pieces, header and payload; never a copy of what is in RAM.  Raises like Journal.read, and BusyError when the disk
        does not answer now."""
        with self._changed:
            found = self._stage.init_of(*entry.name[:2]) if entry.kind is RecordKind.INIT else self._stage.chunk(*entry.name)
        item = found.item if found is not None else self._journal.recent(entry)
        return item if item is not None else (self._from_disk(lambda: self._journal.read(entry)),)

    def chunk(self, camera: str, epoch: int, seq: int) -> Entry | None:
        with self._changed:
            found = self._stage.chunk(camera, epoch, seq)
        return found.entry if found is not None else self._journal.chunk(camera, epoch, seq)

    def init_of(self, camera: str, epoch: int) -> Entry | None:
        with self._changed:
            found = self._stage.init_of(camera, epoch)
        return found.entry if found is not None else self._journal.init_of(camera, epoch)

    def release(self, camera: str, epoch: int, low: int, high: int) -> int:
        """Nobody is owed low..high any more; returns how many chunks were held, in RAM or on the disk.  Any thread, no I/O."""
        with self._changed:
            count = self._stage.release(camera, epoch, low, high)
        return count + self._journal.release(camera, epoch, low, high)

    def reclaim(self, has_copy: HasCopy) -> Dropped:
        """Free a file of the disk; the thread that spills.  Raises like Journal.reclaim."""
        return self._journal.reclaim(has_copy)

    def usage(self) -> Usage:
        """The disk's usage, with what is in RAM alone counted as chunks, RAM and unsynced bytes."""
        disk = self._journal.usage()
        with self._changed:
            stage = self._stage
            return replace(disk, chunks=disk.chunks + len(stage), oldest=disk.oldest or stage.oldest(),
                           ram_bytes=disk.ram_bytes + stage.bytes, unsynced_bytes=disk.unsynced_bytes + stage.bytes)  # fmt: skip

    def close(self) -> None:
        """Spill everything that is still owed, then close the journal; raises like both, closed all the same."""
        try:
            while self.spill(everything=True):
                pass
        finally:
            self._journal.close()
