"""One access unit that waits in ring memory, and the window of them that a chunk is cut from.

Rules: a frame's bytes lie in one piece at `offset`; a slot is written by the producer before it is published and
never while it waits, except by Ring's restart, which moves frames while neither thread is at work on them.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    VIDEO = 0
    AUDIO = 1
    TIMESCALE = 90000
    MAX_U32 = 0xffffffff


cdef struct Frame:
    size_t offset
    uint32_t size
    uint32_t duration       # ticks of its track; 0 when the source does not know
    int64_t run
    int64_t pts
    int64_t dts
    int64_t arrival_ns
    uint8_t track
    bint key
    bint damaged


cdef struct Frames:
    const Frame* table
    size_t slots
    size_t first            # slot of the oldest frame of the window
    size_t count
    const unsigned char* memory


cdef inline const Frame* frame_at(const Frames* frames, size_t index) noexcept nogil:
    """The window's frame number `index`, from 0; index < count <= slots is the caller's to keep."""
    cdef size_t slot = frames.first + index
    return &frames.table[slot if slot < frames.slots else slot - frames.slots]


cdef inline uint32_t ticks_u32(int64_t ticks) noexcept nogil:
    """A duration as the boxes hold it: what does not fit is the nearest that does."""
    if ticks < 0:
        return 0
    return <uint32_t> (ticks if ticks < <int64_t> MAX_U32 else <int64_t> MAX_U32)
