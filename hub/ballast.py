"""Room that the hub keeps for itself in data_dir: a start needs a little, to open catalog and journal, also when the disk is full.

    at a start                    `ballast` is there               it is not
    ───────────────────────────   ──────────────────────────────   ─────────────────────────────
    less than NEEDED_BYTES free   deleted: its room is used        as it is: the start may fail
    plenty free                   stays                            made

Rules: it holds nothing; deleting it by hand costs what it is for.  It is made of real blocks, and only where it is a tenth of what is
free at most.  It is given up once: until somebody has freed space a second start finds none, so giving it up is told.
"""

import errno
import os
from pathlib import Path
from typing import Final

NAME: Final = "ballast"
BYTES: Final = 16 << 20
"""The catalog's write-ahead log of a day of starts, the log of events and three small files."""
NEEDED_BYTES: Final = BYTES // 2
_CANNOT: Final = {errno.ENOSPC, errno.EDQUOT, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EROFS, errno.EACCES, errno.EPERM}
"""Reasons to do without it: a file system that reserves nothing, or has just become full."""


def settle(folder: Path) -> bool:
    """Before anything else is opened there: True when the ballast was given up.  Raises OSError when the disk fails."""
    file, free = folder / NAME, _free_bytes(folder)
    if free < NEEDED_BYTES:
        there = file.exists()
        file.unlink(missing_ok=True)
        return there
    if free >= 10 * BYTES and not file.exists():
        _make(file)
    return False


def _make(file: Path) -> None:
    made = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(made, 0, BYTES)
    except OSError as error:
        file.unlink()
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(made)


def _free_bytes(folder: Path) -> int:
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize
