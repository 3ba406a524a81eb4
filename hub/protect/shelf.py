"""The locks of one archiver, in `locks.json` of its data_dir, and made from the copies on its volumes when that is lost.

Rules: a lock counts once it is on disk.  One mutex orders changes, and a new lock waits for deletions of its video that have begun:
once `add` has returned, no file that the lock keeps is deleted for its age or for room.  Which list counts is listing.py's to say.  A
file that cannot be read is never overwritten: while no copy takes its place all video counts as locked and no lock can be changed.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from pydantic import ValidationError

from ...wire.errors import UsageError, VolumeError
from ...wire.shell.files import publish
from .listing import LockList, Sources
from .locks import Locks
from .model import MAX_LOCKS, Lock

LOCKS_FILE: Final = "locks.json"
DAMAGED_SUFFIX: Final = ".damaged"
MAX_FILE_BYTES: Final = 8 << 20
"""1000 locks of 600 characters of four bytes each, and their numbers, are 2.9 MB; what is cut off here is no JSON any more."""

DELETE_WAIT_S: Final = 2.0
"""How long a new lock waits for a file of its video that is just being deleted."""


class TooManyLocks(UsageError):  # noqa: N818 (a state of the shelf, as wire.http names it)
    """There are MAX_LOCKS already."""


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
    """`open`, then `offer` of each volume, before everything else; then any thread may call anything.  What changes the file may wait
    for the disk.  `make_origin` names a new list."""

    def __init__(self, state_dir: Path, make_origin: Callable[[], str] = lambda: uuid4().hex) -> None:
        self._path, self._make_origin = state_dir / LOCKS_FILE, make_origin
        self._lock = threading.Condition()
        """Held while the file is replaced; told when an archive file has been deleted."""
        self._deleting: list[tuple[str, int, int]] = []
        """Camera and time of the archive files that are being deleted: one for each volume, whose disk may hang in it."""
        self._sources = Sources()
        self._listed, self._stored = LockList(), LockList()
        """What counts, and what stands in the file."""
        self._damaged = False
        self.on_change: Callable[[], None] = lambda: None
        """Called after a lock was added or removed; must return at once."""
        self.locks = Locks()
        """Those of this moment; replaced as a whole."""
        self.problem = ""
        """Why no list can be used, with the remedy; for `/healthz`."""

    def open(self, volumes: Iterable[str] = (), *, lost: bool = False) -> None:
        """Read the file; one that cannot be read is a `problem`, and locks everything, until a copy on one of the volumes takes its place.
        `lost`: data_dir knows none of them, so locks may be there that it has forgotten.  Raises OSError."""
        self._sources, self._stored, self._damaged = Sources(volumes, lost=lost), LockList(), False
        with self._lock:
            try:
                with self._path.open("rb") as stream:
                    found = LockList.model_validate_json(stream.read(MAX_FILE_BYTES))
            except FileNotFoundError:
                pass  # no list yet, or data_dir is new: `lost` says whether copies may know more
            except (OSError, ValidationError) as error:
                self._damaged = True
                why = f"{error.error_count()} fields are wrong" if isinstance(error, ValidationError) else str(error)
                self._sources.broken(f"{self._path} ({why})")
            else:
                self._stored = found
                if not found.origin:  # of a version that kept no copies
                    found = found.model_copy(update={"origin": self._make_origin(), "change": 1})
                self._sources.own(found)
            self._settle()

    def offer(self, volume: str, found: LockList | None, broken: str = "") -> bool:
        """What a volume has: its copy, None when there is none, or why it cannot be read.  Returns whether other locks count since.
        Raises OSError when these cannot be written into the file."""
        with self._lock:
            before = self.locks
            if broken:
                self._sources.broken(broken, volume)
            else:
                self._sources.copy(volume, found)
            self._settle()
            return self.locks is not before

    @property
    def listed(self) -> LockList | None:
        """What copies are made of; None as long as it is not known, or never was a lock."""
        listed = self._listed
        return None if self.problem or not listed.origin else listed

    def _settle(self) -> None:
        """Let count what the sources say, in memory first: whatever becomes of the file, what is locked stays."""
        listed, problem = self._sources.listed, self._sources.problem
        if (listed, problem) != (self._listed, self.problem):
            self._listed, self.locks, self.problem = listed, Locks(listed.locks, everything=bool(problem)), problem
        if problem or listed == self._stored:
            return
        if self._damaged:
            self._path.replace(self._path.with_name(LOCKS_FILE + DAMAGED_SUFFIX))
            self._damaged = False
        publish(self._path, listed.model_dump_json().encode())
        self._stored = listed
        self._sources.own(listed)

    def add(self, wanted: Wanted, now_ns: int) -> tuple[Lock, bool]:
        """(lock, whether it is new): a request that is repeated word for word is the same lock.  Raises TooManyLocks, and
        VolumeError when it cannot be kept."""
        with self._lock:
            if not self._lock.wait_for(lambda: not self._is_going(wanted), DELETE_WAIT_S):
                raise VolumeError("this video is being deleted, from a disk that hangs", remedy="try again in a moment")
            lock = Lock(id=f"lock-{self._listed.next}", camera=wanted.camera, start_ns=wanted.start_ns, end_ns=wanted.end_ns,
                        owner=wanted.owner, reason=wanted.reason, created_ns=now_ns, expires_ns=wanted.expires_ns)  # fmt: skip
            known = next((other for other in self.locks if other.asked == lock.asked), None)
            if known is not None:
                return known, False
            if len(self.locks) >= MAX_LOCKS:
                raise TooManyLocks(f"there are {MAX_LOCKS} locks already", remedy="remove those that are not needed any more")
            self._replace([*self.locks, lock], self._listed.next + 1)
        self.on_change()
        return lock, True

    def _is_going(self, wanted: Wanted) -> bool:
        return any(camera == wanted.camera and start < wanted.end_ns and end > wanted.start_ns for camera, start, end in self._deleting)

    def remove(self, lock_id: str) -> Lock | None:
        """The lock that is no more; None when there was none.  Raises VolumeError."""
        with self._lock:
            lock = self.locks.get(lock_id)
            if lock is None:
                return None
            self._replace([other for other in self.locks if other.id != lock_id])
        self.on_change()
        return lock

    def expire(self, now_ns: int) -> list[Lock]:
        """Remove the locks whose time is over at now_ns (UTC) and return them; none while no list can be used.  Raises VolumeError."""
        with self._lock:
            gone = [] if self.problem else self.locks.expired(now_ns)
            if gone:
                names = {lock.id for lock in gone}
                self._replace([lock for lock in self.locks if lock.id not in names])
            return gone

    def count_lost(self, lost: Iterable[tuple[str, int, int]]) -> None:
        """Note (lock id, files, bytes) that had to be deleted though they were locked.  Raises VolumeError."""
        with self._lock:
            changed = {lock.id: lock for lock in self.locks}
            for lock_id, files, size in lost:
                if (lock := changed.get(lock_id)) is not None:
                    counts = {"lost_files": lock.lost_files + files, "lost_bytes": lock.lost_bytes + size}
                    changed[lock_id] = lock.model_copy(update=counts)
            self._replace(changed.values())

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

    def _replace(self, locks: Iterable[Lock], following: int | None = None) -> None:
        """Disk first: a lock that would be forgotten by a restart was never there."""
        if self.problem:
            raise VolumeError(self.problem, remedy="see the reason")
        old = self._listed
        listed = LockList(origin=old.origin or self._make_origin(), change=old.change + 1, next=following or old.next, locks=tuple(locks))
        try:
            publish(self._path, listed.model_dump_json().encode())
        except OSError as error:
            raise VolumeError(f"{self._path} cannot be written ({error.strerror})", remedy="check the disk of data_dir") from error
        self._sources.own(listed)
        self._listed, self._stored, self.locks = listed, listed, Locks(listed.locks)
