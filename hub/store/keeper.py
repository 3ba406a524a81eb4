"""The thread that keeps house: retention, then stitching, one volume after the other; and setting damaged files aside.

Rules: the only place that deletes, replaces or renames closed files while the archiver runs; one lock keeps the three apart.  A
stitch waits until no part of its segment is open.  A volume that fails here is left to its writer to fence.
"""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import FormatError, GoneError
from ...wire.shell.threads import Supervised
from .catalog import Catalog, CatalogError
from .clock import Clock
from .model import Part, Report, SegmentKey
from .register import Register
from .retention import DAY_NS, ClockWatch, choose
from .stitch import Stitch, can_stitch
from .volume import Volume

log = logging.getLogger(__name__)

KEEP_S: Final = 2.0
"""How often free space and age are looked at: at 1 GB/s a floor of 5 GB is not used up in between."""
BATCH: Final = 64
ASIDE_SUFFIX: Final = ".damaged"
"""Of files that are kept for inspection and never served."""
SHORT_LIFE_NS: Final = 3600 * 1_000_000_000
NEAR_FLOOR_BYTES: Final = 1 << 30
"""Five minutes of 16 cameras at 2 Mbit/s: nearer to the floor a volume deletes its oldest files for what is stored now."""
MAX_MOVES: Final = 1024
"""Removed parts whose new place is remembered, for players that still ask for the old one."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What retention is to keep."""

    keep_ns: int
    min_free_bytes: int


def policy(retention_days: float, min_free_bytes: int) -> Policy:
    return Policy(int(retention_days * DAY_NS), min_free_bytes)


class Moves:
    """Where the bytes of stitched parts went; bounded, oldest forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moves: OrderedDict[Path, tuple[Path, int]] = OrderedDict()

    def add(self, old: Path, new: Path, shift: int) -> None:
        with self._lock:
            self._moves[old] = (new, shift)
            if len(self._moves) > MAX_MOVES:
                self._moves.popitem(last=False)

    def find(self, old: Path) -> tuple[Path, int] | None:
        """(new path, what to add to offsets behind the init segment)."""
        with self._lock:
            return self._moves.get(old)


class Keeper:
    """`start`, then `stop` and `join`; `kick` asks for a round at once."""

    def __init__(self, volumes: list[Volume], register: Register, catalog: Catalog, clock: Clock, report: Report, rule: Policy) -> None:
        self._volumes, self._register, self._catalog = volumes, register, catalog
        self._clock, self._report, self._rule = clock, report, rule
        self._watch = ClockWatch()
        self._wake = threading.Event()
        self._upkeep = threading.Lock()
        """Held while one file is deleted, joined or set aside; before the register's lock and the catalog's."""
        self.moves = Moves()
        self._thread = Supervised("wk-store-keeper", self._body)

    def start(self) -> None:
        self._thread.start()

    def kick(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._thread.stop()
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        return self._thread.join(timeout_s)

    def _body(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            self.round(stop)
            self._wake.wait(KEEP_S)

    def round(self, stop: threading.Event) -> None:
        """One look at everything."""
        now_ns, now = self._clock.wall_ns(), self._clock.monotonic()
        if self._watch.look(now_ns, now):
            self._report(EventKind.CLOCK, "the wall clock went forward: nothing is deleted for its age for a day",
                         "check the clock; restart the archiver when it is right", "")  # fmt: skip
        expired_ns = now_ns - self._rule.keep_ns if self._watch.trusted(now) else 0
        for volume in self._volumes:
            if volume.online:
                self._retain(volume, expired_ns, stop)
        self._stitch_all(stop)

    # -- retention ---------------------------------------------------------------------------------------------

    def _retain(self, volume: Volume, expired_ns: int, stop: threading.Event) -> None:
        """Delete until nothing is too old and the floor is free; raises nothing that the disk does."""
        removed: list[Part] = []
        try:
            volume.measure()
            # measured once a round: a disk may free space late, and a second look would delete for the same need again
            need = max(self._rule.min_free_bytes - volume.free_bytes, 0)
            while not stop.is_set() and (chosen := choose(self._catalog.oldest(volume.id, BATCH), expired_ns=expired_ns, need_bytes=need)):
                for part in chosen:
                    self._remove(volume, part)
                    removed.append(part)
                    need = max(need - part.file_size, 0)
            volume.measure()
        except (OSError, CatalogError) as error:
            self._report(EventKind.DISK, f"volume {volume.root}: deleting failed: {error}", "check the disk", "")
        if removed:
            total = sum(part.file_size for part in removed)
            self._report(EventKind.RETENTION, f"volume {volume.root}: {len(removed)} file(s), {total} bytes deleted, oldest first", "", "")

    def _remove(self, volume: Volume, part: Part) -> None:
        """The file first: a row without a file is removed at the next start, a file without a row would come back."""
        with self._upkeep:
            volume.disk.unlink(part.path)
            volume.disk.tidy(part.path)
            self._forget(part)

    def _forget(self, part: Part) -> None:
        self._catalog.change(removed=[(part.volume, part.path)])
        self._register.removed(part, self._catalog.around(part.camera, part.epoch, part.first_seq, part.last_seq))

    def oldest_ns(self, volume: Volume) -> int:
        """End of the volume's oldest part, UTC ns; 0 when it has none.  Raises CatalogError."""
        found = self._catalog.oldest(volume.id, 1)
        return found[0].end_ns if found else 0

    def horizon_ns(self) -> int:
        """Video that ended before this (UTC ns) would be deleted soon after it was stored.  Where every volume is near its
        floor, that is also everything older than the oldest file there."""
        age_ns = self._clock.wall_ns() - self._rule.keep_ns + min(SHORT_LIFE_NS, self._rule.keep_ns // 20)
        usable = [volume for volume in self._volumes if volume.online]
        if any(volume.free_bytes > self._rule.min_free_bytes + NEAR_FLOOR_BYTES for volume in usable):
            return age_ns
        return max([age_ns, *(self.oldest_ns(volume) + SHORT_LIFE_NS for volume in usable)])

    # -- damage ------------------------------------------------------------------------------------------------

    def set_aside(self, part: Part) -> Path | None:
        """Take a closed part out of service: its file is kept under a name that is never served, its chunks are missing from
        then on.  Returns the new path, None when there was no file any more; raises VolumeError or OSError with nothing changed,
        GoneError when the part is not as it was looked at, because it was joined, deleted or replaced meanwhile."""
        volume = next(volume for volume in self._volumes if volume.id == part.volume)
        with self._upkeep:
            now = self._catalog.at(part.volume, part.path)
            if now is None or (now.first_seq, now.last_seq, now.last_hash) != (part.first_seq, part.last_seq, part.last_hash):
                raise GoneError(f"{part.path} has changed", remedy="look at it again")
            volume.check()
            path = self._aside_path(volume, part.path)
            try:
                volume.disk.rename(part.path, path)
                volume.disk.sync_dir(str(PurePosixPath(path).parent))
                aside = volume.root / path
            except FileNotFoundError:
                aside = None
            self._forget(part)
        self._register.mended(volume.root / part.path)
        return aside

    @staticmethod
    def _aside_path(volume: Volume, path: str) -> str:
        """A name that no file has yet: evidence is not overwritten by other evidence."""
        folder = set(volume.disk.names(str(PurePosixPath(path).parent)))
        taken = sum(name.startswith(PurePosixPath(path).name + ASIDE_SUFFIX) for name in folder)
        return path + ASIDE_SUFFIX + (f".{taken + 1}" if taken else "")

    # -- stitching ---------------------------------------------------------------------------------------------

    def _stitch_all(self, stop: threading.Event) -> None:
        busy = self._register.busy_segments()
        for key in sorted(self._register.take_stitch()):
            if stop.is_set():
                return  # the next start looks for split segments itself
            if key in busy:
                self._register.want_stitch([key])
            else:
                with self._upkeep:
                    self._stitch(key)

    def _stitch(self, key: SegmentKey) -> None:
        try:
            parts = self._catalog.segment(key)
            if not can_stitch(parts):
                return
            volume = next(volume for volume in self._volumes if volume.id == parts[0].volume)
            if not volume.online or not volume.has_room(sum(part.size for part in parts)):
                return  # parts can be played as they are; the next start tries again
            Stitch(volume.disk, self._catalog, parts,
                   lambda old, new, shift: self.moves.add(volume.root / old, volume.root / new, shift)).run()  # fmt: skip
        except (OSError, FormatError, CatalogError) as error:
            self._report(EventKind.DISK, f"segment {key[2]} of epoch {key[1]} cannot be joined: {error}",
                         "run `watchkeep verify` on it", key[0])  # fmt: skip
            return
        log.info("segment joined", extra={"camera": key[0], "epoch": key[1], "segment": key[2], "parts": len(parts)})
