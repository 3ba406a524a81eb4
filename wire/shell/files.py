"""Publishing files so that a power cut leaves the old one or the new one, never half of either.

Rules: temp, write, fsync, rename, fsync of the directory (habit 13).
"""

import errno
import os
from pathlib import Path
from typing import Final

_NO_MEANS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_PASSING: Final = _NO_MEANS | {errno.EIO, errno.EROFS, errno.EUCLEAN, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ETIMEDOUT,
                               errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOSPC, errno.EDQUOT}  # fmt: skip
"""What a disk, a server of files or a machine without room answers that is well again later; nothing has to be configured otherwise."""


def says_nothing(error: BaseException | None) -> bool:
    """Whether this process or machine lacked descriptors or memory for the call: then it says nothing about the disk or the file."""
    return isinstance(error, OSError) and error.errno in _NO_MEANS


def passes(error: OSError) -> bool:
    """Whether the same call may go well later though nobody changes a file, a name or a permission."""
    return error.errno in _PASSING


def sync_dir(path: Path) -> None:
    """fsync a directory, so that names created or renamed in it survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace path with data atomically; raises OSError and leaves the old file when that fails.  mode: less the umask, from the first."""
    temp = path.with_name(f".{path.name}.tmp")
    try:
        with open(temp, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)


def write_all(handle: int, parts: list[bytes | bytearray | memoryview]) -> int:
    """Write all parts to a descriptor with as few vectored writes as possible; returns the bytes written.

    Raises OSError when the kernel takes less than everything and then refuses the rest (a full disk).
    """
    views = [memoryview(part).cast("B") for part in parts if len(part)]
    total = 0
    while views:
        written = os.writev(handle, views[:512])  # IOV_MAX is 1024 on Linux; half of it keeps one call short
        total += written
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if views and written:
            views[0] = views[0][written:]
    return total
