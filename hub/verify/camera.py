"""One camera's chunks, in order: chain, numbers, time, counters.  No I/O.

    the chunk that follows is ...                      then
    the same name, the same hash                       another copy of one chunk (invariant 2), counted
    the same name, another hash                        damage: one of the two was changed
    seq + 1 of the same epoch                          its previous hash must be ours; time must go on
    a later seq of the same epoch                      a gap, `hole`
    seq 0 of a later epoch                             a gap with the cause that it declares, if time is missing
    a later seq of a later epoch                       a gap, `hole`: chunks 0.. of it are missing
    an earlier name                                    damage: the file's name misled the order

Rules: a gap is more than MAX_JOIN_NS of missing time, or a missing number.  A parameter change that loses no time is
no gap.  The first epoch may begin at any seq: retention or a takeover put its beginning elsewhere.
"""

from dataclasses import dataclass, field
from typing import Final

from ...wire.causes import HOLE, LOST, Cause
from ...wire.ranges import RangeSet
from ...wire.seal import ZERO_HASH, Seal, SealFlag
from ..store.declared import Declared, Place
from .counters import Sessions
from .report import CameraReport, DamageFound, EpochFound, GapFound, SpanFound
from .scan import Proven

MAX_JOIN_NS: Final = 500_000_000
"""Chunks nearer than this in time join: 500 ppm of slew over a minute is 30 ms, and a guessed last frame 40 ms."""
DAMAGE: Final = "damage"
UNEXPLAINED: Final = "unexplained"
_NS: Final = 1_000_000_000


class _Run:
    """An epoch or a span while it grows: a few numbers, because a flapping camera makes thousands."""

    __slots__ = ("cause", "chunks", "end_ns", "epoch", "first_seq", "last_seq", "start_ns")

    def __init__(self, seal: Seal) -> None:
        self.epoch, self.cause, self.first_seq, self.start_ns, self.chunks = seal.epoch, seal.cause, seal.seq, seal.wall_start_ns, 0
        self.grow(seal)

    def grow(self, seal: Seal) -> None:
        self.last_seq, self.end_ns = seal.seq, seal.wall_end_ns
        self.chunks += 1

    def as_epoch(self) -> EpochFound:
        return EpochFound(epoch=self.epoch, cause=self.cause.label, first_seq=self.first_seq, last_seq=self.last_seq, chunks=self.chunks,
                          start_s=self.start_ns / _NS, end_s=self.end_ns / _NS)  # fmt: skip

    def as_span(self) -> SpanFound:
        return SpanFound(epoch=self.epoch, first_seq=self.first_seq, chunks=self.chunks,
                         start_s=self.start_ns / _NS, end_s=self.end_ns / _NS)  # fmt: skip


@dataclass(slots=True)
class _Totals:
    chunks: int = 0
    copies: int = 0
    bytes: int = 0
    frames: int = 0
    audio_frames: int = 0
    transport_damaged: int = 0
    sessions: Sessions = field(default_factory=Sessions)


class CameraCheck:
    """Feed `add` with chunks as `order` brings them, `damaged` with what could not be proven; then `report`."""

    def __init__(self, camera: str, declared: Declared | None = None) -> None:
        self._camera, self._declared = camera, declared or Declared()
        self._last: Seal | None = None
        self._epochs: list[_Run] = []
        self._spans: list[_Run] = []
        self._gaps: list[GapFound] = []
        self._unproven: dict[int, RangeSet] = {}
        self._totals = _Totals()

    def add(self, proven: Proven) -> str:
        """Take one chunk; returns what is wrong with its place, or nothing."""
        seal, last = proven.seal, self._last
        if last is None:
            wrong = self._begin(seal)
        elif (seal.epoch, seal.seq) == (last.epoch, last.seq):
            return self._again(seal, last)
        elif (seal.epoch, seal.seq) < (last.epoch, last.seq):
            return "chunk is out of order: the name of its file misleads"
        elif seal.epoch != last.epoch:
            self._join(last, seal, seal.cause.label, missing=(0, seal.seq - 1))
            wrong = self._begin(seal)
        else:
            self._join(last, seal, UNEXPLAINED, missing=(last.seq + 1, seal.seq - 1))
            self._epochs[-1].grow(seal)
            wrong = _chained(last, seal)
        self._last = seal
        self._count(proven)
        return wrong

    def damaged(self, epoch: int, seq: int) -> None:
        """Note that a chunk is there and not proven: the hole that it leaves has the cause `damage`."""
        self._unproven.setdefault(epoch, RangeSet()).add(seq, seq)

    def report(self, *, files: int, damage: list[DamageFound], damage_total: int) -> CameraReport:
        total = self._totals
        counted = total.sessions.frames
        return CameraReport(
            camera=self._camera, files=files, bytes=total.bytes, chunks=total.chunks, copies=total.copies, frames=total.frames,
            audio_frames=total.audio_frames, uncounted=total.frames - counted if counted else 0,
            transport_damaged=total.transport_damaged, epochs=tuple(run.as_epoch() for run in self._epochs),
            spans=tuple(run.as_span() for run in self._spans), gaps=tuple(self._explained(gap) for gap in self._gaps),
            sessions=total.sessions.found(), damage=tuple(damage), damage_total=damage_total)  # fmt: skip

    def _begin(self, seal: Seal) -> str:
        self._epochs.append(_Run(seal))
        if self._last is None:
            self._spans.append(_Run(seal))
        return "chunk 0 names a chunk before it" if seal.seq == 0 and seal.prev_hash != ZERO_HASH else ""

    def _again(self, seal: Seal, last: Seal) -> str:
        if seal.chunk_hash != last.chunk_hash:
            return "a second chunk under one name, with another hash: one of them was changed"
        self._totals.copies += 1
        return ""

    def _join(self, last: Seal, seal: Seal, cause: str, missing: tuple[int, int]) -> None:
        """Let the span go on, or begin another; a clock that stepped back begins a span without a gap."""
        away_ns = seal.wall_start_ns - last.wall_end_ns
        hole = missing[1] >= missing[0]
        if hole or away_ns > MAX_JOIN_NS:
            place = Place((last.epoch, last.seq), (seal.epoch, seal.seq), last.wall_end_ns / _NS, seal.wall_start_ns / _NS)
            why = self._declared.why(self._camera, place, unnumbered=cause in (UNEXPLAINED, Cause.OVERFLOW.label))
            found = LOST if why is not None else HOLE if hole else cause
            self._gaps.append(GapFound(
                start_s=place.start_s, end_s=place.end_s, cause=found, text=why or "", epoch=seal.epoch,
                first_seq=missing[0] if hole else None, last_seq=missing[1] if hole else None))  # fmt: skip
        if hole or abs(away_ns) > MAX_JOIN_NS:
            self._spans.append(_Run(seal))
        else:
            self._spans[-1].grow(seal)

    def _count(self, proven: Proven) -> None:
        seal, total = proven.seal, self._totals
        total.chunks += 1
        total.bytes += proven.chunk.length
        total.frames += seal.video_frames
        total.audio_frames += seal.audio_frames
        total.transport_damaged += SealFlag.DAMAGED in seal.flags
        for _, counter in proven.counters:
            total.sessions.add(counter)

    def _explained(self, gap: GapFound) -> GapFound:
        unproven = self._unproven.get(gap.epoch)
        if gap.first_seq is None or gap.last_seq is None or unproven is None or not unproven.clip(gap.first_seq, gap.last_seq):
            return gap
        return gap.model_copy(update={"cause": DAMAGE, "text": ""})


def _chained(last: Seal, seal: Seal) -> str:
    """What the next chunk of an epoch must have in common with the last one."""
    if seal.seq == last.seq + 1 and seal.prev_hash != last.chunk_hash:
        return "chunk does not carry the hash of the chunk before it: the chain is broken"
    if seal.init_hash != last.init_hash:
        return "init segment changes inside an epoch"
    if seal.cause != last.cause:
        return "the cause of the epoch changes inside it"
    return ""
