"""The thread that keeps house: retention (decided in retainer.py), then stitching; and setting damaged files aside.

Rules: the only place that deletes, replaces or renames closed files while the archiver runs; one lock keeps the three apart.  A
stitch waits until no part of its segment is open.  A volume that fails here is left to its writer to fence.
"""

import logging
import threading
from collections import OrderedDict
from pathlib import Path, PurePosixPath
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import FormatError, GoneError
from ...wire.shell.threads import Supervised
from ..protect.shelf import LockShelf
from .catalog import Catalog, CatalogError
from .clock import Clock
from .model import Part, Report, SegmentKey
from .register import Register
from .retainer import Policy, Retainer
from .retention import ClockWatch
from .stitch import Stitch, can_stitch
from .volume import Volume

log = logging.getLogger(__name__)

KEEP_S: Final = 2.0
"""How often free space and age are looked at: at 1 GB/s a floor of 5 GB is not used up in between."""
ASIDE_SUFFIX: Final = ".damaged"
"""Of files that are kept for inspection and never served."""
SHORT_LIFE_NS: Final = 3600 * 1_000_000_000
NEAR_FLOOR_BYTES: Final = 1 << 30
"""Five minutes of 16 cameras at 2 Mbit/s: nearer to the floor a volume deletes its oldest files for what is stored now."""
MAX_MOVES: Final = 1024
"""Removed parts whose new place is remembered, for players that still ask for the old one."""


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

    def __init__(self, volumes: list[Volume], register: Register, catalog: Catalog, shelf: LockShelf, clock: Clock, report: Report,
                 rule: Policy) -> None:  # fmt: skip
        self._volumes, self._register, self._catalog = volumes, register, catalog
        self._clock, self._report, self._rule = clock, report, rule
        self._watch = ClockWatch()
        self._wake = threading.Event()
        self._upkeep = threading.Lock()
        """Held while one file is deleted, joined or set aside; before the register's lock and the catalog's."""
        self.moves = Moves()
        self.retainer = Retainer(volumes, register, catalog, shelf, report, rule, self._remove)
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
        self.retainer.tell(self._clock.monotonic(), everything=True)

    def round(self, stop: threading.Event) -> None:
        """One look at everything."""
        now_ns, now = self._clock.wall_ns(), self._clock.monotonic()
        if self._watch.look(now_ns, now):
            self._report(EventKind.CLOCK, "the wall clock went forward: nothing is deleted for its age for a day",
                         "check the clock; restart the archiver when it is right", "")  # fmt: skip
        self.retainer.round(now_ns, now, trusted=self._watch.trusted(now), stop=stop.is_set)
        self._stitch_all(stop)

    def _remove(self, volume: Volume, part: Part) -> None:
        """The file first: a row without a file is removed at the next start, a file without a row would come back."""
        with self._upkeep:
            volume.disk.unlink(part.path)
            volume.disk.tidy(part.path)
            self._forget(part)

    def _forget(self, part: Part) -> None:
        self._catalog.change(removed=[(part.volume, part.path)])
        self._register.removed(part, self._catalog.around(part.camera, part.epoch, part.first_seq, part.last_seq))

    def horizon_ns(self, camera: str = "") -> int:
        """Video of a camera that ended before this (UTC ns) would be deleted soon after it was stored.  Where every volume is near
        its floor, that is also everything older than the oldest file there that may go."""
        rule, now_ns = self._rule, self._clock.wall_ns()
        keep_ns = rule.keep(camera)
        age_ns = now_ns - keep_ns + min(SHORT_LIFE_NS, keep_ns // 20)
        usable = [volume for volume in self._volumes if volume.online]
        if any(volume.free_bytes > rule.min_free_bytes + NEAR_FLOOR_BYTES for volume in usable):
            return age_ns
        oldest = [self.retainer.oldest_ns(volume) for volume in usable]
        return max([age_ns, *(now_ns if found is None else found + SHORT_LIFE_NS for found in oldest)])

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
