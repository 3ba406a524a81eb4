"""NAL units in Annex B byte streams, and the same units behind length prefixes (ISO/IEC 14496-15).

Rules: 1. units are never dropped, reordered or rewritten (invariant 1): a start code becomes a length, no more.
2. What lies between units and is none is left out: leading_zero_8bits, zero_byte, trailing_zero_8bits (ITU-T H.264 B.1),
and units of no bytes at all.  3. Bytes before the first start code are a unit; so is a buffer without any start code.
Twin: nal_py.py.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t
from libc.string cimport memcmp

from .store cimport put_be32, put_bytes

cdef extern from "start_code.h" nogil:
    const unsigned char* start_code(const unsigned char* at, const unsigned char* end)

cdef enum:
    H264_SLICE = 1
    H264_IDR = 5
    H264_SPS = 7
    H264_PPS = 8
    H265_LAST_VCL = 31
    H265_FIRST_IRAP = 16
    H265_LAST_IRAP = 21
    H265_VPS = 32
    H265_PPS = 34
    CODE = 4
    MAX_DATA = 1 << 30      # a prefix has 32 bits; one access unit of a gigabyte is a mistake or an attack


cdef const unsigned char* next_nal(const unsigned char* at, const unsigned char* end, Nal* nal) noexcept nogil:
    """Find the first unit at or after `at`, which starts the data or follows a start code.

    Returns where to go on, or NULL when no unit is left; `nal` then holds nothing.
    """
    cdef const unsigned char* code
    cdef const unsigned char* stop
    while at < end:
        code = stop = start_code(at, end)
        while stop > at and stop[-1] == 0:
            stop -= 1
        nal.start = at
        nal.size = stop - at
        at = code + 3 if code < end else end
        if nal.size:
            return at
    return NULL


cdef const unsigned char* next_header(const unsigned char* at, const unsigned char* end, bint hevc, Nal* nal) noexcept nogil:
    """As next_nal, but the end of a VCL unit is not searched: `nal` has its first byte alone, and what is returned says only that there
    is one.  Almost all bytes of a picture are a slice's, which nobody has to look through to know its kind."""
    if end - at > 3 and at[0] == 0 and at[1] == 0 and (at[2] == 1 or (at[2] == 0 and at[3] == 1)):
        at += 3 if at[2] == 1 else 4
    if at < end and at[0] and is_vcl(kind_of(at, hevc), hevc):
        nal.start, nal.size = at, 1
        return end
    return next_nal(at, end, nal)


cdef size_t prefixed_bound(size_t size) noexcept nogil:
    """The most that put_prefixed writes: a unit costs at least 3 + 1 bytes of Annex B and grows by one, and the first
    unit, which may come without a start code, by four."""
    return size + size // 4 + 4


cdef size_t put_prefixed(unsigned char* into, const unsigned char* data, size_t size) noexcept nogil:
    """Write the units behind 4-byte big-endian lengths, in one pass; returns the bytes written, 0 when there is no unit.

    `into` has room for prefixed_bound(size) bytes and does not overlap data.
    """
    cdef Nal nal
    cdef unsigned char* at = into
    cdef const unsigned char* source = next_nal(data, data + size, &nal)
    while source != NULL:
        at = put_bytes(put_be32(at, <uint32_t> nal.size), nal.start, nal.size)
        source = next_nal(source, data + size, &nal)
    return at - into


cdef int kind_of(const unsigned char* header, bint hevc) noexcept nogil:
    """Type of the unit that begins there."""
    return (header[0] >> 1) & 0x3f if hevc else header[0] & 0x1f


cdef bint is_vcl(int kind, bint hevc) noexcept nogil:
    return kind <= H265_LAST_VCL if hevc else H264_SLICE <= kind <= H264_IDR


cdef bint is_parameter_set(int kind, bint hevc) noexcept nogil:
    return H265_VPS <= kind <= H265_PPS if hevc else kind == H264_SPS or kind == H264_PPS


cdef bint has_known_sets(const unsigned char* data, size_t size, bint hevc, const unsigned char* sets, size_t length) noexcept nogil:
    """Whether the parameter sets before the first VCL unit are, one behind another, those of `sets`, which parameter_sets gave; or none."""
    cdef Nal nal
    cdef const unsigned char* source = next_header(data, data + size, hevc, &nal)
    cdef size_t at = 0
    while source != NULL and not is_vcl(kind_of(nal.start, hevc), hevc):
        if is_parameter_set(kind_of(nal.start, hevc), hevc):
            if length - at < CODE + nal.size or memcmp(sets + at + CODE, nal.start, nal.size):
                return False
            at += CODE + nal.size
        source = next_header(source, data + size, hevc, &nal)
    return at == 0 or at == length


cdef const unsigned char* first_vcl(const unsigned char* data, size_t size, bint hevc) noexcept nogil:
    """The first VCL unit, or NULL; slices of one picture are all IDR/IRAP or none is (H.264 7.4.1.2.4, H.265 7.4.2.2)."""
    cdef Nal nal
    cdef const unsigned char* source = next_header(data, data + size, hevc, &nal)
    while source != NULL:
        if is_vcl(kind_of(nal.start, hevc), hevc):
            return nal.start
        source = next_header(source, data + size, hevc, &nal)
    return NULL


cdef bint starts_key(int kind, bint hevc) noexcept nogil:
    """Whether a picture of this VCL type can be decoded without others."""
    return H265_FIRST_IRAP <= kind <= H265_LAST_IRAP if hevc else kind == H264_IDR


cdef class _Bytes:
    """Any contiguous buffer, held for as long as this object lives."""

    cdef Py_buffer view
    cdef const unsigned char* start
    cdef const unsigned char* end

    def __cinit__(self, data):
        PyObject_GetBuffer(data, &self.view, PyBUF_SIMPLE)
        self.start = <const unsigned char*> self.view.buf
        self.end = self.start + self.view.len
        if self.view.len > MAX_DATA:
            raise ValueError(f"{self.view.len} bytes are more than one access unit may have ({MAX_DATA})")

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


def split_annexb(data):
    cdef _Bytes source = _Bytes(data)
    cdef Nal nal
    cdef const unsigned char* at = next_nal(source.start, source.end, &nal)
    cdef list found = []
    while at != NULL:
        found.append((nal.start - source.start, nal.size))
        at = next_nal(at, source.end, &nal)
    return found


def length_prefixed(data):
    cdef _Bytes source = _Bytes(data)
    cdef size_t size = source.end - source.start
    cdef bytes room = PyBytes_FromStringAndSize(NULL, prefixed_bound(size))
    return room[:put_prefixed(<unsigned char*> PyBytes_AS_STRING(room), source.start, size)]


def parameter_sets(data, bint hevc):
    cdef _Bytes source = _Bytes(data)
    cdef Nal nal
    cdef const unsigned char* at = next_nal(source.start, source.end, &nal)
    cdef list found = []
    while at != NULL and not is_vcl(kind_of(nal.start, hevc), hevc):
        if is_parameter_set(kind_of(nal.start, hevc), hevc):
            found.append(b"\0\0\0\1" + nal.start[:nal.size])
        at = next_nal(at, source.end, &nal)
    return b"".join(found)


def is_key(data, bint hevc):
    cdef _Bytes source = _Bytes(data)
    cdef const unsigned char* vcl = first_vcl(source.start, source.end - source.start, hevc)
    return vcl != NULL and starts_key(kind_of(vcl, hevc), hevc)
