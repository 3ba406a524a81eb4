from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .fragment cimport Shape
from .frame cimport Frames

cdef enum:
    HASH_BYTES = 32
    CAMERA_BYTES = 64
    KEY = 1
    SEGMENT_START = 2
    DURATION_GUESSED = 4
    DAMAGED = 8


cdef struct Label:
    uint16_t flags
    uint8_t clock
    uint8_t cause
    uint32_t duration
    uint64_t epoch
    uint64_t seq
    uint64_t segment_seq
    int64_t wall_start_ns
    int64_t pts
    unsigned char[64] camera
    unsigned char[32] init_hash
    unsigned char[32] prev_hash


cdef size_t seal_bytes(const Shape* shape) noexcept nogil
cdef unsigned char* put_seal(unsigned char* at, const Label* label, const Shape* shape) noexcept nogil
cdef object fill_hashes(unsigned char* start, chunk, const Shape* shape, const Frames* frames)
