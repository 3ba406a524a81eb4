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
from ..wire.record import Header, Payload, RecordKind
from ..wire.seal import HASH_BYTES, ZERO_HASH, seal_bytes
from .rtsp.quality import Quality
from .timing import VIDEO_TICKS, WallAnchor

NS = 1_000_000_000
MAX_CHUNKS_A_TAKE = 16
"""One camera gives at most 16 s of video per tick, so that a camera with a backlog cannot hold up the others."""
SETTLE_S = 0.5
"""An epoch's first chunk is cut this long after its first frame.  Opening a stream takes up to 2 s of probing, and what came
meanwhile is then read in one go: anchored in the middle of that burst, the epoch would be up to 2 s late, and 500 ppm
take over an hour to mend it."""

Record = tuple[Header, Payload]


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
    anchor: WallAnchor
    base: int
    """Where its zero stands in the anchor's stream time, in ticks: not 0 when it goes on where the run before it ended."""
    born: float | None = None
    """When its first frame went into the ring (monotonic), None before."""
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
    unbuilt_chunks: int = 0
    """Chunks that could not be built and were given up."""
    epoch: int = 0
    last_cut: float | None = None
    codec: str = ""
    cause: str = ""
    """Why the epoch began."""
    audio: str = ""
    left_out: str = ""
    """Tracks of the camera that are not recorded, and why."""
    quality: Quality = field(default_factory=Quality)
    """Of its network and clock, as the native engine sees them."""
    ingest: str = ""
    ingest_why: str = ""
    """What reads the camera, and why it is not what was asked for first."""


class Line:
    """The ring of one camera with its epochs."""

    def __init__(self, camera: str, ring: Ring, next_epoch: Callable[[str], int], *, chunk_s: float) -> None:
        self.camera, self.ring, self.stats = camera, ring, LineStats()
        self._next_epoch, self._chunk_s = next_epoch, chunk_s
        self._runs: deque[Run] = deque()
        """Runs with frames in the ring, and the one that runs: one of 2 kB a second at worst, when each GOP begins one."""
        self.fault: Exception | None = None
        """What stopped the last take; the writer reads it."""
        self._lock = threading.Lock()
        self._count = 0
        self._newest: Run | None = None
        self._ended = True
        self._last_push = 0.0
        self._announced = -1

    # producer: the ingest thread

    def begin(self, init: bytes, cause: Cause, zero: int, *, after: int | None = None) -> Run:
        """Start an epoch; the next push carries its number and should be a key frame.

        after: how many ticks after the zero of the run before its own zero stands, when stream time goes on without
        a break; then UTC goes on as well, and no jitter of arrivals becomes a gap.  None: it is anchored anew.

        A run that never got a frame into the ring is forgotten: with a full ring every key frame begins one.
        """
        before = self._newest
        anchor, base = (WallAnchor(), 0) if after is None or before is None else (before.anchor, before.base + after)
        run = Run(self._count, self._next_epoch(self.camera), cause, init, blake3(init).digest(), zero, anchor, base)
        self._newest = run
        self._count += 1
        with self._lock:
            if self._runs and self._runs[-1].born is None:
                self._runs.pop()
            self._runs.append(run)
        return run

    def push(self, run: Run, data: Any, *, video: bool, pts: int, dts: int, duration: int, key: bool, damaged: bool,
             arrival_ns: int, annexb: bool, now: float) -> bool:  # fmt: skip
        """Copy one frame into the ring; stamps count from the run's zero.  False when the ring had no room: a GOP is lost and counted."""
        if video:
            run.anchor.arrived((run.base + dts) * NS // VIDEO_TICKS, arrival_ns)
            self._last_push, self._ended = now, False  # before the push: a take in between must not cut its first frame off
        kept = self.ring.push(data, run=run.number, track=0 if video else 1, pts=pts, dts=dts, duration=duration, key=key,
                              damaged=damaged, arrival_ns=arrival_ns, annexb=annexb)  # fmt: skip
        if kept and run.born is None:
            run.born = now
        self.stats.frames += video and kept
        self.stats.bytes += len(data) if isinstance(data, bytes) else data.size
        return bool(kept)

    def arrived(self, run: Run, dts: int, arrival_ns: int, now: float) -> None:
        """Video up to this dts, in ticks since the run's zero, went into the ring past `push`."""
        run.anchor.arrived((run.base + dts) * NS // VIDEO_TICKS, arrival_ns)
        self._last_push, self._ended = now, False

    def end(self) -> None:
        """The session is over: what waits in the ring is cut at the next take."""
        self._ended = True

    # consumer: the writer thread

    def take(self, now: float, quality: ClockQuality, *, flush: bool = False, early: bool = False) -> list[Record]:
        """The records that are due, in order.  early: with a short chunk of what waits, because an archiver has just taken over.

        A mute camera's last frames are cut two chunk lengths after they came, so that they are not kept from
        the journal.  Race: the producer may push while a flush is decided; then that frame starts the next chunk.
        Never raises: what went wrong is left in `fault`, because the records before it have left the ring.
        """
        flush = flush or self._ended or now - self._last_push > 2 * self._chunk_s
        records: list[Record] = []
        self.fault = None
        try:
            for _ in range(MAX_CHUNKS_A_TAKE):
                if not self._take_one(records, now, quality, flush, early):
                    break
        except Exception as error:  # noqa: BLE001 - the writer reports it; other cameras go on (invariant 7)
            self.fault = error
        return records

    def _take_one(self, records: list[Record], now: float, quality: ClockQuality, flush: bool, early: bool) -> bool:
        cut = self.ring.cut(flush, early)
        if cut is None:
            return False
        run = self._run(cut.run)
        if not flush and run.next_seq == 0 and run.base == 0 and (run.born is None or now - run.born < SETTLE_S):
            return False
        try:
            chunk = self._chunk(run, cut, quality)
        except (ValueError, OverflowError):  # it would be refused for ever: give it up, count it, go on with the next
            self.stats.unbuilt_chunks += 1
            self.ring.release(cut)
            raise
        if self._announced != run.number:
            self._announced = run.number
            self.stats.epoch, self.stats.cause = run.epoch, run.cause.label
            records.append((Header(RecordKind.INIT, self.camera, run.epoch, 0, len(run.init), run.init_hash), run.init))
        records.append(chunk)
        self.ring.release(cut)
        self.stats.last_cut = now
        return True

    def _run(self, number: int) -> Run:
        with self._lock:
            while self._runs[0].number != number:
                self._runs.popleft()
            return self._runs[0]

    def _chunk(self, run: Run, cut: Any, quality: ClockQuality) -> Record:
        seq = run.next_seq
        if cut.segment_start:
            run.segment_seq = seq
        wall = run.anchor.utc_ns((run.base + cut.dts) * NS // VIDEO_TICKS)
        payload = self.ring.build(cut, camera=self.camera.encode(), epoch=run.epoch, seq=seq, segment_seq=run.segment_seq,
                                  clock=int(quality), cause=int(run.cause), wall_start_ns=wall, pts_base=run.zero,
                                  init_hash=run.init_hash, prev_hash=run.last_hash)  # fmt: skip
        end = seal_bytes(cut.video_frames + cut.audio_frames)
        run.last_hash = bytes(payload[end - HASH_BYTES : end])
        run.next_seq = seq + 1
        self.stats.chunks += 1
        return Header(RecordKind.CHUNK, self.camera, run.epoch, seq, len(payload), run.last_hash), payload
