"""The agent's data_dir: the journal, and two small files that recording can do without.

Rules: what is wrong with the folder is a ConfigError that names file and key: a service stays down until somebody has looked at it.
What is wrong with its disk may pass: it is started again.  A small file that cannot be read or made is logged and replaced by memory,
because the journal and UTC cover what it would have said.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from ..wire.errors import ConfigError, UsageError, VolumeError
from .epochs import STATE_BYTES, Slots
from .journal.journal import Journal
from .journal.patience import PatientReader
from .journal.slots import SlotFile
from .journal.stage import AT_ONCE, Hold
from .journal.staged import HOLD_S, StagedJournal
from .preflight import DATA_DIR, disk_note, fails, folder_problem, room_note, room_problem
from .setup import Plan

log = logging.getLogger(__name__)


class FailingDiskError(VolumeError):
    """The disk of data_dir fails now; the next start may find it well."""

    exit_code = 1


class InUseError(ConfigError):
    """Another process has the journal: perhaps one that was stopped and hangs in its disk, which goes by itself at last."""

    exit_code = 1


class _Memory:
    """Slots that last as long as the process."""

    def __init__(self) -> None:
        self._data: bytes | None = None

    def read(self) -> bytes | None:
        return self._data

    def write(self, data: bytes) -> None:
        self._data = data


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
        raise ConfigError(str(plan.file), DATA_DIR, f"{folder} cannot be made ({error.strerror})",
                          remedy="give a folder that this user may write") from error  # fmt: skip
    for note in (room_problem(plan) or room_note(plan), disk_note(plan)):
        if note is not None:
            log.warning("the journal's disk is not what the configuration expects", extra={"why": note.message, "remedy": note.remedy})
    return folder


def open_journal(plan: Plan, folder: Path, monotonic: Callable[[], float], reader: PatientReader) -> StagedJournal:
    """Raises InUseError when another agent has the journal, FailingDiskError when its disk fails."""
    ram_bytes = plan.profile.journal_ram_bytes
    try:
        journal = Journal.open(folder / "journal", max_bytes=plan.journal_max_bytes, file_bytes=plan.profile.journal_file_bytes,
                               ram_bytes=ram_bytes)  # fmt: skip
    except UsageError as error:
        kind = InUseError if isinstance(error.__cause__, BlockingIOError) else ConfigError
        raise kind(str(plan.file), DATA_DIR, error.message, remedy=error.remedy) from error
    except VolumeError as error:
        raise FailingDiskError(error.message, remedy=error.remedy) from error
    hold = AT_ONCE if plan.config.journal.mode == "always" else Hold(HOLD_S, min(ram_bytes, plan.stage_bytes // 2))
    return StagedJournal(journal, max_bytes=plan.stage_bytes, monotonic=monotonic, hold=hold, from_disk=reader.read)


def open_slots(path: Path) -> Slots:
    """The small file at path, or memory in its place."""
    try:
        return SlotFile(path, size=STATE_BYTES)
    except VolumeError as error:
        log.warning("a small file of data_dir cannot be used, recording goes on without it",
                    extra={"file": str(path), "why": error.message, "remedy": error.remedy})  # fmt: skip
        return _Memory()
