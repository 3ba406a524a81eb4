"""The journal: appends chunk records of all cameras, reads them back, and forgets them when nobody is owed them.

Locks, always taken in this order:
    _flushing   one sync at a time; held over fdatasync
    _pen        one thread at a time writes, begins or deletes files; held over writes, never over fdatasync
    _memory     book, RAM copies and counters; never held over I/O.  Readers and releases take only this one

Rules: see __init__.py.  Bounds: RAM copies `ram_bytes` (held.py), the index 0.6 kB a chunk (entry.py), the disk `max_bytes`,
open files: the active one and those that were filled since the last sync.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchkeep.wire.errors import BusyError, DigestError, FormatError, FullError, GoneError, UsageError, VolumeError
from watchkeep.wire.record import HEADER_BYTES, Header, Payload, RecordKind, pack_header, parse_header

from .book import Book
from .disk import Disk, volume_errors
from .doubt import doubtful, keep
from .entry import Entry, Item, Proven, entry_of, seal_of
from .files import FileSet
from .held import Held
from .reclaim import Choice, Dropped, HasCopy, batches, choose, dropped
from .recover import recover
from .scan import Cut, check_place

log = logging.getLogger(__name__)

FILE_BYTES: Final = 64 << 20
RAM_BYTES: Final = 32 << 20
"""16 cameras of 4 Mbit/s cut 8 MB a second: four seconds, so the live lane never reads the disk."""
_MIN_FILES: Final = 3
"""One to write, one to keep, one to free: a smaller quota could not be reclaimed while recording."""
_SYNC_ATTEMPTS: Final = 2
"""A failed fsync is answered with one new file at once; if that fails as well, the caller hears of it and tries later."""

Record = tuple[Header, Payload]


@dataclass(frozen=True, slots=True)
class Usage:
    """The journal at one moment, for beacons and metrics."""

    bytes: int
    max_bytes: int
    files: int
    chunks: int
    oldest: Entry | None
    next_position: int
    durable: int
    ram_bytes: int
    unsynced_bytes: int
    abandoned_files: int
    lost_inits: int


class Journal:
    """Open with `Journal.open`, close with `close`; in between see each method for who may call it."""

    def __init__(self, folder: Path, disk: Disk, folder_lock: int, *, max_bytes: int, file_bytes: int, ram_bytes: int) -> None:
        """For `open` only."""
        self._folder, self._disk, self._folder_lock = folder, disk, folder_lock
        self._max_bytes, self._ram_bytes = max_bytes, ram_bytes
        self._flushing, self._pen, self._memory = threading.Lock(), threading.Lock(), threading.Lock()
        found = recover(disk, folder)
        self._book = Book()
        for number, entries in found.entries.items():
            self._book.restore(number, entries)
        self.recovered: list[Entry] = self._book.restored()
        self.cuts: list[Cut] = found.cuts
        self._next = found.next_position
        self._files = FileSet(disk, folder, found, file_bytes=file_bytes, max_bytes=max_bytes)
        self._abandoned, self._lost_inits = len(found.unsynced), 0
        doubted = doubtful(found, self.recovered, ram_bytes)
        self._held = Held(ram_bytes, doubted[0].position - 1 if doubted else self._next - 1)
        if doubted:
            self._next, gone = keep(doubted, self._readable, self._book, self._held, self._next)
            self.cuts += gone
            self.recovered = self._book.restored()
        self._broken = bool(doubted)

    @classmethod
    def open(cls, folder: Path, *, max_bytes: int, file_bytes: int = FILE_BYTES, ram_bytes: int = RAM_BYTES,
             disk: Disk | None = None) -> "Journal":  # fmt: skip
        """Open or make the journal in folder, alone: recovers what a crash left in `recovered` (in order) and `cuts`.

        Raises UsageError when another process has it or max_bytes is too small, FullError or VolumeError when the disk fails.
        """
        if max_bytes < _MIN_FILES * file_bytes:
            raise UsageError(f"journal.max_bytes = {max_bytes} holds less than {_MIN_FILES} files",
                             remedy=f"make it at least {_MIN_FILES * file_bytes}")  # fmt: skip
        disk = disk or Disk()
        with volume_errors(folder):
            lock = disk.lock(folder)
            try:
                return cls(folder, disk, lock, max_bytes=max_bytes, file_bytes=file_bytes, ram_bytes=ram_bytes)
            except BaseException:
                disk.close(lock)
                raise

    def append(self, records: Sequence[Record]) -> list[Entry]:
        """As `append_proven`, of records of which nobody has looked yet whether header and seal are one chunk's."""
        return self.append_proven([(header, payload, seal_of(header, payload)) for header, payload in records])

    def append_proven(self, records: Sequence[Proven]) -> list[Entry]:
        """Number and write records, all or none; one write unless a file fills.  One thread only: wk-spill.

        The payloads belong to the journal now and may not be changed.  A chunk of an epoch is preceded by the epoch's
        init segment, at any distance.  FullError: call `reclaim` and append the same again; VolumeError: the disk fails,
        the same may be appended again later.  Waits for the disk only when ram_bytes are not durable yet.
        """
        self._room_in_ram(sum(header.record_bytes for header, _, _ in records))
        with self._pen, volume_errors(self._folder):
            self._tidy()  # first, because mending may need the room
            self._mend()
            return self._write(records)

    def sync(self) -> int:
        """Make everything appended before this call durable; returns the highest durable position.  Any one thread.

        After a failed fsync what is not durable is written to a new file and synced there; raises VolumeError or FullError
        when that fails too, and nothing is lost: the next call begins with a new file again.
        """
        with self._flushing, volume_errors(self._folder):
            for attempt in range(1, _SYNC_ATTEMPTS + 1):
                with self._pen:
                    self._tidy()
                    self._mend()
                    batch, upto = self._files.unflushed(), self._next - 1
                try:
                    self._files.flush(batch)
                    break
                except OSError as error:
                    with self._pen:
                        self._abandon(error)
                    if attempt == _SYNC_ATTEMPTS:
                        raise
            with self._pen:
                self._files.flushed(batch)
                with self._memory:
                    self._held.synced(upto)
                self._carry_inits()
                self._tidy()
            return upto

    def read(self, entry: Entry) -> bytes:
        """A record, header and payload, from RAM or proven from the disk.  Any thread; never waits for a write or a sync.

        Raises GoneError when it was released or dropped, DigestError when the disk gives back other bytes, VolumeError when none.
        """
        with self._memory:
            place = self._book.find(entry)
            item = self._held.get(place.position) if place else None
        if place is None:
            raise GoneError(f"chunk {entry.name} is not in the journal any more", remedy="ask the archivers that have it")
        if item is not None:
            return b"".join(item)
        try:
            with volume_errors(self._folder), self._disk.reader(self._files.path(place.file)) as read:
                record = read(place.offset, place.record_bytes)
            check_place(place, record)
        except (VolumeError, FormatError) as error:
            with self._memory:
                moved = self._book.find(entry) != place
            if moved:  # released, dropped or carried elsewhere while we read, and the file recycled under us
                return self.read(entry)
            if isinstance(error, VolumeError):
                raise
            raise DigestError(f"journal file {place.file} is damaged at byte {place.offset}, chunk {place.name}: {error.message}",
                              remedy="check the disk; the chunk is lost here unless an archiver has it") from error  # fmt: skip
        return record

    def recent(self, entry: Entry) -> Item | None:
        """The record, as it lies there, if it is among the RAM copies, else None; no I/O.  Raises GoneError."""
        with self._memory:
            place = self._book.find(entry)
            item = self._held.get(place.position) if place else None
        if place is None:
            raise GoneError(f"chunk {entry.name} is not in the journal any more", remedy="ask the archivers that have it")
        return item

    def release(self, camera: str, epoch: int, low: int, high: int) -> int:
        """Nobody is owed chunks low..high of an epoch any more; returns how many were still held.  Any thread, no I/O."""
        with self._memory:
            gone = self._book.release(camera, epoch, low, high)
            for entry in gone:
                self._held.release(entry.position)
        return sum(entry.kind is RecordKind.CHUNK for entry in gone)

    def over(self, camera: str) -> None:
        """No more is recorded of this camera: the init segment of its last epoch goes with the last chunk.  Any thread, no I/O."""
        with self._memory:
            for entry in self._book.over(camera):
                self._held.release(entry.position)

    def release_entries(self, entries: Iterable[Entry]) -> int:
        """The same, for single chunks."""
        return sum(self.release(entry.camera, entry.epoch, entry.seq, entry.seq) for entry in entries if entry.kind is RecordKind.CHUNK)

    def reclaim(self, has_copy: HasCopy) -> Dropped:
        """Free one file although its chunks are still owed (reclaim.py says which); the thread that appends.

        What it carries elsewhere is durable there before the file goes.  The caller publishes what was lost.  Raises FullError when
        there is no file to free, FullError or VolumeError when the disk fails: then nothing was dropped.  Init segments that are still
        needed are carried too, or written anew afterwards; one that cannot be is counted in `lost_inits`.
        """
        choice = self._choose(has_copy, can_carry=self._files.reserve_bytes > 0)
        if choice is None or (choice.loses and not self._broken):
            self.sync()  # Only what is durable can be freed in order; perhaps what would cost less, or nothing, is merely not synced yet.
            choice = self._choose(has_copy, can_carry=self._files.reserve_bytes > 0)
        if choice is not None:
            try:
                self._carry(choice)
            except FullError:  # the disk is full before the quota is: then it costs what it must
                choice = self._choose(has_copy, can_carry=False)
        if choice is None:
            raise FullError(f"journal {self._folder}: no file can be freed", remedy="raise journal.max_bytes, or free space on its disk")
        return self._drop_file(choice, has_copy)

    def _choose(self, has_copy: HasCopy, *, can_carry: bool) -> Choice | None:
        with self._pen, self._memory:
            files = [file for file in self._book.owed(self._held.durable, self._disk.block) if not self._files.is_open(file.number)]
        return choose(files, has_copy, can_carry=can_carry)

    def _carry(self, choice: Choice) -> None:
        """Write anew what of a file has to stay, and make it durable; what cannot be read stays where it is, and goes with the file."""
        with self._memory:
            wanted = [*self._book.inits_in(choice.file), *choice.carry] if self._book.knows(choice.file) else []
        if not wanted:
            return
        for batch in batches(wanted, self._ram_bytes // 4):
            self._room_in_ram(sum(entry.record_bytes for entry in batch))
            with self._pen, volume_errors(self._folder):
                self._mend()
                self._write(self._readable(batch), carried=True, reserve=True)
        self.sync()

    def _drop_file(self, choice: Choice, has_copy: HasCopy) -> Dropped:
        """Forget what is left in a file, and free it.

        Race: a sync beside us frees it by itself as soon as nothing in it is wanted; then there is nothing left to do.
        """
        with self._pen, volume_errors(self._folder):
            with self._memory:
                there = self._book.knows(choice.file)
                inits = self._book.inits_in(choice.file) if there else []
            rescued = self._readable(inits)  # first of all: what raises here has dropped nothing yet
            with self._memory:
                chunks = self._book.chunks_in(choice.file) if there else []
                for chunk in chunks:
                    self._held.release(chunk.position)
                    self._book.release(*chunk.name, chunk.seq)
                needed = {init.name for init in self._book.inits_in(choice.file)} if there else set()
                if there:
                    self._book.remove_file(choice.file)
            if there:
                self._files.retire(choice.file)
                self._rescue([one for one in rescued if (one[0].camera, one[0].epoch, one[0].seq) in needed])
        carried = {entry.name for entry in choice.carry} - {entry.name for entry in chunks}
        return dropped(choice.file, chunks, has_copy, tuple(entry for entry in choice.carry if entry.name in carried))

    def chunk(self, camera: str, epoch: int, seq: int) -> Entry | None:
        """The entry of a chunk that is still held.  Any thread."""
        with self._memory:
            return self._book.chunk(camera, epoch, seq)

    def init_of(self, camera: str, epoch: int) -> Entry | None:
        """The entry of an epoch's init segment, while a chunk of it is held or may still come.  Any thread."""
        with self._memory:
            return self._book.init_of(camera, epoch)

    def usage(self) -> Usage:
        """Any thread."""
        with self._memory:
            return Usage(self._files.used, self._max_bytes, self._book.file_count(), self._book.chunks, self._book.oldest(), self._next,
                         self._held.durable, self._held.bytes, self._held.unsynced_bytes, self._abandoned, self._lost_inits)  # fmt: skip

    def close(self) -> None:
        """Sync and close, after the threads that use the journal have ended; raises like `sync`, closed all the same."""
        try:
            self.sync()
        finally:
            self._files.close()
            self._disk.close(self._folder_lock)

    def _room_in_ram(self, size: int) -> None:
        """Sync what waits for it when size more would be too much."""
        with self._memory:
            must_sync = self._held.unsynced_bytes and self._held.unsynced_bytes + size > self._ram_bytes
        if must_sync:
            self.sync()

    def _write(self, records: Sequence[Proven], *, carried: bool = False,
               reserve: bool = False) -> list[Entry]:  # fmt: skip
        """Number, write, enter; what is carried only if it is still wanted.  Under the pen."""
        first = self._next
        headers = [header._replace(position=position) for position, (header, _, _) in enumerate(records, first)]
        items: list[Item] = [(pack_header(header), payload) for header, (_, payload, _) in zip(headers, records, strict=True)]
        places = self._files.write(items, first, self._held.durable, reserve=reserve)
        entries = [entry_of(header, seal, *place) for header, (_, _, seal), place in zip(headers, records, places, strict=True)]
        with self._memory:
            for entry, item in zip(entries, items, strict=True):
                self._held.put(entry.position, item)
                if before := self._book.find(entry):
                    self._held.release(before.position)
                if not carried:
                    self._book.put(entry)
                elif not self._book.carry(entry):
                    self._held.release(entry.position)
            self._next += len(items)
        return entries

    def _abandon(self, error: OSError) -> None:
        """A flush failed: give up the files it was for.  Under the pen."""
        log.error("fsync failed, its files are abandoned and written anew", extra={"folder": str(self._folder), "why": error.strerror})
        with self._memory:
            self._abandoned += self._files.abandon()
            self._broken = True

    def _mend(self) -> None:
        """After a failed fsync: write what is not durable to a new file, under its old positions.  Under the pen."""
        if not self._broken:
            return
        with self._memory:
            pending = self._held.unsynced()
        if pending:
            places = self._files.write([item for _, item in pending], pending[0][0], self._held.durable, reserve=True)
            with self._memory:
                for (position, item), place in zip(pending, places, strict=True):
                    self._book.move(parse_header(item[0]), position, *place)
        self._files.void()
        self._broken = False

    def _tidy(self) -> None:
        """Recycle or delete the files that hold nothing wanted.  Under the pen."""
        with self._memory:
            free = [number for number in self._book.free(self._held.durable) if not self._files.is_open(number)]
            for number in free:
                self._book.remove_file(number)
        for number in free:
            self._files.retire(number)  # never raises

    def _carry_inits(self) -> None:
        """Write init segments anew when nothing else keeps their file; it is freed once they are durable.  Under the pen."""
        with self._memory:
            numbers = [number for number in self._book.kept_by_inits() if not self._files.is_open(number)]
            inits = [init for number in numbers for init in self._book.inits_in(number)]
        records = self._readable(inits)
        try:
            self._write(records, carried=True)
        except FullError:
            return  # They stay where they are; when their room is needed, reclaim takes their file and rescues them.

    def _rescue(self, records: Sequence[Proven]) -> None:
        """Write anew the init segments of a file that had to go although nothing else had room for them.  Under the pen.

        The next append may overwrite that file before they are durable: a power cut in this second leaves chunks without their init,
        which go to archivers without it (replicate/parcel.py).
        After a failed fsync what it took comes first: recovery believes rising positions only, so whatever stood behind would be void.
        """
        try:
            self._mend()
            self._write(records, reserve=True)
        except (OSError, FullError) as error:
            self._lose_inits(len(records), str(error))

    def _readable(self, entries: Sequence[Entry]) -> list[Proven]:
        """The records as they are; of what the disk does not give back, an init segment is forgotten and counted."""
        records: list[Proven] = []
        for entry in entries:
            try:
                record = self.read(entry)
            except GoneError:
                continue  # released meanwhile, an init segment with its epoch's last chunk
            except BusyError:
                raise  # it stands there, and may be read the next time
            except (DigestError, VolumeError) as error:
                if entry.kind is RecordKind.INIT:
                    with self._memory:
                        self._book.drop_init(entry)
                    self._lose_inits(1, error.message)
                continue
            header, payload = parse_header(record), record[HEADER_BYTES:]
            records.append((header, payload, seal_of(header, payload)))
        return records

    def _lose_inits(self, count: int, why: str) -> None:
        log.error("init segments are lost", extra={"folder": str(self._folder), "count": count, "why": why})
        with self._memory:
            self._lost_inits += count
