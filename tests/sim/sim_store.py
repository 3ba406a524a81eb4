"""The store of a simulated archiver: the product's own, on volumes and a catalog in memory, without its threads.

Rules: whoever owns it lets the writers, the keeper and the hangs of its disks happen; no decision is made here.
"""

import atexit
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from sim_content import Names
from sim_volume_disk import VolumeDisk, root_of

import watchkeep.hub.store.catalog as catalog_file
from watchkeep.hub.protect.shelf import LockShelf
from watchkeep.hub.store.anew import Anew
from watchkeep.hub.store.catalog import Catalog
from watchkeep.hub.store.clock import Clock
from watchkeep.hub.store.events import Reporter
from watchkeep.hub.store.identity import Identity
from watchkeep.hub.store.intake import sort_records
from watchkeep.hub.store.keeper import Keeper
from watchkeep.hub.store.lockbook import LockBook
from watchkeep.hub.store.lossbook import LossBook
from watchkeep.hub.store.model import Accepted, Job, Part, Record
from watchkeep.hub.store.placement import Placement
from watchkeep.hub.store.pulse import STALL_S
from watchkeep.hub.store.reader import Reader
from watchkeep.hub.store.register import Register
from watchkeep.hub.store.retainer import policy
from watchkeep.hub.store.store import Store
from watchkeep.hub.store.volume import Volume
from watchkeep.hub.store.writer import Surroundings, VolumeWriter
from watchkeep.wire.errors import VolumeError

MOST_LEDGERS = 2
"""So few that epochs go to the catalog and come back all the time."""


class SimVolume(Volume):
    """A volume whose identity is given; `mounted` of its disk says whether it is still the one."""

    def __init__(self, archiver: str, number: int, disk: VolumeDisk, clock: Clock) -> None:
        super().__init__(root_of(archiver, number), archiver, None, disk, clock)  # type: ignore[arg-type]
        self.identity = Identity(f"{archiver}-{number}", archiver)

    def open(self) -> None:
        self.reopen()

    def check(self) -> None:
        if not self.disk.is_mounted():
            raise VolumeError(f"volume {self.root} is not mounted any more", remedy="mount the disk again")

    def reopen(self) -> bool:
        self.check()
        if self.disk.hanging and not self.disk.hang_calls:
            raise VolumeError(f"volume {self.root} still hangs", remedy="wait")
        self._probe()
        return self._use()


_EMPTY: list[Connection] = []
"""Databases that others have closed, emptied: making one and preparing its statements anew costs more than what is asked of it."""
MAX_EMPTY = 8


class SimCatalog(Catalog):
    """The catalog in memory: it outlives the process until a fault takes it."""

    def __init__(self) -> None:
        super().__init__(Path("/sim"))

    def open(self) -> bool:
        if self._db is not None:
            return False
        self._db = _EMPTY.pop() if _EMPTY else _database()
        return True

    def close(self) -> None:
        if self._db is None:
            return
        if len(_EMPTY) >= MAX_EMPTY or self._db.in_transaction:
            super().close()
            return
        self._db.execute("DELETE FROM part")  # and with each its index; the next one's rows are numbered from 1 again
        _EMPTY.append(self._db)
        self._db = None


def _database() -> Connection:
    made = catalog_file.sqlite3.connect(":memory:", isolation_level=None)
    made.execute("PRAGMA foreign_keys = ON")
    made.executescript(catalog_file._SCHEMA)
    atexit.register(made.close)
    return made


class SimKeeper(Keeper):
    """Notes what retention deletes."""

    removed: Names

    def _remove(self, volume: Volume, part: Part) -> None:
        self.removed.add(part.camera, part.epoch, part.first_seq, part.last_seq)
        super()._remove(volume, part)


class SimStore(Store):
    """The store without its threads."""

    def __init__(self, archiver: str, disks: list[VolumeDisk], catalog: Catalog, clock: Clock, removed: Names, *, min_free_bytes: int,
                 sync_s: float) -> None:  # fmt: skip
        self._clock, self._state_dir, self._running = clock, Path("/sim"), False
        self.on_append: Callable[[list[Record]], None] = lambda _: None
        self.on_wait: Callable[[list[Job]], None] = lambda _: None
        """Of consolidation, which alone calls `append`: what it stores, and how it waits for the writers."""
        self._reporter = Reporter(archiver, clock, lambda _: None)
        self._register, self._catalog = Register(catalog.epoch, MOST_LEDGERS), catalog
        self._volumes = [SimVolume(archiver, number, disk, clock) for number, disk in enumerate(disks)]
        around = Surroundings(self._register, catalog, clock, self._reporter.report, sync_s)
        self._writers = [VolumeWriter(volume, around, "wk-sim") for volume in self._volumes]
        self.locks = LockShelf(self._state_dir)
        self._anew = Anew(list(self._volumes), self._register, self._accept, self._reporter.report)
        self._lockbook = LockBook(self._volumes, self.locks, self._reporter.report)
        self._keeper = SimKeeper(list(self._volumes), self._register, catalog, self._lockbook, clock, self._reporter.report,
                                 policy(30, min_free_bytes, {}), self._anew)  # fmt: skip
        self._keeper.removed = removed
        for writer, disk in zip(self._writers, disks, strict=True):
            disk.on_hang = partial(self._hang, writer)
        self._placement = Placement(self._writers, catalog)
        self._losses = LossBook(self._volumes)
        self._reader = Reader(list(self._volumes), self._register, catalog, self._keeper.moves, self._losses)

    @staticmethod
    def _hang(writer: VolumeWriter) -> None:
        """The call under way takes STALL_S: the watch looks.  Nothing else moves meanwhile, so time need not pass."""
        pulse = writer.volume.pulse
        if pulse.since is not None:
            pulse.since -= STALL_S
            writer.look()

    def boot(self) -> None:
        """Open the volumes and recover; raises what Store.open raises."""
        self._catalog.open()
        for volume in self._volumes:
            volume.open()
            self._read(volume)
            self._load(volume)

    def accept(self, records: list[Record], *, urgent: bool) -> list[Job]:
        return self._accept(sort_records(records), urgent)[1]

    def append(self, records: list[Record], *, urgent: bool = False) -> Accepted:
        self.on_append(records)
        return super().append(records, urgent=urgent)

    def _wait(self, jobs: list[Job]) -> None:
        self.on_wait(jobs)
        failed = self.failure(jobs)
        if failed is not None:
            raise failed

    def failure(self, jobs: Iterable[Job]) -> VolumeError | None:
        """What Store._wait raises, once the waiting is over."""
        failed = next((job.error for job in jobs if job.error is not None), None)
        return failed if failed is not None and not any(volume.has_room(0) for volume in self._volumes) else None

    @property
    def losses(self) -> LossBook:
        return self._losses

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def writers(self) -> list[VolumeWriter]:
        return self._writers

    @property
    def keeper(self) -> Keeper:
        return self._keeper

    @property
    def register(self) -> Register:
        return self._register
