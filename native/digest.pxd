cdef enum:
    DIGEST_BYTES = 32


cdef struct Span:
    const unsigned char* data
    size_t size


cdef bint put_digests(unsigned char* at, const Span* spans, size_t count) noexcept nogil
