"""Memory for built chunks that is used again, because a page that the kernel has to hand out costs more than all that is done to it.

    block of 8 MB, in units of 64 kB:  │ a │ a │ a │ b │ b │   │   │ c │ ...      take: the first free units that are enough
                                         └── Slab ─▶ memoryview ─▶ journal, senders ... the last of them lets go ─▶ give_back

    COLD ──take──▶ USED ──give_back──▶ WARM ──take──▶ USED
      ▲                                 │
      └──────── too much is WARM ───────┘   (a block that nobody uses goes whole)

Rules: 1. a slab belongs to who holds it, and nobody else writes into it; it comes back when the last view of it has gone, whichever
thread that is.  2. Bounded: `keep_bytes` WARM, what is above goes back to the kernel at once; what is in use is bounded by who uses it
(journal/stage.py, journal/held.py).  3. Blocks lie in huge pages where the kernel has them: every pass over a chunk, of seven, is a
quarter cheaper.  The first write into one makes all of its units WARM.  4. The first units are taken, so that the last blocks run
empty; one that was not needed for LOOK_EVERY chunks goes.  5. Everything here runs under the GIL.  Has no twin: it decides nothing
that is in a chunk.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport uintptr_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset
from posix.mman cimport MADV_DONTNEED, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, madvise, mmap, munmap

cdef extern from "<sys/mman.h>":
    int MADV_HUGEPAGE

cdef enum:
    WHOLE = 4096            # a disk's or a file system's block, 512 or 4096, goes into it
    UNIT = 64 << 10         # chunks of one camera differ in size: rounded up, they fit into each other's memory
    HUGE = 2 << 20          # of x86-64 and of ARM with pages of 4 kB; with others the kernel does without
    HUGE_UNITS = 32
    LOOK_EVERY = 1024       # chunks: 16 s of 64 cameras
    BLOCK_UNITS = 128       # 8 MB: 16 chunks of 4 Mbit/s; what does not fit into the last of them is a thirtieth


cdef class Pool:
    def __cinit__(self, size_t keep_bytes=0):
        self.keep_bytes = keep_bytes

    def __dealloc__(self):
        while self._count:
            self._remove(self._count - 1)
        free(self._blocks)

    def keep(self, size_t keep_bytes):
        self.keep_bytes = keep_bytes
        self._shrink()

    cdef Slab take(self, size_t size):
        cdef Slab slab = Slab(self)
        cdef size_t units = max(<size_t> 1, (size + UNIT - 1) // UNIT), number
        cdef Block* block = NULL
        cdef Py_ssize_t at = -1
        for number in range(self._count):
            at = _free_run(self._blocks[number], units)
            if at >= 0:
                block = self._blocks[number]
                break
        if block == NULL:
            block, at = self._add(units), 0
        self._hold(block, at, units)
        self._least = min(self._least, self.kept_bytes)
        if (self.fresh + self.again) % LOOK_EVERY == 0:
            self._tidy()
        slab._block, slab._at, slab._units = block, at, units
        slab.memory, slab.size, slab.whole = block.memory + at * UNIT, size, (size + WHOLE - 1) // WHOLE * WHOLE
        memset(slab.memory + size, 0, slab.whole - size)
        return slab

    cdef Block* _add(self, size_t units) except NULL:
        """One more block, for so many units at least."""
        cdef Block* block = _map_block(max(<size_t> BLOCK_UNITS, (units + HUGE_UNITS - 1) // HUGE_UNITS * HUGE_UNITS))
        cdef void* grown = realloc(self._blocks, (self._count + 1) * sizeof(Block*))
        if grown == NULL:
            _unmap_block(block)
            raise MemoryError("no memory for a list of blocks")
        self._blocks = <Block**> grown
        self._blocks[self._count] = block
        self._count += 1
        return block

    cdef void _hold(self, Block* block, size_t at, size_t units) noexcept:
        """Mark free units as somebody's; their cold neighbours get pages with them."""
        cdef size_t unit, end = min(block.units, (at + units + HUGE_UNITS - 1) // HUGE_UNITS * HUGE_UNITS)
        cdef bint cold = False
        for unit in range(at, at + units):
            if block.states[unit] == COLD:
                cold = True
            else:
                self.kept_bytes -= UNIT
            block.states[unit] = USED
        block.free -= units
        self.fresh += cold
        self.again += not cold
        if cold:
            for unit in range(at // HUGE_UNITS * HUGE_UNITS, end):
                if block.states[unit] == COLD:
                    block.states[unit] = WARM
                    self.kept_bytes += UNIT

    cdef void give_back(self, Block* block, size_t at, size_t units) noexcept:
        memset(block.states + at, WARM, units)
        block.free += units
        self.kept_bytes += units * UNIT
        self._shrink()

    cdef void _shrink(self) noexcept:
        """Keep no more than may be: blocks that nobody uses go first, then what is free of the others, from the last on."""
        cdef size_t number, unit
        cdef Block* block
        for number in range(self._count, 0, -1):
            if self.kept_bytes <= self.keep_bytes:
                return
            if self._blocks[number - 1].free == self._blocks[number - 1].units:
                self._remove(number - 1)
        for number in range(self._count, 0, -1):
            block = self._blocks[number - 1]
            for unit in range(block.units, 0, -1):
                if self.kept_bytes <= self.keep_bytes:
                    return
                if block.states[unit - 1] == WARM:
                    madvise(block.memory + (unit - 1) * UNIT, UNIT, MADV_DONTNEED)
                    block.states[unit - 1] = COLD
                    self.kept_bytes -= UNIT

    cdef void _tidy(self) noexcept:
        """Give back what was never less than kept since the last look, as far as whole blocks are of it: after a time in which much was
        in use it would stay for ever."""
        cdef size_t number, warm, spare = self._least
        for number in range(self._count, 0, -1):
            warm = _warm_bytes(self._blocks[number - 1])
            if self._blocks[number - 1].free == self._blocks[number - 1].units and warm <= spare:
                self._remove(number - 1)
                spare -= warm
        self._least = self.kept_bytes

    cdef void _remove(self, size_t number) noexcept:
        """Give a block back that nobody uses."""
        cdef Block* block = self._blocks[number]
        self.kept_bytes -= _warm_bytes(block)
        self._count -= 1
        for number in range(number, self._count):
            self._blocks[number] = self._blocks[number + 1]
        _unmap_block(block)


@cython.no_gc_clear             # the pool is wanted until the very end
cdef class Slab:
    """As many bytes as were asked for; others see them through memoryview(slab), read-only."""

    def __cinit__(self, Pool pool not None):
        self._pool = pool

    def __dealloc__(self):
        if self._block != NULL:
            self._pool.give_back(self._block, self._at, self._units)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.memory, self.size, True, flags)


cdef class _Whole:
    """A slab and the zeros up to the end of its last block of WHOLE bytes."""

    cdef Slab _slab

    def __cinit__(self, Slab slab not None):
        self._slab = slab

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self._slab.memory, self._slab.whole, True, flags)


def in_blocks(payload):
    if type(payload) is not memoryview or not isinstance(payload.obj, Slab) or not payload.c_contiguous:
        return None
    if payload.nbytes != (<Slab> payload.obj).size:     # a piece of it may begin anywhere
        return None
    return memoryview(_Whole(<Slab> payload.obj))


cdef Py_ssize_t _free_run(const Block* block, size_t units) noexcept:
    """Where so many units in a row are free; -1 when nowhere."""
    cdef size_t unit, run = 0
    if block.free < units:
        return -1
    for unit in range(block.units):
        run = 0 if block.states[unit] == USED else run + 1
        if run == units:
            return unit + 1 - units
    return -1


cdef size_t _warm_bytes(const Block* block) noexcept:
    cdef size_t unit, found = 0
    for unit in range(block.units):
        found += UNIT * (block.states[unit] == WARM)
    return found


cdef Block* _map_block(size_t units) except NULL:
    """All of it cold."""
    cdef Block* block = <Block*> malloc(sizeof(Block) + units)
    cdef size_t size = units * UNIT
    if block == NULL:
        raise MemoryError("no memory for a block")
    block.memory = _map_aligned(size)
    if block.memory == NULL:
        free(block)
        raise MemoryError(f"no address space for a block of {size} bytes")
    madvise(block.memory, size, MADV_HUGEPAGE)      # advice: a kernel without them refuses it, rightly
    block.units = block.free = units
    block.states = <unsigned char*> (block + 1)
    memset(block.states, COLD, units)
    return block


cdef unsigned char* _map_aligned(size_t size) noexcept:
    """A mapping that begins where a huge page may: one of HUGE more, of which the ends go back."""
    cdef void* pages = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    cdef size_t before, behind
    if pages == MAP_FAILED:
        return NULL
    before = <size_t> (-<uintptr_t> pages) % HUGE
    behind = HUGE - before
    if before:
        munmap(pages, before)
    munmap(<unsigned char*> pages + before + size, behind)
    return <unsigned char*> pages + before


cdef void _unmap_block(Block* block) noexcept:
    munmap(block.memory, block.units * UNIT)
    free(block)
