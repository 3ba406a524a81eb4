"""How much the next batch may carry, and how long to wait after a failure.  No I/O, no clock, no threads.

    outcome of a batch                         bytes          chunks
    stored in less than FAST_S, half full      x 2            x 2
    stored in more than SLOW_S                 / 2            x 2
    failed                                     / 2            -
    refused without naming a chunk             -              half of what the batch had

Rules: a batch takes far less than the ack time-out, or a slow link would look like a dead archiver; the last chunk
standing in a refused batch of one is the guilty one.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from ...wire.record import MAX_BATCH_BYTES

FAST_S: Final = 0.25
SLOW_S: Final = 0.5
FIRST_BYTES: Final = 4 << 20
MIN_BYTES: Final = 128 << 10
"""A single chunk is always allowed, however large."""
MAX_BYTES: Final = MAX_BATCH_BYTES // 4
"""16 MB in the live lane: 64 cameras of 4 Mbit/s make 3.2 MB a tick, so five ticks' worth."""
MAX_CHUNKS: Final = 4096
"""16 384 records is what an archiver takes of one batch; asks and init segments come on top."""
CATCHUP_BYTES: Final = 2 << 20
"""Of catch-up in one batch: a live chunk waits for 2 MB at most.  Its share of the link's time is kept by worker.py."""
PROBE_S: Final = 2.0
"""The health of an archiver that is nobody's target is this old at most."""
TARGET_PROBE_S: Final = 0.5
"""The same of one in use: the ack time-out runs from the last question, so a silent death is known half a second later at most."""


@dataclass(frozen=True, slots=True)
class Budget:
    live_bytes: int
    catchup_bytes: int
    """0: none at all this time."""
    chunks: int
    probe_s: float = PROBE_S
    """Silence after which an archiver that is owed nothing is asked something."""


TRIAL: Final = Budget(live_bytes=1, catchup_bytes=1, chunks=1, probe_s=0.0)
"""After a failure one chunk, or a probe, at a time, until something is acknowledged; the back-off spaces them."""


class Pace:
    """One archiver's batch size."""

    def __init__(self) -> None:
        self._bytes, self._chunks = FIRST_BYTES, MAX_CHUNKS

    def budget(self, *, catching_up: bool = True) -> Budget:
        return Budget(self._bytes, min(CATCHUP_BYTES, self._bytes) if catching_up else 0, self._chunks)

    def stored(self, size: int, took_s: float) -> None:
        self._chunks = min(self._chunks * 2, MAX_CHUNKS)
        if took_s > SLOW_S:
            self._bytes = max(self._bytes // 2, MIN_BYTES)
        elif took_s < FAST_S and size >= self._bytes // 2:
            self._bytes = min(self._bytes * 2, MAX_BYTES)

    def failed(self) -> None:
        self._bytes = max(self._bytes // 2, MIN_BYTES)

    def refused(self, chunks: int) -> None:
        self._chunks = max(chunks // 2, 1)


class Backoff:
    """Pauses between attempts: doubling from FIRST_S to LAST_S, each shortened by up to half so that agents spread out."""

    FIRST_S: Final = 0.2
    LAST_S: Final = 1.0
    """How late a returning archiver is noticed at most; 200 agents that try a dead one make 200 to 400 connects a second."""

    def __init__(self, random: Random) -> None:
        self._random, self._next = random, self.FIRST_S

    def pause(self) -> float:
        pause, self._next = self._next, min(self._next * 2, self.LAST_S)
        return pause * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        self._next = self.FIRST_S
