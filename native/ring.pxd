from libc.stdint cimport int64_t, uint64_t

from .arena cimport Arena
from .cutter cimport Cutter
from .frame cimport Frame, Frames
from .pool cimport Pool


cdef class Ring:
    cdef Arena _arena
    cdef Cutter _cutter
    cdef Pool _pool                 # None: chunks are bytes
    cdef Frame* _table
    cdef size_t _slots
    cdef size_t _max_frame_bytes
    cdef size_t _oldest_slot
    cdef uint64_t _oldest           # numbers of frames, counted over the ring's life
    cdef uint64_t _next
    cdef int64_t _run               # of the newest frame; -1 before the first
    cdef bint _pushing, _building
    cdef readonly bint closed
    cdef readonly bint dropping
    cdef readonly size_t bytes_used
    cdef readonly size_t high_water
    cdef readonly uint64_t damaged_frames
    cdef readonly uint64_t dropped_frames
    cdef readonly uint64_t dropped_gops
    cdef readonly uint64_t dropped_audio
    cdef readonly uint64_t empty_frames

    cdef _check_push(self, int64_t run, int track, int64_t pts, int64_t dts, int64_t duration, bint key)
    cdef bint _push(self, const unsigned char* data, size_t size, Frame* frame, bint annexb) noexcept
    cdef Py_ssize_t _place(self, size_t need) noexcept
    cdef bint _refuse(self, const Frame* frame) noexcept
    cdef bint _publish(self, Frame* frame, size_t offset, size_t stored) noexcept
    cdef _describe(self, const Frames* waiting)
    cdef Frames _frames_of(self, cut) except *
    cdef object _chunk_of(self, size_t size, unsigned char** start)
    cdef void _forget(self, size_t count) noexcept
    cdef void _restart(self) noexcept
    cdef size_t _oldest_offset(self) noexcept
    cdef Frames _window(self, size_t count) noexcept
    cdef _check_open(self)
    cdef _check_idle(self)
    cdef void _free_when_idle(self) noexcept
