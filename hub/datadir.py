"""A hub's data_dir is its own: what is in it, such as the catalog, tells of one hub's volumes and would be cleared of another one's.

Rules: the lock is on the folder itself, so it leaves no file; the kernel lets go of it with the process.  A hub that was killed while a
disk of its hangs still has it: that passes, so it is tried again.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from .preflight import PassingError, config_error

_KEY: Final = "hub.data_dir"


def hold(folder: Path, file: str) -> int:
    """A descriptor of the folder, which is made when it is missing; closing it lets go.  Raises ConfigError, PassingError while another
    process has it."""
    handle = -1
    try:
        folder.mkdir(exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if handle >= 0:
            os.close(handle)
        if isinstance(error, BlockingIOError):
            raise PassingError(file, _KEY, f"{folder} is in use by another hub",
                               remedy="give each hub its own, or stop the other one") from error  # fmt: skip
        raise config_error(file, _KEY, error, f"{folder} cannot be used ({error.strerror})", "check it") from error
    return handle
