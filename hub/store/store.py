"""The archiver's storage: one object that takes records and answers what is stored.

    append ─▶ intake (what is new?) ─▶ placement (which volume?) ─▶ writer of each volume ─▶ part files ─▶ catalog
    state  ◀─ register ◀────────────────────── received, durable ◀──────┘
    timeline, chunks, read ◀─ reader ◀─ register and catalog          keeper: retention, stitching

                     watch: gives up a volume that hangs, touches none itself

Rules: what is accepted is planned and queued in one step under the register's lock, so that two senders of the same chunk
make one chunk.  A caller of `append` waits for the page cache at most WRITE_WAIT_S, and not at all for a disk that is late;
what it has not taken by then is not yet received, and the journals keep it (invariant 7).
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import VolumeError
from ...wire.ids import check_id
from ...wire.losses import Loss
from ...wire.messages import CameraFreshness, CameraInfo, EpochState, Event, Timeline
from ...wire.seal import Seal
from ...wire.shell.files import passes
from ...wire.shell.threads import Supervised
from ..protect.shelf import LockShelf
from .anew import Anew
from .catalog import Catalog, CatalogError, is_passing
from .clock import Clock
from .clockbook import ClockBook
from .disk import Disk
from .events import Reporter
from .identity import AwayError, KnownVolumes
from .intake import Batch, Known, Plan, Planner, sort_records
from .keeper import GRACE_S, Keeper, Kept
from .lockbook import LockBook
from .lossbook import LossBook
from .model import Accepted, Conflict, Job, Part, Record, Stats, StoredChunk, StoreFull
from .opening import Openings
from .placement import Placement
from .pulse import LATE_S
from .reader import Reader
from .recovery import Recovery
from .register import Register
from .retainer import policy
from .volume import Volume
from .writer import Surroundings, VolumeWriter

log = logging.getLogger(__name__)

WRITE_WAIT_S: Final = LATE_S
"""Below the agents' ack_timeout_ms (2000): a stalled disk is answered with what is known, not with silence."""
JOIN_S: Final = 8.0
"""A clean stop has 10 s; a disk that hangs longer keeps its thread, and recovery finds what it did not sync."""
WATCH_S: Final = 0.5
"""How much later than STALL_S a hang may be seen."""


class Store:
    """Storage of one archiver.  `open` first, `close` last; everything between may be called from any thread."""

    def __init__(self, archiver_id: str, volumes: list[Path], *, retention_days: float, min_free_bytes: int, sync_ms: int = 1000,
                 state_dir: Path, clock: Clock | None = None, on_event: Callable[[Event], None] = lambda _: None,
                 disk: Callable[[Path], Disk] = Disk, camera_days: Mapping[str, float] | None = None) -> None:  # fmt: skip
        self._clock = clock or Clock()
        self._state_dir = state_dir
        self._reporter = Reporter(check_id("hub", archiver_id), self._clock, on_event)
        self._catalog = Catalog(state_dir)
        self._register = Register(self._catalog.epoch)
        self.locks = LockShelf(state_dir)
        """Evidence locks: what retention leaves alone."""
        known = KnownVolumes(state_dir)
        self._volumes = [Volume(path, archiver_id, known, disk(path), self._clock) for path in volumes]
        around = Surroundings(self._register, self._catalog, self._clock, self._reporter.report, sync_ms / 1000)
        self._writers = [VolumeWriter(volume, around, f"wk-store-{number}") for number, volume in enumerate(self._volumes)]
        self._anew = Anew(self._volumes, self._register, self._accept, self._reporter.report)
        self._lockbook = LockBook(self._volumes, self.locks, self._reporter.report)
        self._camera_days = camera_days or {}
        self._rule = partial(policy, min_free_bytes=min_free_bytes, cameras=self._camera_days)
        self._keeper = Keeper(self._volumes, self._register, self._catalog, self._lockbook, self._clock, self._reporter.report,
                              self._rule(retention_days), self._anew)  # fmt: skip
        self.locks.on_change = self._keeper.kick
        self._placement = Placement(self._writers, self._catalog)
        self._losses = LossBook(self._volumes)
        self._reader = Reader(self._volumes, self._register, self._catalog, self._keeper.moves, self._losses)
        self._openings = Openings(self._volumes, self._open_volume, self._read, self._take_late, self._away)
        self._watch = Supervised("wk-store-watch", self._watch_disks)
        self._running = False

    # -- life --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Check the volumes, recover, start the threads; a volume that hangs or is away follows later, if another is ready.  Raises
        VolumeError, AwayError when it may pass by itself, and leaves nothing open then."""
        try:
            self._state_dir.mkdir(parents=True, exist_ok=True)
            times = ClockBook(self._state_dir)
            self._keeper.recall(times.read(), times.write)
            self._open_catalog()
            self.locks.open([str(volume.root) for volume in self._volumes], lost=not any(volume.id for volume in self._volumes))
            self._openings.start()
            ready = self._openings.wait(self._look_at_disks)
        except (OSError, CatalogError) as error:
            self._release(self._openings.close())
            kind = AwayError if (passes(error) if isinstance(error, OSError) else is_passing(error)) else VolumeError
            raise kind(f"storage cannot be opened: {error}",
                       remedy="check the disks of data_dir and of the volumes, and their permissions") from error  # fmt: skip
        except BaseException:
            self._release(self._openings.close())
            raise
        self._running = True
        for volume in ready:
            self._take(volume)
        self._keeper.start()
        self._losses.start()
        self._watch.start()

    def _open_catalog(self) -> None:
        for volume in self._volumes:
            volume.recall()
        if self._catalog.open():
            log.info("there is no usable catalog: it is made from the files", extra={"state_dir": str(self._state_dir)})

    def _open_volume(self, volume: Volume) -> None:
        with volume.pulse:
            volume.open()
        if [other.identity.volume for other in self._volumes if other.identity is not None].count(volume.id) > 1:
            raise VolumeError("two volumes are the same disk", remedy="name every disk once")
        self._lockbook.load(volume)

    def _read(self, volume: Volume) -> None:
        """Everything that is on the volume, once it is open."""
        self._recover(volume)
        with volume.pulse:
            damaged = self._losses.load(volume)
        if damaged:
            text = f"volume {volume.root}: {damaged} damaged line(s) in its list of declared losses"
            self._reporter.report(EventKind.DISK, text, "check the disk; what they explained is shown as holes", "")

    def _recover(self, volume: Volume) -> None:
        recovery = Recovery(volume, self._catalog)
        recovery.run()
        self._register.damaged(recovery.damage)
        self._anew.take(volume, recovery.unsynced)
        log.info("volume recovered", extra={"volume": str(volume.root), "scanned": recovery.scanned, "damaged": len(recovery.damage)})
        if recovery.damage:
            text = f"volume {volume.root}: {len(recovery.damage)} damaged file(s), first {recovery.damage[0].path}"
            self._reporter.report(EventKind.DISK, text, "run `watchkeep verify` on them", "")

    def _take(self, volume: Volume) -> None:
        """What is on the volume counts from now on, and it is written to and kept; one that hung until now tidies up first."""
        self._load(volume)
        self._writers[self._volumes.index(volume)].start()
        self._keeper.take(volume)

    def _take_late(self, volume: Volume) -> None:
        hung = volume.hung
        self._take(volume)
        if not hung:  # otherwise its writer tells, once it has tidied up after the call
            self._reporter.report(EventKind.DISK, f"volume {volume.root} is back in use", "", "")

    def _away(self, volume: Volume) -> None:
        self._reporter.report(EventKind.DISK, f"volume {volume.root} is out of use: {volume.why}",
                              "repair or mount the disk; it is tried every few seconds", "")  # fmt: skip

    def _load(self, volume: Volume) -> None:
        self._catalog.keep_volumes([other.id for other in self._volumes])
        self._register.take(volume.id, self._catalog.newest(volume.id))
        self._register.want_stitch(volume.id, self._catalog.split_segments(volume.id))

    def _watch_disks(self, stop: threading.Event) -> None:
        while not stop.wait(WATCH_S):
            self._look_at_disks()

    def _look_at_disks(self) -> None:
        for writer in self._writers:
            writer.look()

    def close(self) -> None:
        """Write and sync what was accepted, then end.  Calling it again does nothing."""
        held: set[Volume] = set()
        if self._running:
            self._running = False
            held |= self._openings.close()
            self._keeper.stop()
            self._losses.stop()
            for writer in self._writers:
                writer.stop()
            deadline = self._clock.monotonic() + JOIN_S
            for writer in self._writers:
                if not writer.join(GRACE_S if writer.volume.hung else max(deadline - self._clock.monotonic(), 0)):
                    held.add(writer.volume)
            held |= self._keeper.join(deadline)
            if (late := self._losses.join(GRACE_S)) is not None:
                held.add(late)
            self._watch.stop()
            self._watch.join(WATCH_S + 1)
        for volume in held:  # closing what its threads use would pull the files from under them
            log.error("a disk hangs: its thread is left behind", extra={"volume": str(volume.root)})
        self._release(held)

    def _release(self, held: Collection[Volume] = ()) -> None:
        self._catalog.close()
        for volume in self._volumes:
            if volume not in held:
                volume.close()

    def keep_for(self, days: float, spared: float = 0.0, cameras: Mapping[str, float] | None = None) -> None:
        """From the next look at age on, within half a minute, this is retention_days, and these are the days of single cameras; those that
        have days since the start keep them.  What is younger than `spared` days is not deleted for its age all the same; not so of cameras
        with days of their own."""
        self._keeper.retainer.rule = self._rule(days, spared_days=spared, cameras={**(cameras or {}), **self._camera_days})

    # -- writing -----------------------------------------------------------------------------------------------

    def append(self, records: list[Record], *, urgent: bool = False) -> Accepted:
        """Store verified records: framing and hashes have been checked by the caller, and payloads do not change any more.

        Returns when the chunks are in the page cache or WRITE_WAIT_S has passed; `state` tells what is received.  Raises,
        with nothing written, Conflict, StoreFull, StoreBusy or VolumeError; the last ones also when the only usable
        volume fails on the way: what was written until then is stored, and sending it again is harmless.  `urgent` ones
        are synced without waiting for others.
        """
        batch = sort_records(records)
        try:
            plan, jobs = self._accept(batch, urgent)
        except Conflict as conflict:
            self._register.refuse(len(conflict.names))
            first = conflict.names[0]
            self._reporter.report(EventKind.TAMPER, conflict.message, conflict.remedy, first.camera)
            raise
        except StoreFull:
            self._keeper.kick()
            raise
        self._wait(jobs)
        return Accepted(len(plan.writes), plan.repeated, frozenset(plan.need_init))

    def lose(self, losses: list[Loss]) -> int:
        """Keep what an agent declares lost, so that gaps say so; returns how many this process had not made durable.  Raises StoreBusy,
        VolumeError."""
        return self._losses.take(losses)

    def _accept(self, batch: Batch, urgent: bool = False) -> tuple[Plan, list[Job]]:
        with self._register.ledgers.hold(batch.epochs):
            return self._accept_held(batch, urgent)

    def _accept_held(self, batch: Batch, urgent: bool) -> tuple[Plan, list[Job]]:
        """Plan until memory and files have told everything, then queue.  Ends, because every round reads what it wanted."""
        known = Known()
        self._placement.learn({(seal.camera, seal.epoch, seal.segment_seq) for _, _, seal in batch.chunks if seal is not None})
        while True:
            with self._register.lock:
                plan = Planner(self._register.ledgers.known, self._register.locked_init, known).plan(batch)
                if not plan.wants_files:
                    picked = self._placement.pick(plan.writes)
                    self._register.locked_plan(plan)
                    jobs = []
                    for writer, writes in picked.items():
                        size = sum(len(write.payload) for write in writes)
                        job = Job(deque(writes), size, threading.Event(), writer.volume.pulse, urgent)
                        writer.submit(job)
                        jobs.append(job)
                    return plan, jobs
            for name in plan.wanted_hashes:
                seal = self._reader.seal_of(name)
                known.hashes[name] = None if seal is None else seal.chunk_hash
            known.inits.update({key: self._reader.init_segment(*key) for key in plan.wanted_inits})

    def _wait(self, jobs: list[Job]) -> None:
        deadline = self._clock.monotonic() + WRITE_WAIT_S
        for job in jobs:
            while (left_s := min(deadline - self._clock.monotonic(), job.pulse.patience)) > 0 and not job.done.wait(left_s):
                pass  # another call than the one that was under way may have begun
        failed = next((job.error for job in jobs if job.error is not None), None)
        if isinstance(failed, StoreFull):
            self._keeper.kick()
        if failed is not None and not any(volume.has_room(0) for volume in self._volumes):
            raise failed

    # -- answers -----------------------------------------------------------------------------------------------

    def state(self, camera: str, epoch: int, low: int, high: int) -> EpochState:
        """What is received, durable and missing of seqs low..high."""
        return self._register.state(camera, epoch, low, high)

    def cameras(self) -> list[CameraInfo]:
        """Every camera that has a chunk here."""
        return self._reader.cameras()

    def knows(self, camera: str) -> bool:
        """Whether there is a chunk of the camera; cheap."""
        return self._register.knows(camera)

    def freshness(self) -> dict[str, CameraFreshness]:
        """How long ago the newest chunk of each camera became durable; of those that had one since the start.  From memory."""
        now = self._clock.monotonic()
        return {camera: CameraFreshness(epoch=one.epoch, seq=one.seq, age_s=round(max(now - one.at, 0.0), 3))
                for camera, one in self._register.newest().items()}  # fmt: skip

    def timeline(self, camera: str, start_ns: int | None = None, end_ns: int | None = None) -> Timeline:
        """Spans and gaps with causes in a window of UTC ns; None is an open end."""
        return self._reader.timeline(camera, start_ns, end_ns)

    def chunks(self, camera: str, start_ns: int | None = None, end_ns: int | None = None) -> Iterator[StoredChunk]:
        """The chunks that overlap a window, in (epoch, seq) order; received ones too, durable or not."""
        return self._reader.chunks(camera, start_ns, end_ns)

    def init_segment(self, camera: str, epoch: int) -> bytes | None:
        """ftyp+moov of an epoch; None when it is not here."""
        return self._reader.init_segment(camera, epoch)

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Bytes of a segment file; fewer than length only at its end.  Raises VolumeError."""
        return self._reader.read(path, offset, length)

    # -- for peers ---------------------------------------------------------------------------------------------

    def runs(self, camera: str, epoch: int = 0, seq: int = 0, *, limit: int) -> list[Part]:
        """At most limit parts of a camera in order of epoch and seq, without indexes, from the one on that holds or follows a chunk."""
        return self._reader.runs(camera, epoch, seq, limit)

    def chunks_named(self, camera: str, epoch: int, low: int, high: int) -> Iterator[StoredChunk]:
        """The chunks low..high of an epoch that are stored, in order, each once."""
        return self._reader.chunks_named(camera, epoch, low, high)

    def seal_of(self, camera: str, epoch: int, seq: int) -> Seal | None:
        """The seal of a stored chunk as its file has it, not proven; None when it is not here or cannot be read."""
        return self._reader.seal_of((camera, epoch, seq))

    def horizon_ns(self, camera: str = "") -> int:
        """Video of a camera that ended before this (UTC ns) would be deleted soon after it was stored."""
        return self._keeper.horizon_ns(camera)

    def kept(self, camera: str) -> Kept:
        """Which video of a camera stays all the same, because it is locked."""
        return self._keeper.kept(camera)

    # -- for proving what is stored ----------------------------------------------------------------------------

    def closed_part(self, part: Part) -> Part | None:
        """A part as it is now, with its index; None when it was joined into another or deleted, or is being written."""
        return self._reader.with_index(part)

    def out_of_use(self, part: Part) -> str:
        """Why the volume of a part is not in use; empty when it is."""
        return self._reader.out_of_use(part)

    def path_of(self, part: Part) -> Path:
        return self._reader.path_of(part)

    def set_aside(self, part: Part) -> Path | None:
        """Take a closed, damaged part out of service: its file is kept under a name that is never served, all its chunks are
        missing from then on.  Returns where it is, None when there was no file.  Raises OSError or VolumeError when it cannot
        be done, GoneError when the part has changed."""
        return self._keeper.set_aside(part)

    def report(self, kind: EventKind, text: str, remedy: str = "", camera: str = "") -> None:
        """An event about what is stored, to the log and to operators."""
        self._reporter.report(kind, text, remedy, camera)

    def unsynced(self) -> bool:
        """Whether anything that was accepted is not durable yet."""
        return self._register.unsynced()

    def stats(self) -> Stats:
        register = self._register
        return Stats(register.received, register.durable, register.refused, len(register.cameras()),
                     tuple(volume.state() for volume in self._volumes), register.damage(), len(self.locks.locks),
                     self._keeper.retainer.locked_bytes, (*self._keeper.retainer.problems, *self._lockbook.problems))  # fmt: skip

    def extent(self, camera: str, start_ns: int, end_ns: int) -> tuple[int, int]:
        """(files, bytes) of finished segment files that overlap a window."""
        return self._catalog.extent(camera, start_ns, end_ns)
