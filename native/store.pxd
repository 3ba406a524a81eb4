"""Integers into memory, byte by byte, so that neither alignment nor the machine's byte order matters.

Rules: each returns the address behind what it wrote; room is the caller's to keep.  The compiler makes one store of each.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef inline unsigned char* put_be32(unsigned char* at, uint32_t value) noexcept nogil:
    at[0] = <unsigned char> (value >> 24)
    at[1] = <unsigned char> (value >> 16)
    at[2] = <unsigned char> (value >> 8)
    at[3] = <unsigned char> value
    return at + 4


cdef inline unsigned char* put_be64(unsigned char* at, uint64_t value) noexcept nogil:
    return put_be32(put_be32(at, <uint32_t> (value >> 32)), <uint32_t> value)


cdef inline unsigned char* put_le16(unsigned char* at, uint16_t value) noexcept nogil:
    at[0] = <unsigned char> value
    at[1] = <unsigned char> (value >> 8)
    return at + 2


cdef inline unsigned char* put_le32(unsigned char* at, uint32_t value) noexcept nogil:
    return put_le16(put_le16(at, <uint16_t> value), <uint16_t> (value >> 16))


cdef inline unsigned char* put_le64(unsigned char* at, uint64_t value) noexcept nogil:
    return put_le32(put_le32(at, <uint32_t> value), <uint32_t> (value >> 32))


cdef inline unsigned char* put_bytes(unsigned char* at, const void* source, size_t size) noexcept nogil:
    memcpy(at, source, size)
    return at + size
