from libc.stdint cimport uint32_t

from .depay cimport Depacketizer
from .rtp cimport Rtp

cdef enum Layout:
    PLAIN = 0           # a packet is a frame: G.711
    HBR = 1             # AU headers (RFC 3640)
    LATM = 2            # length bytes (RFC 6416), configuration out of band
    OPUS = 3            # as PLAIN, and the frame says how long it lasts


cdef class Sound(Depacketizer):
    cdef Layout layout
    cdef uint32_t frame_ticks   # of one frame; 0: as many as it has bytes of each channel, of AAC 1024
    cdef int channels           # bytes of PLAIN that are of one tick
    cdef int size_bits
    cdef int index_bits
    cdef int delta_bits
    cdef size_t units           # given of the packet at hand
    cdef size_t wanted          # bytes of the frame that comes in fragments; 0 when none does
    cdef bint joining           # LATM: fragments are being put together
    cdef bint torn              # LATM: what comes up to the marker is of a frame that has lost a fragment
    cdef bint doubted           # LATM: what is being put together may be the end of such a one

    cdef int plain(self, const Rtp* packet) noexcept nogil
    cdef int hbr(self, const Rtp* packet) noexcept nogil
    cdef int rest_of_frame(self, const unsigned char* data, size_t size, size_t whole) noexcept nogil
    cdef void unfinished(self, bint gap, bint moved) noexcept nogil
    cdef int latm(self, const Rtp* packet, bint gap) noexcept nogil
    cdef bint filled(self) noexcept nogil
    cdef int hand(self, const unsigned char* data, size_t size, int verdict) noexcept nogil
    cdef int refuse(self) noexcept nogil
