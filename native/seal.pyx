"""The seal: the `uuid` box before each chunk, and the hashes in it.  wire/seal.py draws and explains the layout.

Rules: 1. this file imports nothing of ours, so it states the layout a second time; tests/native hold the two together.
2. The hashes go in last, when every other byte of the chunk stands.  Twin: seal_py.py.
"""

from blake3 import blake3
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from .digest cimport Span, put_digests
from .fragment cimport moof_bytes
from .frame cimport TIMESCALE, frame_at
from .store cimport put_be32, put_bytes, put_le16, put_le32, put_le64

cdef enum:
    FIXED_BYTES = 216
    VERSION = 1
    MDAT_HEADER = 8

cdef const char* USERTYPE = b"watchkeep\x8e\xa1\x5e\xa1\xc0\xde\x01"


cdef size_t seal_bytes(const Shape* shape) noexcept nogil:
    return FIXED_BYTES + HASH_BYTES * (shape.video + shape.audio) + HASH_BYTES


cdef unsigned char* put_seal(unsigned char* at, const Label* label, const Shape* shape) noexcept nogil:
    """Write the seal up to its hashes; returns the address behind the seal, whose hashes fill_hashes puts in."""
    cdef unsigned char* start = at
    at = put_bytes(put_be32(at, <uint32_t> seal_bytes(shape)), b"uuid", 4)
    at = put_bytes(at, USERTYPE, 16)
    at = put_le16(put_le16(at, VERSION), label.flags)
    at[0] = label.clock
    at[1] = label.cause
    at = put_le16(put_le16(at + 2, <uint16_t> shape.video), <uint16_t> shape.audio)
    at = put_le32(put_le16(at, 0), TIMESCALE)
    at = put_le32(put_le32(at, label.duration), 0)
    at = put_le64(put_le64(put_le64(at, label.epoch), label.seq), label.segment_seq)
    at = put_le64(put_le64(at, label.wall_start_ns), label.pts)
    at = put_bytes(put_bytes(put_bytes(at, label.camera, CAMERA_BYTES), label.init_hash, HASH_BYTES), label.prev_hash, HASH_BYTES)
    return start + seal_bytes(shape)


cdef object fill_hashes(unsigned char* start, chunk, const Shape* shape, const Frames* frames):
    """Put the frame hashes and the chunk hash into a chunk that is complete but for them.

    `chunk` is what begins at `start`, bytes or a view of them, and nobody else may have seen it yet: it is only immutable to those who
    did not make it.  The blake3 package releases the GIL by itself where that pays.
    """
    cdef size_t seal = seal_bytes(shape)
    cdef bint done
    with nogil:
        done = _put_frame_hashes(start + FIXED_BYTES, start + seal + moof_bytes(shape) + MDAT_HEADER, frames)
    if not done:
        raise MemoryError("no memory to hash the frames of a chunk")
    view = memoryview(chunk)
    whole = blake3(view[:seal - HASH_BYTES])
    whole.update(view[seal:])
    cdef bytes digest = whole.digest()
    memcpy(start + seal - HASH_BYTES, PyBytes_AS_STRING(digest), HASH_BYTES)


cdef bint _put_frame_hashes(unsigned char* at, const unsigned char* samples, const Frames* frames) noexcept nogil:
    """Of the samples as mdat has them: video, then audio; False when there is no memory."""
    cdef Span* spans = <Span*> malloc(frames.count * sizeof(Span))
    cdef size_t track, i, count = 0
    cdef bint done
    if spans == NULL:
        return False
    for track in range(2):
        for i in range(frames.count):
            if frame_at(frames, i).track == track:
                spans[count] = Span(samples, frame_at(frames, i).size)
                samples += spans[count].size
                count += 1
    done = put_digests(at, spans, count)
    free(spans)
    return done
