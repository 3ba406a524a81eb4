"""One camera's line from its ring to journal records: epochs, numbering, chaining.

    ingest thread ──begin/push──▶ ring ──take──▶ writer thread: INIT, CHUNK 0, CHUNK 1, ...

Rules: 1. a chunk is cut once.  2. (camera, epoch, seq) names one chunk, seq counts from 0 without holes.
10. stream time rules inside an epoch.  Exactly one thread calls the producer's methods and one other the consumer's.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

from ..native import Ring
from ..wire.causes import Cause, ClockQuality
from ..wire.record import Header, RecordKind
from ..wire.seal import HASH_BYTES, ZERO_HASH, seal_bytes
from .timing import VIDEO_TICKS, WallAnchor

NS = 1_000_000_000
MAX_CHUNKS_A_TAKE = 16
"""One camera gives at most 16 s of video per tick, so that a camera with a backlog cannot hold up the others."""

Record = tuple[Header, bytes | bytearray]


@dataclass(slots=True)
class Run:
    """One epoch: made by the ingest thread, numbered and written by the writer thread."""

    number: int
    epoch: int
    cause: Cause
    init: bytes
    init_hash: bytes
    zero: int
    """The camera's own stamp, in ticks, that became dts 0."""
    anchor: WallAnchor = field(default_factory=WallAnchor)
    next_seq: int = 0
    segment_seq: int = 0
    last_hash: bytes = ZERO_HASH


@dataclass(slots=True)
class LineStats:
    """Counters for beacons; each is written by one thread only."""

    frames: int = 0
    bytes: int = 0
    skipped_frames: int = 0
    """Frames before the first key frame of a session: nothing can decode them."""
    chunks: int = 0
    epoch: int = 0
    last_cut: float | None = None
    codec: str = ""


class Line:
    """The ring of one camera with its epochs."""

    def __init__(self, camera: str, ring: Ring, next_epoch: Callable[[str], int], *, chunk_s: float) -> None:
        self.camera, self.ring, self.stats = camera, ring, LineStats()
        self._next_epoch, self._chunk_s = next_epoch, chunk_s
        self._runs: deque[Run] = deque()
        self._lock = threading.Lock()
        self._count = 0
        self._ended = True
        self._last_push = 0.0
        self._announced = -1

    # producer: the ingest thread

    def begin(self, init: bytes, cause: Cause, zero: int) -> Run:
        """Start an epoch; the next push carries its number and should be a key frame."""
        run = Run(self._count, self._next_epoch(self.camera), cause, init, blake3(init).digest(), zero)
        self._count += 1
        with self._lock:
            self._runs.append(run)
        return run

    def push(self, run: Run, data: Any, *, video: bool, pts: int, dts: int, duration: int, key: bool, damaged: bool,
             arrival_ns: int, annexb: bool, now: float) -> bool:  # fmt: skip
        """Copy one frame into the ring; stamps count from the run's zero.  False when the ring had no room: a GOP is lost and counted."""
        kept = self.ring.push(data, run=run.number, track=0 if video else 1, pts=pts, dts=dts, duration=duration, key=key,
                              damaged=damaged, arrival_ns=arrival_ns, annexb=annexb)  # fmt: skip
        if video and kept:
            run.anchor.arrived(dts * NS // VIDEO_TICKS, arrival_ns)
            self.stats.frames += 1
        self.stats.bytes += len(data) if isinstance(data, bytes) else data.size
        self._last_push, self._ended = now, False
        return bool(kept)

    def end(self) -> None:
        """The session is over: what waits in the ring is cut at the next take."""
        self._ended = True

    # consumer: the writer thread

    def take(self, now: float, quality: ClockQuality, *, flush: bool = False) -> list[Record]:
        """The records that are due, in order.

        A mute camera's last frames are cut two chunk lengths after they came, so that they are not kept from
        the journal.  Race: the producer may push while a flush is decided; then that frame starts the next chunk.
        """
        flush = flush or self._ended or now - self._last_push > 2 * self._chunk_s
        records: list[Record] = []
        for _ in range(MAX_CHUNKS_A_TAKE):
            cut = self.ring.cut(flush=flush)
            if cut is None:
                break
            run = self._run(cut.run)
            if self._announced != run.number:
                self._announced = run.number
                records.append((Header(RecordKind.INIT, self.camera, run.epoch, 0, len(run.init), run.init_hash), run.init))
            records.append(self._chunk(run, cut, quality))
            self.ring.release(cut)
            self.stats.last_cut = now
        return records

    def _run(self, number: int) -> Run:
        with self._lock:
            while self._runs[0].number != number:
                self._runs.popleft()
            return self._runs[0]

    def _chunk(self, run: Run, cut: Any, quality: ClockQuality) -> Record:
        seq = run.next_seq
        if cut.segment_start:
            run.segment_seq = seq
        wall = run.anchor.utc_ns(cut.dts * NS // VIDEO_TICKS, cut.arrival_ns)
        payload = self.ring.build(cut, camera=self.camera.encode(), epoch=run.epoch, seq=seq, segment_seq=run.segment_seq,
                                  clock=int(quality), cause=int(run.cause), wall_start_ns=wall, pts_base=run.zero,
                                  init_hash=run.init_hash, prev_hash=run.last_hash)  # fmt: skip
        end = seal_bytes(cut.video_frames + cut.audio_frames)
        run.last_hash = bytes(payload[end - HASH_BYTES : end])
        run.next_seq = seq + 1
        self.stats.chunks += 1
        self.stats.epoch = run.epoch
        return Header(RecordKind.CHUNK, self.camera, run.epoch, seq, len(payload), run.last_hash), payload
