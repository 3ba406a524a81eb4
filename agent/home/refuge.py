"""The folder in RAM that stands for a data_dir whose disk cannot be used: small files and the control socket, no video.

    start ─┬─▶ take, seeded with what the disk still gives ─▶ used ─┬─▶ the disk is back: brought there ─▶ close: it goes
           └─▶ left by the start before: taken as it is ────────────┴─▶ stopped or killed before that ─▶ left for the next start

Rules: found by the path of data_dir and the user alone and without a look at its disk, which may hang: so `watchkeep agent status` finds
its socket.  Mode 0700; locked as long as an agent uses it, so that two agents of one data_dir keep each other out here too.  What a
start in RAM left is newer than the disk's: a start on the disk takes it over before anything is read there.
Bound: the three small files of 512 KiB, desired.json and servers.json as large as an answer may be, credentials.toml.
"""

import errno
import fcntl
import logging
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from blake3 import blake3

from ...wire.errors import VolumeError, WatchkeepError
from ...wire.shell.directory_client import MAX_ANSWER_BYTES
from ...wire.shell.directory_finder import KEPT
from ...wire.shell.directory_link import CACHE
from ...wire.shell.files import publish
from ..credentials import NAME as CREDENTIALS
from ..epochs import STATE_BYTES, merged
from ..journal.slots import SlotFile
from . import late
from .mounts import unmounted

log = logging.getLogger(__name__)
RAM: Final = Path("/dev/shm")  # noqa: S108 - it is RAM on each Linux, which no other folder is
EPOCHS, LOSSES, ARCHIVERS = "epochs.slots", "losses.slots", "archivers.slots"
_SEEDS: Final = (EPOCHS, LOSSES, ARCHIVERS, CACHE, KEPT, CREDENTIALS)
_JOINED: Final = {EPOCHS: merged, LOSSES: late.losses, ARCHIVERS: late.archivers}
_REPLACED: Final = (CACHE, KEPT)
_MISSING: Final = (CREDENTIALS,)
"""Brought to a disk that has none, a new one: who may be asked by whom is the operator's word, not the agent's."""
_TRIES: Final = 3
"""Another start may take the folder away between its being opened and its being locked."""


def place(data_dir: Path) -> Path:
    """Where this user's folder of a data_dir is, if there is one."""
    return RAM / f"{_name(data_dir)}{os.geteuid()}"


def places(data_dir: Path) -> list[Path]:
    """Where whoever asks an agent may find it: at this user's own, and root, who looks after agents of other users, at theirs.

    Everybody may make folders in RAM: one that is not whose it says to be is nobody's.
    """
    mine = place(data_dir)
    others = sorted(RAM.glob(f"{_name(data_dir)}*")) if os.geteuid() == 0 else []
    return [one for one in (mine, *(other for other in others if other != mine)) if _is_whose_it_says(one)]


def _name(data_dir: Path) -> str:
    return f"watchkeep-{blake3(os.fsencode(data_dir.absolute())).hexdigest(8)}-"


def _is_whose_it_says(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and folder.name.endswith(f"-{found.st_uid}")


class Refuge:
    """Taken until `close`."""

    def __init__(self, folder: Path, handle: int) -> None:
        """For `take` and `left` only."""
        self.folder, self._handle = folder, handle

    @classmethod
    def take(cls, data_dir: Path) -> "Refuge":
        """Make it, or take what is there.  Raises BlockingIOError when another agent has it, OSError when it cannot be had."""
        folder = place(data_dir)
        for _ in range(_TRIES):
            folder.mkdir(mode=0o700, exist_ok=True)
            if (handle := _locked(folder)) is not None:
                return cls(folder, handle)
        raise OSError(f"{folder} goes as soon as it is made")

    @classmethod
    def left(cls, data_dir: Path) -> "Refuge | None":
        """What the start before left, if there is any.  Raises BlockingIOError when an agent uses it; another user's is nobody's."""
        try:
            handle = _locked(place(data_dir))
        except BlockingIOError:
            raise
        except OSError:
            return None
        return None if handle is None else cls(place(data_dir), handle)

    def seed(self, files: Mapping[str, bytes]) -> None:
        """Put in files of the disk, once.  Raises OSError."""
        for name, data in files.items():
            handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)

    def leave(self) -> None:
        """Leave it to the next start."""
        os.close(self._handle)

    def close(self) -> None:
        """Take it away."""
        try:
            shutil.rmtree(self.folder)
        except OSError as error:  # the next start takes over what is left
            log.warning("a folder in RAM cannot be taken away", extra={"folder": str(self.folder), "why": error.strerror or str(error)})
        os.close(self._handle)


def salvage(data_dir: Path) -> dict[str, bytes]:
    """What the disk still gives of its small files, for `seed`; what it does not give is told and done without.

    A disk that is not mounted gives nothing: what is seen in its place was left before it was there, and would go over newer files of it.
    """
    found: dict[str, bytes] = {}
    if unmounted(data_dir) is not None:
        return found
    for name in _SEEDS:
        try:
            with (data_dir / name).open("rb") as file:
                found[name] = file.read(MAX_ANSWER_BYTES)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # not the disk's fault: preflight.py says what has to be changed
        except OSError as error:
            log.warning("a small file of data_dir cannot be read, recording goes on without it",
                        extra={"file": name, "why": error.strerror or str(error), "remedy": "check the disk of data_dir"})  # fmt: skip
    return found


def bring_back(folder: Path, data_dir: Path) -> None:
    """What is in a folder in RAM, to its places on the disk; one that the disk does not take is told and done without, as at a start."""
    for name in (*_JOINED, *_REPLACED, *_MISSING):
        try:
            if not (folder / name).exists() or (name in _MISSING and (data_dir / name).exists()):
                continue
            if name in _JOINED:
                late.bring(SlotFile(folder / name, STATE_BYTES).read(), SlotFile(data_dir / name, STATE_BYTES), _JOINED[name])
            else:
                publish(data_dir / name, (folder / name).read_bytes(), 0o600 if name in _MISSING else 0o666)
        except (OSError, VolumeError) as error:
            said = error.message if isinstance(error, WatchkeepError) else error.strerror or str(error)
            log.warning("a small file does not get from RAM to data_dir",
                        extra={"file": name, "why": said, "remedy": "check the disk of data_dir"})  # fmt: skip


def _locked(folder: Path) -> int | None:
    """A handle that holds the folder's lock, None when it was taken away meanwhile; raises OSError when it is not ours alone."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _own(handle)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), folder.stat()):
            return handle
    except FileNotFoundError:
        pass  # taken away before it was locked
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _own(handle: int) -> None:
    """Raises PermissionError when others made it, or may write into it."""
    found = os.fstat(handle)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(errno.EPERM, "the folder in RAM is not this user's alone")
