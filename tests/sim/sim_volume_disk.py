"""An archiver's volume in memory: files, directories, what was fsynced, and what a power cut leaves.

Rules: the same seam as hub/store/disk.py.  A chunk is durable here when its bytes were synced and every name on its path was:
`durable` is the simulation's own truth, kept without the store's help (invariant 3).
"""

import errno
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sim_content import Name, Names, named
from sim_engine import Broken

from watchkeep.hub.store.disk import Disk
from watchkeep.hub.store.volume import FULL_MARGIN_BYTES
from watchkeep.wire.paths import SEGMENT_SUFFIX

_ROOT = "."


class _File:
    __slots__ = ("accounted", "chunks", "data", "lost", "mtime", "synced")

    def __init__(self) -> None:
        self.data = bytearray()
        self.synced = self.accounted = 0
        self.lost = False
        self.mtime = 0.0
        self.chunks: list[tuple[int, Name]] = []


class VolumeDisk(Disk):
    """One volume; `capacity` is in bytes, `known` the hash of every chunk that was ever cut."""

    def __init__(self, rng: random.Random, known: dict[Name, bytes], wall_s: Callable[[], float], capacity: int) -> None:
        self._rng, self._known, self._wall_s = rng, known, wall_s
        self.capacity = capacity + FULL_MARGIN_BYTES
        self.mounted = True
        self.fail_syncs = 0
        self.hang_calls = 0
        self.hanging = self.ever_hung = False
        self.guarded = False
        """While code runs that may take nothing away: consolidation (invariant 5)."""
        self.on_hang: Callable[[], None] = lambda: None
        """In the middle of a call that hangs: what others do about it meanwhile."""
        self.used = 0
        self._live: dict[str, _File | None] = {}
        """Path to file; None is a directory."""
        self._durable: dict[str, _File | None] = {}
        self._handles: dict[int, tuple[str, _File]] = {}
        self._next = 1
        self.durable = Names()
        """Everything that was ever durable here."""

    # What the store calls.

    def open(self) -> None:
        return

    def close(self) -> None:
        return

    @property
    def is_open(self) -> bool:
        return True

    def is_mounted(self) -> bool:
        return self.mounted

    def space(self) -> tuple[int, int]:
        self._gate()
        return max(self.capacity - self.used, 0), self.capacity

    def create(self, path: str) -> tuple[int, set[str]]:
        self._gate()
        if path in self._live:
            raise FileExistsError(errno.EEXIST, "exists", path)
        changed = {_parent(path)}
        for step in reversed(_folders(path)):
            if step not in self._live:
                self._live[step] = None
                changed.add(_parent(step))
        file = self._live[path] = _File()
        file.mtime = self._wall_s()
        return self._handle(path, file), changed

    def write(self, handle: int, parts: list[bytes | bytearray | memoryview]) -> None:
        self._gate()
        _, file = self._handles[handle]
        for part in parts:
            if self.used + len(part) > self.capacity:
                room = max(self.capacity - self.used, 0)
                file.data += bytes(part[:room])
                self.used += room
                raise OSError(errno.ENOSPC, "full")
            file.data += part
            self.used += len(part)
            self._note(file, part)
        file.mtime = self._wall_s()
        self._maybe_hang()

    def _maybe_hang(self) -> None:
        """The call has done its work and does not return; everything of it is seen later than what was decided meanwhile."""
        if self.hang_calls:
            self.hang_calls -= 1
            self.on_hang()

    def _note(self, file: _File, part: bytes | bytearray | memoryview) -> None:
        """Remember which chunk ends here; its bytes are the ones that were cut (invariants 1 and 2)."""
        found = named(memoryview(part))
        if found is not None:
            if self._known.get(found[0]) != found[1]:
                raise Broken(2, f"an archiver writes other bytes under {found[0]}")
            file.chunks.append((len(file.data), found[0]))

    def sync(self, handle: int) -> None:
        path, file = self._handles[handle]
        self._sync(path, file)

    def _sync(self, path: str, file: _File) -> None:
        self._gate()
        if file.lost:
            raise Broken(3, f"{path} is fsynced again after a failed fsync")
        if self.fail_syncs:
            self.fail_syncs -= 1
            file.lost = True
            raise OSError(errno.EIO, "injected")
        file.synced = len(file.data)
        self._account(path, file)
        self._maybe_hang()

    def sync_dir(self, path: str) -> None:
        self._gate()
        head = "" if path == _ROOT else f"{path}/"
        inside, level = len(head), head.count("/")
        for name in [name for name in self._durable if name not in self._live and name[:inside] == head and name.count("/") == level]:
            del self._durable[name]
        for name, node in self._live.items():
            if name[:inside] == head and name.count("/") == level and self._durable.get(name, self) is not node:
                self._durable[name] = node
                if node is not None:
                    self._account(name, node)

    def _account(self, path: str, file: _File) -> None:
        if self._durable.get(path) is file and all(step in self._durable for step in _folders(path)):
            for end, (camera, epoch, seq) in file.chunks[file.accounted :]:
                if end <= file.synced:
                    self.durable.add(camera, epoch, seq, seq)
                    file.accounted += 1

    def close_file(self, handle: int) -> None:
        self._handles.pop(handle, None)

    def append(self, path: str, size: int, data: bytes) -> None:
        """A hang of it is for who calls to wait for."""
        self._gate()
        file = self._live.setdefault(path, _File())
        assert file is not None, path
        self._cut(file, size)
        room = max(self.capacity - self.used, 0)
        file.data += data[:room]
        self.used += min(len(data), room)
        if room < len(data):
            raise OSError(errno.ENOSPC, "full")
        if self.fail_syncs:
            self.fail_syncs -= 1
            raise OSError(errno.EIO, "injected")  # what was not synced is cut off and written anew by the next one
        file.synced = len(file.data)
        self.sync_dir(_parent(path))

    def shorten(self, handle: int, size: int) -> None:
        self._cut(self._handles[handle][1], size)

    def cut(self, path: str, size: int) -> None:
        self._gate()
        file = self._file(path)
        self._cut(file, size)

    def _cut(self, file: _File, size: int) -> None:
        self._spare("a cut file")
        self.used -= len(file.data) - size
        del file.data[size:]
        file.lost = file.lost and size > file.synced
        file.synced = min(file.synced, size)
        file.chunks = [chunk for chunk in file.chunks if chunk[0] <= size]
        file.accounted = min(file.accounted, len(file.chunks))

    def sync_path(self, path: str) -> None:
        self._sync(path, self._file(path))

    def rename(self, old: str, new: str) -> None:
        self._gate()
        self._spare(old)
        replaced = self._live.get(new)
        self.used -= len(replaced.data) if replaced is not None else 0
        self._live[new] = self._live.pop(old)

    def unlink(self, path: str) -> None:
        self._gate()
        self._spare(path)
        file = self._live.pop(path, None)
        self.used -= len(file.data) if file is not None else 0

    def tidy(self, path: str) -> None:
        for folder in _folders(path)[:2]:
            if any(name.startswith(f"{folder}/") for name in self._live):
                return
            self._live.pop(folder, None)

    def open_read(self, path: str) -> int:
        self._gate()
        return self._handle(path, self._file(path))

    def read(self, path: str, offset: int, length: int) -> bytes:
        self._gate()
        return bytes(self._file(path).data[offset : offset + length])

    def names(self, folder: str) -> list[str]:
        head = "" if folder == _ROOT else f"{folder}/"
        return sorted(name[len(head) :] for name in self._live if name.startswith(head) and "/" not in name[len(head) :])

    def stat(self, path: str) -> Any:
        file = self._file(path)
        return SimpleNamespace(st_size=len(file.data), st_mtime=file.mtime)

    def files_of_day(self, folder: str) -> Iterator[str]:
        yield from sorted(name for name, node in self._live.items() if name.startswith(f"{folder}/") and node is not None)

    # What faults do.

    def hang(self, calls: int) -> None:
        """The next calls hang, and the volume does not come back before `answer`."""
        self.hang_calls, self.hanging, self.ever_hung = calls, True, True

    def answer(self) -> None:
        self.hang_calls, self.hanging = 0, False

    def kill(self) -> None:
        """The process is gone, the page cache stays; that a sync has failed is known to nobody any more (docs/RELIABILITY.md, limits)."""
        self._handles.clear()
        for node in self._live.values():
            if node is not None:
                node.lost = False

    def power_cut(self) -> None:
        """Synced bytes under synced names stay; of the rest each directory's names and each file's tail stay or go."""
        self._handles.clear()
        fresh = {name: self._rng.random() < 0.5 for name in sorted({name.rpartition("/")[0] for name in (*self._live, *self._durable)})}
        left: dict[str, _File | None] = {}
        for name in sorted({*self._live, *self._durable}):
            source = self._live if fresh[name.rpartition("/")[0]] else self._durable
            parent = name.rpartition("/")[0]
            if name in source and (not parent or parent in left):
                left[name] = source[name]
        for node in left.values():
            if node is not None:
                self._tear(node)
        self._live, self._durable = left, dict(left)
        self.used = sum(len(node.data) for node in left.values() if node is not None)

    def _tear(self, file: _File) -> None:
        """Of the bytes behind the last sync a part stays, or zeros stand in their place."""
        surplus, lost, file.lost = len(file.data) - file.synced, file.lost, False
        if surplus <= 0:
            return
        keep = file.synced if lost else file.synced + self._rng.choice((0, surplus, self._rng.randrange(surplus + 1)))
        del file.data[keep:]
        file.chunks = [chunk for chunk in file.chunks if chunk[0] <= keep]
        file.accounted = 0
        if self._rng.random() < 0.3:
            file.data += bytes(self._rng.randrange(1, 600))

    def holds(self) -> Names:
        """The chunks whose bytes stand in a segment file now; not in one that was set aside because its name was needed: when a disk is
        unmounted nobody can remove what was given up on it, and nobody is shown that."""
        found = Names()
        for path, node in self._live.items():
            for _, (camera, epoch, seq) in node.chunks if node is not None and path.endswith(SEGMENT_SUFFIX) else ():
                found.add(camera, epoch, seq, seq)
        return found

    def _file(self, path: str) -> _File:
        file = self._live.get(path)
        if file is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return file

    def _handle(self, path: str, file: _File) -> int:
        handle, self._next = self._next, self._next + 1
        self._handles[handle] = (path, file)
        return handle

    def _spare(self, what: str) -> None:
        if self.guarded:
            raise Broken(5, f"consolidation takes {what} away")

    def _gate(self) -> None:
        if not self.mounted:
            raise OSError(errno.EIO, "the disk is gone")


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or _ROOT


def _folders(path: str) -> list[str]:
    """The directories that a path leads through, the innermost first; not the root."""
    found = []
    while (path := path.rpartition("/")[0]) != "":
        found.append(path)
    return found


def root_of(archiver: str, number: int) -> Path:
    return Path("/sim") / archiver / str(number)
