"""Verifying paths: the shell that opens files, feeds the checks and gathers the report.

Rules: one file that cannot be read is one entry of damage and stops nothing.  At most one chunk per file that is open is
held in memory, 32 MiB at the worst.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ...wire.counter import FrameCounter
from ...wire.segment import Damage
from ..store.declared import Declared
from .camera import CameraCheck
from .files import Entry, Plan, reading, shown
from .order import Key, merge
from .report import MAX_LISTED, CameraReport, DamageFound, Report
from .scan import Proven, Scan

Progress = Callable[[int, int], None]
"""progress(bytes done, bytes in all)"""


class Counted(NamedTuple):
    """One counted video frame of a proven chunk."""

    camera: str
    epoch: int
    seq: int
    frame: int
    counter: FrameCounter


def verify_paths(paths: Sequence[Path], progress: Progress | None = None) -> Report:
    """Verify files, folders and volumes together, as one archive; raises UsageError when there is nothing to verify.

    Several volumes given at once complete each other: a chunk that one of them holds is no hole.
    """
    plan = Plan(paths)
    meter = _Meter(progress, plan.total_bytes() if progress else 0)
    declared = Declared(plan.losses())
    cameras = [_CameraRun(camera, meter, declared).verify(plan.entries(camera)) for camera in plan.cameras()]
    return Report(paths=tuple(shown(str(path)) for path in paths), good=all(camera.good for camera in cameras),
                  files=sum(camera.files for camera in cameras), bytes=meter.done, cameras=tuple(cameras))  # fmt: skip


def iter_counters(path: Path) -> Iterator[Counted]:
    """Every frame counter under a path, camera by camera in recording order, each chunk once.  Damaged chunks are left out."""
    plan = Plan([path])
    for camera in plan.cameras():
        last: Key | None = None
        for _, proven in _CameraRun(camera, _Meter(None, 0)).stream(plan.entries(camera)):
            seal = proven.seal
            if last is not None and (seal.epoch, seal.seq) <= last:
                continue
            last = seal.epoch, seal.seq
            for frame, counter in proven.counters:
                yield Counted(seal.camera, seal.epoch, seal.seq, frame, counter)


class _Meter:
    """Bytes verified so far."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self.done = progress, total, 0

    def add(self, amount: int) -> None:
        self.done += amount
        if self._progress is not None:
            self._progress(self.done, max(self._total, self.done))


class _CameraRun:
    """One camera's files on their way through scan, order and check."""

    def __init__(self, camera: str, meter: _Meter, declared: Declared | None = None) -> None:
        self._camera, self._meter = camera, meter
        self._check = CameraCheck(camera, declared)
        self._damage: list[DamageFound] = []
        self._damage_total = 0

    def verify(self, entries: Sequence[Entry]) -> CameraReport:
        for entry, proven in self.stream(entries):
            wrong = self._check.add(proven)
            if wrong:
                self._note(entry, Damage(proven.chunk.offset, wrong, proven.seal.seq))
        return self._check.report(files=len(entries), damage=self._damage, damage_total=self._damage_total)

    def stream(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Proven]]:
        """Every proven chunk in order, copies included."""
        files = ((entry.key, partial(self._scan, entry)) for entry in entries)
        return merge(files, lambda item: (item[1].seal.epoch, item[1].seal.seq))

    def _scan(self, entry: Entry) -> Iterator[tuple[Entry, Proven]]:
        if entry.misplaced:
            self._note(entry, Damage(0, entry.misplaced))
        if entry.unreadable:
            self._note(entry, Damage(0, entry.unreadable))
            return
        counted = 0
        try:
            with reading(entry) as read:
                scan = Scan(read, entry.size, entry.name)
                for proven in scan.proven():
                    self._take_damage(entry, scan)
                    self._meter.add(proven.chunk.offset + proven.chunk.length - counted)
                    counted = proven.chunk.offset + proven.chunk.length
                    yield entry, proven
                self._take_damage(entry, scan)
        except OSError as error:
            self._note(entry, Damage(counted, f"cannot be read from here on: {error.strerror}"))
        self._meter.add(entry.size - counted)

    def _take_damage(self, entry: Entry, scan: Scan) -> None:
        for damage in scan.damage:
            self._note(entry, damage)
        scan.damage.clear()

    def _note(self, entry: Entry, damage: Damage) -> None:
        epoch = entry.key[0] if damage.seq is not None else None
        if epoch is not None and damage.seq is not None:
            self._check.damaged(epoch, damage.seq)
        self._damage_total += 1
        if len(self._damage) < MAX_LISTED:
            self._damage.append(DamageFound(file=entry.shown, offset=damage.offset, reason=damage.reason, epoch=epoch,
                                            seq=damage.seq, frame=damage.frame))  # fmt: skip
