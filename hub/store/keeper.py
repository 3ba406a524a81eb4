"""The threads that keep house: retention (retainer.py), stitching, what has to be stored anew (anew.py), copies of the evidence locks
(lockbook.py); and setting damaged files aside.

    wk-store-keeper      evidence locks that expire, what is told of deletions: touches no volume
    wk-store-keeper-N    one for each volume: its retention and all the rest, so that a disk that hangs holds up no other

Rules: the only place that deletes, replaces or renames closed files while the archiver runs; one lock for each volume keeps the
three apart.  A stitch waits until no part of its segment is open.  A volume that fails here is left to its writer to fence.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import FormatError, GoneError, VolumeError
from ...wire.shell.threads import Supervised
from .anew import Anew
from .catalog import Catalog, CatalogError
from .clock import Clock
from .disk import folder_of
from .lockbook import LockBook
from .model import ASIDE_SUFFIX, Part, Report, SegmentKey
from .register import Register
from .retainer import Policy, Retainer
from .retention import DISTRUST_S, STEP_S, ClockWatch, Past, behind_s
from .stitch import Stitch, can_stitch
from .volume import Volume

log = logging.getLogger(__name__)

KEEP_S: Final = 2.0
"""How often free space and age are looked at: at 1 GB/s a floor of 5 GB is not used up in between."""
GRACE_S: Final = 0.5
"""How long a stop waits for each thread of a volume that hangs: it may just have come back."""
SHORT_LIFE_NS: Final = 3600 * 1_000_000_000
NEAR_FLOOR_BYTES: Final = 1 << 30
"""Five minutes of 16 cameras at 2 Mbit/s: nearer to the floor a volume deletes its oldest files for what is stored now."""
REMEMBER_S: Final = 60.0
"""How often the time is kept for the next start: far below the hour that counts as a step."""
Kept = Callable[[int, int], bool]
"""Whether video from start to end (UTC ns) stays."""
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
    """`start`, `take` of each volume, then `stop` and `join`; `kick` asks for a round at once."""

    def __init__(self, volumes: list[Volume], register: Register, catalog: Catalog, locks: LockBook, clock: Clock, report: Report,
                 rule: Policy, anew: Anew) -> None:  # fmt: skip
        self._volumes, self._register, self._catalog, self._locks = volumes, register, catalog, locks
        self._clock, self._report, self._anew = clock, report, anew
        self._watches = {volume.root: ClockWatch() for volume in volumes}
        self._watch = ClockWatch()
        """One for each thread: a step is seen before anything is deleted for its age."""
        self._remember: Callable[[Past], None] = lambda _: None
        self._remember_at = float("-inf")
        self._forgets = self._behind = False
        self._upkeep = {volume.root: threading.Lock() for volume in volumes}
        """Held while one file is deleted, joined or set aside; before the register's lock and the catalog's."""
        self.moves = Moves()
        self.retainer = Retainer(volumes, register, catalog, locks.shelf, report, rule, self._remove)
        self._wakes = {volume.root: threading.Event() for volume in volumes}
        self._threads = [Supervised(f"wk-store-keeper-{number}", partial(self._body, volume)) for number, volume in enumerate(volumes)]
        self._teller = Supervised("wk-store-keeper", self._look)

    def recall(self, past: Past, remember: Callable[[Past], None]) -> None:
        """Before the first `take`: what the run before knew of the clock, and who keeps that for the next one (raises OSError)."""
        self._watches = {volume.root: ClockWatch(past) for volume in self._volumes}
        self._watch, self._remember = ClockWatch(past), remember

    def start(self) -> None:
        self._teller.start()

    def take(self, volume: Volume) -> None:
        """Keep this volume from now on."""
        self._threads[self._volumes.index(volume)].start()

    def kick(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    def stop(self) -> None:
        for thread in (self._teller, *self._threads):
            thread.stop()
        self.kick()

    def join(self, deadline: float) -> set[Volume]:
        """Wait until then (monotonic) for every thread whose volume answers; returns the volumes whose threads have not ended."""
        held = set()
        for volume, thread in zip(self._volumes, self._threads, strict=True):
            if not thread.join(GRACE_S if volume.hung else max(deadline - self._clock.monotonic(), 0)):
                held.add(volume)
        self._teller.join(max(deadline - self._clock.monotonic(), 0))
        self.retainer.tell(self._clock.monotonic(), everything=True)
        return held

    def _body(self, volume: Volume, stop: threading.Event) -> None:
        wake = self._wakes[volume.root]
        while not stop.is_set():
            wake.clear()
            self._tend(volume, stop)
            wake.wait(KEEP_S)

    def _look(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.look()
            stop.wait(KEEP_S)
        self._keep_time(self._clock.wall_ns(), self._clock.monotonic())

    def look(self) -> None:
        """What touches no volume."""
        now_ns, now = self._clock.wall_ns(), self._clock.monotonic()
        if stepped_s := self._watch.look(now_ns, now):
            self._report(EventKind.CLOCK, _told(stepped_s), "check the clock", "")
        self._compare(now_ns, now)
        if stepped_s or now >= self._remember_at + REMEMBER_S:
            self._keep_time(now_ns, now)
        self.retainer.look(now_ns, now, trusted=self._watch.trusted(now) and not self._behind)
        self._locks.look(now)

    def _compare(self, now_ns: int, now: float) -> None:
        """This clock with those of the recorders."""
        lag_s = behind_s(self._register.newest().values(), now_ns, now)
        if lag_s and not self._behind:
            self._report(EventKind.CLOCK, f"all that is recorded is stamped {_span(lag_s)} behind this archiver's clock: "
                         "nothing is deleted for its age while that is so", "set the clock that is wrong", "")  # fmt: skip
        self._behind = lag_s > 0

    def _keep_time(self, now_ns: int, now: float) -> None:
        self._remember_at = now
        try:
            self._remember(Past(now_ns, DISTRUST_S if self._behind else self._watch.left_s(now)))
            self._forgets = False
        except OSError as error:
            if not self._forgets:
                self._report(EventKind.DISK, f"the time cannot be kept for the next start: {error}", "check the disk of data_dir", "")
            self._forgets = True

    def _tend(self, volume: Volume, stop: threading.Event) -> None:
        now_ns, now = self._clock.wall_ns(), self._clock.monotonic()
        watch = self._watches[volume.root]
        watch.look(now_ns, now)  # `look` tells of it
        self._locks.tend(volume, now)
        if volume.online and not stop.is_set():
            self.retainer.tend(volume, now_ns, now, trusted=watch.trusted(now) and not self._behind, stop=stop.is_set)
            self._stitch_all(volume, stop)
        self._anew.tend(volume, stop.is_set)

    def round(self, stop: threading.Event) -> None:
        """One look at everything, on the caller's thread."""
        self.look()
        for volume in self._volumes:
            self._tend(volume, stop)

    def _remove(self, volume: Volume, part: Part) -> None:
        """The file first: a row without a file is removed at the next start, a file without a row would come back."""
        with self._upkeep[volume.root]:
            volume.disk.unlink(part.path)
            volume.disk.tidy(part.path)
            self._forget(part)

    def _forget(self, part: Part) -> None:
        self._catalog.change(removed=[(part.volume, part.path)])
        still = self._catalog.around(part.camera, part.epoch, part.first_seq, part.last_seq)
        self._register.removed(part, still, last=not self._catalog.has(part.camera))

    def horizon_ns(self, camera: str = "") -> int:
        """Video of a camera that ended before this (UTC ns) would be deleted soon after it was stored.  Where every volume is near
        its floor, that is also everything older than the oldest file there that may go."""
        rule, now_ns = self.retainer.rule, self._clock.wall_ns()
        keep_ns = rule.keep(camera)
        age_ns = now_ns - keep_ns + min(SHORT_LIFE_NS, keep_ns // 20)
        usable = [volume for volume in self._volumes if volume.online]
        if any(volume.free_bytes > rule.min_free_bytes + NEAR_FLOOR_BYTES for volume in usable):
            return age_ns
        oldest = [self.retainer.oldest_ns(volume) for volume in usable]
        return max([age_ns, *(now_ns if found is None else found + SHORT_LIFE_NS for found in oldest)])

    def kept(self, camera: str) -> Kept:
        """Which video of a camera would stay for its locks, however old it is.  None where only locked video is left: what is stored
        now would cost the oldest of it."""
        usable = [volume for volume in self._volumes if volume.online]
        roomy = self.retainer.rule.min_free_bytes + NEAR_FLOOR_BYTES
        if any(volume.free_bytes > roomy or self.retainer.oldest_ns(volume) is not None for volume in usable):
            return partial(self._locks.shelf.locks.covers, camera)
        return lambda _start_ns, _end_ns: False

    # -- damage ------------------------------------------------------------------------------------------------

    def set_aside(self, part: Part) -> Path | None:
        """Take a closed part out of service: its file is kept under a name that is never served, its chunks are missing from
        then on.  Returns the new path, None when there was no file any more; raises VolumeError or OSError with nothing changed,
        GoneError when the part is not as it was looked at, because it was joined, deleted or replaced meanwhile."""
        volume = next(volume for volume in self._volumes if volume.id == part.volume)
        if volume.hung:
            raise VolumeError(f"volume {volume.root} {volume.why}", remedy="look for the disk in dmesg")
        with self._upkeep[volume.root]:
            now = self._catalog.at(part.volume, part.path)
            if now is None or (now.first_seq, now.last_seq, now.last_hash) != (part.first_seq, part.last_seq, part.last_hash):
                raise GoneError(f"{part.path} has changed", remedy="look at it again")
            volume.check()
            path = volume.disk.unused(part.path + ASIDE_SUFFIX)
            try:
                volume.disk.rename(part.path, path)
                volume.disk.sync_dir(folder_of(path))
                aside = volume.root / path
            except FileNotFoundError:
                aside = None
            self._forget(part)
        self._register.mended(volume.root / part.path)
        return aside

    # -- stitching ---------------------------------------------------------------------------------------------

    def _stitch_all(self, volume: Volume, stop: threading.Event) -> None:
        busy = self._register.busy_segments()
        for key in sorted(self._register.take_stitch(volume.id)):
            if stop.is_set():
                return  # the next start looks for split segments itself
            if key in busy:
                self._register.want_stitch(volume.id, [key])
            else:
                with self._upkeep[volume.root]:
                    self._stitch(volume, key)

    def _stitch(self, volume: Volume, key: SegmentKey) -> None:
        try:
            parts = self._catalog.segment(key)
            if not can_stitch(parts) or parts[0].volume != volume.id:
                return
            if not volume.online or not volume.has_room(sum(part.size for part in parts)):
                return  # parts can be played as they are; the next start tries again
            Stitch(volume.disk, self._catalog, parts,
                   lambda old, new, shift: self.moves.add(volume.root / old, volume.root / new, shift)).run()  # fmt: skip
        except (OSError, FormatError, CatalogError) as error:
            self._report(EventKind.DISK, f"segment {key[2]} of epoch {key[1]} cannot be joined: {error}",
                         "run `watchkeep verify` on it", key[0])  # fmt: skip
            return
        log.info("segment joined", extra={"camera": key[0], "epoch": key[1], "segment": key[2], "parts": len(parts)})


def _told(stepped_s: float) -> str:
    """One line about a step of the wall clock; only one far ahead is a reason to distrust it."""
    span = _span(abs(stepped_s))
    if stepped_s < 0:
        return f"the wall clock went back by {span}, or was ahead when this archiver last ran: nothing is deleted too early for it"
    if stepped_s <= STEP_S:
        return f"the wall clock went forward by {span}: retention goes on"
    return f"the wall clock went forward by {span}, or this archiver was off for so long: nothing is deleted for its age for a day"


def _span(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 86_400:.1f} days" if seconds >= 86_400 else f"{seconds / 3600:.1f} hours"
