"""The patrol: every stored file is read and proven once in `every_days`, so that a rotten byte is found while another copy is there.

    file ─▶ prove it ─▶ good: pause, the next one          damaged ─▶ doubted: the next round sets it aside and heals it (scrub.py)

It walks camera by camera, oldest video first, and begins again at the end.  The pause behind a file is its share of the time for
all files, so that reading is spread evenly:

    pause = every_days x size of the file / size of the archive - time that proving took, and never faster than max_mbit_s

Rules: one file at a time, on the consolidator's thread, when no round is due: recording comes first.  It changes nothing itself.  More than
MAX_ASIDE damaged files since the start are a broken disk, and end it.  Where it stands is saved every SAVE_S and at the end, so that a
server that is restarted each night is read to its end all the same; a place that cannot be read or written costs a walk from the beginning.
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ...wire.causes import EventKind
from ...wire.messages import Message
from ...wire.shell.files import publish
from ..store import Store
from ..store.clock import Clock
from ..store.model import Part
from .plan import pause_s
from .scrub import MAX_ASIDE, Finding, OutOfUseError, prove_part

log = logging.getLogger(__name__)

PLACE_FILE: Final = "patrol.json"
SAVE_S: Final = 600.0
"""How often the place is saved and cameras are looked at."""
IDLE_S: Final = 600.0
"""Pause where there is nothing to prove, and the longest one behind a file: archives grow."""
DAY_S: Final = 86_400.0
FIRST_S: Final = 120.0
"""After the start: recovery and agents' backlogs come first."""


class Place(Message):
    """What is proven next: the run of a camera that holds or follows a chunk."""

    camera: str = ""
    epoch: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class PatrolSettings:
    """`folder` keeps the place."""

    folder: Path
    every_days: float = 30.0
    max_mbit_s: float = 200.0


@dataclass(frozen=True, slots=True)
class Walked:
    """Counts of this boot, for the metrics."""

    files: int = 0
    bytes: int = 0
    damaged: int = 0
    walks: int = 0


class Patrol:
    """`step` when `next_at` has come; `save` at the end.  One thread."""

    def __init__(self, store: Store, settings: PatrolSettings, clock: Clock) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._file = settings.folder / PLACE_FILE
        self._place: Place | None = None
        self.next_at = clock.monotonic() + FIRST_S
        self._saved_at = self.next_at
        self._sizes: dict[str, int] = {}
        """Bytes by camera, as they were when looked at last: counting millions of files takes a second."""
        self._looked_at: float | None = None
        self.walked = Walked()

    def step(self) -> Finding | None:
        """Prove the next file; what was found when it is damaged.  Raises nothing that a disk does."""
        place = self._load() if self._place is None else self._place
        began = self._clock.monotonic()
        part = self._next(place)
        if part is None:
            self._place, self.next_at = Place(), began + IDLE_S
            if place != Place():
                self._count(walks=1)
            return None
        self._place = Place(camera=part.camera, epoch=part.epoch, seq=part.last_seq + 1)
        try:
            finding = prove_part(self._store, part)
            self._count(files=1, bytes=part.size, damaged=not finding.good)
        except OutOfUseError as error:  # it comes with the next walk: those on other disks do not wait for this one
            log.warning("the patrol leaves a file out", extra={"path": part.path, "why": error.message})
            finding = Finding(part)
        now = self._clock.monotonic()
        self.next_at = now + self._pause(part.size, now - began)
        if not finding.good and self.walked.damaged > MAX_ASIDE:
            self._give_up()
            return None
        if now - self._saved_at >= SAVE_S:
            self.save()
        return None if finding.good else finding

    def _give_up(self) -> None:
        self.next_at = math.inf
        self._store.report(EventKind.DISK, f"the patrol has found more than {MAX_ASIDE} damaged files: this is a broken disk; it ends here",
                           "replace the disk, then start this archiver again", "")  # fmt: skip

    def tell(self, finding: Finding) -> None:
        """Nobody is there to heal a damaged file from."""
        part = finding.part
        text = f"{part.path} is damaged: {finding.why}; no other archiver is there to heal it from, so it stays as it is"
        self._store.report(EventKind.DISK, text, "bring the other archivers back; look at the disk (dmesg, smartctl)", part.camera)

    def save(self) -> None:
        if self._place is None:
            return
        self._saved_at = self._clock.monotonic()
        try:
            publish(self._file, self._place.model_dump_json().encode())
        except OSError as error:
            log.warning("the patrol's place is not saved, a restart begins anew", extra={"path": str(self._file), "why": str(error)})

    def _load(self) -> Place:
        try:
            return Place.model_validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return Place()
        except (OSError, ValidationError) as error:
            log.warning("the patrol begins anew", extra={"path": str(self._file), "why": str(error)})
            return Place()

    def _next(self, place: Place) -> Part | None:
        """The next closed part; None at the end of a walk."""
        for camera in sorted(name for name in self._look() if name >= place.camera):
            epoch, seq = (place.epoch, place.seq) if camera == place.camera else (0, 0)
            while found := self._store.runs(camera, epoch, seq, limit=1):
                closed = self._store.closed_part(found[0])
                if closed is not None:
                    return closed
                epoch, seq = found[0].epoch, found[0].last_seq + 1
        return None

    def _look(self) -> dict[str, int]:
        now = self._clock.monotonic()
        if self._looked_at is None or now - self._looked_at >= SAVE_S:
            self._sizes, self._looked_at = {info.camera: info.bytes for info in self._store.cameras()}, now
        return self._sizes

    def _pause(self, size: int, took_s: float) -> float:
        whole = max(sum(self._sizes.values()), size)
        share_s = self._settings.every_days * DAY_S * size / whole
        return min(max(share_s - took_s, pause_s(size, took_s, self._settings.max_mbit_s)), IDLE_S)

    def _count(self, *, files: int = 0, bytes: int = 0, damaged: bool = False, walks: int = 0) -> None:  # noqa: A002
        old = self.walked
        self.walked = Walked(old.files + files, old.bytes + bytes, old.damaged + damaged, old.walks + walks)
