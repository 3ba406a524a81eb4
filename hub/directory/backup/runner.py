"""The backups of one server by their schedule: threads around duty.py.

    wk-dir-backups     asks each Duty what is to be done, hands it out, tells what has changed
    wk-dir-backup-<n>  one folder: lists it, writes to it, proves what it wrote; while another server writes, reads what that has

Rules: a folder that hangs holds up its own thread only, which a stop does not wait for longer than STOP_S.  Entries are read from the
database page by page, and no lock of it is held while a page is written.  Nothing here decides.

Bounds: MAX_FOLDERS threads (hub/config.py), one job each.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Final

from ....wire.errors import WatchkeepError
from ....wire.messages import BackupState
from ....wire.shell.threads import Supervised
from ..cluster.steps import Spared
from ..courier import Courier, Job
from ..errors import OffDutyError
from ..roles import BACKUP
from ..server import DirectoryServer
from .chains import Schedule
from .copy import Copy
from .duty import Duty, Health, Work
from .job import Origin, make
from .layout import Backup, Kind
from .memory import Memory
from .place import Folder
from .spare import Note, Seen, ready, refusal

log = logging.getLogger(__name__)

TICK_S: Final = 2.0
ANSWER_S: Final = 0.5
"""How long a question waits for folders that have not been read yet; it is asked again."""
STOP_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What the configuration says, and in which zone its schedules are."""

    folders: tuple[Path, ...]
    schedule: Schedule
    keep_full: int
    zone: tzinfo


class Runner:
    """start() once, stop() once; states() from any thread."""

    def __init__(self, plan: Plan, origin: Origin, server: DirectoryServer, memory: Memory, copy: Copy | None,
                 tell: Callable[[Note], None]) -> None:  # fmt: skip
        self._plan, self._origin, self._server, self._memory, self._copy, self._tell = plan, origin, server, memory, copy, tell
        self._lock = threading.Lock()
        self._read = threading.Condition(self._lock)
        self._progress_at = time.monotonic()
        self._refused = False
        self._said: dict[str, str] = {}
        """By folder, what is wrong with it and has been logged; each is its own courier's."""
        self._duties = [Duty(str(path), plan.schedule, plan.zone) for path in plan.folders]
        self._couriers = [Courier(f"wk-dir-backup-{number}") for number in range(len(plan.folders))]
        self._keeper = Supervised("wk-dir-backups", self._keep)

    def start(self) -> None:
        for courier in self._couriers:
            courier.start()
        self._keeper.start()

    def stop(self) -> None:
        """A backup under way is finished by the next start: what it has not renamed yet is no backup."""
        self._keeper.stop()
        self._keeper.join(TICK_S + STOP_S)
        for courier in self._couriers:
            courier.stop()
        for courier in self._couriers:
            courier.join(STOP_S)
        if self._copy is not None:
            self._copy.close()

    def beyond(self, index: int, end: str) -> Spared:
        """What the backups have behind an entry of this hash, for a server that is about to lead; waits ANSWER_S for it at most."""
        if self._copy is None:
            return Spared((), ready=True)
        with self._read:
            good = self._read.wait_for(lambda: ready(index, self._seen(), time.monotonic() - self._progress_at), ANSWER_S)
            refused, self._refused = self._refused, not good and Seen.NOT_YET not in self._seen()
        if self._refused and not refused:
            self._tell(refusal([duty.folder for duty in self._duties]))
        return Spared(self._copy.beyond(index, end), good)

    def _seen(self) -> list[Seen]:
        return [duty.seen for duty in self._duties]

    def states(self) -> list[BackupState]:
        """Of the folders that this server writes to; none while another one does."""
        with self._lock:
            return [BackupState(folder=duty.folder, health=str(duty.health), since_s=duty.since_s, why=duty.why,
                                newest_s=duty.newest.made_s if duty.newest else 0.0, newest_index=duty.newest.last if duty.newest else 0)
                    for duty in self._duties if duty.health is not Health.IDLE]  # fmt: skip

    def _keep(self, stop: threading.Event) -> None:
        while not stop.is_set():
            writing = self._server.on_duty(BACKUP)
            for duty, courier, path in zip(self._duties, self._couriers, self._plan.folders, strict=True):
                with self._lock:
                    work = duty.work(time.time(), time.monotonic(), writing=writing)
                    note = duty.note()
                if note is not None:
                    self._tell(note)
                if work is not None:
                    courier.give(self._job(duty, Folder(path), work))
            stop.wait(TICK_S)

    def _job(self, duty: Duty, folder: Folder, work: Work) -> Job:
        return Job(lambda: self._do(duty, folder, work), lambda: self._failed(duty, "an error of this program, see the log"))

    def _do(self, duty: Duty, folder: Folder, work: Work) -> None:
        try:
            here = [one for one in folder.list() if one.site == self._origin.site]
            self._memory.check(folder.path, empty=not here)
            if here:
                self._memory.keep(folder.path)
            if work == "watch":
                self._watch(duty, folder, here)
            elif work == "look":
                with self._lock:
                    duty.looked(here, time.time())
            else:
                self._write(duty, folder, work)
        except OffDutyError:
            log.info("a backup of the directory is dropped, another server writes by now", extra={"folder": duty.folder})
            with self._lock:
                duty.dropped()
        except WatchkeepError as error:
            if self._said.get(duty.folder) != error.line():  # tried every half minute, and a log is read by people
                self._said[duty.folder] = error.line()
                log.warning("no backup of the directory", extra={"folder": duty.folder, "why": error.line()})
            self._failed(duty, error.message)
        else:
            self._said.pop(duty.folder, None)

    def _watch(self, duty: Duty, folder: Folder, here: list[Backup]) -> None:
        def went_on() -> None:
            self._progress_at = time.monotonic()

        status = self._server.status
        if self._copy is not None and self._copy.feed(folder, here, status.position, went_on):
            log.info("backups have more than this server, and are restored beside it", extra={"folder": duty.folder})
        with self._read:
            duty.watched()
            self._progress_at = time.monotonic()
            self._read.notify_all()

    def _write(self, duty: Duty, folder: Folder, kind: Kind) -> None:
        def went_on(_done: int, _total: int) -> None:
            """Before the file gets its name, too."""
            if not self._server.on_duty(BACKUP):
                raise OffDutyError("another server writes by now", remedy="nothing: what was begun here leaves nothing behind")
            duty.went_on(time.monotonic())

        made = make(self._server.database, folder, self._origin, kind, time.time(), keep=self._plan.keep_full, progress=went_on)
        if made is not None:
            log.info("backup of the directory", extra={"folder": duty.folder, "backup": made.backup.name, "bytes": made.bytes,
                                                       "full_because": made.why, "removed": len(made.removed)})  # fmt: skip
        self._memory.keep(folder.path)  # before it is shown as good: from then on a folder without backups is not mounted
        with self._lock:
            duty.made(kind, made.backup if made else None, time.time())

    def _failed(self, duty: Duty, why: str) -> None:
        with self._read:
            duty.failed(why, time.time())
            self._read.notify_all()


