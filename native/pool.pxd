cdef enum:
    USED = 0                # somebody holds it
    WARM = 1                # nobody does, and it has pages
    COLD = 2                # nor has it pages


cdef struct Block:
    unsigned char* memory
    size_t units
    size_t free             # of them that nobody holds
    unsigned char* states   # of each


cdef class Pool:
    cdef Block** _blocks
    cdef size_t _count
    cdef size_t _least              # of kept_bytes since the last look
    cdef readonly size_t keep_bytes
    cdef readonly size_t kept_bytes
    cdef readonly unsigned long long fresh
    cdef readonly unsigned long long again

    cdef Slab take(self, size_t size)
    cdef Block* _add(self, size_t units) except NULL
    cdef void _hold(self, Block* block, size_t at, size_t units) noexcept
    cdef void give_back(self, Block* block, size_t at, size_t units) noexcept
    cdef void _shrink(self) noexcept
    cdef void _tidy(self) noexcept
    cdef void _remove(self, size_t number) noexcept


cdef class Slab:
    cdef Pool _pool
    cdef Block* _block
    cdef size_t _at, _units
    cdef size_t size
    cdef size_t whole               # with the rest of its last block, which is zeros
    cdef unsigned char* memory
