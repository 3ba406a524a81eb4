cdef enum:
    MAX_KEPT = 512


cdef struct Room:
    unsigned char* memory
    size_t size


cdef class Pool:
    cdef Room[512] _kept            # MAX_KEPT, oldest first
    cdef size_t _count
    cdef readonly size_t keep_bytes
    cdef readonly size_t kept_bytes
    cdef readonly unsigned long long fresh
    cdef readonly unsigned long long again

    cdef Slab take(self, size_t size)
    cdef void give_back(self, Room room) noexcept
    cdef void _forget(self, size_t at) noexcept


cdef class Slab:
    cdef Pool _pool
    cdef Room _room
    cdef size_t size
    cdef unsigned char* memory
