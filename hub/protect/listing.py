"""The list of an archiver's evidence locks as a whole, and which one counts when there are several.  No I/O, no clock, no threads.

    a copy on a volume     first 32 hex digits of the BLAKE3 of the JSON, a space, the JSON of a LockList, a line feed

    lists of                count
    one origin              the one with the most changes
    different origins       all: a volume came from another archiver, and its locks are added under numbers of this one

Rules: locks.json of data_dir alone is enough.  Where it is missing or cannot be read, the copies count, once every volume has been read:
until then, and when none of the files can be read, everything is locked.  An archiver that never had a lock has none of these files.
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from blake3 import blake3
from pydantic import ValidationError

from ...wire.messages import Message
from .model import MAX_LOCKS, Lock

MAX_JOINED: Final = 2 * MAX_LOCKS
"""Locks of several archivers in one list: 5.8 MB at worst, below MAX_FILE_BYTES of the shelf.  With more everything is locked."""
_DIGITS: Final = 32


class Mark(NamedTuple):
    """Which list, and which state of it."""

    origin: str
    change: int


class LockList(Message):
    """All locks of an archiver at one moment."""

    version: Literal[1] = 1
    origin: str = ""
    """Random, of the archiver that made its first lock; empty in files of versions that kept no copies."""
    change: int = 0
    """Counts the changes of this list."""
    next: int = 1
    """Number of the next lock: an id is never given twice."""
    locks: tuple[Lock, ...] = ()

    @property
    def mark(self) -> Mark:
        return Mark(self.origin, self.change)


def to_copy(listed: LockList) -> bytes:
    text = listed.model_dump_json().encode()
    return _digest(text) + b" " + text + b"\n"


def read_copy(data: bytes) -> LockList | None:
    """The list of a volume's copy, None when it does not prove itself."""
    text = data[_DIGITS + 1 : -1]
    if data != _digest(text) + b" " + text + b"\n":
        return None
    try:
        return LockList.model_validate_json(text)
    except ValidationError:
        return None


def _digest(text: bytes) -> bytes:
    return blake3(text).hexdigest()[:_DIGITS].encode()


def joined(mine: LockList, other: LockList) -> LockList:
    """Mine with the locks of another archiver that it lacks; mine itself when it lacks none."""
    known = {lock.asked for lock in mine.locks}
    new = [lock for lock in other.locks if lock.asked not in known]
    if not new:
        return mine
    numbered = (lock.model_copy(update={"id": f"lock-{mine.next + at}"}) for at, lock in enumerate(new))
    return mine.model_copy(update={"change": mine.change + 1, "next": mine.next + len(new), "locks": (*mine.locks, *numbered)})


class Sources:
    """What was read so far of the places where a list may be: `own` or `broken` for locks.json, `copy` or `broken` for each volume.

    volumes are those whose copy has yet to be read; lost: this data_dir knows none of them, so a list may be on any.
    """

    def __init__(self, volumes: Iterable[str] = (), *, lost: bool = False) -> None:
        self._unread, self._lost = set(volumes), lost
        self._own = False
        self._newest: dict[str, LockList] = {}
        """By origin, the one of locks.json first; one more for each volume at most."""
        self._broken: list[str] = []

    def own(self, listed: LockList) -> None:
        """The list of data_dir, and after each change the list that counts."""
        self._own, self._newest = True, {listed.origin: listed}

    def copy(self, volume: str, found: LockList | None) -> None:
        """A volume was read; None: it has no copy."""
        self._unread.discard(volume)
        if found is None:
            return
        known = self._newest.get(found.origin)
        if known is None or found.change > known.change:
            self._newest[found.origin] = found

    def broken(self, file: str, volume: str = "") -> None:
        """A file is there and cannot be read; file says which and why."""
        self._unread.discard(volume)
        self._broken.append(file)

    @property
    def listed(self) -> LockList:
        """The locks as far as they are known; an empty list when there is none."""
        lists = list(self._newest.values())
        if not self._own:
            lists.sort(key=lambda one: one.mark, reverse=True)
        found = lists[0] if lists else LockList()
        for other in lists[1:]:
            found = joined(found, other)
        return found

    @property
    def problem(self) -> str:
        """Why everything counts as locked, with the remedy; empty when it does not."""
        files = ", ".join(self._broken)
        if len(self.listed.locks) > MAX_JOINED:
            return (f"the volumes bring {len(self.listed.locks)} evidence locks, and {MAX_JOINED} can be kept: all video counts as locked; "
                    "take the volume that came last out of archiver.volumes, and restart")  # fmt: skip
        if self._own:
            return ""
        if self._unread and (self._newest or self._broken or self._lost):
            why = f"{files} cannot be read" if files else "locks.json is missing in data_dir"
            unread = ", ".join(sorted(self._unread))
            return (f"evidence locks: {why}, and a copy may be on {unread}, not read yet: all video counts as locked; "
                    "bring those volumes back, or take them out of archiver.volumes and restart")  # fmt: skip
        if files and not self._newest:
            return (f"evidence locks cannot be read from {files}: all video counts as locked; put a locks.json of a backup in its place, "
                    "or remove these files to give up the locks, and restart")  # fmt: skip
        return ""
