"""Where the next chunk ends.  Decides only: no memory, no clock, no Python.

Boundaries, in the order in which they are looked for:

    the run changes, or has ended            -> before the other run's frame; the last duration is a guess
    chunk would be longer than chunk_ticks   -> before the video frame that ends too late
    chunk is chunk_ticks long                -> before this video frame
    key frame and the segment is full        -> before it; it opens a segment
    key frame, and the chunk began without   -> before it: players begin at chunks, and stamps jitter
    max_frames or max_bytes                  -> before the video frame that does not fit, or whose audio does not
    early: somebody waits for this chunk     -> before the newest video frame: a short chunk, its durations are exact

Rules: 1. a boundary lies before a video frame, except where audio alone fills a chunk.  2. No chunk is longer than
chunk_ticks, except one of a single video frame.  3. Audio before a run's first video frame travels with it; audio of a
run without any more video is discarded.  4. Each frame is met once: a scan goes on where the last one stopped.
Twin: cutter_py.py.
"""

from libc.stdint cimport int64_t

from .frame cimport VIDEO, Frame, Frames, frame_at, ticks_u32

cdef enum:
    FALLBACK_TICKS = 3000       # 1/30 s: the duration of a run's only frame when nobody knows better


cdef class Cutter:
    """The caller calls scan until WAIT, frees what it is told to, then calls released (chunk) or begin (audio)."""

    def __cinit__(self, *, int64_t chunk_ticks, int64_t segment_ticks, size_t max_frames, size_t max_bytes):
        self.chunk_ticks, self.segment_ticks = chunk_ticks, segment_ticks
        self.max_frames, self.max_bytes = max_frames, max_bytes
        self.in_segment = False
        self.begin()

    cdef void begin(self) noexcept nogil:
        """Scan from the window's first frame: the frames before it are gone."""
        self.open = Span(0, 0, 0, False, 0, 0, 0)

    cdef void released(self, int64_t run, int64_t dts, bint segment_start) noexcept nogil:
        """A chunk was released; dts is that of its first video frame."""
        if segment_start:
            self.in_segment, self.segment_run, self.segment_dts = True, run, dts
        self.begin()

    cdef Verdict scan(self, const Frames* waiting, bint ended, bint early) noexcept nogil:
        """Meet the frames not met before.  `waiting`: all frames of the ring; `ended`: the last one's run gets no more."""
        cdef Verdict verdict
        while self.open.frames < waiting.count:
            verdict = self._meet(waiting, frame_at(waiting, self.open.frames))
            if verdict != WAIT:
                return verdict
        if ended and self.open.frames:
            return self._take_guessed() if self.open.video else DISCARD
        return self._take(&self.short, self.open.last - self.first_dts) if early and self.open.video > 1 else WAIT

    cdef Verdict _meet(self, const Frames* waiting, const Frame* frame) noexcept nogil:
        cdef Verdict verdict
        if self.open.frames and frame.run != frame_at(waiting, 0).run:
            return self._take_guessed() if self.open.video else DISCARD
        if self.open.video and frame.track == VIDEO:
            verdict = self._meet_video(frame)
            if verdict != WAIT:
                return verdict
        elif self.open.frames and not self._fits(frame):
            if self.open.video == 0:
                return DISCARD
            return self._take(&self.short, self.open.last - self.first_dts) if self.open.video > 1 else self._take_guessed()
        self._include(frame)
        return WAIT

    cdef Verdict _meet_video(self, const Frame* frame) noexcept nogil:
        cdef int64_t length = max(self.open.last, frame.dts) - self.first_dts
        if length > self.chunk_ticks and self.open.video > 1:
            return self._take(&self.short, self.open.last - self.first_dts)
        if length >= self.chunk_ticks or (frame.key and self._good_start(frame)) or not self._fits(frame):
            return self._take(&self.open, length)
        return WAIT

    cdef Verdict _take(self, const Span* span, int64_t duration) noexcept nogil:
        self.taken = span[0]
        self.duration = ticks_u32(duration)
        self.guessed = False
        return TAKE

    cdef Verdict _take_guessed(self) noexcept nogil:
        """Take all scanned; the last frame lasts as long as the one before it, but not past the longest chunk (rule 2)."""
        cdef int64_t length = self.open.last - self.first_dts
        cdef int64_t guess = self.open.interval if self.open.interval else self.open.declared
        self._take(&self.open, length + min(guess if guess else FALLBACK_TICKS, self.chunk_ticks - length))
        self.guessed = True
        return TAKE

    cdef void _include(self, const Frame* frame) noexcept nogil:
        cdef int64_t decode
        if frame.track == VIDEO:
            if self.open.video == 0:
                self.first_video, self.first_dts, self.starts_key = self.open.frames, frame.dts, frame.key
                self.starts_segment = (not self.in_segment or self.segment_run != frame.run
                                       or (frame.key and frame.dts - self.segment_dts >= self.segment_ticks))
                self.open.last = frame.dts
            self.short = self.open
            decode = max(self.open.last, frame.dts)
            self.open.interval, self.open.last = decode - self.open.last, decode
            self.open.declared = frame.duration
            self.open.video += 1
        self.open.frames += 1
        self.open.bytes += frame.size
        self.open.damaged |= frame.damaged

    cdef bint _fits(self, const Frame* frame) noexcept nogil:
        return self.open.frames < self.max_frames and self.open.bytes + frame.size <= self.max_bytes

    cdef bint _good_start(self, const Frame* frame) noexcept nogil:
        """Whether a chunk begins with this key frame: of two chunks in a row one is chunk_ticks long, so at most every second is short."""
        return not self.starts_key or self._segment_is_full(frame)

    cdef bint _segment_is_full(self, const Frame* frame) noexcept nogil:
        return frame.dts - (self.first_dts if self.starts_segment else self.segment_dts) >= self.segment_ticks
