"""The file system calls of one volume: the only place of the store that touches its files.

Rules: every path is relative to a descriptor of the volume's root that is held open, so a disk that goes away is an
error and never the folder beneath its mount point.  Nothing is retried here, and no error is hidden.  Tests put faults
in place of this class.  Relative paths are text: pathlib interns every part of what it takes apart, and the table of those
grows with each new name.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ...wire.shell.files import write_all

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def folder_of(path: str) -> str:
    """The folder of a relative path, "." of a bare name."""
    return path.rpartition("/")[0] or "."


class Disk:
    """One volume's files.  `open` first; all methods raise OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root_fd = -1
        self._retired: list[int] = []

    def open(self) -> None:
        """Hold the root as it is mounted now.  A handle of a root that was replaced is kept until close, because another
        thread may be about to use it; there is one for every disk that was swapped under a running archiver."""
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if self._root_fd >= 0 and os.path.samestat(os.fstat(handle), os.fstat(self._root_fd)):
            os.close(handle)
            return
        if self._root_fd >= 0:
            self._retired.append(self._root_fd)
        self._root_fd = handle

    def close(self) -> None:
        for handle in (*self._retired, self._root_fd):
            if handle >= 0:
                os.close(handle)
        self._retired, self._root_fd = [], -1

    @property
    def is_open(self) -> bool:
        return self._root_fd >= 0

    @property
    def root_fd(self) -> int:
        if self._root_fd < 0:
            raise FileNotFoundError(f"{self.root} is not open")
        return self._root_fd

    def is_mounted(self) -> bool:
        """Whether the root's path still leads to what is held open."""
        return os.path.samestat(self.root.stat(), os.fstat(self.root_fd))

    def space(self) -> tuple[int, int]:
        """(free, total) bytes, free for users without privileges."""
        found = os.fstatvfs(self.root_fd)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    def create(self, path: str) -> tuple[int, set[str]]:
        """A new file for appending, and the directories to sync before its name is durable."""
        folder = folder_of(path)
        changed = self._made_dirs(folder) | {folder}
        return os.open(path, _NEW, 0o644, dir_fd=self.root_fd), changed

    def _made_dirs(self, folder: str) -> set[str]:
        """Make what is missing of the folders; returns those in which one was made."""
        if folder == ".":
            return set()
        changed = self._made_dirs(folder_of(folder))
        try:
            os.mkdir(folder, 0o755, dir_fd=self.root_fd)
        except FileExistsError:
            return changed
        return changed | {folder_of(folder)}

    def write(self, handle: int, parts: list[bytes | bytearray | memoryview]) -> None:
        write_all(handle, parts)

    def sync(self, handle: int) -> None:
        """Data and size on the medium; other times may wait, they are not evidence."""
        os.fdatasync(handle)

    def sync_dir(self, path: str) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.root_fd)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def close_file(self, handle: int) -> None:
        os.close(handle)

    @staticmethod
    def is_full(error: OSError) -> bool:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)

    def shorten(self, handle: int, size: int) -> None:
        """Take back what an unfinished write left behind."""
        os.ftruncate(handle, size)

    def append(self, path: str, size: int, data: bytes) -> None:
        """Write data at the end of the first `size` bytes of a file, made when it is missing, and sync file and name; what an unfinished
        write left behind is cut before."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644, dir_fd=self.root_fd)
        try:
            os.ftruncate(handle, size)
            write_all(handle, [data])
            os.fsync(handle)
        finally:
            os.close(handle)
        self.sync_dir(folder_of(path))

    def publish(self, path: str, data: bytes) -> None:
        """Replace a file of the root atomically (habit 13); what an interrupted one left is cut by the next."""
        temp = f".{path}.tmp"
        try:
            self.append(temp, 0, data)
            self.rename(temp, path)
        except BaseException:
            self.unlink(temp)
            raise
        self.sync_dir(".")

    def cut(self, path: str, size: int) -> None:
        """Shorten a closed file; durable after `sync_path`."""
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self.root_fd)
        try:
            os.ftruncate(handle, size)
        finally:
            os.close(handle)

    def sync_path(self, path: str) -> None:
        """Sync a closed file, whoever wrote it."""
        handle = self.open_read(path)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self.root_fd, dst_dir_fd=self.root_fd)

    def unlink(self, path: str) -> None:
        """Remove a file; one that is gone already is fine."""
        try:
            os.unlink(path, dir_fd=self.root_fd)
        except FileNotFoundError:
            return

    def tidy(self, path: str) -> None:
        """Remove the hour's and the day's directory of a removed file when nothing is left in them."""
        hour = folder_of(path)
        for folder in (hour, folder_of(hour)):
            try:
                os.rmdir(folder, dir_fd=self.root_fd)
            except OSError:  # not empty, or gone: both are as they should be
                return

    def open_read(self, path: str) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self.root_fd)

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Up to length bytes; fewer only at the end of the file."""
        handle = self.open_read(path)
        try:
            return os.pread(handle, length, offset)
        finally:
            os.close(handle)

    def names(self, folder: str) -> list[str]:
        """Sorted names in a directory; none when it is not there."""
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self.root_fd)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            return sorted(os.listdir(handle))  # noqa: PTH208 (a descriptor has no Path)
        finally:
            os.close(handle)

    def unused(self, path: str) -> str:
        """The path, or with a number behind it, of which there is no file yet: evidence is not overwritten by other evidence."""
        taken, name = {*self.names(folder_of(path))}, path.rpartition("/")[2]
        numbers = (number for number in range(2, len(taken) + 3) if f"{name}.{number}" not in taken)
        return f"{path}.{next(numbers)}" if name in taken else path

    def stat(self, path: str) -> os.stat_result:
        return os.stat(path, dir_fd=self.root_fd, follow_symlinks=False)

    def files_of_day(self, folder: str) -> Iterator[str]:
        """Every file of a day's directory, `<camera>/<day>`, in order of its name."""
        for hour in self.names(folder):
            for name in self.names(f"{folder}/{hour}"):
                yield f"{folder}/{hour}/{name}"
