"""The agent's disk in memory: what the journal wrote, what it fsynced, and what a power cut makes of the difference.

Rules: the same seam as agent/journal/disk.py.  Of what was not synced a power cut leaves any mixture of old and new blocks; a failed
fsync drops what was not on disk and calls it clean, as Linux does, and syncing such a file again breaks invariant 3.
"""

import errno
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sim_engine import Broken

from watchkeep.agent.journal.disk import Disk, Read
from watchkeep.wire.record import Payload

_BLOCK = 512


class _File:
    __slots__ = ("data", "lost", "shortened", "synced")

    def __init__(self) -> None:
        self.data, self.synced = bytearray(), b""
        self.lost = False
        self.shortened: int | None = None


class JournalDisk(Disk):
    """One folder."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._live: dict[str, _File] = {}
        self._durable: dict[str, _File] = {}
        self._handles: dict[int, _File] = {}
        self._next = 1
        self.fail_syncs = 0
        self.full = False
        self.slots: dict[str, bytes] = {}
        self.on_slot: Callable[[str], None] = lambda _: None
        """A small record was made durable."""

    def lock(self, folder: Path) -> int:
        return 0

    def sizes(self, folder: Path) -> dict[str, int]:
        return {name: len(file.data) for name, file in self._live.items()}

    def open(self, path: Path, *, create: bool) -> int:
        file = self._live.setdefault(path.name, _File()) if create else self._live[path.name]
        handle, self._next = self._next, self._next + 1
        self._handles[handle] = file
        return handle

    def close(self, handle: int) -> None:
        self._handles.pop(handle, None)

    def allocate(self, handle: int, size: int) -> None:
        data = self._handles[handle].data
        if size > len(data):
            self._refuse()
            data.extend(bytes(size - len(data)))

    def truncate(self, handle: int, size: int) -> None:
        file = self._handles[handle]
        del file.data[size:]
        file.shortened = size

    def write(self, handle: int, offset: int, parts: Sequence[Payload]) -> None:
        data, whole = self._handles[handle].data, b"".join(parts)
        if offset + len(whole) > len(data):
            self._refuse()
            data.extend(bytes(offset + len(whole) - len(data)))
        data[offset : offset + len(whole)] = whole

    def sync(self, handle: int) -> None:
        file = self._handles[handle]
        if file.lost:
            raise Broken(3, "a journal file is fsynced again after a failed fsync")
        if self.fail_syncs:
            self.fail_syncs -= 1
            file.lost = True
            raise OSError(errno.EIO, "injected")
        file.synced, file.shortened = bytes(file.data), None

    def sync_dir(self, folder: Path) -> None:
        for file in self._live.values():
            if file.shortened is not None:
                file.synced, file.shortened = file.synced[: file.shortened], None
        self._durable = dict(self._live)

    def rename(self, old: Path, new: Path) -> None:
        self._live[new.name] = self._live.pop(old.name)

    def unlink(self, path: Path) -> None:
        del self._live[path.name]

    @contextmanager
    def reader(self, path: Path) -> Iterator[Read]:
        data = self._live[path.name].data if path.name in self._live else None
        if data is None:
            raise OSError(errno.ENOENT, "no such file")
        yield lambda offset, length: bytes(data[offset : offset + length])

    def kill(self) -> None:
        """The process is gone, the page cache stays; that a sync has failed is known to nobody any more (docs/RELIABILITY.md, limits)."""
        self._handles.clear()
        for file in self._live.values():
            file.lost = False

    def power_cut(self) -> None:
        """Of every block that was not synced the old or the new state stays; of names the synced or the new ones."""
        self._handles.clear()
        names = self._durable if self._rng.random() < 0.5 else self._live
        share = self._rng.choice((0.0, 0.5, 0.9, 1.0))
        left: dict[str, _File] = {}
        for name, file in sorted(names.items()):
            left[name] = kept = _File()
            kept.synced = self._mixture(file, share)
            kept.data = bytearray(kept.synced)
        self._live, self._durable = left, dict(left)

    def _mixture(self, file: _File, share: float) -> bytes:
        now = file.synced if file.lost else bytes(file.data)
        if now == file.synced:
            return now
        length = len(now) if self._rng.random() < 0.7 else len(file.synced)
        mixed = bytearray(file.synced.ljust(length, b"\0")[:length])
        new = now.ljust(length, b"\0")[:length]
        for at in range(0, length, _BLOCK):
            if self._rng.random() < share:
                mixed[at : at + _BLOCK] = new[at : at + _BLOCK]
        return bytes(mixed)

    def _refuse(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "injected")


class Slots:
    """One of the agent's small files (agent/journal/slots.py): a write is durable when it returns."""

    def __init__(self, disk: JournalDisk, name: str) -> None:
        self._disk, self._name = disk, name

    def read(self) -> bytes | None:
        return self._disk.slots.get(self._name)

    def write(self, data: bytes) -> None:
        if self._disk.fail_syncs:
            raise OSError(errno.EIO, "injected")
        self._disk.slots[self._name] = data
        self._disk.on_slot(self._name)
