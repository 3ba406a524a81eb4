"""Files that cannot be synced at the start: what is in them is stored anew, in other files.

    recovery: the fsync of a file fails ─▶ it is renamed `<name>.unsynced`: its chunks are missing now, its name is free
    keeper, each round, for each file   ─▶ chunks that are missing are read, proven and queued as if they had just arrived
                                           all were seen durable: removed; something in it was bad: kept as `.damaged`

Rules: such a file is never synced again (invariant 3), and its name tells that to the next start, too.  It goes only when other files
have its chunks, or they are past saving.  A volume that is out of use and can be read gives what it has to the others.  Nothing here waits:
what finds no room, no time or no disk is tried again in the next round.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from ...wire.causes import EventKind
from ...wire.errors import DigestError, FormatError, VolumeError
from ...wire.paths import SEGMENT_SUFFIX
from ...wire.ranges import RangeSet
from .intake import Batch, sort_records
from .model import ASIDE_SUFFIX, Conflict, Part, Record, Report, StoreFull
from .register import Register
from .scan import scan_file, stored_chunk, stored_init
from .volume import Volume

log = logging.getLogger(__name__)

UNSYNCED_SUFFIX: Final = ".unsynced"
BATCH_BYTES: Final = 8 << 20
"""Of a file in one round: a minute at 8 Mbit/s is there after eight rounds, 16 s.  Files beyond what the writers take find them busy."""


def is_unsynced(path: str) -> bool:
    return SEGMENT_SUFFIX + UNSYNCED_SUFFIX in path


@dataclass(slots=True, eq=False)
class _File:
    path: str
    part: Part | None = None
    """What is good of it; None until it was looked at."""
    left: RangeSet = field(default_factory=RangeSet)
    """Chunks that were not seen durable elsewhere yet."""
    bad: bool = False
    why: str = ""
    """What was in the way in the last round."""


class Anew:
    """`take` what recovery found on a volume, then `tend` it again and again, on one thread for each volume."""

    def __init__(self, volumes: list[Volume], register: Register, accept: Callable[[Batch], object], report: Report) -> None:
        """`accept` plans and queues a batch, and raises what Store.append raises."""
        self._volumes, self._register, self._accept, self._report = volumes, register, accept, report
        self._files: dict[Path, list[_File]] = {}
        """By volume; as many as can be open in a crash, openparts.MAX_OPEN, for each start that had no room for them since."""

    def take(self, volume: Volume, paths: Iterable[str]) -> None:
        self._files[volume.root] = files = [_File(path) for path in paths]
        if files:
            text = f"volume {volume.root}: {len(files)} file(s) could not be synced at the start; what is in them is stored anew"
            self._report(EventKind.DISK, text, "look for the disk in dmesg: writing to it fails", "")

    def tend(self, volume: Volume, stop: Callable[[], bool]) -> None:
        """A round; a file goes only from a volume that is known to be the one that it was found on."""
        files = self._files.get(volume.root, [])
        for file in [*files]:
            if stop() or volume.hangs:
                return
            try:
                if not self._advance(volume, file) or not volume.online:
                    continue
                self._end(volume, file)
            except (OSError, FormatError, VolumeError) as error:
                if str(error) != file.why:
                    file.why = str(error)
                    log.warning("not stored anew yet", extra={"path": file.path, "why": file.why})
                continue
            files.remove(file)
            if not files:
                self._report(EventKind.DISK, f"volume {volume.root}: what could not be synced at the start is stored anew", "", "")

    def _advance(self, volume: Volume, file: _File) -> bool:
        """Queue what is missing of a file, up to a batch; returns whether nothing of it is left to wait for."""
        if file.part is None and not self._look(volume, file):
            return True
        part = file.part
        assert part is not None, "it was looked at"
        state = self._register.state(part.camera, part.epoch, part.first_seq, part.last_seq)
        for span in state.durable:
            file.left.discard(*span)
        if file.left and not any(other.has_room(min(part.size, BATCH_BYTES)) for other in self._volumes):
            raise StoreFull("no volume has room", remedy="make room or lower retention_days")  # before anything is read and hashed for it
        records = self._missing(volume, file, part, RangeSet(state.missing))
        if records:
            try:
                self._accept(sort_records([self._init(volume, file, part), *records]))
            except Conflict as conflict:
                self._report(EventKind.TAMPER, f"{file.path}: {conflict.message}", conflict.remedy, part.camera)
                file.left, file.bad = RangeSet(), True
        return not file.left

    def _look(self, volume: Volume, file: _File) -> bool:
        """Find what is good of a file; False when nothing is."""
        size = volume.disk.stat(file.path).st_size
        scan = scan_file(partial(volume.disk.read, file.path), volume=volume.id, path=file.path, file_size=size, prove=False)
        file.part, file.bad = scan.part, scan.bad_at is not None
        if scan.part is not None:
            file.left.add(scan.part.first_seq, scan.part.last_seq)
        return scan.part is not None

    def _init(self, volume: Volume, file: _File, part: Part) -> Record:
        record = stored_init(part.camera, part.epoch, volume.disk.read(file.path, 0, part.init_bytes))
        if record[0].hash != part.init_hash:
            raise DigestError("init segment does not match its hash", remedy="check the disk")
        return record

    def _missing(self, volume: Volume, file: _File, part: Part, missing: RangeSet) -> list[Record]:
        """A batch of the chunks that are left and missing, each proven.  One that the disk does not give now may come in the next round;
        raises its OSError when that is all."""
        found: list[Record] = []
        size, unread = 0, None
        for entry in part.entries():
            if size >= BATCH_BYTES or entry.seq not in file.left or entry.seq not in missing:
                continue
            try:
                data = volume.disk.read(file.path, entry.offset, entry.length)
                found.append(stored_chunk(part.camera, part.epoch, entry.seq, data))
            except OSError as error:
                unread = error
                continue
            except FormatError:  # its page was dropped, as after a failed fsync: a journal or a peer may have it
                file.left.discard(entry.seq, entry.seq)
                file.bad = True
                continue
            size += len(data)
        if unread is not None and not found:
            raise unread
        return found

    def _end(self, volume: Volume, file: _File) -> None:
        """Nothing in the file is needed any more."""
        if file.bad:
            path, _, _ = file.path.rpartition(UNSYNCED_SUFFIX)
            volume.disk.rename(file.path, volume.disk.unused(path + ASIDE_SUFFIX))
        else:
            volume.disk.unlink(file.path)
            volume.disk.tidy(file.path)
        log.info("stored anew", extra={"path": file.path, "damaged": file.bad})
