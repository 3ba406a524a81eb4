"""Finding and reading segment files.

Rules: nothing is written, no link is followed.  In a folder with an identity file (a volume) every `.mp4` must be named
as wire.paths says; elsewhere a file is known by its last four names when they are such a name, else by its first seal.
A folder that
cannot be listed is damage: what is in it is not proven.  Files of one camera are listed at a time: 43 200 of a minute each for 30 days are
about 15 MB.  Read with pread and not
mapped, so that a bad sector is an error with an offset and never a SIGBUS.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...wire.errors import FormatError, UsageError
from ...wire.losses import Loss
from ...wire.paths import IDENTITY_FILE, LOSSES_FILE, SEGMENT_SUFFIX, SegmentName, parse_segment_path
from ...wire.segment import Read, chunk_at, init_length
from ..store.declared import read_lines
from .order import Key

MAX_LOSSES_BYTES: Final = 32 << 20
"""Twice what an archiver lets its list grow to."""
_NAME_PARTS: Final = 4
_FOREIGN: Final = {"lost+found"}
STRAY: Final = ""
"""Stands for the camera of a file that names none and cannot be read."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk came upon: a segment file, or what cannot be looked into, and why."""

    path: str
    size: int
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to verify.  name is None for a file under a name of its own; misplaced says why its name is wrong, unreadable why
    there is nothing to read."""

    path: str
    size: int
    key: Key
    name: SegmentName | None
    misplaced: str = ""
    unreadable: str = ""

    @property
    def shown(self) -> str:
        """The path as it can be printed: a name on a disk may be no text at all."""
        return shown(self.path)


class Plan:
    """All files under some paths, by camera.  Raises UsageError for a path that is missing or holds no segment file."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._volumes: list[tuple[Path, set[str]]] = []
        self._loose: dict[str, list[Entry]] = {}
        for path in paths:
            if not path.exists():
                raise UsageError(f"{path} does not exist", remedy="name segment files, folders of them, or the root of a volume")
            self._take(path)

    def cameras(self) -> list[str]:
        """Cameras that have files, sorted."""
        return sorted({camera for _, cameras in self._volumes for camera in cameras} | set(self._loose))

    def entries(self, camera: str) -> list[Entry]:
        """The files of one camera, sorted by the name of their first chunk."""
        found = list(self._loose.get(camera, ()))
        for root, cameras in self._volumes:
            if camera in cameras:
                found += [_in_volume(root, one) for one in _segments(root / camera)]
        return sorted(found, key=lambda entry: (entry.key, entry.path))

    def total_bytes(self) -> int:
        """Sum of the files' sizes, for a progress bar: one more walk."""
        in_volumes = sum(one.size for root, cameras in self._volumes for camera in cameras for one in _segments(root / camera))
        return in_volumes + sum(entry.size for entries in self._loose.values() for entry in entries)

    def losses(self) -> Iterator[Loss]:
        """What the volumes' lists say was declared lost; a list that cannot be read explains nothing."""
        for root, _ in self._volumes:
            with suppress(OSError), (root / LOSSES_FILE).open("rb") as stream:
                yield from read_lines(stream.read(MAX_LOSSES_BYTES)).losses

    def _take(self, path: Path) -> None:
        if not (path / IDENTITY_FILE).is_file():
            found = [Found(str(path), path.stat().st_size)] if path.is_file() else list(_segments(path))
            if not found:
                raise UsageError(f"{path} holds no segment file", remedy="name a folder that holds .mp4 files of Watchkeep")
            for one in found:
                self._add_loose(_loose_entry(one))
            return
        cameras = {one.name for one in os.scandir(path) if one.is_dir(follow_symlinks=False) and _is_ours(one.name)}
        strays = [one for one in os.scandir(path) if one.is_file(follow_symlinks=False) and _is_segment(one.name)]
        for stray in strays:
            self._add_loose((STRAY, _in_volume(path, Found(stray.path, stray.stat().st_size))))
        filled = {camera for camera in cameras if next(_segments(path / camera), None) is not None}
        if not filled and not strays:
            raise UsageError(f"volume {path} holds no segment file", remedy="wait for the first one, or check that the disk is mounted")
        self._volumes.append((path, filled))

    def _add_loose(self, found: tuple[str, Entry]) -> None:
        camera, entry = found
        self._loose.setdefault(camera, []).append(entry)


def shown(path: str) -> str:
    return path.encode(errors="backslashreplace").decode()


@contextmanager
def reading(entry: Entry) -> Iterator[Read]:
    """A `read(offset, length)` over the file as long as it was when it was found; raises OSError."""
    handle = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield lambda offset, length: os.pread(handle, max(0, min(length, entry.size - offset)), offset)
    finally:
        os.close(handle)


def _in_volume(root: Path, one: Found) -> Entry:
    if one.unreadable:
        return Entry(one.path, 0, (0, 0), None, unreadable=one.unreadable)
    try:
        name = parse_segment_path(os.path.relpath(one.path, root))
    except FormatError as error:
        _, peeked = _peek(Entry(one.path, one.size, (0, 0), None))
        return Entry(one.path, one.size, peeked, None, error.message)
    return Entry(one.path, one.size, (name.epoch, name.seq), name)


def _loose_entry(one: Found) -> tuple[str, Entry]:
    if one.unreadable:
        return STRAY, Entry(one.path, 0, (0, 0), None, unreadable=one.unreadable)
    try:
        name = parse_segment_path("/".join(Path(one.path).absolute().parts[-_NAME_PARTS:]))
    except FormatError:
        camera, key = _peek(Entry(one.path, one.size, (0, 0), None))
        return camera, Entry(one.path, one.size, key, None)
    return name.camera, Entry(one.path, one.size, (name.epoch, name.seq), name)


def _peek(entry: Entry) -> tuple[str, Key]:
    """Camera and key by the first seal, unproven: enough to sort by.  What is wrong with the file is the scan's to say."""
    try:
        with reading(entry) as read:
            first = chunk_at(read, init_length(read))
    except (OSError, FormatError):
        first = None
    return (STRAY, (0, 0)) if first is None else (first.seal.camera, (first.seal.epoch, first.seal.seq))


def _segments(folder: Path) -> Iterator[Found]:
    """Every segment file below a folder, and every folder that cannot be listed; temporary and hidden files are not segments."""
    failed: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=failed.append):
        folders[:] = sorted(name for name in folders if _is_ours(name))
        for path in (f"{parent}/{name}" for name in sorted(names) if _is_segment(name)):
            try:
                info = os.lstat(path)
            except OSError as error:
                failed.append(error)
                continue
            if stat.S_ISREG(info.st_mode):
                yield Found(path, info.st_size)
    for one in failed:
        if not isinstance(one, FileNotFoundError):  # retention removed it since its folder was listed
            yield Found(str(one.filename), 0, f"cannot be looked into: {one.strerror}")


def _is_segment(name: str) -> bool:
    return name.endswith(SEGMENT_SUFFIX) and not name.startswith(".")


def _is_ours(name: str) -> bool:
    return not name.startswith(".") and name not in _FOREIGN
