"""Which records are still wanted, by name and by file.  No I/O, no clock, no threads, no lock of its own.

    put ──▶ wanted ──release, drop──▶ forgotten          a file with nothing wanted in it is free

Rules: a chunk is wanted until it is released or dropped.  An init segment is wanted as long as a chunk of its epoch is,
or while the epoch is the camera's current one, whose next chunk is still to come.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from watchkeep.wire.record import Header, RecordKind

from .entry import Entry
from .layout import CLOSE, FILE_HEAD_BYTES, room_of
from .reclaim import Candidate


@dataclass(slots=True)
class _File:
    first: int
    """Position of its first record."""
    wanted: dict[int, Entry] = field(default_factory=dict)
    end: int = 0
    """Behind its last record that was ever wanted."""
    keep_until: int = 0
    """A record that was carried elsewhere protects this file until its new position is durable."""


@dataclass(slots=True)
class _Epoch:
    init: Entry | None = None
    chunks: dict[int, Entry] = field(default_factory=dict)


class Book:
    """The journal's index; its size is that of the wanted records (entry.Entry has the arithmetic)."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._epochs: dict[tuple[str, int], _Epoch] = {}
        self._current: dict[str, int] = {}
        self.chunks = 0

    def restore(self, file: int, entries: list[Entry]) -> None:
        """Enter what recovery found in one file; files come in ascending order, `restored` ends it."""
        for entry in entries:
            self._enter(entry)

    def restored(self) -> list[Entry]:
        """Everything wanted, in the order of the journal, after dropping init segments that no chunk needs."""
        for key in list(self._epochs):
            self._settle(key)
        return [entry for number in sorted(self._files) for entry in self._files[number].wanted.values()]

    def put(self, entry: Entry) -> None:
        """Enter a record that was just written; one of the same name moves here and leaves its old file."""
        self._enter(entry)
        before = self._current.get(entry.camera, entry.epoch)
        if entry.epoch >= before:
            self._current[entry.camera] = entry.epoch
        self._settle((entry.camera, before))

    def move(self, header: Header, position: int, file: int, offset: int) -> None:
        """A record was written anew because its file failed; the new file is known even when nobody wants the record any more."""
        self._files.setdefault(file, _File(position))
        found = self._named(header.kind, header.camera, header.epoch, header.seq)
        if found is not None and found.position == position:
            del self._files[found.file].wanted[position]
            self._enter(found.moved(file, offset), replaces=False)

    def carry(self, entry: Entry) -> bool:
        """A record was written anew under a new position; False when nobody wants it any more, but its file is known."""
        self._files.setdefault(entry.file, _File(entry.position))
        wanted = self.find(entry) is not None
        if wanted:
            self._enter(entry)
        return wanted

    def find(self, entry: Entry) -> Entry | None:
        """The record of that name as it stands now; None when it is not wanted any more."""
        return self._named(entry.kind, *entry.name)

    def chunk(self, camera: str, epoch: int, seq: int) -> Entry | None:
        found = self._epochs.get((camera, epoch))
        return found.chunks.get(seq) if found else None

    def init_of(self, camera: str, epoch: int) -> Entry | None:
        found = self._epochs.get((camera, epoch))
        return found.init if found else None

    def _named(self, kind: RecordKind, camera: str, epoch: int, seq: int) -> Entry | None:
        return self.init_of(camera, epoch) if kind is RecordKind.INIT else self.chunk(camera, epoch, seq)

    def release(self, camera: str, epoch: int, low: int, high: int) -> list[Entry]:
        """Forget the chunks low..high of one epoch; returns those that were still wanted, and an init that went with them."""
        found = self._epochs.get((camera, epoch))
        if found is None:
            return []
        # The cheaper side decides: an archiver may answer with 0..10**9 for an epoch of which three chunks are left.
        seqs = range(low, high + 1) if high - low < len(found.chunks) else [seq for seq in found.chunks if low <= seq <= high]
        gone = [chunk for seq in seqs if (chunk := found.chunks.get(seq)) is not None]
        for chunk in gone:
            self._forget_chunk(chunk)
        return gone + self._settle((camera, epoch))

    def over(self, camera: str) -> list[Entry]:
        """No epoch is the camera's current one any more, until one is put; returns an init that went with this."""
        epoch = self._current.pop(camera, None)
        return [] if epoch is None else self._settle((camera, epoch))

    def owed(self, durable: int, block: int = CLOSE) -> Iterator[Candidate]:
        """From the oldest file on, those that hold anything wanted and are not the last durable one; `block`: of files that are begun."""
        last = self._last(durable)
        for number in sorted(self._files):
            if number < last and self._files[number].wanted:
                inits = sum(room_of(init.record_bytes, block) for init in self.inits_in(number))
                yield Candidate(number, self._files[number].end - FILE_HEAD_BYTES, self.chunks_in(number), inits, block)

    def knows(self, file: int) -> bool:
        return file in self._files

    def chunks_in(self, file: int) -> list[Entry]:
        """The chunks in a file that are wanted."""
        return [entry for entry in self._files[file].wanted.values() if entry.kind is RecordKind.CHUNK]

    def inits_in(self, file: int) -> list[Entry]:
        """The init segments in a file that are wanted."""
        return [entry for entry in self._files[file].wanted.values() if entry.kind is RecordKind.INIT]

    def kept_by_inits(self) -> list[int]:
        """Files that hold nothing wanted but init segments."""
        return [number for number, file in self._files.items()
                if file.wanted and all(entry.kind is RecordKind.INIT for entry in file.wanted.values())]  # fmt: skip

    def free(self, durable: int) -> list[int]:
        """Files with nothing wanted, whose moved records are durable elsewhere; ascending.

        The last file with a durable record is never free: after a power cut its positions tell where to go on counting.
        A later file that was not abandoned is still open, which the caller knows.
        """
        last = self._last(durable)
        return sorted(number for number, file in self._files.items() if number != last and not file.wanted and file.keep_until <= durable)

    def drop_init(self, entry: Entry) -> None:
        """Forget an init segment that cannot be read any more."""
        self._epochs[entry.camera, entry.epoch].init = None
        self._files[entry.file].wanted.pop(entry.position, None)

    def remove_file(self, file: int) -> None:
        """Forget a file that is free, or whose init segments the caller writes anew."""
        for init in self.inits_in(file):
            self.drop_init(init)
        del self._files[file]

    def oldest(self) -> Entry | None:
        """The wanted chunk that was appended first."""
        return next((chunks[0] for number in sorted(self._files) if (chunks := self.chunks_in(number))), None)

    def file_count(self) -> int:
        return len(self._files)

    def _enter(self, entry: Entry, *, replaces: bool = True) -> None:
        epoch = self._epochs.setdefault((entry.camera, entry.epoch), _Epoch())
        if entry.kind is RecordKind.INIT:
            before, epoch.init = epoch.init, entry
        else:
            before = epoch.chunks.get(entry.seq)
            epoch.chunks[entry.seq] = entry
            self.chunks += before is None
        if before is not None and replaces:
            old = self._files[before.file]
            old.wanted.pop(before.position, None)
            old.keep_until = max(old.keep_until, entry.position)
        file = self._files.setdefault(entry.file, _File(entry.position))
        file.wanted[entry.position] = entry
        file.end = max(file.end, entry.offset + entry.record_bytes)

    def _last(self, durable: int) -> int:
        """The last file that holds anything durable; 0 when there is none."""
        return max((number for number, file in self._files.items() if file.first <= durable), default=0)

    def _forget_chunk(self, chunk: Entry) -> None:
        del self._epochs[chunk.camera, chunk.epoch].chunks[chunk.seq]
        del self._files[chunk.file].wanted[chunk.position]
        self.chunks -= 1

    def _settle(self, key: tuple[str, int]) -> list[Entry]:
        """Forget an epoch of which nothing is wanted and nothing more will come."""
        epoch = self._epochs.get(key)
        if epoch is None or epoch.chunks or self._current.get(key[0]) == key[1]:
            return []
        del self._epochs[key]
        if epoch.init is None:
            return []
        self._files[epoch.init.file].wanted.pop(epoch.init.position, None)
        return [epoch.init]
