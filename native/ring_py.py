"""Plain-Python twin of ring.pyx: the same interface, results and bytes.  The contract stands in ring.pyi.

Rules: one thread; it shows what the compiled ring does, without its memory and its races.
"""

from itertools import islice
from typing import TYPE_CHECKING

from .arena_py import Arena
from .cut import Cut
from .cutter_py import AUDIO, MAX_U32, VIDEO, Cutter, Frame, Verdict
from .fragment_py import fragment, split_tracks
from .nal_py import length_prefixed, prefixed_bound, raw_bytes
from .seal_py import DAMAGED, DURATION_GUESSED, KEY, SEGMENT_START, Label, sealed

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_CAPACITY = 1 << 36
MAX_FRAMES = 1 << 24
MAX_CHUNK_FRAMES = 2048
MAX_CHUNK_BYTES = 31 << 20
MAX_TICKS = 1 << 60
MAX_EPOCH = (1 << 52) - 1
MAX_SEQ = (1 << 48) - 1
RESTART_FRAMES = 64


def _within(name: str, value: int, low: int, high: int) -> None:
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{name} {value} does not fit 64 bits")
    if not low <= value <= high:
        raise ValueError(f"{name} {value} is not within {low}..{high}")


class Ring:
    """The twin of watchkeep.native.Ring."""

    def __init__(
        self,
        capacity_bytes: int,
        max_frames: int,
        *,
        chunk_ticks: int,
        segment_ticks: int,
        max_chunk_frames: int = MAX_CHUNK_FRAMES,
        max_chunk_bytes: int = 24 << 20,
        pool: object = None,
    ) -> None:
        _within("capacity_bytes", capacity_bytes, 1, MAX_CAPACITY)
        _within("max_frames", max_frames, 1, MAX_FRAMES)
        _within("chunk_ticks", chunk_ticks, 1, MAX_U32)
        _within("segment_ticks", segment_ticks, 1, MAX_TICKS)
        _within("max_chunk_frames", max_chunk_frames, 1, MAX_CHUNK_FRAMES)
        _within("max_chunk_bytes", max_chunk_bytes, 1, MAX_CHUNK_BYTES)
        self._cutter = Cutter(chunk_ticks, segment_ticks, max_chunk_frames, max_chunk_bytes)
        self._arena = Arena(capacity_bytes)
        self._slots = max_frames
        self._max_frame_bytes = max_chunk_bytes
        self._waiting: list[Frame] = []
        self._oldest_slot = 0
        self._oldest = 0
        self._run = -1
        self.closed = self.dropping = False
        self.bytes_used = self.high_water = 0
        self.damaged_frames = self.dropped_frames = self.dropped_gops = self.dropped_audio = self.empty_frames = 0

    def push(
        self,
        data: "Buffer",
        *,
        run: int,
        track: int,
        pts: int,
        dts: int,
        duration: int,
        key: bool,
        damaged: bool,
        arrival_ns: int,
        annexb: bool,
    ) -> bool:
        raw = raw_bytes(data)
        self._check_push(run, track, pts, dts, duration, key)
        _within("arrival_ns", arrival_ns, -(1 << 63), (1 << 63) - 1)
        stored = length_prefixed(raw) if annexb else raw
        frame = Frame(stored, 0, run, track, pts, dts, duration, key, damaged, arrival_ns)
        return self._push(frame, prefixed_bound(len(raw)) if annexb else len(raw), empty=not raw)

    def _check_push(self, run: int, track: int, pts: int, dts: int, duration: int, key: bool) -> None:
        self._check_open()
        _within("run", run, max(0, self._run), MAX_TICKS)
        _within("track", track, VIDEO, AUDIO)
        _within("pts", pts, -MAX_TICKS, MAX_TICKS)
        _within("dts", dts, 0 if track == VIDEO else -MAX_TICKS, MAX_TICKS)
        _within("duration", duration, 0, MAX_U32)
        if self.dropping and track == VIDEO and key and run == self._run:
            raise ValueError(f"run {run} has lost frames: the key frame after a drop begins a new run")

    def _push(self, frame: Frame, need: int, *, empty: bool) -> bool:
        starts_gop = frame.is_video and frame.key
        offset = self._place(need) if not empty and (starts_gop or not self.dropping) else None
        if offset is None and not empty:
            self.dropped_gops += starts_gop or not self.dropping
            self.dropped_frames += 1
            self.dropping = True
            return False
        if offset is None or not frame.data:
            self.empty_frames += 1
            return False
        frame.offset = offset
        self._waiting.append(frame)
        self._arena.took(offset, len(frame.data))
        self._run, self.dropping = frame.run, False
        self.damaged_frames += frame.damaged and frame.is_video
        self.bytes_used += len(frame.data)
        self.high_water = max(self.high_water, self.bytes_used)
        return True

    def _place(self, need: int) -> int | None:
        if not self._waiting:
            self._oldest_slot = 0
        if len(self._waiting) == self._slots or need > self._max_frame_bytes:
            return None
        return self._arena.place(need, self._oldest_offset())

    def cut(self, flush: bool = False, early: bool = False) -> Cut | None:
        self._check_open()
        while (verdict := self._cutter.scan(self._waiting, flush or self.dropping, early)) is Verdict.DISCARD:
            self.dropped_audio += self._cutter.open.frames
            self._forget(self._cutter.open.frames)
            self._cutter.begin()
        return self._describe() if verdict is Verdict.TAKE else None

    def _describe(self) -> Cut:
        taken, first = self._cutter.taken, self._waiting[self._cutter.first_video]
        audio = (frame.dts for frame in islice(self._waiting, taken.frames) if not frame.is_video)
        return Cut(
            run=first.run,
            first_frame=self._oldest,
            frames=taken.frames,
            video_frames=taken.video,
            audio_frames=taken.frames - taken.video,
            payload_bytes=taken.bytes,
            dts=first.dts,
            pts=first.pts,
            audio_dts=next(audio, None),
            arrival_ns=first.arrival_ns,
            duration=self._cutter.duration,
            key=first.key,
            segment_start=self._cutter.starts_segment,
            guessed=self._cutter.guessed,
            damaged=taken.damaged,
        )

    def build(
        self,
        cut: Cut,
        *,
        camera: bytes,
        epoch: int,
        seq: int,
        segment_seq: int,
        clock: int,
        cause: int,
        wall_start_ns: int,
        pts_base: int,
        init_hash: bytes,
        prev_hash: bytes,
    ) -> bytes:
        _within("epoch", epoch, 0, MAX_EPOCH)
        _within("seq", seq, 0, MAX_SEQ)
        _within("segment_seq", segment_seq, 0, seq)
        _within("clock", clock, 0, 255)
        _within("cause", cause, 0, 255)
        _within("wall_start_ns", wall_start_ns, -(1 << 63), (1 << 63) - 1)
        _within("pts_base", pts_base, -MAX_TICKS, MAX_TICKS)
        for name, value, low, high in (("camera", camera, 1, 63), ("init_hash", init_hash, 32, 32), ("prev_hash", prev_hash, 32, 32)):
            _within(f"length of {name}", len(value), low, high)
        frames = self._frames_of(cut)
        flags = KEY * cut.key | SEGMENT_START * cut.segment_start | DURATION_GUESSED * cut.guessed | DAMAGED * cut.damaged
        label = Label(flags, clock, cause, cut.duration, epoch, seq, segment_seq, wall_start_ns, cut.pts + pts_base,
                      camera, init_hash, prev_hash)  # fmt: skip
        video, audio = split_tracks(frames)
        boxes = fragment(frames, seq + 1, cut.dts + cut.duration)
        return sealed(label, [frame.data for frame in video], [frame.data for frame in audio], boxes)

    def release(self, cut: Cut) -> None:
        self._forget(len(self._frames_of(cut)))
        self._cutter.released(cut.run, cut.dts, cut.segment_start)
        self._restart()

    def _frames_of(self, cut: Cut) -> list[Frame]:
        self._check_open()
        if cut.first_frame != self._oldest or not 0 < cut.frames <= len(self._waiting):
            raise ValueError("the cut is not the ring's oldest: it was released, or belongs to another ring")
        return self._waiting[: cut.frames]

    def _forget(self, count: int) -> None:
        self.bytes_used -= sum(len(frame.data) for frame in self._waiting[:count])
        del self._waiting[:count]
        self._oldest += count
        self._oldest_slot = (self._oldest_slot + count) % self._slots

    def _restart(self) -> None:
        waiting, shift = len(self._waiting), self._oldest_offset()
        if waiting > RESTART_FRAMES or self._oldest_slot + waiting > self._slots or not self._arena.restart(shift):
            return
        for frame in self._waiting:
            frame.offset -= shift
        self._oldest_slot = 0

    def _oldest_offset(self) -> int:
        return self._waiting[0].offset if self._waiting else self._arena.capacity

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the ring is closed")

    @property
    def frames(self) -> int:
        return len(self._waiting)

    @property
    def capacity(self) -> int:
        return self._arena.capacity

    def close(self) -> None:
        self.closed = True
        self._waiting.clear()
        self.bytes_used = 0
