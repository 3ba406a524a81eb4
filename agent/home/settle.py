"""Where a start of the agent lives: in data_dir, or in RAM while the disk of that fails or hangs.

    settle ─▶ opened in time ──▶ Home: journal and small files on the disk
         └──▶ its disk fails ──▶ RamHome: chunks in RAM for the archivers (journal/absent.py), small files in refuge.py
                                   └─ the disk is well ─▶ what is in RAM goes there ─▶ `well`: the agent ends and starts anew, with
                                                                                       the journal that is open

Rules: recording begins at once, whatever the disk does, and waits for none that may come: going over to it costs a gap of some seconds,
which a camera's stop and start takes, and nothing that was cut.  Anew, because only a start asks archivers for what the journal holds from
before.  A wrong configuration and a journal that another agent has are still refused: another disk would not help.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from ...wire.errors import VolumeError
from ..clock import Clock
from ..datadir import FailingDiskError, InUseError, open_journal, open_slots, prepare, staged
from ..epochs import Slots, merged
from ..journal.absent import AbsentJournal
from ..journal.journal import Journal
from ..journal.patience import PatientReader
from ..journal.staged import StagedJournal
from ..preflight import DATA_DIR
from ..setup import Plan
from . import late
from .late import LateSlots
from .refuge import EPOCHS, LOSSES, Refuge, bring_back, salvage
from .watch import REMEDY, DiskWatch

log = logging.getLogger(__name__)
START_S: Final = 10.0
"""A healthy disk opens a journal in a fraction of it, a slow one with a full journal in minutes: then this and the gap of going over to it
are less than waiting would cost."""


class Home:
    """On the disk: `look` once the agent records, `stop` and `close` at its end."""

    why: VolumeError | None = None
    """What is wrong with the disk."""
    blind = False
    """Nothing can be read of what was recorded before."""

    def __init__(self, folder: Path, journal: StagedJournal) -> None:
        self.folder, self.journal = folder, journal

    def slots(self, name: str) -> Slots:
        """The small file of that name."""
        return open_slots(self.folder / name)

    def look(self, well: Callable[[], None]) -> None:
        """`well` is called, once and by any thread, when the agent should end and be started anew."""

    @property
    def stragglers(self) -> list[str]:
        """Threads that hang in the disk."""
        return []

    def keep(self) -> None:
        """The next start goes on with the journal: it is not closed for good."""

    @property
    def kept(self) -> Journal | None:
        """That journal, after `close`."""
        return None

    def stop(self) -> None:
        """Look no more; before the journal is closed."""

    def close(self) -> None:
        """Leave nothing in RAM that the disk has; after the journal was closed."""


class RamHome(Home):
    """In RAM, as long as the disk of data_dir gives nothing."""

    def __init__(self, data_dir: Path, refuge: Refuge, why: VolumeError, watch: DiskWatch, absent: AbsentJournal,
                 journal: StagedJournal) -> None:  # fmt: skip
        super().__init__(refuge.folder, journal)
        self._data_dir, self._refuge, self._watch, self._absent, self.why = data_dir, refuge, watch, absent, why
        self._begun = self._moved = False
        """Numbers were given out; what is in RAM is on the disk."""
        self._late = {EPOCHS: LateSlots(open_slots(refuge.folder / EPOCHS), why, merged),
                      LOSSES: LateSlots(open_slots(refuge.folder / LOSSES), why, late.losses)}  # fmt: skip
        self.blind = self._late[EPOCHS].read() is None

    def slots(self, name: str) -> Slots:
        return self._late.get(name) or super().slots(name)

    def look(self, well: Callable[[], None]) -> None:
        self._begun = True
        self._watch.go_on(partial(self._came, well))

    @property
    def stragglers(self) -> list[str]:
        return ["wk-disk"] if self._watch.alive else []

    def keep(self) -> None:
        self._absent.keep()

    @property
    def kept(self) -> Journal | None:
        return self._absent.handed_over()

    def stop(self) -> None:
        self._watch.stop()

    def close(self) -> None:
        """What the disk has not got is left for the next start: it is to go on above these numbers, with what the directory said last."""
        if self._begun and not self._moved:
            self._refuge.leave()
        else:
            self._refuge.close()

    def _came(self, well: Callable[[], None], journal: Journal) -> None:
        """Numbers first: what is promised has to be above all that was given out before anything is written there."""
        bring_back(self._refuge.folder, self._data_dir)
        for name, slots in self._late.items():
            slots.arrived(open_slots(self._data_dir / name))
        self._moved = True
        self._absent.arrived(journal)
        log.info("data_dir can be used again: recording begins anew, on its disk")
        well()


def settle(plan: Plan, clock: Clock, reader: PatientReader, kept: Journal | None = None) -> Home:
    """Open data_dir, or do without.  kept: that of the start before, when its disk has come.

    Raises ConfigError, InUseError when another agent has it, FailingDiskError when there is no room in RAM for the small files either.
    """
    data_dir = Path(plan.config.agent.data_dir)
    if kept is not None:
        return Home(data_dir, staged(plan, kept, clock.monotonic, reader))
    try:
        left = Refuge.left(data_dir)
    except BlockingIOError as error:
        raise _used(plan) from error
    watch = DiskWatch(partial(_open, plan, data_dir, left), partial(salvage, data_dir), clock.monotonic)
    try:
        found = watch.first(START_S)
        if isinstance(found, VolumeError):
            return _in_ram(plan, data_dir, found, watch, left, partial(staged, monotonic=clock.monotonic, reader=reader))
        watch.stop()
    except BaseException:
        watch.stop()
        if left is not None:
            left.leave()
        raise
    if left is not None:
        left.close()
    return Home(data_dir, staged(plan, found, clock.monotonic, reader))


def _open(plan: Plan, data_dir: Path, left: Refuge | None) -> Journal:
    """On the thread that may hang.  left: of an agent that was killed in RAM."""
    journal = open_journal(plan, prepare(plan))
    if left is not None:
        bring_back(left.folder, data_dir)
    return journal


def _in_ram(plan: Plan, data_dir: Path, found: VolumeError, watch: DiskWatch, left: Refuge | None,
            stage: Callable[[Plan, Journal], StagedJournal]) -> Home:  # fmt: skip
    try:
        refuge = left or _seeded(data_dir, watch.salvaged)
    except BlockingIOError as error:
        raise _used(plan) from error
    except OSError as error:
        raise FailingDiskError(f"{found.message}; nor is there room in RAM ({error.strerror or error})", remedy=found.remedy) from error
    why = VolumeError(f"{data_dir} could not be used at the start: {found.message}", remedy=REMEDY)
    log.error("data_dir cannot be used, recording goes from RAM to the archivers", extra={"why": found.message, "remedy": REMEDY})
    absent = AbsentJournal(why, max_bytes=plan.journal_max_bytes)
    return RamHome(data_dir, refuge, why, watch, absent, stage(plan, absent))


def _seeded(data_dir: Path, files: Mapping[str, bytes]) -> Refuge:
    refuge = Refuge.take(data_dir)
    try:
        refuge.seed(files)
    except BaseException:
        refuge.close()
        raise
    return refuge


def _used(plan: Plan) -> InUseError:
    return InUseError(str(plan.file), DATA_DIR, "another agent records there, from RAM because its disk fails",
                      remedy="stop the other agent, or give this one its own data_dir")  # fmt: skip
