"""A small state record that survives power cuts and full disks: two slots in one file of fixed size, written in turn.

    slot 0 ┌ magic 'WKSL' u32 │ data bytes u32 │ sequence u64 │ BLAKE3 of sequence and data, 32 bytes │ data … ┐
    slot 1 └ the same, size bytes further on                                                                  ┘

Rules: a write goes to the slot that does not hold the newest record and is fsynced before it counts, so a torn write
leaves the record before it.  Nothing grows after the file was made: a full disk cannot refuse a write.
After a failed fsync of a slot its bytes are unknown; the other slot holds what counts, and the next write goes to
the same doubtful slot again (invariant 3: what was not acknowledged is written anew, not fsynced again).
"""

import os
from pathlib import Path
from struct import Struct
from typing import Final

from blake3 import blake3

from watchkeep.wire.errors import FullError, VolumeError
from watchkeep.wire.shell.files import publish

from .disk import volume_errors

_HEAD = Struct("<IIQ32s")
_MAGIC: Final = int.from_bytes(b"WKSL", "little")


class SlotFile:
    """One record of at most `size - 48` bytes, default 4048; one thread at a time.  Holds no descriptor between calls.

    The folder must exist.  Making the file needs 2 x size bytes of disk, once.
    """

    def __init__(self, path: Path, size: int = 4096) -> None:
        """Make the file when it is missing, or anew when it was made with another size; raises FullError or VolumeError."""
        self._path, self._size = path, size
        with volume_errors(path):
            raw = path.read_bytes() if path.exists() else b""
            self._slot, self._sequence, self._data = _newest(raw)
            if len(raw) != 2 * size:
                kept = b"" if self._data is None else self._record(self._sequence, self._data)
                publish(path, kept.ljust(2 * size, b"\0"))
                self._slot = 0 if kept else 1

    def read(self) -> bytes | None:
        """The newest record whose writing was finished; None when there was none, or both slots are damaged."""
        return self._data

    def write(self, data: bytes) -> None:
        """Replace the record, durably; raises FullError when it does not fit a slot, VolumeError when the disk fails.

        After an error `read` gives the record from before.
        """
        slot, sequence = 1 - self._slot, self._sequence + 1
        raw = self._record(sequence, data)
        with volume_errors(self._path):
            handle = os.open(self._path, os.O_WRONLY)
            try:
                if os.pwrite(handle, raw, slot * self._size) != len(raw):
                    raise VolumeError(f"{self._path}: the disk took only part of a record", remedy="check the disk")
                os.fdatasync(handle)
            finally:
                os.close(handle)
        self._slot, self._sequence, self._data = slot, sequence, data

    def _record(self, sequence: int, data: bytes) -> bytes:
        if len(data) > self._size - _HEAD.size:
            raise FullError(f"{self._path}: {len(data)} bytes do not fit a slot of {self._size}", remedy="open it with a larger size")
        return _HEAD.pack(_MAGIC, len(data), sequence, _digest(sequence, data)) + data


def _newest(raw: bytes) -> tuple[int, int, bytes | None]:
    """(slot, sequence, data) of the newest whole record in a file's bytes; (1, 0, None) when there is none."""
    newest: tuple[int, int, bytes | None] = (1, 0, None)
    half = len(raw) // 2
    for slot in (0, 1):
        found = _parse(raw[slot * half : (slot + 1) * half])
        if found is not None and found[0] > newest[1]:
            newest = (slot, *found)
    return newest


def _digest(sequence: int, data: bytes) -> bytes:
    return blake3(sequence.to_bytes(8, "little") + data).digest()


def _parse(raw: bytes) -> tuple[int, bytes] | None:
    """(sequence, data) of a slot, None when it does not prove itself."""
    if len(raw) < _HEAD.size:
        return None
    magic, length, sequence, digest = _HEAD.unpack_from(raw)
    data = raw[_HEAD.size : _HEAD.size + length]
    return (sequence, data) if magic == _MAGIC and len(data) == length and _digest(sequence, data) == digest else None
