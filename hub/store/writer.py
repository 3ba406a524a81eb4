"""The thread that writes one volume: takes jobs from its own bounded queue, appends, syncs at most every `sync_ms`.

    job --write--> page cache (received) --fdatasync files, fsync new directories--> durable --> catalog

Rules: a chunk is durable only after file and directory were synced (invariant 3).  A file whose sync failed is given up:
what was durable in it stays, the rest is missing again and comes back from the journals; it is never synced again.
A volume that fails as a whole is fenced and tried again every PROBE_S.  Nothing here waits for another volume (invariant 7).
A volume that hangs is given up by another thread (`look`) while this one is stuck: queue and everything not durable are missing
again and may be stored elsewhere.  When the call returns, whatever it did counts as failed: files are cut to what is durable.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import VolumeError
from ...wire.paths import SegmentName
from ...wire.shell.threads import Supervised
from .catalog import Catalog, CatalogError
from .clock import Clock
from .disk import folder_of
from .model import ASIDE_SUFFIX, Job, Part, Report, StoreFull, Write
from .openparts import OpenParts
from .partfile import PartFile
from .register import Register
from .volume import Volume

log = logging.getLogger(__name__)

MAX_QUEUE_BYTES: Final = 128 << 20
"""Two appends of the largest size (wire.record.MAX_BATCH_BYTES); more is refused as busy, and the journals keep it."""
PROBE_S: Final = 5.0
TEND_S: Final = 1.0
"""How often an idle writer looks after free space, idle parts and a fenced volume."""
URGENT_SYNC_S: Final = 0.1
"""The least time between two fsyncs that somebody asks for: ten a second, whoever asks."""
IDLE_S: Final = 120.0
"""A part without a new chunk for two segments is complete."""
_CREATE_TRIES: Final = 3
MAX_NAMED: Final = 4096
"""Folders, 100 bytes each; forgotten together, after which each is synced once more: 64 cameras make 1600 a day."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every writer of a store shares."""

    register: Register
    catalog: Catalog
    clock: Clock
    report: Report
    sync_s: float


class VolumeWriter:
    """`room_for`, `submit` and `look` may be called from any thread; everything else happens on the writer's own."""

    def __init__(self, volume: Volume, around: Surroundings, name: str) -> None:
        self.volume, self._around = volume, around
        self._register, self._clock = around.register, around.clock
        self._queue: deque[Job] = deque()
        self._queued_bytes = 0
        self._current: Job | None = None
        self._hung_at = 0.0
        self._hung_told = False
        self._ready = threading.Condition()
        self._open = OpenParts()
        self._new: list[PartFile] = []
        """Parts whose names are not durable yet, and that the catalog has no row of."""
        self._dirs: set[str] = set()
        self._naming, self._named = set[str](), set[str]()
        """Folders whose names the next sync makes durable, and those of which it is known; at most MAX_NAMED."""
        self._closed: list[Part] = []
        """Closed parts that the catalog does not have yet: one sync's worth; while the catalog cannot be written it grows
        by 2 kB a segment, 46 MB a day for 16 cameras."""
        self._sync_at: float | None = None
        self._synced_at = float("-inf")
        self._tend_at = self._probe_at = 0.0
        self._thread = Supervised(name, self._body)

    # -- from any thread ---------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def room_for(self, size: int) -> bool:
        """Whether a job of this size may be submitted now; one job is always taken when nothing is queued."""
        with self._ready:
            return not self._queued_bytes or self._queued_bytes + size <= MAX_QUEUE_BYTES

    def submit(self, job: Job) -> None:
        """Queue a job.  Its chunks are registered as pending; its payloads must not change before `done` is set."""
        with self._ready:
            self._queue.append(job)
            self._queued_bytes += job.bytes
            self._ready.notify()

    def look(self) -> None:
        """Give the volume up when a call to it does not return: for a thread that no disk can hold up, twice a second."""
        pulse = self.volume.pulse
        since = pulse.since
        if since is None or not pulse.hung or self.volume.hung:
            return
        with self._register.lock:  # as `submit` holds it: nothing is queued behind this
            with self._ready:
                jobs, self._queue = [*self._queue], deque()
                self._queued_bytes -= sum(job.bytes for job in jobs)
            self._hung_at, self._hung_told = since, True
            self.volume.hang(f"hangs since {self._utc(since)}: a call to the disk does not return")
            self._register.locked_hung(self.volume.id, [*jobs, *filter(None, [self._current])])
        for job in jobs:
            job.error = self._out_of_use()
            job.done.set()
        self._around.report(EventKind.DISK, f"volume {self.volume.root} {self.volume.why}",
                            "look for the disk in dmesg; it is used again as soon as it answers", "")  # fmt: skip

    def _utc(self, at: float) -> str:
        wall_s = self._clock.wall_ns() / 1e9 - (self._clock.monotonic() - at)
        return f"{datetime.fromtimestamp(wall_s, UTC):%Y-%m-%d %H:%M:%S} UTC"

    def _out_of_use(self) -> VolumeError:
        return VolumeError(f"volume {self.volume.root} is out of use: {self.volume.why}", remedy="repair or mount the disk")

    def stop(self) -> None:
        """Write what is queued, sync, close, end; does not wait."""
        self._thread.stop()
        with self._ready:
            self._ready.notify()

    def join(self, timeout_s: float) -> bool:
        return self._thread.join(timeout_s)

    # -- the thread --------------------------------------------------------------------------------------------

    def _body(self, stop: threading.Event) -> None:
        while (job := self._take(stop)) is not None or not stop.is_set():
            if job is not None:
                self._do(job)
            self._tend(self._clock.monotonic())
        for part in self._open:
            self._open.complete(part)
        if self.volume.hung:
            self._settle()
        self._sync()

    def _take(self, stop: threading.Event) -> Job | None:
        """The next job; None when there is none until something is due."""
        now = self._clock.monotonic()
        due = min(self._tend_at, self._sync_at if self._sync_at is not None else self._tend_at)
        with self._ready:
            self._ready.wait_for(lambda: self._queue or stop.is_set(), max(due - now, 0))
            return self._queue.popleft() if self._queue else None

    def _do(self, job: Job) -> None:
        self._current = job
        try:
            while job.left:
                self._write_run(job)
        except VolumeError as error:
            job.error = error
        finally:
            self._current = None
            self._register.give_up(job)
            with self._ready:
                self._queued_bytes -= job.bytes
            job.done.set()

    def _write_run(self, job: Job) -> None:
        """Write the first chunks left of the job that go to one part, in one call, and take them off; raises VolumeError."""
        if not self.volume.online:
            raise self._out_of_use()
        rest = job.left
        part, run = self._open.find(rest[0]) or self._create(rest[0]), [rest[0]]
        while len(run) < len(rest) and _follows(run[-1], rest[len(run)]):
            run.append(rest[len(run)])
        try:
            with self.volume.pulse:
                part.write(run)
        except OSError as error:
            raise self._write_failed(part, error) from error
        if not self._register.written(part, job, run):
            raise self._out_of_use()
        self._open.appended(part, self._clock.monotonic())
        self.volume.free_bytes -= sum(len(write.payload) for write in run)
        if self._sync_at is None or job.urgent:
            self._sync_at = self._sync_due(job.urgent)

    def _sync_due(self, urgent: bool) -> float:
        """When what is written now is synced: sync_s after the last time, together with what else comes until then; so at once after
        a quiet spell.  What may have no copy yet waits for nobody."""
        least_s = min(URGENT_SYNC_S, self._around.sync_s) if urgent else self._around.sync_s
        return max(self._clock.monotonic(), self._synced_at + least_s)

    def _create(self, write: Write) -> PartFile:
        """Open a new part file named by its first chunk; raises VolumeError."""
        seal = write.seal
        if self._open.too_many:
            self._sync()  # closes what is complete
        path = SegmentName(seal.camera, seal.wall_start_ns, seal.epoch, seal.seq).path()
        try:
            with self.volume.pulse:
                self.volume.check()
                handle, changed = self._create_file(path)
        except VolumeError as error:
            self._fence(error.message)
            raise
        except OSError as error:
            raise self._failed(error) from error
        part = PartFile(self.volume.disk, self.volume.id, path, handle, write)
        self._open.add(part)
        self._new.append(part)
        self._dirs |= changed | self._unproven(path)
        return part

    def _unproven(self, path: str) -> set[str]:
        """What to sync because folders of this path may have been made, and not synced, by a process that was killed or by a create
        that failed."""
        steps = path.split("/")[:-1]
        folders = {"/".join(steps[:depth]) for depth in range(1, len(steps) + 1)} - self._named
        self._naming |= folders
        return {folder_of(folder) for folder in folders}

    def _create_file(self, path: str) -> tuple[int, set[str]]:
        for attempt in range(_CREATE_TRIES):
            try:
                return self.volume.disk.create(path)
            except FileExistsError:
                # nothing known has this name, so it is a file of which recovery could use nothing: keep it for inspection
                self.volume.disk.rename(path, self.volume.disk.unused(path + ASIDE_SUFFIX))
            except FileNotFoundError:
                # the keeper has removed the empty directory between our mkdir and our open
                if attempt == _CREATE_TRIES - 1:
                    raise
        return self.volume.disk.create(path)

    def _write_failed(self, part: PartFile, error: OSError) -> VolumeError:
        """A write failed: forget a part that has nothing yet; a part on a disk that is merely full goes on later."""
        if part.torn or not part.size or not self.volume.disk.is_full(error):
            self._abandon(part)
        return self._failed(error)

    def _failed(self, error: OSError) -> VolumeError:
        """What a failed call means for the volume: full, fenced, or usable all the same."""
        if self.volume.disk.is_full(error):
            self.volume.full = True
            self._around.report(EventKind.DISK, f"volume {self.volume.root} is full", "make room or lower retention_days", "")
            return StoreFull(f"volume {self.volume.root} is full", remedy="make room or lower retention_days")
        text = f"volume {self.volume.root} failed ({error.strerror or error})"
        self._around.report(EventKind.DISK, text, "check the disk", "")
        try:
            with self.volume.pulse:
                self.volume.prove()
        except (VolumeError, OSError) as why:
            self._fence(str(why))
        return VolumeError(text, remedy="check the disk")

    def _fence(self, why: str) -> None:
        if self.volume.online:
            self.volume.fence(why)
            self._around.report(EventKind.DISK, f"volume {self.volume.root} is out of use: {why}", "repair or mount the disk", "")
        self._probe_at = self._clock.monotonic() + PROBE_S
        for part in self._open:
            self._abandon(part)

    def _abandon(self, part: PartFile) -> None:
        """Give a part's file up: keep what is durable, make the rest missing again."""
        self._open.remove(part)  # first: it goes by the part's next chunk, which giving up takes back
        kept = self._register.abandoned(part)
        if part in self._new:
            self._new.remove(part)
        try:
            with self.volume.pulse:
                part.close()
                if kept is None:
                    self.volume.disk.unlink(part.path)
                else:
                    self.volume.disk.cut(part.path, kept.size)
        except OSError as error:
            # recovery finds the surplus by the file's size and checks it
            log.warning("given-up file keeps its surplus", extra={"path": part.path, "why": str(error)})
        if kept is not None:
            self._closed.append(kept)

    # -- syncing -----------------------------------------------------------------------------------------------

    def _tend(self, now: float) -> None:
        if self.volume.hung:
            self._settle()
        if (self._sync_at is not None and now >= self._sync_at) or self._open.too_many:
            self._sync()
        if now < self._tend_at:
            return
        self._tend_at = now + TEND_S
        self._open.complete_idle(now - IDLE_S)
        if self._open.to_close or self._closed:
            self._sync()
        if self.volume.online:
            self._measure()
        elif now >= self._probe_at and not self.volume.hung:  # hung in the sync just now: _settle comes first
            self._reopen()

    def _settle(self) -> None:
        """The call that hung has returned: what it did was given up meanwhile, so take it back, then try the volume."""
        for part in self._open:
            self._abandon(part)
        self.volume.hung = False
        self._reopen()

    def _measure(self) -> None:
        try:
            with self.volume.pulse:
                self.volume.measure()
        except OSError as error:
            self._fence(str(error))

    def _reopen(self) -> None:
        self._probe_at = self._clock.monotonic() + PROBE_S
        try:
            with self.volume.pulse:
                if not self.volume.reopen():
                    return
        except (VolumeError, OSError) as why:
            self.volume.why = str(why)
            return
        what = "is back in use"
        if self._hung_told:
            self._hung_told, what = False, f"answers again after {self._clock.monotonic() - self._hung_at:.0f} s and is back in use"
        self._around.report(EventKind.DISK, f"volume {self.volume.root} {what}", "", "")

    def _sync(self) -> None:
        """Make everything written durable, close what is complete, tell the catalog."""
        self._sync_at, self._synced_at = None, self._clock.monotonic()
        failures = self._sync_files()
        fresh = [part for part in self._new if part not in failures]
        self._new = []
        try:
            for folder in sorted(self._dirs):
                with self.volume.pulse:
                    self.volume.disk.sync_dir(folder)
        except OSError as error:
            failures |= dict.fromkeys(fresh, error)
            fresh = []
        else:
            self._named = self._named | self._naming if len(self._named) < MAX_NAMED else set()
        self._dirs, self._naming = set(), set()
        for part in self._open.dirty():
            if part not in failures:
                self._register.synced(part, self._synced_at)
        for part in failures:
            self._abandon(part)
        for part in self._open:
            if part.complete:
                self._close(part)
        self._tell_catalog([kept for part in fresh if not part.complete and (kept := self._register.snapshot(part)) is not None])
        if failures:
            self._failed(next(iter(failures.values())))

    def _sync_files(self) -> dict[PartFile, OSError]:
        failures = {}
        for part in self._open.dirty():
            if part.given_up:
                continue  # the volume hung in one of the syncs before
            try:
                with self.volume.pulse:
                    part.sync()
            except OSError as error:
                failures[part] = error
        return failures

    def _close(self, part: PartFile) -> None:
        kept = self._register.closed(part)
        if kept is None:
            return  # the volume hung: _settle gives it up
        self._closed.append(kept)
        self._open.remove(part)
        with self.volume.pulse:
            part.close()

    def _tell_catalog(self, opened: list[Part]) -> None:
        if not (opened or self._closed):
            return
        try:
            self._around.catalog.change(opened=opened, closed=self._closed)
        except CatalogError as error:
            # files are the truth (invariant 6): recording goes on, the next start finds what the catalog has not
            self._around.report(EventKind.DISK, f"catalog cannot be written: {error}", "check the disk of data_dir, then restart", "")
            return
        self._register.in_catalog(self._closed)
        self._closed = []


def _follows(first: Write, second: Write) -> bool:
    a, b = first.seal, second.seal
    return (b.camera, b.epoch, b.seq, b.segment_seq) == (a.camera, a.epoch, a.seq + 1, a.segment_seq)
