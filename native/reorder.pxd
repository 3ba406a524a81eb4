from libc.stdint cimport int64_t, uint16_t

cdef enum:
    PASS = 0            # it is the next one: give it on, then what `following` has
    HOLD = 1            # earlier ones may still come: `keep` it
    SKIP = 2            # no room between: `skip`, give on what `following` has, then ask again


cdef class Reorder:
    cdef unsigned char* slots
    cdef uint16_t[64] sizes     # WINDOW; 0: nothing held
    cdef bint begun
    cdef uint16_t expected
    cdef size_t held
    cdef int64_t since          # when the wait for `expected` began

    cdef int place(self, uint16_t sequence) noexcept nogil
    cdef bint keep(self, uint16_t sequence, const unsigned char* data, size_t size, int64_t now) noexcept nogil
    cdef void passed(self, uint16_t sequence, int64_t now) noexcept nogil
    cdef const unsigned char* following(self, size_t* size, int64_t now) noexcept nogil
    cdef void skip(self, int64_t now) noexcept nogil
    cdef bint overdue(self, int64_t now) noexcept nogil
