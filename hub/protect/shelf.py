"""The locks of one archiver, in `locks.json` of its data_dir.

Rules: a lock counts once it is on disk.  One mutex orders changes, and a new lock waits for deletions of its video that have begun:
once `add` has returned, no file that the lock keeps is deleted for its age or for room.  A file that cannot be read is never
overwritten: until somebody has looked at it, all video counts as locked and no lock can be changed.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from ...wire.errors import UsageError, VolumeError
from ...wire.messages import Message
from ...wire.shell.files import publish
from .locks import Locks
from .model import MAX_LOCKS, Lock

LOCKS_FILE: Final = "locks.json"
MAX_FILE_BYTES: Final = 8 << 20
"""1000 locks of 600 characters of four bytes each, and their numbers, are 2.9 MB; what is cut off here is no JSON any more."""

DELETE_WAIT_S: Final = 2.0
"""How long a new lock waits for a file of its video that is just being deleted."""


class TooManyLocks(UsageError):  # noqa: N818 (a state of the shelf, as wire.http names it)
    """There are MAX_LOCKS already."""


class _File(Message):
    version: Literal[1] = 1
    next: int = 1
    """Number of the next lock: an id is never given twice."""
    locks: tuple[Lock, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new lock is to be; times in UTC ns."""

    camera: str
    start_ns: int
    end_ns: int
    owner: str
    reason: str
    expires_ns: int | None = None


class LockShelf:
    """`open` before everything else; then any thread may call anything.  What changes the file may wait for the disk."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / LOCKS_FILE
        self._lock = threading.Condition()
        """Held while the file is replaced; told when an archive file has been deleted."""
        self._deleting: list[tuple[str, int, int]] = []
        """Camera and time of the archive files that are being deleted: one for each volume, whose disk may hang in it."""
        self._next = 1
        self.locks = Locks()
        """Those of this moment; replaced as a whole."""
        self.problem = ""
        """Why the file cannot be used, with the remedy; for `/healthz`."""

    def open(self) -> None:
        """Read the file; one that cannot be read is a `problem`, and locks everything."""
        try:
            with self._path.open("rb") as stream:
                found = _File.model_validate_json(stream.read(MAX_FILE_BYTES))
        except FileNotFoundError:
            found = _File()
        except (OSError, ValidationError) as error:
            self._give_up(error)
            return
        self._next, self.locks, self.problem = found.next, Locks(found.locks), ""

    def _give_up(self, error: Exception) -> None:
        why = f"{error.error_count()} fields are wrong" if isinstance(error, ValidationError) else str(error)
        self.locks = Locks(everything=True)
        self.problem = (f"evidence locks cannot be read from {self._path} ({why}): all video counts as locked; put the file of a backup in "
                        "its place, or remove it to give up the locks, and restart")  # fmt: skip

    def add(self, wanted: Wanted, now_ns: int) -> tuple[Lock, bool]:
        """(lock, whether it is new): a request that is repeated word for word is the same lock.  Raises TooManyLocks, and
        VolumeError when it cannot be kept."""
        with self._lock:
            if not self._lock.wait_for(lambda: not self._is_going(wanted), DELETE_WAIT_S):
                raise VolumeError("this video is being deleted, from a disk that hangs", remedy="try again in a moment")
            lock = Lock(id=f"lock-{self._next}", camera=wanted.camera, start_ns=wanted.start_ns, end_ns=wanted.end_ns, owner=wanted.owner,
                        reason=wanted.reason, created_ns=now_ns, expires_ns=wanted.expires_ns)  # fmt: skip
            known = next((other for other in self.locks if other.same_as(lock)), None)
            if known is not None:
                return known, False
            if len(self.locks) >= MAX_LOCKS:
                raise TooManyLocks(f"there are {MAX_LOCKS} locks already", remedy="remove those that are not needed any more")
            self._replace([*self.locks, lock], self._next + 1)
            return lock, True

    def _is_going(self, wanted: Wanted) -> bool:
        return any(camera == wanted.camera and start < wanted.end_ns and end > wanted.start_ns for camera, start, end in self._deleting)

    def remove(self, lock_id: str) -> Lock | None:
        """The lock that is no more; None when there was none.  Raises VolumeError."""
        with self._lock:
            lock = self.locks.get(lock_id)
            if lock is not None:
                self._replace([other for other in self.locks if other.id != lock_id], self._next)
            return lock

    def expire(self, now_ns: int) -> list[Lock]:
        """Remove the locks whose time is over at now_ns (UTC) and return them.  Raises VolumeError."""
        with self._lock:
            gone = self.locks.expired(now_ns)
            if gone:
                names = {lock.id for lock in gone}
                self._replace([lock for lock in self.locks if lock.id not in names], self._next)
            return gone

    def count_lost(self, lost: Iterable[tuple[str, int, int]]) -> None:
        """Note (lock id, files, bytes) that had to be deleted though they were locked.  Raises VolumeError."""
        with self._lock:
            changed = {lock.id: lock for lock in self.locks}
            for lock_id, files, size in lost:
                if (lock := changed.get(lock_id)) is not None:
                    counts = {"lost_files": lock.lost_files + files, "lost_bytes": lock.lost_bytes + size}
                    changed[lock_id] = lock.model_copy(update=counts)
            self._replace(changed.values(), self._next)

    def unless_kept(self, camera: str, start_ns: int, end_ns: int, delete: Callable[[], None]) -> bool:
        """Delete a file with this time, unless a lock keeps it; no lock is added in between.  Returns whether it did."""
        going = (camera, start_ns, end_ns)
        with self._lock:
            if self.locks.keeps(*going):
                return False
            self._deleting.append(going)
        try:
            delete()
        finally:
            with self._lock:
                self._deleting.remove(going)
                self._lock.notify_all()
        return True

    def _replace(self, locks: Iterable[Lock], following: int) -> None:
        """Disk first: a lock that would be forgotten by a restart was never there."""
        if self.problem:
            raise VolumeError(self.problem, remedy="see the reason")
        found = _File(next=following, locks=tuple(locks))
        try:
            publish(self._path, found.model_dump_json().encode())
        except OSError as error:
            raise VolumeError(f"{self._path} cannot be written ({error.strerror})", remedy="check the disk of data_dir") from error
        self.locks, self._next = Locks(found.locks), following
