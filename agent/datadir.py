"""The agent's data_dir: the journal, and two small files that recording can do without.

Rules: what is wrong with the folder is a ConfigError that names file and key: a service stays down until somebody has looked at it.
What is wrong with its disk may pass: the agent does without until then (home/settle.py).  A small file that cannot be read or made is
logged and done without, because the journal and UTC cover what it would have said.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..profiles import Storage
from ..wire.errors import ConfigError, UsageError, VolumeError
from ..wire.shell.files import passes
from .epochs import STATE_BYTES, Slots
from .journal.disk import Disk
from .journal.journal import Journal
from .journal.patience import PatientReader
from .journal.slots import SlotFile
from .journal.stage import AT_ONCE, Hold
from .journal.staged import HOLD_S, StagedJournal
from .preflight import DATA_DIR, disk_note, fails, folder_problem, room_note, room_problem
from .setup import Plan

log = logging.getLogger(__name__)
DIRECT: Final[frozenset[Storage]] = frozenset({"ssd", "nvme"})
"""On these the journal goes past the page cache, at each tick.  For a card or a hard disk that cache makes one write a sync of them."""


class FailingDiskError(VolumeError):
    """The disk of data_dir fails now, and may be well later."""

    exit_code = 1


class InUseError(ConfigError):
    """Another process has the journal: perhaps one that was stopped and hangs in its disk, which goes by itself at last."""

    exit_code = 1


class _Unusable:
    """Slots that could not be read or made: empty, and a write that keeps nothing says so, because numbers are promised there (epochs.py).

    One that was not there, as on a disk that was full, is made by the first write that can; one that is there and cannot be read is
    left alone: what stands in it may be higher than what would be written.
    """

    def __init__(self, path: Path, error: VolumeError) -> None:
        self._path, self._error, self._there = path, error, os.path.lexists(path)
        self._made: SlotFile | None = None

    def read(self) -> bytes | None:
        return None

    def write(self, data: bytes) -> None:
        if self._there:
            raise VolumeError(self._error.message, remedy=self._error.remedy)
        self._made = self._made or SlotFile(self._path, size=STATE_BYTES)
        self._made.write(data)


def prepare(plan: Plan) -> Path:
    """The agent's folder, made when it is missing; raises ConfigError when it cannot be used, FailingDiskError when its disk
    does not let it be."""
    if problem := folder_problem(plan):
        if fails(plan):
            raise FailingDiskError(problem.message, remedy=problem.remedy) from problem
        raise problem
    folder = Path(plan.config.agent.data_dir)
    try:
        (folder / "journal").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = ConfigError(str(plan.file), DATA_DIR, f"{folder} cannot be made ({error.strerror})",
                              remedy="give a folder that this user may write")  # fmt: skip
        if passes(error):
            raise FailingDiskError(problem.message, remedy="free space on its disk, or replace it") from error
        raise problem from error
    for note in (room_problem(plan) or room_note(plan), disk_note(plan)):
        if note is not None:
            log.warning("the journal's disk is not what the configuration expects", extra={"why": note.message, "remedy": note.remedy})
    return folder


def open_journal(plan: Plan, folder: Path) -> Journal:
    """Raises InUseError when another agent has the journal, FailingDiskError when its disk fails."""
    try:
        return Journal.open(folder / "journal", max_bytes=plan.journal_max_bytes, file_bytes=plan.profile.journal_file_bytes,
                            ram_bytes=plan.profile.journal_ram_bytes, disk=Disk(direct=plan.profile.storage in DIRECT))  # fmt: skip
    except UsageError as error:
        kind = InUseError if isinstance(error.__cause__, BlockingIOError) else ConfigError
        raise kind(str(plan.file), DATA_DIR, error.message, remedy=error.remedy) from error
    except VolumeError as error:
        raise FailingDiskError(error.message, remedy=error.remedy) from error


def staged(plan: Plan, journal: Journal, monotonic: Callable[[], float], reader: PatientReader) -> StagedJournal:
    """The journal behind RAM, which closes it."""
    hold = AT_ONCE if plan.config.journal.mode == "always" else Hold(HOLD_S, min(plan.profile.journal_ram_bytes, plan.stage_bytes // 2))
    return StagedJournal(journal, max_bytes=plan.stage_bytes, monotonic=monotonic, hold=hold, from_disk=reader.read)


def open_slots(path: Path) -> Slots:
    """The small file at path, or what stands in its place and remembers nothing over a restart."""
    try:
        return SlotFile(path, size=STATE_BYTES)
    except VolumeError as error:
        log.warning("a small file of data_dir cannot be used, recording goes on without it",
                    extra={"file": str(path), "why": error.message, "remedy": error.remedy})  # fmt: skip
        return _Unusable(path, error)
