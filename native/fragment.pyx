"""The moof and mdat boxes of one chunk, written straight from ring memory (ISO/IEC 14496-12, 8.1.1 and 8.8).

    moof ┬ mfhd                                       sequence number
         ├ traf (track 1) ┬ tfhd  default-base-is-moof
         │                ├ tfdt  v1: decode time of the first video sample
         │                └ trun  v1: duration, size, flags, pts - decode time of each sample
         └ traf (track 2) as above, trun v0: duration and size; only when there is audio
    mdat   all video samples, then all audio samples, each in decode order

Rules: 1. decode times never go back: one below its predecessor counts as equal, so durations are never negative and add
up, and the composition offset keeps the presentation time.  2. Sample bytes are copied, never looked at.  Twin: fragment_py.py.
"""

from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t, uint32_t

from .frame cimport AUDIO, VIDEO, Frame, Frames, frame_at, ticks_u32
from .store cimport put_be32, put_be64, put_bytes

cdef enum:
    HEADER = 8
    MFHD = 16
    TFHD = 16
    TFDT = 20
    TRUN = 20               # without its samples
    VIDEO_SAMPLE = 16
    AUDIO_SAMPLE = 8
    DEFAULT_BASE_IS_MOOF = 0x020000
    TRUN_DATA_OFFSET_DURATION_SIZE = 0x000301
    TRUN_FLAGS_AND_COMPOSITION = 0x000c00
    SYNC_SAMPLE = 0x02000000        # depends on no other (8.8.3.1)
    OTHER_SAMPLE = 0x01010000       # depends on others, is no sync sample


cdef Shape measure(const Frames* frames) noexcept nogil:
    cdef Shape shape = Shape(0, 0, 0, 0)
    cdef const Frame* frame
    cdef size_t i
    for i in range(frames.count):
        frame = frame_at(frames, i)
        if frame.track == VIDEO:
            shape.video += 1
            shape.video_bytes += frame.size
        else:
            shape.audio += 1
            shape.audio_bytes += frame.size
    return shape


cdef size_t _traf_bytes(size_t samples, size_t sample_bytes) noexcept nogil:
    return HEADER + TFHD + TFDT + TRUN + samples * sample_bytes if samples else 0


cdef size_t moof_bytes(const Shape* shape) noexcept nogil:
    """At most 32 KiB + 128: Ring allows 2048 samples, of 16 bytes each."""
    return HEADER + MFHD + _traf_bytes(shape.video, VIDEO_SAMPLE) + _traf_bytes(shape.audio, AUDIO_SAMPLE)


cdef size_t fragment_bytes(const Shape* shape) noexcept nogil:
    return moof_bytes(shape) + HEADER + shape.video_bytes + shape.audio_bytes


cdef unsigned char* put_fragment(unsigned char* at, const Frames* frames, const Shape* shape, uint32_t number,
                                 int64_t end) noexcept nogil:
    """Write moof and mdat; returns the address behind them.  `end`: decode time at which the last video sample ends.

    `at` has room for fragment_bytes, which Ring keeps below 32 MiB.
    """
    cdef uint32_t moof = <uint32_t> moof_bytes(shape)
    cdef uint32_t data = moof + HEADER
    at = _put_box(at, moof, b"moof")
    at = put_be32(put_be32(_put_box(at, MFHD, b"mfhd"), 0), number)
    if shape.video:
        at = _put_traf(at, frames, VIDEO, shape.video, data, end)
    if shape.audio:
        at = _put_traf(at, frames, AUDIO, shape.audio, data + <uint32_t> shape.video_bytes, 0)
    at = _put_box(at, <uint32_t> (HEADER + shape.video_bytes + shape.audio_bytes), b"mdat")
    at = _put_samples(at, frames, VIDEO)
    return _put_samples(at, frames, AUDIO)


cdef unsigned char* _put_box(unsigned char* at, uint32_t size, const char* kind) noexcept nogil:
    return put_bytes(put_be32(at, size), kind, 4)


cdef unsigned char* _put_traf(unsigned char* at, const Frames* frames, int track, size_t samples, uint32_t data,
                              int64_t end) noexcept nogil:
    cdef uint32_t stride = VIDEO_SAMPLE if track == VIDEO else AUDIO_SAMPLE
    cdef uint32_t flags = TRUN_DATA_OFFSET_DURATION_SIZE
    if track == VIDEO:
        flags |= TRUN_FLAGS_AND_COMPOSITION | 1 << 24       # version 1: signed composition offsets
    at = _put_box(at, <uint32_t> _traf_bytes(samples, stride), b"traf")
    at = put_be32(put_be32(_put_box(at, TFHD, b"tfhd"), DEFAULT_BASE_IS_MOOF), track + 1)
    at = put_be64(put_be32(_put_box(at, TFDT, b"tfdt"), 1 << 24), _first_decode(frames, track))
    at = put_be32(_put_box(at, TRUN + <uint32_t> samples * stride, b"trun"), flags)
    at = put_be32(put_be32(at, <uint32_t> samples), data)
    return _put_video_runs(at, frames, end) if track == VIDEO else _put_audio_runs(at, frames)


cdef int64_t _first_decode(const Frames* frames, int track) noexcept nogil:
    """Decode time of the track's first sample; tfdt is unsigned, so audio from before the run's zero starts at zero."""
    cdef size_t i
    for i in range(frames.count):
        if frame_at(frames, i).track == track:
            return max(<int64_t> 0, frame_at(frames, i).dts)
    return 0


cdef unsigned char* _put_video_runs(unsigned char* at, const Frames* frames, int64_t end) noexcept nogil:
    cdef int64_t decode = _first_decode(frames, VIDEO), following
    cdef unsigned char* duration = NULL         # where the sample before is still owed its duration
    cdef const Frame* frame
    cdef size_t i
    for i in range(frames.count):
        frame = frame_at(frames, i)
        if frame.track != VIDEO:
            continue
        following = max(decode, frame.dts)
        if duration != NULL:
            put_be32(duration, ticks_u32(following - decode))
        decode = following
        duration = at
        at = put_be32(put_be32(at + 4, frame.size), SYNC_SAMPLE if frame.key else OTHER_SAMPLE)
        at = put_be32(at, <uint32_t> _offset_i32(frame.pts - decode))
    if duration != NULL:
        put_be32(duration, ticks_u32(end - decode))
    return at


cdef unsigned char* _put_audio_runs(unsigned char* at, const Frames* frames) noexcept nogil:
    """The last sample lasts what its source says, or as long as the one before it."""
    cdef int64_t decode = _first_decode(frames, AUDIO), following
    cdef uint32_t last = 0
    cdef unsigned char* duration = NULL
    cdef const Frame* frame
    cdef uint32_t declared = 0
    cdef size_t i
    for i in range(frames.count):
        frame = frame_at(frames, i)
        if frame.track != AUDIO:
            continue
        following = max(decode, frame.dts)
        if duration != NULL:
            last = ticks_u32(following - decode)
            put_be32(duration, last)
        decode = following
        declared = frame.duration
        duration = at
        at = put_be32(at + 4, frame.size)
    if duration != NULL:
        put_be32(duration, declared if declared else last)
    return at


cdef int32_t _offset_i32(int64_t ticks) noexcept nogil:
    return <int32_t> min(max(ticks, <int64_t> INT32_MIN), <int64_t> INT32_MAX)


cdef unsigned char* _put_samples(unsigned char* at, const Frames* frames, int track) noexcept nogil:
    cdef const Frame* frame
    cdef size_t i
    for i in range(frames.count):
        frame = frame_at(frames, i)
        if frame.track == track:
            at = put_bytes(at, frames.memory + frame.offset, frame.size)
    return at
