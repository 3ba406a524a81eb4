"""Reading what is stored: timeline, chunks, init segments, bytes of files.

Rules: parts that are being written are seen from memory, all others from the catalog; a part that moves from one to the
other in between is seen once.  Nothing here waits for a writer, or for a volume that is known to hang.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from blake3 import blake3

from ...wire.causes import Cause
from ...wire.errors import FormatError, VolumeError
from ...wire.messages import CameraInfo, Timeline
from ...wire.seal import Seal, SealFlag
from . import timeline as build
from .catalog import Catalog
from .keeper import Moves
from .lossbook import LossBook
from .model import Entry, Name, Part, StoredChunk
from .register import Register
from .scan import seal_at
from .volume import Volume

FAR_PAST_NS: Final = -(1 << 62)
FAR_FUTURE_NS: Final = 1 << 62
"""Within SQLite's 64-bit integers: an open end of a window."""


class Reader:
    """Read access to the parts of some volumes."""

    def __init__(self, volumes: list[Volume], register: Register, catalog: Catalog, moves: Moves, losses: LossBook) -> None:
        self._volumes, self._register, self._catalog, self._moves, self._losses = volumes, register, catalog, moves, losses

    # -- what there is -----------------------------------------------------------------------------------------

    def cameras(self) -> list[CameraInfo]:
        """Every camera with chunks; chunks are counted as held, bytes as files."""
        totals = {camera: [start, end, chunks, size] for camera, start, end, chunks, size in self._catalog.totals()}
        for part in self._register.parts():
            found = totals.setdefault(part.camera, [part.start_ns, part.end_ns, 0, 0])
            found[:] = min(found[0], part.start_ns), max(found[1], part.end_ns), found[2] + part.chunks, found[3] + part.size
        return [CameraInfo(camera=camera, first_s=start / 1e9, last_s=end / 1e9, chunks=chunks, bytes=size)
                for camera, (start, end, chunks, size) in sorted(totals.items())]  # fmt: skip

    def timeline(self, camera: str, start_ns: int | None, end_ns: int | None) -> Timeline:
        """Spans and gaps of a window; its neighbours are looked at too, because a gap may reach over its edge."""
        low, high = _window(start_ns, end_ns)
        being_written = {(part.volume, part.path): part for part in self._register.parts_of(camera)}
        seen = [*self._catalog.window(camera, low, high), *self._catalog.beside(camera, low, high)]
        known = {(part.volume, part.path): part for part in seen}
        return build.timeline(camera, {**being_written, **known}.values(), low, high, partial(self._losses.why, camera))

    def _parts(self, camera: str, start_ns: int, end_ns: int) -> list[Part]:
        being_written = self._register.parts_of(camera)
        known = self._catalog.window(camera, start_ns, end_ns)
        have = {(part.volume, part.path) for part in known}
        fresh = [part for part in being_written
                 if (part.volume, part.path) not in have and part.end_ns > start_ns and part.start_ns < end_ns]  # fmt: skip
        return build.ordered([*known, *fresh])

    def chunks(self, camera: str, start_ns: int | None, end_ns: int | None) -> Iterator[StoredChunk]:
        """The chunks that overlap the window, in (epoch, seq) order, each once; `end_ns` is not part of the window."""
        low, high = _window(start_ns, end_ns)
        last: tuple[int, int] | None = None
        for part in self._parts(camera, low, high):
            for full in self._as_it_is_now(part):
                for entry in full.entries():
                    if (last is not None and (part.epoch, entry.seq) <= last) or not _inside(entry, low, high):
                        continue
                    broken = last is not None and last != (part.epoch, entry.seq - 1)
                    last = (part.epoch, entry.seq)
                    yield _stored(self._root(full) / full.path, full, entry, broken)

    def _as_it_is_now(self, part: Part) -> list[Part]:
        """The part with its index.  It may have been joined into another since it was listed: then that one, whose other
        chunks come a little earlier for it; or been deleted: then none."""
        if part.index:
            return [part]
        found = self._catalog.with_index(part)
        return [found] if found else self._catalog.around(part.camera, part.epoch, part.first_seq, part.last_seq, index=True)

    # -- bytes -------------------------------------------------------------------------------------------------

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Up to length bytes of a segment file, also when it was joined into another meanwhile; raises VolumeError."""
        try:
            return self._read(path, offset, length)
        except FileNotFoundError as error:
            moved = self._moves.find(path)
            if moved is None:
                raise VolumeError(f"{path.name} is not stored any more", remedy="ask for the timeline again") from error
            return self._read_moved(moved[0], offset, length, moved[1])
        except OSError as error:
            raise VolumeError(f"{path} cannot be read ({error.strerror})", remedy="check the disk") from error

    def out_of_use(self, part: Part) -> str:
        """Why the volume of a part is not in use; empty when it is."""
        volume = next(volume for volume in self._volumes if volume.id == part.volume)
        if volume.hangs:
            return f"volume {volume.root} hangs"
        return "" if volume.online else f"volume {volume.root}: {volume.why}"

    def _read_moved(self, path: Path, offset: int, length: int, shift: int) -> bytes:
        """The init segment stays at the start; everything after it has moved up."""
        init = self._part_at(path)
        if init is None or offset >= init.init_bytes:
            return self.read(path, offset + shift, length)
        head = self.read(path, offset, min(length, init.init_bytes - offset))
        rest = length - len(head)
        return head + self.read(path, init.init_bytes + shift, rest) if rest > 0 else head

    def _read(self, path: Path, offset: int, length: int) -> bytes:
        volume = next((volume for volume in self._volumes if path.is_relative_to(volume.root)), None)
        if volume is None or ".." in path.parts:
            raise VolumeError(f"{path} is on no volume of this archiver", remedy="ask for the timeline again")
        if volume.hangs:
            raise VolumeError(f"{path} cannot be read: its disk hangs", remedy="look for the disk in dmesg; read another archiver's copy")
        if not volume.disk.is_open:
            raise VolumeError(f"{path} cannot be read: its volume is out of use: {volume.why}",
                              remedy="repair or mount the disk; read another archiver's copy")  # fmt: skip
        return volume.disk.read(str(path.relative_to(volume.root)), offset, length)

    def _part_at(self, path: Path) -> Part | None:
        for volume in self._volumes:
            if path.is_relative_to(volume.root):
                return self._catalog.at(volume.id, str(path.relative_to(volume.root)))
        return None

    def init_segment(self, camera: str, epoch: int) -> bytes | None:
        """ftyp+moov of an epoch, proven; None when no readable file has it."""
        candidates = [part for part in self._register.parts_of(camera) if part.epoch == epoch]
        for part in [*candidates, *self._catalog.some(camera, epoch)]:
            try:
                init = self.read(self._root(part) / part.path, 0, part.init_bytes)
            except VolumeError:
                continue  # another file of the epoch may be readable
            if blake3(init).digest() == part.init_hash:
                return init
        return None

    # -- by name -----------------------------------------------------------------------------------------------

    def seal_of(self, name: Name) -> Seal | None:
        """The seal of a stored chunk as its file has it, not proven; None when no file can tell."""
        camera, epoch, seq = name
        for part in self._parts_around(camera, epoch, seq, seq):
            entry = next(entry for entry in part.entries() if entry.seq == seq)
            try:
                return seal_at(partial(self.read, self._root(part) / part.path), entry.offset)
            except (VolumeError, FormatError):
                continue  # an overlapping file may be readable
        return None

    def _parts_around(self, camera: str, epoch: int, low: int, high: int) -> list[Part]:
        """Parts of an epoch that hold any of low..high, with their indexes; those being written first."""
        fresh = [part for part in self._register.parts_of(camera)
                 if part.epoch == epoch and part.first_seq <= high and part.last_seq >= low]  # fmt: skip
        return [*fresh, *self._catalog.around(camera, epoch, low, high, index=True)]

    def chunks_named(self, camera: str, epoch: int, low: int, high: int) -> Iterator[StoredChunk]:
        """The chunks low..high of an epoch that are stored, in order, each once."""
        last = low - 1
        for part in sorted(self._parts_around(camera, epoch, low, high), key=lambda part: part.first_seq):
            for entry in part.entries():
                if last < entry.seq <= high:
                    yield _stored(self._root(part) / part.path, part, entry, entry.seq != last + 1)
                    last = entry.seq

    def runs(self, camera: str, epoch: int, seq: int, limit: int) -> list[Part]:
        """At most limit parts of a camera in order of epoch and seq, from the one on that holds or follows a chunk."""
        known = self._catalog.runs_from(camera, epoch, seq, limit)
        have = {(part.volume, part.path) for part in known}
        fresh = [part for part in self._register.parts_of(camera)
                 if (part.volume, part.path) not in have and (part.epoch, part.last_seq) >= (epoch, seq)]  # fmt: skip
        return sorted([*known, *fresh], key=lambda part: (part.epoch, part.first_seq))[:limit]

    def with_index(self, part: Part) -> Part | None:
        """A closed part as the catalog has it now, with its index; None when it was replaced or deleted."""
        return self._catalog.with_index(part)

    def path_of(self, part: Part) -> Path:
        return self._root(part) / part.path

    def _root(self, part: Part) -> Path:
        """Every part is on a configured volume: the catalog forgets the others at the start."""
        return next(volume.root for volume in self._volumes if volume.id == part.volume)


def _window(start_ns: int | None, end_ns: int | None) -> tuple[int, int]:
    return FAR_PAST_NS if start_ns is None else start_ns, FAR_FUTURE_NS if end_ns is None else end_ns


def _inside(entry: Entry, low: int, high: int) -> bool:
    return entry.start_ns < high and entry.start_ns + entry.duration_ns > low


def _stored(path: Path, part: Part, entry: Entry, broken: bool) -> StoredChunk:
    return StoredChunk(
        path=path, offset=entry.offset, length=entry.length, start_ns=entry.start_ns, duration_ns=entry.duration_ns,
        key=bool(entry.flags & SealFlag.KEY), segment_start=bool(entry.flags & SealFlag.SEGMENT_START), epoch=part.epoch, seq=entry.seq,
        init_hash=part.init_hash, init_bytes=part.init_bytes, discontinuity=broken, cause=Cause(part.cause).label)  # fmt: skip
