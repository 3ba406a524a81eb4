from libc.stdint cimport int64_t, uint32_t

from .frame cimport Frames


cdef struct Shape:
    size_t video            # samples
    size_t audio
    size_t video_bytes
    size_t audio_bytes


cdef Shape measure(const Frames* frames) noexcept nogil
cdef size_t moof_bytes(const Shape* shape) noexcept nogil
cdef size_t fragment_bytes(const Shape* shape) noexcept nogil
cdef unsigned char* put_fragment(unsigned char* at, const Frames* frames, const Shape* shape, uint32_t number, int64_t end) noexcept nogil
