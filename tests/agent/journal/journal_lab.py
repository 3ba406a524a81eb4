"""Records for the journal, and disks that refuse, stall or forget.

Rules: a record's name is used once per lab, so that whatever a journal gives back can be told from every other record.
"""

import errno
import itertools
import random
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from blake3 import blake3
from sealed import INIT, box, chunk

from watchkeep.agent.journal.disk import Disk
from watchkeep.agent.journal.entry import Entry
from watchkeep.agent.journal.journal import Journal
from watchkeep.wire.record import Header, RecordKind, pack_header

FILE_BYTES = 4096
RAM_BYTES = 1 << 20


def open_journal(folder: Path, disk: Disk | None = None, *, files: int = 100, ram_bytes: int = RAM_BYTES,
                 file_bytes: int = FILE_BYTES) -> Journal:  # fmt: skip
    """A journal of small files: three or four chunks each, two when they lie in blocks."""
    return Journal.open(folder, max_bytes=files * file_bytes, file_bytes=file_bytes, ram_bytes=ram_bytes, disk=disk)


def in_blocks(block: int) -> Disk:
    """A disk whose new files have such blocks, through the page cache."""
    disk = Disk()
    disk.block = block
    return disk


def chunk_record(seq: int, *, camera: str = "cam0", epoch: int = 1, size: int = 300) -> tuple[Header, bytes]:
    """One chunk record; size is that of its video, whose bytes differ for every name."""
    noise = random.Random(f"{camera} {epoch} {seq}").randbytes(size)
    seal, payload = chunk(seq, video=[noise], camera=camera, epoch=epoch)
    return Header(RecordKind.CHUNK, camera, epoch, seq, len(payload), seal.chunk_hash), payload


def chunk_records(count: int, *, start: int = 0, camera: str = "cam0", epoch: int = 1, size: int = 300) -> list[tuple[Header, bytes]]:
    return [chunk_record(seq, camera=camera, epoch=epoch, size=size) for seq in range(start, start + count)]


def init_record(*, camera: str = "cam0", epoch: int = 1) -> tuple[Header, bytes]:
    payload = INIT + box(b"free", camera.encode(), str(epoch).encode())
    return Header(RecordKind.INIT, camera, epoch, 0, len(payload), blake3(payload).digest()), payload


def record_bytes(entry: Entry, record: tuple[Header, bytes]) -> bytes:
    """What the journal must give back for a record that became entry."""
    return pack_header(record[0]._replace(position=entry.position)) + record[1]


def seqs(entries: Sequence[Entry]) -> list[int]:
    return [entry.seq for entry in entries if entry.kind is RecordKind.CHUNK]


def journal_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.wkj"))


def kill(journal: Journal) -> None:
    """End a journal as SIGKILL does: nothing is synced, the page cache stays."""
    journal._files.close()
    journal._disk.close(journal._folder_lock)


def snapshot(folder: Path, target: Path) -> Path:
    """A copy of the folder as it is: what a process finds that starts after a SIGKILL."""
    shutil.copytree(folder, target)
    return target


class FaultyDisk(Disk):
    """Fails the named operations as often as told: `disk.fail["sync"] = [EIO, EIO]`; None lets one call pass."""

    def __init__(self) -> None:
        super().__init__()
        self.fail: dict[str, list[int | None]] = {}
        self.calls: list[str] = []

    def _gate(self, operation: str) -> None:
        self.calls.append(operation)
        planned = self.fail.get(operation)
        number = planned.pop(0) if planned else None
        if number is not None:
            raise OSError(number, f"injected {errno.errorcode[number]}")

    def allocate(self, handle, size):
        self._gate("allocate")
        super().allocate(handle, size)

    def write(self, handle, offset, parts):
        try:
            self._gate("write")
        except OSError:
            super().write(handle, offset, [b"".join(parts)[: sum(map(len, parts)) * 2 // 3]])
            raise
        super().write(handle, offset, parts)

    def open(self, path, *, create):
        self._gate("open")
        return super().open(path, create=create)

    def sync(self, handle):
        self._gate("sync")
        super().sync(handle)

    def sync_dir(self, folder):
        self._gate("sync_dir")
        super().sync_dir(folder)

    def reader(self, path):
        self._gate("reader")
        return super().reader(path)

    def unlink(self, path):
        self._gate("unlink")
        super().unlink(path)


class StallingDisk(FaultyDisk):
    """Stalls the operation named in `stall` until told to go on; then it may fail as well."""

    def __init__(self) -> None:
        super().__init__()
        self.stall = ""
        self.stalled, self.go_on = threading.Event(), threading.Event()

    def _gate(self, operation: str) -> None:
        if self.stall == operation:
            self.stalled.set()
            assert self.go_on.wait(30)
        super()._gate(operation)


class ForgetfulDisk(FaultyDisk):
    """Knows what a power cut would leave: fsynced bytes under fsynced names, and any mixture of the rest.

    A failed fsync drops what was not on disk and calls it clean, as Linux does: later fsyncs do not bring it back.
    """

    BLOCK = 512

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._files: dict[int, bytes] = {}
        self._lost: set[int] = set()
        self._ids: dict[int, int] = {}
        """Our number of a file by its inode: the file system gives the inode of a deleted file to the next new one."""
        self._count = itertools.count()
        self._names: dict[str, int] = {}
        self._shortened: dict[int, int] = {}
        """Truncations: metadata, which a journaling file system commits no later than the next fsync of a folder."""
        for path in folder.iterdir() if folder.exists() else ():
            self._names[path.name] = self._id(path)
            self._files[self._id(path)] = path.read_bytes()

    def _id(self, path: Path) -> int:
        inode = path.stat().st_ino
        if inode not in self._ids:
            self._ids[inode] = next(self._count)
        return self._ids[inode]

    def open(self, path, *, create):
        handle = super().open(path, create=create)
        if create:
            self._ids[path.stat().st_ino] = next(self._count)
        return handle

    def sync(self, handle):
        path = Path(f"/proc/self/fd/{handle}").resolve()
        file = self._id(path)
        try:
            super().sync(handle)
        except OSError:
            self._lost.add(file)
            raise
        assert file not in self._lost, "a file is fsynced again after a failed fsync"
        self._files[file] = path.read_bytes()
        self._shortened.pop(file, None)

    def truncate(self, handle, size):
        super().truncate(handle, size)
        self._shortened[self._id(Path(f"/proc/self/fd/{handle}").resolve())] = size

    def sync_dir(self, folder):
        super().sync_dir(folder)
        for file, size in self._shortened.items():
            self._files[file] = self._files.get(file, b"")[:size]
        self._shortened.clear()
        self._names = {path.name: self._id(path) for path in sorted(folder.iterdir())}

    def killed(self) -> None:
        """The process that knew which fsyncs have failed is gone; the page cache stays."""
        self._lost.clear()

    def power_cut(self, target: Path, rng: random.Random) -> Path:
        """What stands on the disk after a power cut, in a new folder: of each unsynced block the old or the new state."""
        target.mkdir()
        now = {self._id(path): path for path in sorted(self._folder.iterdir())}
        names = self._names if rng.random() < 0.5 else {path.name: file for file, path in now.items()}
        share = rng.choice([0.0, 0.5, 0.9, 1.0])
        for name, file in names.items():
            synced = self._files.get(file, b"")
            live = now[file].read_bytes() if file in now and file not in self._lost else synced
            length = len(live) if rng.random() < 0.7 else len(synced)
            mixed = bytearray(synced.ljust(length, b"\0")[:length])
            for at in range(0, length, self.BLOCK):
                if rng.random() < share:
                    mixed[at : at + self.BLOCK] = live[at : at + self.BLOCK].ljust(len(mixed[at : at + self.BLOCK]), b"\0")
            (target / name).write_bytes(mixed)
        return target
