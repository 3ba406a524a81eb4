from libc.stdint cimport int64_t, uint32_t, uint64_t

from .frame cimport Frame, Frames

cdef enum Verdict:
    WAIT = 0            # the boundary is not there yet
    TAKE = 1            # the chunk is `taken`
    DISCARD = 2         # the first `open.frames` frames are audio that no chunk can carry


cdef struct Span:
    size_t frames
    size_t video
    uint64_t bytes
    bint damaged
    int64_t last            # decode time of the last video frame; never goes back
    int64_t interval        # from the video frame before it, 0 when there is none
    uint32_t declared       # duration of the last video frame as its source gave it, 0 unknown


cdef class Cutter:
    cdef int64_t chunk_ticks
    cdef int64_t segment_ticks
    cdef size_t max_frames
    cdef uint64_t max_bytes
    cdef bint in_segment
    cdef int64_t segment_run
    cdef int64_t segment_dts
    cdef Span open              # all frames scanned so far
    cdef Span short             # the same without the last video frame and what follows it
    cdef size_t first_video     # its index in the window
    cdef int64_t first_dts
    cdef bint starts_segment
    cdef bint starts_key        # the open chunk's first video frame is a key frame
    cdef Span taken
    cdef int64_t duration
    cdef bint guessed

    cdef void begin(self) noexcept nogil
    cdef void released(self, int64_t run, int64_t dts, bint segment_start) noexcept nogil
    cdef Verdict scan(self, const Frames* waiting, bint ended, bint early) noexcept nogil
    cdef Verdict _meet(self, const Frames* waiting, const Frame* frame) noexcept nogil
    cdef Verdict _meet_video(self, const Frame* frame) noexcept nogil
    cdef Verdict _take(self, const Span* span, int64_t duration) noexcept nogil
    cdef Verdict _take_guessed(self) noexcept nogil
    cdef void _include(self, const Frame* frame) noexcept nogil
    cdef bint _fits(self, const Frame* frame) noexcept nogil
    cdef bint _good_start(self, const Frame* frame) noexcept nogil
    cdef bint _segment_is_full(self, const Frame* frame) noexcept nogil
