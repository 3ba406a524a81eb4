from libc.stdint cimport int64_t, uint32_t, uint64_t

from .rtp cimport Rtp, Sequence

cdef enum:
    NONE = 0            # nothing is complete
    DONE = 1            # `ready` is complete, and the packet is taken
    AGAIN = 2           # `ready` is complete, and the packet wants to be given once more


cdef struct Ready:
    const unsigned char* data   # valid until the next call
    size_t size
    int64_t stamp
    uint32_t duration
    bint key
    bint damaged


cdef class Depacketizer:
    cdef Ready ready
    cdef unsigned char* buffer
    cdef size_t capacity
    cdef size_t most
    cdef size_t size
    cdef bint damaged
    cdef bint begun             # `stamp` and `raw` are those of a packet
    cdef int64_t stamp
    cdef uint32_t raw
    cdef readonly uint64_t refused

    cdef int take(self, const Rtp* packet, bint gap) noexcept nogil
    cdef int finish(self) noexcept nogil
    cdef void renumbered(self) noexcept nogil
    cdef bint room(self, size_t more) noexcept nogil
    cdef bint append(self, const unsigned char* data, size_t size) noexcept nogil
    cdef void follow(self, uint32_t timestamp) noexcept nogil
    cdef int give(self, size_t size, int verdict) noexcept nogil


cdef class Video(Depacketizer):
    cdef bint hevc
    cdef size_t donl            # bytes of a DONL field, 0 or 2
    cdef bint open              # an access unit is being put together
    cdef bint fragment          # and in it a fragmented NAL unit
    cdef bint anew              # the packet that is taken is the first of another numbering
    cdef bint fresh             # the unit began so, and whole
    cdef bint sets              # there have been parameter sets in the stream
    cdef size_t given           # bytes at the buffer's beginning that are given away
    cdef size_t marked          # where its last marker stood; 0 before one
    cdef size_t searched        # up to here it holds no slice

    cdef void put(self, const unsigned char* data, size_t size) noexcept nogil
    cdef void start(self, unsigned char first, unsigned char second) noexcept nogil
    cdef void units(self, const unsigned char* at, size_t size) noexcept nogil
    cdef void piece(self, const unsigned char* at, size_t size) noexcept nogil
    cdef void payload(self, const unsigned char* at, size_t size) noexcept nogil
    cdef bint begins(self, const unsigned char* at, size_t size) noexcept nogil
    cdef bint first_of_picture(self, int kind, const unsigned char* slice_data, size_t size) noexcept nogil
    cdef bint heads(self) noexcept nogil
    cdef bint begins_among(self, const unsigned char* at, size_t size) noexcept nogil
    cdef bint close(self, size_t end, int verdict) noexcept nogil


cdef list taken(Depacketizer inner, Sequence* sequence, bytes packet)
cdef list finished(Depacketizer inner)
