"""Declared losses on the volumes: one file of lines on each, beside its identity, and the thread that writes them.

    take ─▶ queue ─▶ wk-store-losses: append to each usable volume, fsync ─▶ known ─▶ taken
                     └─ above MAX_FILE_BYTES: what is known, as a new file ─▶ rename

Rules: a loss counts as taken once one volume has it durably; agents tell again until then.  Every volume in use gets it, so that a volume
explains its own gaps, without catalog and without the others (invariant 6).  What a start reads explains gaps, and is no proof that the
one before had synced it (it may have died in between, or its fsync had failed): told again, it is written again.  Who tells waits WAIT_S
at most, and no chunk waits for this thread: a disk that hangs delays losses alone, whose agents remember them.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ...wire.errors import VolumeError
from ...wire.losses import Loss
from ...wire.paths import LOSSES_FILE
from ...wire.shell.threads import Supervised
from .declared import Declared, Place, read_lines, to_line
from .model import StoreBusy
from .volume import Volume

log = logging.getLogger(__name__)

MAX_QUEUE: Final = 16
"""Reports of at most 12 losses: 230 kB."""
WAIT_S: Final = 0.5
"""Far below the agents' ack_timeout_ms: the sender of chunks is the one that waits."""
MAX_FILE_BYTES: Final = 16 << 20
"""Above the 12 MB that MAX_LOSSES take at worst, so that a file made anew is below it."""


@dataclass(slots=True, eq=False)
class LossJob:
    """Losses on their way to the disks; `error` is why no volume took them, once it is done."""

    losses: list[Loss]
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class LossBook:
    """`load` each volume that is taken into use, then `start`; `take` and `why` from any thread; `stop` last."""

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self._volumes = volumes
        self._lock = threading.Lock()
        self._known = Declared()
        self._unproven: set[Loss] = set()
        """Those that a start has read and nobody has told again: at most MAX_LOSSES of each volume."""
        self._sizes: dict[Volume, int] = {}
        """Bytes of good lines on each volume that was loaded; what is behind them is cut before the next write."""
        self._jobs: deque[LossJob] = deque()
        self._wake = threading.Event()
        self._thread = Supervised("wk-store-losses", self._run)
        self._at: Volume | None = None
        """Where the thread is."""

    def load(self, volume: Volume) -> int:
        """Read what a volume has, cut a torn tail; returns how many lines are damaged.  Raises OSError."""
        try:
            found = read_lines(volume.disk.read(LOSSES_FILE, 0, 2 * MAX_FILE_BYTES))
        except FileNotFoundError:
            found = read_lines(b"")
        with self._lock:
            read = [loss for loss in found.losses if loss not in self._known]
            for loss in read:
                self._known.add(loss)
            self._unproven.update(loss for loss in read if loss in self._known)
            self._sizes[volume] = found.size
        return found.damaged

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end once the queue is empty; does not wait."""
        self._thread.stop()
        self._wake.set()

    def join(self, timeout_s: float) -> Volume | None:
        """Wait for the thread; returns the volume that holds it up, None when it has ended."""
        return None if self._thread.join(timeout_s) else self._at

    def take(self, losses: Sequence[Loss]) -> int:
        """Make losses durable; returns how many this process had not yet made so.  Raises StoreBusy when that takes long, VolumeError when
        no volume takes them."""
        job = self.queue(losses)
        if job is None:
            return 0
        if not job.done.wait(WAIT_S):
            raise late()
        if job.error is not None:
            raise job.error
        return len(job.losses)

    def queue(self, losses: Sequence[Loss]) -> LossJob | None:
        """Let the thread make durable what it has not yet; None when it has all.  Raises StoreBusy."""
        with self._lock:
            fresh = [loss for loss in dict.fromkeys(losses) if loss not in self._known or loss in self._unproven]
            if not fresh:
                return None
            if len(self._jobs) >= MAX_QUEUE:
                raise StoreBusy("too many losses wait for the disks", remedy="tell them again later")
            job = LossJob(fresh)
            self._jobs.append(job)
        self._wake.set()
        return job

    def why(self, camera: str, gap: Place, *, unnumbered: bool) -> str | None:
        """As Declared.why."""
        with self._lock:
            return self._known.why(camera, gap, unnumbered=unnumbered)

    # -- the thread --------------------------------------------------------------------------------------------

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._wake.wait()
            self._wake.clear()
            self.write_all()
        self.write_all()

    def write_all(self) -> None:
        """Write what is queued; the thread's work."""
        while True:
            with self._lock:
                job = self._jobs[0] if self._jobs else None
            if job is None:
                return
            try:
                self._write(job.losses)
            except VolumeError as error:
                job.error = error
            finally:
                with self._lock:
                    self._jobs.popleft()
                job.done.set()

    def _write(self, losses: list[Loss]) -> None:
        data = b"".join(map(to_line, losses))
        taken, why = False, "no volume is in use"
        for volume in [one for one in self._volumes if one.online and one in self._sizes]:
            self._at = volume
            try:
                volume.check()
                self._append(volume, data)
                taken = True
            except (OSError, VolumeError) as error:
                why = str(error)
                log.warning("declared losses cannot be written", extra={"volume": str(volume.root), "why": why})
        self._at = None
        if not taken:
            raise VolumeError(f"declared losses cannot be kept: {why}", remedy="look at the archiver's volumes")
        with self._lock:
            for loss in losses:
                self._known.add(loss)
            self._unproven.difference_update(losses)

    def _append(self, volume: Volume, data: bytes) -> None:
        size = self._sizes[volume]
        if size + len(data) > MAX_FILE_BYTES:
            size = self._sizes[volume] = self._renew(volume)
        volume.disk.append(LOSSES_FILE, size, data)
        self._sizes[volume] = size + len(data)

    def _renew(self, volume: Volume) -> int:
        """The file anew, with what is known alone; returns its size."""
        with self._lock:
            data = b"".join(map(to_line, self._known.all()))
        volume.disk.publish(LOSSES_FILE, data)
        return len(data)


def late() -> StoreBusy:
    """What is said when WAIT_S is over."""
    return StoreBusy("the disks have not taken the losses yet", remedy="tell them again later")
