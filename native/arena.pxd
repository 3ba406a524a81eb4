cdef enum:
    NO_ROOM = -1            # from place: the caller must check


cdef class Arena:
    cdef unsigned char* memory      # NULL once closed
    cdef size_t capacity
    cdef size_t write               # where the next frame goes when it fits there
    cdef size_t touched             # pages below this offset may be resident
    cdef size_t peak                # highest offset written since the last restart
    cdef size_t needed              # the highest of the last laps, the older the less

    cdef Py_ssize_t place(self, size_t need, size_t oldest) noexcept
    cdef void took(self, size_t offset, size_t size) noexcept
    cdef bint restart(self, size_t oldest) noexcept
    cdef void give_back(self) noexcept
    cdef void close(self) noexcept


cdef void* map_pages(size_t size) except NULL
cdef void unmap_pages(void* pages, size_t size) noexcept
