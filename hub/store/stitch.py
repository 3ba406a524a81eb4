"""Joining the parts of a segment into its one file, so that two archivers end with the same bytes.

    1. copy init and every chunk, each proven, into `<first part>.tmp`     crash: recovery removes the file
    2. fsync it
    3. rename it over the first part, fsync the directory                  crash: recovery sees another size, scans the file,
    4. switch the catalog: one row for all                                        and drops parts whose chunks it holds
    5. remove the other parts                                              crash: recovery finds files without rows: as above

Rules: only closed, durable parts of one volume that follow each other from the segment's first chunk on.  A chunk that
does not match its hash stops the stitch; nothing is removed before its copy is durable and in the catalog.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from blake3 import blake3

from ...wire.errors import DigestError
from .catalog import Catalog
from .disk import Disk, folder_of
from .model import ENTRY, Part
from .scan import prove

TEMP_SUFFIX: Final = ".tmp"
OnMoved = Callable[[str, str, int], None]
"""`on_moved(old path, new path, shift)`: called before the old file goes; its chunks are `shift` bytes further on in the new."""


def can_stitch(parts: list[Part]) -> bool:
    """Whether these closed parts of one segment, in order of their first chunk, can become one file."""
    if len(parts) < 2 or parts[0].first_seq != parts[0].segment_seq:
        return False
    first, reach = parts[0], parts[0].last_seq
    for part in parts[1:]:
        if part.first_seq > reach + 1 or part.volume != first.volume or part.init_hash != first.init_hash:
            return False
        reach = max(reach, part.last_seq)
    return True


class Stitch:
    """One stitch; `run` does the steps in order and raises OSError, FormatError or CatalogError from where it stopped."""

    def __init__(self, disk: Disk, catalog: Catalog, parts: list[Part], on_moved: OnMoved) -> None:
        self._disk, self._catalog, self._parts, self._on_moved = disk, catalog, parts, on_moved
        self.path = parts[0].path
        self._moved: dict[str, int] = {}
        self._index = bytearray()
        self._size = parts[0].init_bytes
        self._last = parts[0]

    def run(self) -> Part:
        """Returns the joined part, durable and in the catalog."""
        temp = self.path + TEMP_SUFFIX
        try:
            self._copy(temp)
            self._disk.rename(temp, self.path)
        except BaseException:
            self._disk.unlink(temp)
            raise
        self._disk.sync_dir(folder_of(self.path))
        joined = replace(self._parts[0], last_seq=self._last.last_seq, end_ns=self._last.end_ns, last_hash=self._last.last_hash,
                         size=self._size, file_size=self._size, index=bytes(self._index))  # fmt: skip
        others = [part.path for part in self._parts[1:]]
        self._catalog.change(removed=[(joined.volume, path) for path in others], closed=[joined])
        for path, shift in self._moved.items():
            self._on_moved(path, self.path, shift)
        for path in others:
            self._disk.unlink(path)
            self._disk.tidy(path)
        return joined

    def _copy(self, temp: str) -> None:
        self._disk.unlink(temp)
        handle, _ = self._disk.create(temp)
        try:
            init = self._disk.read(self.path, 0, self._size)
            if blake3(init).digest() != self._parts[0].init_hash:
                raise DigestError("init segment does not match its hash", remedy="fetch the segment again from another copy")
            self._disk.write(handle, [init])
            for part in self._parts:
                self._copy_part(handle, part)
            self._disk.sync(handle)
        finally:
            self._disk.close_file(handle)

    def _copy_part(self, handle: int, part: Part) -> None:
        """Append the chunks that are not there yet; parts may overlap where a file was given up."""
        have = self._parts[0].first_seq + len(self._index) // ENTRY.size
        for number, entry in enumerate(part.entries()):
            if entry.seq < have:
                continue
            if part.path not in self._moved and part is not self._parts[0]:
                self._moved[part.path] = self._size - entry.offset
            data = self._disk.read(part.path, entry.offset, entry.length)
            prove(data)
            self._disk.write(handle, [data])
            self._index += part.index[number * ENTRY.size : (number + 1) * ENTRY.size]
            self._size += entry.length
        if part.last_seq >= self._last.last_seq:
            self._last = part
