"""The threads that touch disks for the API, and the gates before them.

Rules: the event loop never touches a disk.  Appends and reads have threads and gates of their own, so that a thousand
players or a hung disk under one of them cannot delay recording (invariant 7).  A gate refuses what it cannot take;
nothing waits in an unbounded queue.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Final, ParamSpec, TypeVar

from ...wire import http
from ...wire.record import MAX_BATCH_BYTES
from .errors import ApiError

P = ParamSpec("P")
R = TypeVar("R")

APPEND_THREADS: Final = 4
"""Hashing releases the interpreter lock, writing waits for disks: four keep two cores and two disks busy."""
APPEND_REQUESTS: Final = 256
APPEND_BYTES: Final = 3 * MAX_BATCH_BYTES
"""192 MiB: bodies being received or stored, the largest part of an archiver's memory.  A usual body is 1 MB."""
READ_THREADS: Final = 4
READ_REQUESTS: Final = 64
"""Each holds one block of READ_BLOCK_BYTES: 16 MiB together."""
READ_BLOCK_BYTES: Final = 256 << 10


class Gate:
    """Counts what is inside and refuses what would be too much.  Used on the event loop only: no lock."""

    def __init__(self, what: str, *, requests: int, size: int = 0) -> None:
        self._what, self._requests, self._size = what, requests, size
        self.requests = self.bytes = 0

    @contextmanager
    def admit(self, size: int = 0) -> Iterator[None]:
        """Hold a place, and `size` bytes, for the block; raises ApiError(busy) when there is none."""
        if self.requests >= self._requests or self.bytes + size > self._size:
            raise ApiError(http.BUSY, f"too many {self._what} are under way", remedy="try again in a second", close=size > 0)
        self.requests, self.bytes = self.requests + 1, self.bytes + size
        try:
            yield
        finally:
            self.requests, self.bytes = self.requests - 1, self.bytes - size


class Workers:
    """Named threads with an owner: all of them run from construction, so their number never changes; close() joins them."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"wk-hub-{name}")
        together = Barrier(threads + 1)
        for _ in range(threads):
            self._pool.submit(together.wait)
        together.wait()

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the work on one of the threads.  Callers hold a place in a Gate, which bounds the queue."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Finish what has begun, drop what has not, and join."""
        self._pool.shutdown(wait=True, cancel_futures=True)
