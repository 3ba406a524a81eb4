"""Writing past the page cache (O_DIRECT of open(2)): whole blocks, from one buffer that is used again and again.

    file     │ ... ░░░░│▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓···│ ...        ░ stands there already  ▓ parts, from `offset` on  · zeros
    buffer   │░░░░▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓···│            begins and ends where blocks of the file do

Why: into the page cache each byte is copied to a page that is cold and that the kernel has to find, mark, gather and write; into
the buffer it is copied to memory that the caches of the processor have, and the disk takes it from there.
Rules: 1. a block that holds older bytes is written again with the same ones, so that a torn write changes none of them.  2. Behind
what is written a file has zeros up to the end of the block, never more than it had.  3. Whoever cannot be written like that (a file
system without it, the last block of a file that is no whole one) is left to the page cache, and nothing was written.  4. One thread writes
(the journal's pen).  Bound: BUFFER_BYTES, taken with the first write.
"""

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from watchkeep.wire.record import Payload

BLOCK: Final = 4096
"""A multiple of what disks and file systems ask for, 512 or 4096, in memory and in the file."""
BUFFER_BYTES: Final = 8 << 20
"""The most of one spill (staged.py), so that a tick waits for the disk once."""


class DirectWriter:
    def __init__(self) -> None:
        self._refused = False
        self._memory: mmap.mmap | None = None
        self._last: tuple[int, int, int] | None = None
        """Handle, offset and length of what the buffer was written to: the next write goes on in its last block."""

    def write(self, handle: int, offset: int, parts: Sequence[Payload]) -> bool:
        """Write all parts at offset; False, with nothing written, when it is to be done otherwise.  Raises OSError."""
        end = offset + sum(map(len, parts))
        if self._refused or _up(end) > os.fstat(handle).st_size:
            self.forget(handle)
            return False
        start = offset - offset % BLOCK
        older = self._older(handle, start, offset)
        self._last = None
        try:
            with _direct(handle):
                self._write(handle, start, [older, *parts])
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._refused = True  # Whatever came to the disk is written again there: the caller does it all.
            return False
        return True

    def forget(self, handle: int) -> None:
        """The file is closed, or something else has changed it."""
        if self._last is not None and self._last[0] == handle:
            self._last = None

    def _older(self, handle: int, start: int, offset: int) -> bytes:
        """What stands in the block before `offset`."""
        if self._memory is not None and self._last is not None:
            last_handle, base, length = self._last
            if last_handle == handle and base <= start and offset <= base + length:
                return self._memory[start - base : offset - base]
        older = os.pread(handle, offset - start, start)
        if len(older) < offset - start:
            raise OSError(errno.EIO, "the file is shorter than what was written to it")
        return older

    def _write(self, handle: int, at: int, parts: Sequence[Payload]) -> None:
        memory = self._memory = self._memory or _buffer()
        filled = 0
        with memoryview(memory) as view:
            for part in parts:
                left = memoryview(part).cast("B")
                while len(left):
                    taken = min(len(left), BUFFER_BYTES - filled)
                    view[filled : filled + taken] = left[:taken]
                    filled, left = filled + taken, left[taken:]
                    if filled == BUFFER_BYTES:
                        _put(handle, at, view)
                        self._last = (handle, at, filled)
                        at, filled = at + filled, 0
            if filled:
                whole = _up(filled)
                view[filled:whole] = bytes(whole - filled)
                _put(handle, at, view[:whole])
                self._last = (handle, at, whole)


def _up(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _put(handle: int, at: int, view: memoryview) -> None:
    done = 0
    while done < len(view):
        done += os.pwrite(handle, view[done:], at + done)


def _buffer() -> mmap.mmap:
    memory = mmap.mmap(-1, BUFFER_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # advice: a kernel without huge pages refuses it, rightly
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


@contextmanager
def _direct(handle: int) -> Iterator[None]:
    """O_DIRECT for this long; raises OSError with EINVAL where there is none."""
    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    fcntl.fcntl(handle, fcntl.F_SETFL, flags | os.O_DIRECT)
    try:
        yield
    finally:
        fcntl.fcntl(handle, fcntl.F_SETFL, flags)
