# distutils: depends = native/digest_lanes.h
"""BLAKE3 of many frames at once: pieces of different frames fill the lanes that one frame leaves empty.

    frames ─▶ pieces of 1024 bytes ─▶ digests ─▶ pairs ─▶ ... ─▶ one digest a frame         each arrow: all frames, all lanes

A frame of 15 kB has 14 whole pieces and a rest, so that hashed by itself it takes turns of 8, 4, 2 and 1 lanes; a second's frames have 500.
Rules: 1. the same digests as the blake3 package gives, to the bit; the width in use has shown it when this was imported.  2. A level's
nodes in pairs from the left, an odd one goes up as it is: this is BLAKE3's tree, whose left part is the greatest power of two below the
whole.  3. Bounded: two arrays of a digest for each piece, 6 % of the frames, freed before it returns.  Twin: digest_py.py.
"""

from blake3 import blake3
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from "digest.h" nogil:
    cdef struct digest_input:
        const unsigned char* data
        size_t size
        uint64_t counter
        uint32_t flags
        uint32_t first
        uint32_t last
        unsigned char* out

    void digest_compress(const digest_input*, size_t, int)
    int digest_width()

cdef enum:
    PIECE = 1024
    LANES = 16
    CHUNK_START = 1         # the names of BLAKE3's paper, table 3
    CHUNK_END = 2
    PARENT = 4
    ROOT = 8

cdef int _width = 0         # in use; set at the end of this file


cdef struct Batch:
    digest_input[16] inputs     # LANES
    size_t count
    int width


cdef bint put_digests(unsigned char* at, const Span* spans, size_t count) noexcept nogil:
    """Write DIGEST_BYTES for each span, one behind the other; False when there is no memory."""
    return _put_digests(at, spans, count, _width)


cdef bint _put_digests(unsigned char* at, const Span* spans, size_t count, int width) noexcept nogil:
    cdef size_t nodes = 0, i
    cdef unsigned char* memory
    for i in range(count):
        nodes += _pieces(&spans[i])
    memory = <unsigned char*> malloc(count * sizeof(size_t) + 2 * nodes * DIGEST_BYTES + 1)
    if memory == NULL:
        return False
    _climb(at, spans, count, <size_t*> memory, memory + count * sizeof(size_t), nodes * DIGEST_BYTES, width)
    free(memory)
    return True


cdef size_t _pieces(const Span* span) noexcept nogil:
    return (span.size + PIECE - 1) // PIECE if span.size else 1


cdef void _climb(unsigned char* at, const Span* spans, size_t count, size_t* left, unsigned char* level, size_t level_bytes,
                 int width) noexcept nogil:
    """`left`: how many nodes a span has at this level, 0 when its digest stands; `level` is the first of two arrays."""
    cdef unsigned char* above = level + level_bytes
    cdef Batch batch
    cdef bint more
    batch.count, batch.width = 0, width
    more = _first_level(&batch, at, spans, count, left, level)
    while more:
        more = _next_level(&batch, at, count, left, level, above)
        level, above = above, level


cdef bint _first_level(Batch* batch, unsigned char* at, const Span* spans, size_t count, size_t* left, unsigned char* into) noexcept nogil:
    """Whole pieces first, then what is left of each span: lanes of one length take the short way through a batch."""
    cdef size_t i, piece, whole
    cdef unsigned char* rest = into
    cdef bint more = False
    for i in range(count):
        left[i] = _pieces(&spans[i])
        whole = left[i] - 1
        for piece in range(whole):
            _add(batch, spans[i].data + piece * PIECE, PIECE, piece, 0, CHUNK_START, CHUNK_END, into + piece * DIGEST_BYTES)
        into += left[i] * DIGEST_BYTES if whole else 0
    for i in range(count):
        whole = left[i] - 1
        if whole:
            _add(batch, spans[i].data + whole * PIECE, spans[i].size - whole * PIECE, whole, 0, CHUNK_START, CHUNK_END,
                 rest + whole * DIGEST_BYTES)
            rest += left[i] * DIGEST_BYTES
            more = True
        else:
            _add(batch, spans[i].data, spans[i].size, 0, 0, CHUNK_START, CHUNK_END | ROOT, at + i * DIGEST_BYTES)
            left[i] = 0
    _flush(batch)
    return more


cdef bint _next_level(Batch* batch, unsigned char* at, size_t count, size_t* left, const unsigned char* level,
                      unsigned char* into) noexcept nogil:
    cdef size_t i, _pair
    cdef bint more = False
    for i in range(count):
        if left[i] == 2:
            _add(batch, level, 2 * DIGEST_BYTES, 0, PARENT, 0, ROOT, at + i * DIGEST_BYTES)
            level += 2 * DIGEST_BYTES
            left[i] = 0
        elif left[i]:
            for _pair in range(left[i] // 2):
                _add(batch, level, 2 * DIGEST_BYTES, 0, PARENT, 0, 0, into)
                level += 2 * DIGEST_BYTES
                into += DIGEST_BYTES
            if left[i] % 2:
                memcpy(into, level, DIGEST_BYTES)
                level += DIGEST_BYTES
                into += DIGEST_BYTES
            left[i] = (left[i] + 1) // 2
            more = True
    _flush(batch)
    return more


cdef void _add(Batch* batch, const unsigned char* data, size_t size, uint64_t counter, uint32_t flags, uint32_t first, uint32_t last,
               unsigned char* out) noexcept nogil:
    batch.inputs[batch.count] = digest_input(data, size, counter, flags, first, last, out)
    batch.count += 1
    if batch.count == <size_t> batch.width:
        _flush(batch)


cdef void _flush(Batch* batch) noexcept nogil:
    if batch.count:
        digest_compress(batch.inputs, batch.count, batch.width)
        batch.count = 0


def widths():
    return [width for width in (4, 8, LANES) if width <= digest_width()]


def digests(list parts, int width=0):
    cdef size_t count = len(parts), i
    cdef bytes found = PyBytes_FromStringAndSize(NULL, count * DIGEST_BYTES)
    cdef Span* spans = <Span*> malloc(count * sizeof(Span) + 1)
    cdef bint done
    if width and width not in widths():
        raise ValueError(f"this machine has no {width} lanes")
    if spans == NULL:
        raise MemoryError("no memory for a list of frames")
    try:
        for i in range(count):
            spans[i] = Span(<const unsigned char*> PyBytes_AS_STRING(<bytes?> parts[i]), PyBytes_GET_SIZE(<bytes> parts[i]))
        done = _put_digests(<unsigned char*> PyBytes_AS_STRING(found), spans, count, width if width else _width)
    finally:
        free(spans)
    if not done:
        raise MemoryError("no memory for the digests of frames")
    return [found[i * DIGEST_BYTES:(i + 1) * DIGEST_BYTES] for i in range(count)]


cdef int _proven_width() except -1:
    """The widest that gives what the package gives: readers would not notice wrong frame hashes before they need them."""
    parts = [bytes(range(251)) * count for count in (0, 1, 4, 5, 9, 20, 61, 140)]
    for width in reversed(widths()):
        if digests(parts, width) == [blake3(part).digest() for part in parts]:
            return width
    raise ImportError("this compiler's vectors give wrong hashes; compile native/ with another one")


_width = _proven_width()
