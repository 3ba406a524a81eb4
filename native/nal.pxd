cdef struct Nal:
    const unsigned char* start
    size_t size


cdef const unsigned char* next_nal(const unsigned char* at, const unsigned char* end, Nal* nal) noexcept nogil
cdef size_t prefixed_bound(size_t size) noexcept nogil
cdef size_t put_prefixed(unsigned char* into, const unsigned char* data, size_t size) noexcept nogil
cdef bint has_known_sets(const unsigned char* data, size_t size, bint hevc, const unsigned char* sets, size_t length) noexcept nogil
cdef const unsigned char* first_vcl(const unsigned char* data, size_t size, bint hevc) noexcept nogil
cdef int kind_of(const unsigned char* header, bint hevc) noexcept nogil
cdef bint is_vcl(int kind, bint hevc) noexcept nogil
cdef bint is_parameter_set(int kind, bint hevc) noexcept nogil
cdef bint starts_key(int kind, bint hevc) noexcept nogil
