"""Retention on the disks: what is too old goes, then as much more as the free-space floor asks for.

    age       every AGE_S, camera by camera: files that ended before the camera's days
    floor     every round, volume by volume: the oldest files, until min_free_bytes are free
    reserve   only locked files are left: recording uses up half the floor, and a problem says so.  Then the oldest locked files
              go, and only while no other volume has more than that half free; every lock that loses video is named in an event

Rules: locked files stay (DESIGN 5), as long as that does not stop new recording: that is what the reserve is for.  A clock that
was stepped deletes nothing for its age and ends no lock.  `look` is called by one of the keeper's threads, `tend` by one for each
volume; a volume that fails here is left to its writer to fence, and one that does not answer has no part in any of this.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import VolumeError
from ..protect.locks import Locks
from ..protect.shelf import LockShelf
from .catalog import Catalog, CatalogError
from .model import Part, Report
from .register import Register
from .retention import CLOCK_SET_NS, DAY_NS, choose
from .tally import Tally
from .volume import Volume

AGE_S: Final = 30.0
"""How often age is looked at: a seek of some 15 us for each camera and volume, 0.3 s for 5000 cameras on four disks."""
BATCH: Final = 64
MARK_S: Final = 600.0
"""How long it is remembered how far a volume begins with locked files only: passing 288 000 of them (25 locked days of 16 cameras) was
measured as 6 s.  Older video that arrives meanwhile by catch-up goes for its age all the same, for room up to this much later."""
Place = tuple[int, str]
"""(end in UTC ns, path): a part's place in the order of age."""
_START: Final[Place] = (-(1 << 62), "")


@dataclass(frozen=True, slots=True)
class Policy:
    """What retention is to keep; `cameras` holds those that differ."""

    keep_ns: int
    min_free_bytes: int
    cameras: Mapping[str, int] = field(default_factory=dict)
    spared_ns: int = 0
    """What is younger stays for now, though keep_ns may be less; not of cameras that differ."""

    def keep(self, camera: str) -> int:
        """Older video is not worth fetching."""
        return self.cameras.get(camera, self.keep_ns)

    def spare(self, camera: str) -> int:
        """Younger video stays, however little is asked for."""
        return self.cameras.get(camera, max(self.keep_ns, self.spared_ns))

    @property
    def reserve_bytes(self) -> int:
        """What new recording may take from the floor before locked files go."""
        return self.min_free_bytes // 2


def policy(retention_days: float, min_free_bytes: int, cameras: Mapping[str, float], spared_days: float = 0.0) -> Policy:
    """From days to ns."""
    own = {camera: int(days * DAY_NS) for camera, days in cameras.items()}
    return Policy(int(retention_days * DAY_NS), min_free_bytes, own, int(spared_days * DAY_NS))


@dataclass(frozen=True, slots=True)
class _Mark:
    """Under these locks, everything on a volume up to `place` is locked."""

    locks: Locks
    place: Place
    until: float


class Retainer:
    """`look` and, for each volume, `tend` as often as free space is to be looked at; `remove` deletes one closed part, its file first."""

    def __init__(self, volumes: list[Volume], register: Register, catalog: Catalog, shelf: LockShelf, report: Report, rule: Policy,
                 remove: Callable[[Volume, Part], None]) -> None:  # fmt: skip
        self._volumes, self._register, self._catalog, self._shelf = volumes, register, catalog, shelf
        self._report, self._remove_part = report, remove
        self.rule = rule
        """May be replaced at any time, from any thread: each look begins with the one that there is."""
        self._locks_at = float("-inf")
        self._age_at = {volume.root: float("-inf") for volume in volumes}
        self._marks: dict[str, _Mark] = {}
        self._deleted, self._lost = Tally(), Tally()
        self._tallies = threading.Lock()
        self._cramped: dict[str, str] = {}
        self._measured: Locks | None = None
        self.locked_bytes = 0
        """Of finished files that locks keep, as of the last look at age."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What an operator should look at."""
        return tuple(filter(None, (self._shelf.problem, *self._cramped.values())))

    @property
    def aged_at(self) -> float:
        """Since when (monotonic) age was looked at of every volume and every lock."""
        return min(self._locks_at, *self._age_at.values())

    def look(self, now_ns: int, now: float, *, trusted: bool) -> None:
        """What touches no volume; now_ns is UTC, now monotonic, trusted whether now_ns may end locks."""
        due = now >= self._locks_at + AGE_S
        if due and trusted:
            self._end_locks(now_ns)
        if due or self._measured is not self._shelf.locks:
            self._measure_locked()
        self._locks_at = now if due else self._locks_at
        self.tell(now)

    def tend(self, volume: Volume, now_ns: int, now: float, *, trusted: bool, stop: Callable[[], bool]) -> None:
        """One look at a volume's free space, and when it is due at age; trusted is whether now_ns may delete."""
        due = now >= self._age_at[volume.root] + AGE_S
        try:
            if due and trusted:
                self._age(volume, now_ns, stop)
            self._floor(volume, now, stop)
            volume.measure()
        except (OSError, CatalogError) as error:
            self._failed(volume, error)
        self._use_reserve(volume, stop)
        self._age_at[volume.root] = now if due else self._age_at[volume.root]
        self.tell(now)

    def _failed(self, volume: Volume, error: Exception) -> None:
        self._report(EventKind.DISK, f"volume {volume.root}: deleting failed: {error}", "check the disk", "")

    # -- age ---------------------------------------------------------------------------------------------------

    def _end_locks(self, now_ns: int) -> None:
        try:
            ended = self._shelf.expire(now_ns)
        except VolumeError as error:
            self._report(EventKind.DISK, f"evidence locks cannot be ended: {error.message}", error.remedy, "")
            return
        for lock in ended:
            self._report(EventKind.LOCK, f"{lock.label} has expired: retention applies to its video again", "", lock.camera)

    def _age(self, volume: Volume, now_ns: int, stop: Callable[[], bool]) -> None:
        for camera in sorted(self._register.cameras()):
            before_ns = now_ns - self.rule.spare(camera)
            for low, high in self._shelf.locks.free(camera, before_ns):
                for window in ((low, min(high, CLOCK_SET_NS - 1)), (max(low, CLOCK_SET_NS), high)):
                    while not stop() and (parts := self._catalog.inside(volume.id, camera, *window, BATCH)):
                        gone = [part for part in parts if self._expired(volume, part, before_ns) and self._delete(volume, part)]
                        if not gone:
                            break  # a lock was added meanwhile, or none is old enough

    @staticmethod
    def _expired(volume: Volume, part: Part, before_ns: int) -> bool:
        """Of a recorder that had no clock a file is as old as it is here.  These go in the order of their stamps, so one may have to
        wait for those before it, at most as long again."""
        try:
            return part.end_ns >= CLOCK_SET_NS or volume.disk.stat(part.path).st_mtime * 1e9 < before_ns
        except FileNotFoundError:
            return True  # somebody removed the file: its row may follow

    def _delete(self, volume: Volume, part: Part) -> bool:
        """Delete a part, unless it is locked by now."""
        gone = self._shelf.unless_kept(part.camera, part.start_ns, part.end_ns, lambda: self._remove_part(volume, part))
        if gone:
            with self._tallies:
                self._deleted.add(str(volume.root), part.file_size)
        return gone

    # -- floor -------------------------------------------------------------------------------------------------

    def _floor(self, volume: Volume, now: float, stop: Callable[[], bool]) -> None:
        """Free what the floor asks for; notes when only locked files are left."""
        volume.measure()
        # measured once a round: a disk may free space late, and a second look would delete for the same need again
        need = self.rule.min_free_bytes - volume.free_bytes
        for page in self._unlocked(volume, now) if need > 0 else ():
            for part in choose(page, expired_ns=0, need_bytes=need, protected=self._locked):
                need -= part.file_size if self._delete(volume, part) else 0
            if need <= 0 or stop():
                break
        self._note(volume, cramped=need > 0 and not stop() and self._has_locked(volume))

    def _unlocked(self, volume: Volume, now: float) -> Iterator[list[Part]]:
        """Pages of a volume's parts, oldest first, from the first page on that is not locked as a whole."""
        locks, mark = self._shelf.locks, self._marks.get(volume.id)
        place = mark.place if mark is not None and mark.locks is locks and now < mark.until else _START
        until = mark.until if mark is not None and place != _START else now + MARK_S
        while page := self._catalog.oldest(volume.id, BATCH, place):
            after = page[-1].end_ns, page[-1].path
            if all(map(self._locked, page)):
                self._marks[volume.id] = _Mark(locks, after, until)
            else:
                yield page
            place = after

    def _locked(self, part: Part) -> bool:
        return self._shelf.locks.keeps(part.camera, part.start_ns, part.end_ns)

    def oldest_ns(self, volume: Volume) -> int | None:
        """End of the volume's oldest part that is not locked, UTC ns; None when all are, 0 when there is none.  Raises CatalogError."""
        mark = self._marks.get(volume.id)
        place = mark.place if mark is not None and mark.locks is self._shelf.locks else _START
        while page := self._catalog.oldest(volume.id, BATCH, place):
            found = next((part for part in page if not self._locked(part)), None)
            if found is not None:
                return found.end_ns
            place = page[-1].end_ns, page[-1].path
        return 0 if place == _START else None

    # -- reserve -----------------------------------------------------------------------------------------------

    def _has_locked(self, volume: Volume) -> bool:
        return bool(self._catalog.oldest(volume.id, 1)) and (self._shelf.locks.everything or len(self._shelf.locks) > 0)

    def _note(self, volume: Volume, *, cramped: bool) -> None:
        if not cramped:
            self._cramped.pop(volume.id, None)
        elif volume.id not in self._cramped:
            text = f"volume {volume.root}: less than {self.rule.min_free_bytes} bytes are free and only locked video is left to delete"
            remedy = "recording goes on in the reserve; add a disk, or remove locks, before the oldest locked video has to go"
            self._cramped[volume.id] = f"{text}: {remedy}"
            self._report(EventKind.LOCK, text, remedy, "")

    def _use_reserve(self, volume: Volume, stop: Callable[[], bool]) -> None:
        """New video goes to the volume with the most free space, so locked files go only when there is no better one."""
        online = [other for other in self._volumes if other.online]
        if not volume.online or any(other.id not in self._cramped or other.free_bytes >= self.rule.reserve_bytes for other in online):
            return
        try:
            need = self.rule.reserve_bytes - volume.free_bytes
            while need > 0 and not stop() and (parts := choose(self._catalog.oldest(volume.id, BATCH), expired_ns=0, need_bytes=need)):
                for part in parts:
                    self._sacrifice(volume, part)
                    need -= part.file_size
            volume.measure()
        except (OSError, CatalogError) as error:
            self._failed(volume, error)

    def _sacrifice(self, volume: Volume, part: Part) -> None:
        """Delete a locked part and write down for whom it was kept."""
        holders = self._shelf.locks.holders(part.camera, part.start_ns, part.end_ns)
        self._remove_part(volume, part)
        with self._tallies:
            self._deleted.add(str(volume.root), part.file_size)
            for lock in holders:
                self._lost.add(lock.id, part.file_size)
        if not holders:
            return
        try:
            self._shelf.count_lost((lock.id, 1, part.file_size) for lock in holders)
        except VolumeError as error:  # the event tells it all the same
            self._report(EventKind.DISK, f"a loss of locked video cannot be noted: {error.message}", error.remedy, part.camera)

    # -- telling -----------------------------------------------------------------------------------------------

    def tell(self, now: float, *, everything: bool = False) -> None:
        """Events about deletions; everything at the end, so that none is forgotten."""
        with self._tallies:
            deleted, lost = self._deleted.due(now, everything=everything), self._lost.due(now, everything=everything)
        for root, gone in deleted.items():
            self._report(EventKind.RETENTION, f"volume {root}: {gone.files} file(s), {gone.bytes} bytes deleted, oldest first", "", "")
        for lock_id, gone in lost.items():
            lock = self._shelf.locks.get(lock_id)
            text = f"{gone.files} locked file(s), {gone.bytes} bytes deleted, because nothing else was left to make room for new video"
            remedy = "add a disk, or remove locks; look for a copy on other archivers"
            self._report(EventKind.LOCK, f"{lock.label if lock else lock_id}: {text}", remedy, lock.camera if lock else "")

    def _measure_locked(self) -> None:
        locks = self._shelf.locks
        try:
            self.locked_bytes = sum(self._catalog.extent(camera, *kept)[1] for camera, kept in locks.ranges())
            self._measured = locks
        except CatalogError as error:
            self._report(EventKind.DISK, f"locked video cannot be measured: {error}", "check the disk of data_dir", "")
