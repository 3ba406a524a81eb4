"""Memory for built chunks that is used again, because a page that the kernel has to hand out costs more than all that is done to it.

    take ─▶ Slab ─▶ memoryview ─▶ journal, senders, ...           the last of them lets go ─▶ kept ─▶ take
                                                                                              └─ too many: the oldest go

Rules: 1. a slab belongs to who holds it, and nobody else writes into it; it comes back when the last view of it has gone, whichever
thread that is.  2. Bounded: `keep_bytes` and MAX_KEPT of what nobody uses; what is in use is bounded by who uses it (journal/stage.py,
journal/held.py).  3. What is kept goes back at once to the kernel when the bound sinks.  4. Everything here runs under the GIL.
Has no twin: it decides nothing that is in a chunk.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from posix.mman cimport MAP_ANONYMOUS, MAP_FAILED, MAP_POPULATE, MAP_PRIVATE, PROT_READ, PROT_WRITE, mmap, munmap

cdef enum:
    STEP = 64 << 10         # chunks of one camera differ in size: rounded up, they fit into each other's memory


cdef class Pool:
    def __cinit__(self, size_t keep_bytes=0):
        self.keep_bytes = keep_bytes

    def __dealloc__(self):
        while self._count:
            self._forget(0)

    def keep(self, size_t keep_bytes):
        self.keep_bytes = keep_bytes
        while self.kept_bytes > keep_bytes:
            self._forget(0)

    cdef Slab take(self, size_t size):
        """The newest that is large enough, and not by more than half: its bytes are in a cache yet."""
        cdef Slab slab = Slab(self)
        cdef size_t most = size + size // 2 + STEP
        cdef size_t at = self._count
        while at:
            at -= 1
            if size <= self._kept[at].size <= most:
                slab._room, self.again = self._kept[at], self.again + 1
                self._kept[at].memory = NULL
                self._forget(at)
                break
        else:
            slab._room, self.fresh = _map_room(size), self.fresh + 1
        slab.memory, slab.size = slab._room.memory, size
        return slab

    cdef void give_back(self, Room room) noexcept:
        if room.size > self.keep_bytes:
            munmap(room.memory, room.size)
            return
        while self._count == MAX_KEPT or self.kept_bytes + room.size > self.keep_bytes:
            self._forget(0)
        self._kept[self._count] = room
        self._count += 1
        self.kept_bytes += room.size

    cdef void _forget(self, size_t at) noexcept:
        """Strike one out of the list, and unmap it unless it was taken."""
        if self._kept[at].memory != NULL:
            munmap(self._kept[at].memory, self._kept[at].size)
        self.kept_bytes -= self._kept[at].size
        self._count -= 1
        for at in range(at, self._count):
            self._kept[at] = self._kept[at + 1]


@cython.no_gc_clear             # the pool is wanted until the very end
cdef class Slab:
    """As many bytes as were asked for; others see them through memoryview(slab), read-only."""

    def __cinit__(self, Pool pool not None):
        self._pool = pool

    def __dealloc__(self):
        if self._room.memory != NULL:
            self._pool.give_back(self._room)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.memory, self.size, True, flags)


cdef Room _map_room(size_t size) except *:
    """All its pages at once, for two thirds of what they cost one by one."""
    cdef Room room = Room(NULL, max(<size_t> STEP, (size + STEP - 1) // STEP * STEP))
    cdef void* pages = mmap(NULL, room.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
    if pages == MAP_FAILED:
        raise MemoryError(f"no memory for a chunk of {size} bytes")
    room.memory = <unsigned char*> pages
    return room
