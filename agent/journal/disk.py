"""The journal's seam to the disk: everything that can fail, stall or be cut short goes through here.

Rules: methods raise OSError and nothing else; they keep no state but that of direct.py; `volume_errors` turns OSError into our
tree at the journal's edge.  Tests pass a Disk that refuses, stalls or forgets.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from watchkeep.wire.errors import BusyError, FullError, UsageError, VolumeError
from watchkeep.wire.record import Payload
from watchkeep.wire.shell.files import says_nothing, sync_dir, write_all

from .direct import BLOCK, DirectWriter
from .layout import CLOSE

Read = Callable[[int, int], bytes]
"""`read(offset, length)` returns up to length bytes; fewer only at the end of the file."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class Disk:
    """POSIX files.  Handles are file descriptors that the caller closes."""

    block = CLOSE
    """How records are to lie in files that are begun (layout.py)."""

    def __init__(self, *, direct: bool = False) -> None:
        """direct: what is written goes past the page cache, where the file system can do that."""
        self._direct = DirectWriter() if direct else None
        self.block = BLOCK if direct else CLOSE

    def lock(self, folder: Path) -> int:
        """Make the folder and take its lock for this process; the handle holds it.  BlockingIOError when another has it."""
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        return handle

    def sizes(self, folder: Path) -> dict[str, int]:
        """Names and sizes of the folder's files."""
        with os.scandir(folder) as items:
            return {item.name: item.stat().st_size for item in items if item.is_file(follow_symlinks=False)}

    def open(self, path: Path, *, create: bool) -> int:
        """Open for writing; with create the file must not exist yet.  Readable: `allocate` reads where it cannot allocate."""
        return os.open(path, os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0), 0o640)

    def close(self, handle: int) -> None:
        if self._direct is not None:
            self._direct.forget(handle)
        os.close(handle)

    def allocate(self, handle: int, size: int) -> None:
        """Reserve the file's first size bytes, so that writing into them cannot run out of space."""
        os.posix_fallocate(handle, 0, size)

    def truncate(self, handle: int, size: int) -> None:
        os.ftruncate(handle, size)

    def write(self, handle: int, offset: int, parts: Sequence[Payload]) -> None:
        """Write all parts at offset, in one go."""
        if self._direct is None or not self._direct.write(handle, offset, parts):
            os.lseek(handle, offset, os.SEEK_SET)
            write_all(handle, list(parts))

    def sync(self, handle: int) -> None:
        os.fdatasync(handle)

    def sync_dir(self, folder: Path) -> None:
        sync_dir(folder)

    def rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def unlink(self, path: Path) -> None:
        path.unlink()

    @contextmanager
    def reader(self, path: Path) -> Iterator[Read]:
        """Random reads of one file.  Read-ahead is off: walking headers would otherwise pull in every payload."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
            yield lambda offset, length: _read(handle, offset, length)
        finally:
            os.close(handle)


def _read(handle: int, offset: int, length: int) -> bytes:
    """What stands before a bad sector is read without an error: only the next read tells it from a file's end."""
    found = os.pread(handle, length, offset)
    while len(found) < length and (more := os.pread(handle, length - len(found), offset + len(found))):
        found += more
    return found


@contextmanager
def volume_errors(folder: Path) -> Iterator[None]:
    """Turn OSError into FullError (no room), UsageError (the folder is in use), BusyError (no descriptor, no memory) or VolumeError
    (anything else)."""
    try:
        yield
    except BlockingIOError as cause:
        remedy = "stop the other agent, or give this one its own data_dir"
        raise UsageError(f"journal {folder} is in use by another process", remedy=remedy) from cause
    except OSError as cause:
        reason = cause.strerror or type(cause).__name__
        if cause.errno in _NO_ROOM:
            raise FullError(f"journal {folder}: {reason}", remedy="free space on this disk or lower journal.max_bytes") from cause
        if says_nothing(cause):
            raise BusyError(f"journal {folder}: {reason}", remedy="raise LimitNOFILE or give it memory; it is tried again") from cause
        raise VolumeError(f"journal {folder}: {reason}", remedy="check the disk (dmesg, smartctl) and replace it if it fails") from cause
