"""Ring memory: where a frame goes, and how little of the memory is ever touched.

    0                oldest         write          capacity        0      write      oldest         capacity
    ├───────────────┬──────────────┬──────────────┤                ├──────────┬──────────┬──────────────┤
    │ free          │ waiting      │ free         │       or       │ waiting  │ free     │ waiting      │
    └───────────────┴──────────────┴──────────────┘                └──────────┴──────────┴──────────────┘

Rules: 1. a frame lies in one piece; it goes to the beginning when it does not fit at the end.  2. Memory is an anonymous
mapping: a page costs nothing before it is first written.  3. A cutter always leaves the frame that follows the boundary,
so a healthy ring never runs empty; `restart` moves that little to the beginning instead, and the ring touches the
memory of one chunk, not its capacity.  4. All of it runs under the GIL; only Ring copies without.  Twin: arena_py.py.
"""

from libc.string cimport memcpy
from posix.mman cimport MADV_DONTNEED, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, madvise, mmap, munmap

cdef extern from "<sys/mman.h>":
    int MADV_NOHUGEPAGE

cdef enum:
    PAGE = 1 << 16              # a multiple of every page size in use: 4 KiB, on some ARM machines 16 or 64 KiB
    RESTART_BYTES = 1 << 20     # moved under the GIL: 1 MiB takes about 0.1 ms; a frame of 200 Mbit/s at 25 fps has 1.0 MB
    FADE = 8                    # a burst is forgotten by an eighth a lap: after six of them less than half of it is kept
    GIVE_BACK_BYTES = 8 << 20   # per restart, under the GIL: 2048 pages, about 0.5 ms; a touched 128 MB ring is cold after 16


cdef class Arena:
    """Positions are offsets into `memory`; the caller says which is the oldest waiting frame's."""

    def __cinit__(self, size_t capacity):
        self.capacity = capacity
        self.write = self.touched = self.peak = self.needed = 0
        self.memory = <unsigned char*> map_pages(capacity)

    def __dealloc__(self):
        self.close()

    cdef Py_ssize_t place(self, size_t need, size_t oldest) noexcept:
        """Offset of `need` free bytes in one piece, or NO_ROOM.  Nothing is waiting when oldest == capacity."""
        if oldest == self.capacity:
            self.write = 0
            return 0 if need <= self.capacity else NO_ROOM
        if self.write > oldest:
            if need <= self.capacity - self.write:
                return self.write
            return 0 if need <= oldest else NO_ROOM
        return self.write if need <= oldest - self.write else NO_ROOM

    cdef void took(self, size_t offset, size_t size) noexcept:
        """A frame of size > 0 bytes stands at offset, which place returned."""
        self.write = offset + size
        self.peak = max(self.peak, self.write)
        self.touched = max(self.touched, self.write)

    cdef bint restart(self, size_t oldest) noexcept:
        """Move what waits to the beginning; returns whether it did.  Neither thread may be at work on the memory.

        Not when it would overlap itself, is in two pieces, or is a backlog (more than RESTART_BYTES): then the ring
        goes on where it is, and a later call does it.  Nothing is waiting when oldest == capacity.
        """
        if oldest == self.capacity:
            self.write = 0
        elif self.write <= oldest or self.write - oldest > min(oldest, <size_t> RESTART_BYTES):
            return False
        else:
            memcpy(self.memory, self.memory + oldest, self.write - oldest)
            self.write -= oldest
        self.give_back()
        self.peak = self.write
        return True

    cdef void give_back(self) noexcept:
        """Return pages that a burst touched and the last laps did not need; from the top, so that the rest stays one piece.

        A quarter more than they needed is kept: laps of one camera differ by a tick's frames, and a page that comes again costs more
        than all that is done to it.
        """
        self.needed = max(self.peak, self.needed - self.needed // FADE)
        cdef size_t keep = (self.needed + self.needed // 4 + PAGE) // PAGE * PAGE
        if self.touched <= keep:
            return
        cdef size_t start = max(keep, (self.touched - min(self.touched, <size_t> GIVE_BACK_BYTES)) // PAGE * PAGE)
        madvise(self.memory + start, self.touched - start, MADV_DONTNEED)
        self.touched = start

    cdef void close(self) noexcept:
        unmap_pages(self.memory, self.capacity)
        self.memory = NULL


cdef void* map_pages(size_t size) except NULL:
    """Zeroed memory that takes a page when it is first written.  Not calloc: that may reuse pages, and then writes them all."""
    cdef void* pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    if pages == MAP_FAILED:
        raise MemoryError(f"no address space for {size} bytes of ring")
    # Huge pages would make a camera that needs half a megabyte hold two.  Advice: a kernel without them refuses it, rightly.
    madvise(pages, size, MADV_NOHUGEPAGE)
    return pages


cdef void unmap_pages(void* pages, size_t size) noexcept:
    if pages != NULL:
        munmap(pages, size)
