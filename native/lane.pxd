from libc.stdint cimport int64_t, uint64_t

from .depay cimport Ready
from .ring cimport Ring

cdef enum:
    MAX_DEPTH = 16
    WINDOW = 17         # MAX_DEPTH + 1


cdef class Lane:
    cdef Ring _ring
    cdef bint _hevc
    cdef int64_t _limit
    cdef int64_t _rate          # 0: sound is left out
    cdef int64_t _clock         # ticks a second of sound's stamps
    cdef bytes _sets
    cdef bytes _table           # 256 x 2 bytes of linear sound; empty: sound is copied
    cdef unsigned char* _linear
    cdef int64_t[17] _waiting   # WINDOW
    cdef int _depth

    cdef public bint open
    cdef public bint cuts       # a key frame is to begin a new run
    cdef public int64_t arrival_ns
    cdef public int64_t run
    cdef public int64_t zero
    cdef public int64_t last
    cdef public int64_t raw
    cdef public int64_t step
    cdef public int64_t decoded
    cdef public bint grows
    cdef public bint heard
    cdef public int64_t sound_shift
    cdef public int64_t sound_zero
    cdef public int64_t sound_last
    cdef public int64_t sound_step
    cdef public int64_t place_shift
    cdef public int64_t place_last
    cdef public int64_t place_end
    cdef public int64_t sound_seen
    cdef public uint64_t frames
    cdef public uint64_t sounds
    cdef public uint64_t pictures
    cdef public uint64_t keys
    cdef public uint64_t bytes

    cdef bint take(self, int role, const Ready* ready) noexcept
    cdef bint _picture(self, const Ready* ready) noexcept
    cdef bint _sound(self, const Ready* ready) noexcept
    cdef bint _decoded_at(self, int64_t shown, int64_t* decoded) noexcept
    cdef void _note(self, int64_t shown) noexcept
    cdef bint _linear_of(self, const Ready* ready) noexcept
    cdef bint _push(self, const unsigned char* data, size_t size, int track, int64_t pts, int64_t dts, int64_t duration, bint key,
                    bint damaged) noexcept
