"""Writing past the page cache (O_DIRECT of open(2)): whole blocks, chunks from where they lie in memory.

    parts    │ zeros header│ payload             │ zeros header│ payload              │ zeros │
    memory   │ buffer      │ the chunk's own, with zeros behind  │ buffer              ...
    file     └ a block     └ blocks              └ a block     └ blocks               └ a block

Why: into the page cache each byte is copied to a page that is cold and that the kernel has to find, mark, gather and write.
Rules: 1. what begins or ends inside a block is left to the page cache, and so is everything where the file system has nothing like this:
then nothing counts as written.  A file stays as it was written last: to turn O_DIRECT on and off asks the kernel three times, and
gives the interpreter away each time.  2. A chunk that was built in memory of its own (native/pool.pyx) is written from there, with the
zeros behind it in place of as many at the beginning of the next part; all else goes through the buffer.
3. One thread writes (the journal's pen).
Bound: BUFFER_BYTES, taken with the first write.
"""

import errno
import fcntl
import mmap
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from watchkeep.native import in_blocks
from watchkeep.wire.record import Payload

BLOCK: Final = 4096
"""A multiple of what disks and file systems ask for, 512 or 4096, in memory and in the file."""
BUFFER_BYTES: Final = 1 << 20
"""A block for each of 256 chunks; a second of 128 cameras."""
MAX_PIECES: Final = 512
"""Of one call; IOV_MAX is 1024 on Linux."""


class DirectWriter:
    def __init__(self) -> None:
        self._refused = False
        self._memory: mmap.mmap | None = None
        self._past: set[int] = set()
        """Handles with O_DIRECT: of files that are open."""

    def write(self, handle: int, offset: int, parts: Sequence[Payload]) -> bool:
        """Write all parts at offset; False when it is to be done otherwise, all of it.  Raises OSError.  `forget` the handle when it
        is closed."""
        if self._refused or offset % BLOCK or sum(map(len, parts)) % BLOCK:
            self._turn(handle, past=False)
            return False
        self._memory = self._memory or mmap.mmap(-1, BUFFER_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        try:
            self._turn(handle, past=True)
            with memoryview(self._memory) as buffer:
                _Gather(handle, offset, buffer).write(parts)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._refused = True
            self._turn(handle, past=False)
            return False
        return True

    def forget(self, handle: int) -> None:
        """Another file may get its number."""
        self._past.discard(handle)

    def _turn(self, handle: int, *, past: bool) -> None:
        """Past the page cache from now on, or into it; raises OSError with EINVAL where there is nothing like it."""
        if past == (handle in self._past):
            return
        flags = fcntl.fcntl(handle, fcntl.F_GETFL)
        fcntl.fcntl(handle, fcntl.F_SETFL, flags | os.O_DIRECT if past else flags & ~os.O_DIRECT)
        (self._past.add if past else self._past.discard)(handle)


class _Gather:
    """Pieces of memory that go to the file in one call, as far as the buffer and MAX_PIECES allow."""

    def __init__(self, handle: int, at: int, buffer: memoryview) -> None:
        self._handle, self._at, self._buffer = handle, at, buffer
        self._pieces: list[memoryview] = []
        self._begun = self._filled = 0
        """Where the piece that is being filled begins and ends in the buffer."""

    def write(self, parts: Sequence[Payload]) -> None:
        instead = 0  # bytes of the next part that are written already: zeros behind a chunk
        for part, following in pairwise([*parts, b""]):
            view = memoryview(part).cast("B")[instead:]
            blocks = in_blocks(part) if not (instead or self._filled % BLOCK) else None
            instead = 0 if blocks is None else len(blocks) - len(view)
            if blocks is not None and following[:instead] == bytes(instead):
                self._close_piece()
                self._pieces.append(blocks)
            else:
                self._copy(view)
                instead = 0
            if len(self._pieces) >= MAX_PIECES:
                self._put()
        self._put()

    def _copy(self, view: memoryview) -> None:
        while len(view):
            taken = min(len(view), len(self._buffer) - self._filled)
            self._buffer[self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            view = view[taken:]
            if self._filled == len(self._buffer):
                self._put()

    def _close_piece(self) -> None:
        if self._filled > self._begun:
            self._pieces.append(self._buffer[self._begun : self._filled])
            self._begun = self._filled

    def _put(self) -> None:
        """All that is there, which ends where a block does."""
        self._close_piece()
        left = self._pieces
        while left:
            written = os.pwritev(self._handle, left, self._at)
            self._at += written
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if written:
                left[0] = left[0][written:]
        self._begun = self._filled = 0
