"""The journal's files: begun, written, flushed, abandoned, recycled.

    begin ──▶ active ──full──▶ sealed ──flush──▶ closed ──retire──▶ spare ──begin──▶ active
                 │                │                 ▲         └─spoiled or too many─▶ deleted
                 └─flush failed───┴─▶ abandoned ──void   (spoiled: never written or fsynced again)

Rules: the caller's pen lock guards everything here except `flush`, which touches only the batch it is given, so that
appending goes on while a slow disk flushes.  A handle that may be in a batch is closed only by `flushed` and
`abandon`, and these belong to the one thread that flushes.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from watchkeep.wire.errors import FullError
from watchkeep.wire.record import HEADER_BYTES, Payload

from .disk import Disk
from .entry import Item
from .layout import FILE_HEAD_BYTES, FileHead, file_name, pack_head, place_of, up
from .recover import Found, Leftover
from .scan import Cut

MIN_FILES_WITH_RESERVE: Final = 4
"""One to write, one to keep, one to free, and the reserve; a journal of three has none, and can carry nothing."""
MAX_SPARES: Final = 2
"""Files kept for recycling: one batch fills at most two at usual sizes; what is more than that is free space for others."""


@dataclass(slots=True)
class Tail:
    """A file open for writing; `offset` is behind its last record."""

    number: int
    handle: int
    size: int
    block: int
    offset: int = 0
    flushed: int = 0

    @property
    def dirty(self) -> bool:
        return self.offset > self.flushed


@dataclass(slots=True)
class _Run:
    """What one write puts into one file: parts from `start` to `at`."""

    tail: Tail
    start: int
    at: int
    parts: list[Payload] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)

    def add(self, header: Payload, payload: Payload) -> None:
        place = place_of(self.at, self.tail.block)
        self.places.append((self.tail.number, place))
        self.parts += (bytes(place - self.at), header, payload)
        self.at = place + len(header) + len(payload)

    def end_mark(self) -> bytes:
        """Zeros where the next header would be, as far as the file reaches."""
        return bytes(min(place_of(self.at, self.tail.block) + HEADER_BYTES, self.tail.size) - self.at)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one flush makes durable: files up to an offset, and the folder's names up to a change."""

    tails: tuple[tuple[Tail, int], ...]
    names: int


class FileSet:
    """The files of one folder; `used` is what they occupy, spares included.

    One file of the quota is a reserve, unless the quota is too small for it: only what makes room may take it, since what is
    carried out of a file has to be durable elsewhere before that file goes.
    """

    def __init__(self, disk: Disk, folder: Path, found: Found, *, file_bytes: int, max_bytes: int) -> None:
        """Go on from what recovery found; a file that cannot be gone on with is noted in `found.cuts`."""
        self._disk, self._folder = disk, folder
        self._file_bytes, self._max_bytes, self._block = file_bytes, max_bytes, disk.block
        self.reserve_bytes = file_bytes if max_bytes >= MIN_FILES_WITH_RESERVE * file_bytes else 0
        self._sizes, self._next = found.sizes, found.next_number
        self._active: Tail | None = None
        self._sealed: list[Tail] = []
        self._abandoned: list[Tail] = []
        self._spares: list[int] = []
        self._spoiled: set[int] = set()
        self._doomed: list[int] = []
        """To be deleted, and the disk has not let them go: one that was remounted read-only, until it takes writes again."""
        self._names, self._names_flushed = 1, 0
        self.used = sum(self._sizes.values())
        unnamed = self._flush_names() if found.leftovers else None
        for left in reversed(found.leftovers):
            try:
                if unnamed is not None:
                    raise unnamed
                self._resume(left, found)
            except OSError as error:  # What was read stands, and is written anew (doubt.py); the file is given up.
                self._spoiled.add(left.number)
                found.unsynced.add(left.number)
                found.cuts.append(Cut(left.number, left.end, 0, f"cannot be flushed: {error.strerror}"))

    def path(self, number: int) -> Path:
        return self._folder / file_name(number)

    def is_open(self, number: int) -> bool:
        """Whether a file is being written or waits to be flushed: it cannot be retired now."""
        return any(tail.number == number for tail in self._tails())

    def write(self, items: Sequence[Item], first: int, durable: int, *, reserve: bool = False) -> list[tuple[int, int]]:
        """Write records one after the other, the first at position `first`; returns (file, offset) of each.

        reserve: what is written makes room, or replaces what a failed fsync took, and may use the reserve.

        All or nothing: on FullError or OSError nothing was written as far as the journal is concerned, and the same
        positions may be used again.
        """
        runs = self._plan(items, first, durable, reserve=reserve)
        try:
            for run in runs:
                self._disk.write(run.tail.handle, run.start, [*run.parts, run.end_mark()])
        except OSError:
            self._refused(runs)
            raise
        for run in runs:
            run.tail.offset = run.at
        return [place for run in runs for place in run.places]

    def unflushed(self) -> Batch:
        """What a flush has to make durable now."""
        return Batch(tuple((tail, tail.offset) for tail in self._tails() if tail.dirty), self._names)

    def flush(self, batch: Batch) -> None:
        """fdatasync the batch's files, then the folder; raises OSError.  May run while others write."""
        for tail, _ in batch.tails:
            self._disk.sync(tail.handle)
        if batch.names > self._names_flushed:
            self._disk.sync_dir(self._folder)

    def flushed(self, batch: Batch) -> None:
        """The batch is durable; files that are full and durable are closed."""
        self._names_flushed = batch.names
        for tail, offset in batch.tails:
            tail.flushed = offset
        for tail in [tail for tail in self._sealed if not tail.dirty]:
            self._sealed.remove(tail)
            self._disk.close(tail.handle)

    def abandon(self) -> int:
        """Give up the files with unflushed bytes; returns how many.  `void` comes when their records stand elsewhere.

        A flush failed: the kernel may have dropped any page not yet on disk and calls it clean now (invariant 3).
        It is all of them, whichever failed, so that the records that are not durable can be written anew in their order.
        """
        given_up = [tail for tail in self._tails() if tail.dirty]
        self._sealed = [tail for tail in self._tails() if tail not in given_up and tail is not self._active]
        self._active = None if self._active in given_up else self._active
        self._spoiled |= {tail.number for tail in given_up}
        self._abandoned += given_up
        return len(given_up)

    def void(self) -> None:
        """What was not durable in abandoned files stands in a new one now: cut it off there and close them."""
        for tail in self._abandoned:
            self._cut(tail, tail.flushed)
            with suppress(OSError):  # what close may report is what the flush already did
                self._disk.close(tail.handle)
        self._abandoned.clear()

    def retire(self, number: int) -> None:
        """A file whose records nobody wants becomes a spare, or goes; when the disk does not let it go, before the next file is begun."""
        if number in self._spoiled or len(self._spares) >= MAX_SPARES:
            self._delete(number)
        else:
            self._spares.append(number)

    def close(self) -> None:
        for tail in [*self._tails(), *self._abandoned]:
            self._disk.close(tail.handle)
        self._active, self._sealed, self._abandoned = None, [], []

    def _flush_names(self) -> OSError | None:
        """Of files that a process left which was killed before it could; returns why not."""
        try:
            self._disk.sync_dir(self._folder)
        except OSError as error:
            return error
        self._names_flushed = self._names
        return None

    def _resume(self, left: Leftover, found: Found) -> None:
        """Flush a recovered file, without what is void in it, and go on writing it when it is the tail and the disk has room.

        What is void goes for good: behind a torn record stand whole ones, whose positions are given out again.
        """
        handle = self._disk.open(self.path(left.number), create=False)
        size, go_on = self._sizes[left.number], left.number == found.tail
        try:
            if left.void:
                self._disk.truncate(handle, left.end)
                size = left.end
            if go_on:
                try:
                    self._disk.allocate(handle, max(self._file_bytes, left.end))
                    size = max(self._file_bytes, left.end)
                except OSError as error:  # Its records are as good as before; new ones begin a new file.
                    go_on = False
                    self._spoiled.add(left.number)
                    found.cuts.append(Cut(left.number, left.end, 0, f"cannot be gone on with: {error.strerror}"))
            self._disk.sync(handle)
            if go_on:
                self._active = Tail(left.number, handle, size, left.block, left.end, left.end)
        finally:
            if self._active is None:
                self._disk.close(handle)
        self.used += size - self._sizes[left.number]
        self._sizes[left.number] = size

    def _tails(self) -> list[Tail]:
        return [*self._sealed, self._active] if self._active else list(self._sealed)

    def _plan(self, items: Sequence[Item], first: int, durable: int, *, reserve: bool) -> list[_Run]:
        """Give every record its place, beginning files as needed, before anything is written."""
        runs: list[_Run] = []
        tail, begun = self._active, []
        try:
            for position, (header, payload) in enumerate(items, first):
                run = runs[-1] if runs else None
                if tail is None or _end(run.at if run else tail.offset, tail.block, header, payload) > tail.size:
                    tail = self._begin(_end(FILE_HEAD_BYTES, self._block, header, payload), reserve=reserve)
                    begun.append(tail)
                    head = pack_head(FileHead(tail.number, position, durable, tail.block))
                    run = _Run(tail, 0, len(head), [head])
                    runs.append(run)
                elif run is None:
                    start = up(tail.offset, tail.block)
                    run = _Run(tail, start, start)
                    runs.append(run)
                run.add(header, payload)
        except BaseException:
            for fresh in begun:
                self._disk.close(fresh.handle)
                self.retire(fresh.number)
            raise
        self._adopt(begun)
        return runs

    def _adopt(self, begun: list[Tail]) -> None:
        if begun:
            self._sealed += [tail for tail in [self._active, *begun[:-1]] if tail is not None]
            self._active = begun[-1]

    def _begin(self, least: int, *, reserve: bool) -> Tail:
        """A file, recycled or new, with the next number and of so many bytes at least; FullError or OSError."""
        refused = self._bury()
        size = max(self._file_bytes, least)
        spare = self._spares[0] if self._spares else None
        size = max(size, self._sizes[spare]) if spare is not None else size
        grows = size - (self._sizes[spare] if spare is not None else 0)
        in_use = self.used - sum(self._sizes[number] for number in self._spares)
        if self.used + grows > self._max_bytes or (not reserve and in_use + size > self._max_bytes - self.reserve_bytes):
            raise _full(self._folder, self.used, self._max_bytes, len(self._doomed), refused)
        number, self._next = self._next, self._next + 1
        self._names += 1
        if spare is not None:
            self._recycle(number)
        try:
            handle = self._disk.open(self.path(number), create=spare is None)
        except OSError:
            if spare is not None:  # it has its new name, and is a spare no more
                self._delete(number)
            raise
        self._sizes.setdefault(number, 0)
        try:
            self._disk.allocate(handle, size)
        except BaseException:
            self._disk.close(handle)
            self._delete(number)
            raise
        self.used += size - self._sizes[number]
        self._sizes[number] = size
        return Tail(number, handle, size, self._block)

    def _recycle(self, number: int) -> None:
        """Give the first spare a new name, for good.

        Race with a power cut: if the old name came back, its head would vouch for records that are being overwritten;
        and a deleted file must not come back after the file that outranked it was overwritten.
        """
        spare = self._spares[0]
        try:
            self._disk.rename(self.path(spare), self.path(number))
        except FileNotFoundError:  # somebody took it away: the next write does without it
            del self._spares[0]
            self.used -= self._sizes.pop(spare)
            raise
        self._sizes[number] = self._sizes.pop(spare)
        self._spares[0] = number
        self._disk.sync_dir(self._folder)
        del self._spares[0]

    def _refused(self, runs: list[_Run]) -> None:
        """A write failed midway: the bytes behind the files' tails are void, and these files take no more.

        A later file begins with the same positions and outranks them.
        """
        for run in runs:
            self._spoiled.add(run.tail.number)
            self._cut(run.tail, run.tail.offset)
        if self._active:
            self._sealed.append(self._active)
            self._active = None
        for empty in [tail for tail in self._sealed if tail.offset == 0]:
            self._sealed.remove(empty)
            self._disk.close(empty.handle)
            self._delete(empty.number)

    def _cut(self, tail: Tail, end: int) -> None:
        """Cut off what must not be believed, should this file outlive the one that outranks it."""
        with suppress(OSError):  # Then such a record may be found after a restart, released long ago: its hash tells.
            self._disk.truncate(tail.handle, end)

    def _delete(self, number: int) -> None:
        """Give the file up for good.  Never raises: whoever gave it up has forgotten what was in it, and must be able to say so."""
        self._doomed.append(number)
        self._bury()

    def _bury(self) -> OSError | None:
        """Delete what is to be deleted; returns why not all of it could be, which is tried again at the next file."""
        refused: OSError | None = None
        for number in list(self._doomed):
            try:
                self._disk.unlink(self.path(number))
            except FileNotFoundError:
                pass  # somebody else has done it
            except OSError as error:
                refused = error
                continue
            self._doomed.remove(number)
            self.used -= self._sizes.pop(number)
            self._spoiled.discard(number)
            self._names += 1
        return refused


def _end(at: int, block: int, header: Payload, payload: Payload) -> int:
    """Where the last block of a record ends that is written behind `at`."""
    return up(place_of(at, block) + len(header) + len(payload), block)


def _full(folder: Path, used: int, max_bytes: int, doomed: int, refused: OSError | None) -> FullError:
    said = f"journal {folder}: {used} of {max_bytes} bytes are used"
    if refused is None:
        return FullError(said, remedy="bring an archiver back, or raise journal.max_bytes")
    return FullError(f"{said}, and {doomed} of its files cannot be deleted ({refused.strerror})", remedy="check the disk (dmesg, mount)")
