from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    MORE = 0                    # the piece is not complete yet
    FRAME = 1                   # an interleaved frame: channel, and its data
    TEXT = 2                    # an RTSP message with its body
    JUNK = 3                    # what is neither, up to where something may begin


cdef struct Piece:
    int kind
    int channel                 # -1 unless it is a frame
    const unsigned char* start
    size_t size
    size_t used                 # bytes from where it was looked for to behind it


cdef struct Rtp:
    uint8_t payload_type
    bint marker
    uint16_t sequence
    uint32_t timestamp
    uint32_t ssrc
    const unsigned char* payload
    size_t size


cdef struct Sequence:
    bint begun
    uint32_t ssrc
    uint16_t expected
    uint64_t received           # in order, or behind a gap
    uint64_t lost
    uint64_t late               # behind what was given on already: duplicates too
    uint64_t highest            # extended: turns of 65536 in this numbering, and the number (RFC 3550, A.1)
    int64_t first               # so that highest - first + 1 is all that was expected, in earlier numberings too: may be negative


cdef Piece next_piece(const unsigned char* at, const unsigned char* end) noexcept nogil
cdef bint parse_rtp(const unsigned char* data, size_t size, Rtp* packet) noexcept nogil
cdef int advance(Sequence* sequence, const Rtp* packet) noexcept nogil

cdef enum:
    IN_ORDER = 0
    GAP = 1                     # packets are missing before this one
    LATE = 2                    # a duplicate, or one that its place was given up for: to be left out
    ANEW = 3                    # the first of another numbering: who knows whether packets are missing before it
