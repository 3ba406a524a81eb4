"""The ring between a camera's ingest thread and its cutting thread: frames in, built chunks out.

Rules: 1. one producer thread calls push; one consumer thread calls cut, build and release; either may read properties.
2. The frame table and all positions change only under the GIL; bytes are copied without it where that pays.
3. Everything is bounded when it is made: capacity_bytes and max_frames, both only touched as far as they are needed.
4. A ring that is full drops whole GOPs and counts them; it never blocks and never drops what it has accepted.
Not for free-threaded builds: rule 2 relies on the GIL, and such an interpreter turns it on when it imports this file.

Why copying without the GIL is safe.  push reserves its region and reads the slot under the GIL, then copies: until the
frame is published (`_next` goes up, under the GIL again) no consumer looks there, and `place` hands out bytes only
where nothing waits.  build copies frames that wait, and only release, of the same thread, ends their waiting, so push
cannot be given their bytes.  What would break both is moving waiting frames: restart does that, in release, under
the GIL, and not while `_pushing`.  Twin: ring_py.py.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .arena cimport NO_ROOM, Arena, map_pages, unmap_pages
from .cutter cimport DISCARD, TAKE, Cutter, Verdict
from .fragment cimport Shape, fragment_bytes, measure, put_fragment
from .frame cimport AUDIO, MAX_U32, VIDEO, Frame, Frames, frame_at
from .nal cimport prefixed_bound, put_prefixed
from .pool cimport Pool, Slab
from .seal cimport CAMERA_BYTES, DAMAGED, DURATION_GUESSED, HASH_BYTES, KEY, SEGMENT_START, Label, fill_hashes, put_seal, seal_bytes

from .cut import Cut

cdef enum:
    MAX_FRAMES = 1 << 24
    MAX_CHUNK_FRAMES = 2048         # wire.seal.MAX_FRAMES
    MAX_CHUNK_BYTES = 31 << 20      # seal (64 KiB) and moof (32 KiB) fit into the rest of wire.record.MAX_PAYLOAD_BYTES
    MAX_ID_BYTES = 63
    WITHOUT_GIL_BYTES = 32 << 10    # copied in about 5 us; below it, taking the GIL back costs more than holding it
    RESTART_FRAMES = 64

cdef int64_t MAX_CAPACITY = 1LL << 36
cdef int64_t MAX_TICKS = 1LL << 60      # sums of two cannot overflow; 400 000 years
cdef int64_t MAX_EPOCH = (1LL << 52) - 1
cdef int64_t MAX_SEQ = (1LL << 48) - 1


cdef _within(str name, int64_t value, int64_t low, int64_t high):
    if not low <= value <= high:
        raise ValueError(f"{name} {value} is not within {low}..{high}")


cdef class Ring:
    def __cinit__(self, int64_t capacity_bytes, int64_t max_frames, *, int64_t chunk_ticks, int64_t segment_ticks,
                  int64_t max_chunk_frames=MAX_CHUNK_FRAMES, int64_t max_chunk_bytes=24 << 20, Pool pool=None):
        _within("capacity_bytes", capacity_bytes, 1, MAX_CAPACITY)
        _within("max_frames", max_frames, 1, MAX_FRAMES)
        _within("chunk_ticks", chunk_ticks, 1, MAX_U32)
        _within("segment_ticks", segment_ticks, 1, MAX_TICKS)
        _within("max_chunk_frames", max_chunk_frames, 1, MAX_CHUNK_FRAMES)
        _within("max_chunk_bytes", max_chunk_bytes, 1, MAX_CHUNK_BYTES)
        self._cutter = Cutter(chunk_ticks=chunk_ticks, segment_ticks=segment_ticks, max_frames=max_chunk_frames, max_bytes=max_chunk_bytes)
        self._arena = Arena(capacity_bytes)
        self._pool = pool
        self._slots = max_frames
        self._max_frame_bytes = max_chunk_bytes
        self._run = -1
        self._table = <Frame*> map_pages(max_frames * sizeof(Frame))

    def __dealloc__(self):
        unmap_pages(self._table, self._slots * sizeof(Frame))

    # producer

    def push(self, data, *, int64_t run, int track, int64_t pts, int64_t dts, int64_t duration, bint key, bint damaged,
             int64_t arrival_ns, bint annexb):
        cdef Py_buffer source
        cdef Frame frame
        PyObject_GetBuffer(data, &source, PyBUF_SIMPLE)
        try:
            self._check_push(run, track, pts, dts, duration, key)
            frame = Frame(0, 0, <uint32_t> duration, run, pts, dts, arrival_ns, <uint8_t> track, key, damaged)
            return self._push(<const unsigned char*> source.buf, source.len, &frame, annexb)
        finally:
            PyBuffer_Release(&source)

    cdef _check_push(self, int64_t run, int track, int64_t pts, int64_t dts, int64_t duration, bint key):
        self._check_open()
        if self._pushing:
            raise RuntimeError("another thread is in push: a ring has one producer")
        _within("run", run, max(<int64_t> 0, self._run), MAX_TICKS)
        _within("track", track, VIDEO, AUDIO)
        _within("pts", pts, -MAX_TICKS, MAX_TICKS)
        _within("dts", dts, 0 if track == VIDEO else -MAX_TICKS, MAX_TICKS)
        _within("duration", duration, 0, MAX_U32)
        if self.dropping and track == VIDEO and key and run == self._run:
            raise ValueError(f"run {run} has lost frames: the key frame after a drop begins a new run")

    cdef bint _push(self, const unsigned char* data, size_t size, Frame* frame, bint annexb) noexcept:
        cdef size_t need = prefixed_bound(size) if annexb else size
        cdef Py_ssize_t offset = NO_ROOM
        cdef size_t stored
        if size == 0:
            self.empty_frames += 1
            return False
        if not self.dropping or (frame.track == VIDEO and frame.key):
            offset = self._place(need)
        if offset == NO_ROOM:
            return self._refuse(frame)
        self._pushing = True
        if need < WITHOUT_GIL_BYTES:
            stored = _store(self._arena.memory + offset, data, size, annexb)
        else:
            with nogil:
                stored = _store(self._arena.memory + offset, data, size, annexb)
        self._pushing = False
        if self.closed:
            self._free_when_idle()
            return False
        return self._publish(frame, offset, stored)

    cdef Py_ssize_t _place(self, size_t need) noexcept:
        cdef size_t waiting = self._next - self._oldest
        if waiting == 0:
            self._oldest_slot = 0
        if waiting == self._slots or need > self._max_frame_bytes:
            return NO_ROOM
        return self._arena.place(need, self._oldest_offset())

    cdef bint _refuse(self, const Frame* frame) noexcept:
        """Count a frame that was not accepted.  A GOP counts once: by the frame it was first cut short at, or by its key frame."""
        if not self.dropping or (frame.track == VIDEO and frame.key):
            self.dropped_gops += 1
        self.dropped_frames += 1
        self.dropping = True
        return False

    cdef bint _publish(self, Frame* frame, size_t offset, size_t stored) noexcept:
        if stored == 0:         # nothing but zeros and start codes
            self.empty_frames += 1
            return False
        frame.offset, frame.size = offset, <uint32_t> stored
        self._table[(self._oldest_slot + (self._next - self._oldest)) % self._slots] = frame[0]
        self._arena.took(offset, stored)
        self._next += 1
        self._run = frame.run
        self.dropping = False
        self.damaged_frames += frame.damaged and frame.track == VIDEO
        self.bytes_used += stored
        self.high_water = max(self.high_water, self.bytes_used)
        return True

    # consumer

    def cut(self, bint flush=False, bint early=False):
        cdef Frames waiting
        cdef Verdict verdict
        self._check_open()
        self._check_idle()
        while True:
            waiting = self._window(self._next - self._oldest)
            # While the ring drops, its newest run gets no more frames.  Without this, a ring smaller than a chunk
            # would wait for a boundary that it has no room for.
            verdict = self._cutter.scan(&waiting, flush or self.dropping, early)
            if verdict == TAKE:
                return self._describe(&waiting)
            if verdict != DISCARD:
                return None
            self.dropped_audio += self._cutter.open.frames
            self._forget(self._cutter.open.frames)
            self._cutter.begin()

    cdef _describe(self, const Frames* waiting):
        cdef Cutter cutter = self._cutter
        cdef const Frame* first = frame_at(waiting, cutter.first_video)
        return Cut(
            run=first.run, first_frame=self._oldest, frames=cutter.taken.frames, video_frames=cutter.taken.video,
            audio_frames=cutter.taken.frames - cutter.taken.video, payload_bytes=cutter.taken.bytes, dts=first.dts, pts=first.pts,
            audio_dts=_first_audio_dts(waiting, cutter.taken.frames), arrival_ns=first.arrival_ns, duration=cutter.duration,
            key=first.key, segment_start=cutter.starts_segment, guessed=cutter.guessed, damaged=cutter.taken.damaged)

    def build(self, cut, *, bytes camera, int64_t epoch, int64_t seq, int64_t segment_seq, int clock, int cause,
              int64_t wall_start_ns, int64_t pts_base, bytes init_hash, bytes prev_hash):
        cdef Label label = _label(cut, camera, epoch, seq, segment_seq, clock, cause, wall_start_ns, pts_base, init_hash, prev_hash)
        cdef int64_t end = <int64_t> cut.dts + label.duration
        cdef Frames frames = self._frames_of(cut)
        cdef Shape shape = measure(&frames)
        cdef unsigned char* start
        chunk = self._chunk_of(seal_bytes(&shape) + fragment_bytes(&shape), &start)
        self._building = True
        try:
            with nogil:
                put_fragment(put_seal(start, &label, &shape), &frames, &shape, <uint32_t> (seq + 1), end)
            fill_hashes(start, chunk, &shape, &frames)
        finally:
            self._building = False
            if self.closed:
                self._free_when_idle()
        return chunk

    cdef object _chunk_of(self, size_t size, unsigned char** start):
        """Memory for a chunk that nobody else has seen, and where it begins."""
        cdef Slab slab
        cdef bytes plain
        if self._pool is None:
            plain = PyBytes_FromStringAndSize(NULL, size)
            start[0] = <unsigned char*> PyBytes_AS_STRING(plain)
            return plain
        slab = self._pool.take(size)
        start[0] = slab.memory
        return memoryview(slab)

    def release(self, cut):
        cdef Frames frames = self._frames_of(cut)
        self._forget(frames.count)
        self._cutter.released(cut.run, cut.dts, cut.segment_start)
        self._restart()

    cdef Frames _frames_of(self, cut) except *:
        """The frames of a cut that still wait.  No Python code runs after the checks, so nothing can end their truth."""
        cdef uint64_t first = cut.first_frame
        cdef size_t count = cut.frames
        self._check_open()
        self._check_idle()
        if first != self._oldest or not 0 < count <= self._next - self._oldest:
            raise ValueError("the cut is not the ring's oldest: it was released, or belongs to another ring")
        return self._window(count)

    cdef void _forget(self, size_t count) noexcept:
        """End the waiting of the oldest frames."""
        cdef Frames gone = self._window(count)
        cdef size_t i
        for i in range(count):
            self.bytes_used -= frame_at(&gone, i).size
        self._oldest += count
        self._oldest_slot = (self._oldest_slot + count) % self._slots

    cdef void _restart(self) noexcept:
        """Go back to the beginning of memory and table with the few frames that wait; see arena.pyx, rule 3.

        The producer may be copying without the GIL, into a region that moving would hand out again: then not now.
        Missing a turn costs one more chunk's worth of touched memory.
        """
        cdef size_t waiting = self._next - self._oldest
        cdef size_t shift = self._oldest_offset()
        cdef size_t i
        if self._pushing or waiting > RESTART_FRAMES or self._oldest_slot + waiting > self._slots or not self._arena.restart(shift):
            return
        for i in range(waiting):        # upwards: a frame never moves to a slot above its own
            self._table[i] = self._table[self._oldest_slot + i]
            self._table[i].offset -= shift
        self._oldest_slot = 0

    # either thread

    cdef size_t _oldest_offset(self) noexcept:
        """Where waiting bytes begin; the capacity when nothing waits."""
        return self._table[self._oldest_slot].offset if self._next > self._oldest else self._arena.capacity

    cdef Frames _window(self, size_t count) noexcept:
        return Frames(self._table, self._slots, self._oldest_slot, count, self._arena.memory)

    cdef _check_open(self):
        if self.closed:
            raise ValueError("the ring is closed")

    cdef _check_idle(self):
        if self._building:
            raise RuntimeError("another thread is in build: a ring has one consumer")

    @property
    def frames(self):
        return self._next - self._oldest

    @property
    def capacity(self):
        return self._arena.capacity

    def close(self):
        self.closed = True
        self._oldest, self.bytes_used = self._next, 0
        self._free_when_idle()

    cdef void _free_when_idle(self) noexcept:
        """A push or build that is copying without the GIL frees the memory when it comes back."""
        if not self._pushing and not self._building:
            self._arena.close()


cdef Label _label(cut, bytes camera, int64_t epoch, int64_t seq, int64_t segment_seq, int clock, int cause, int64_t wall_start_ns,
                  int64_t pts_base, bytes init_hash, bytes prev_hash) except *:
    cdef Label label
    _within("epoch", epoch, 0, MAX_EPOCH)
    _within("seq", seq, 0, MAX_SEQ)
    _within("segment_seq", segment_seq, 0, seq)
    _within("clock", clock, 0, 255)
    _within("cause", cause, 0, 255)
    _within("pts_base", pts_base, -MAX_TICKS, MAX_TICKS)
    _within("length of camera", len(camera), 1, MAX_ID_BYTES)
    _within("length of init_hash", len(init_hash), HASH_BYTES, HASH_BYTES)
    _within("length of prev_hash", len(prev_hash), HASH_BYTES, HASH_BYTES)
    label.flags = (KEY * <bint> cut.key | SEGMENT_START * <bint> cut.segment_start
                   | DURATION_GUESSED * <bint> cut.guessed | DAMAGED * <bint> cut.damaged)
    label.clock, label.cause = <uint8_t> clock, <uint8_t> cause
    label.epoch, label.seq, label.segment_seq = epoch, seq, segment_seq
    label.duration, label.wall_start_ns, label.pts = cut.duration, wall_start_ns, <int64_t> cut.pts + pts_base
    memset(label.camera, 0, CAMERA_BYTES)
    memcpy(label.camera, PyBytes_AS_STRING(camera), len(camera))
    memcpy(label.init_hash, PyBytes_AS_STRING(init_hash), HASH_BYTES)
    memcpy(label.prev_hash, PyBytes_AS_STRING(prev_hash), HASH_BYTES)
    return label


cdef size_t _store(unsigned char* into, const unsigned char* data, size_t size, bint annexb) noexcept nogil:
    if annexb:
        return put_prefixed(into, data, size)
    memcpy(into, data, size)
    return size


cdef object _first_audio_dts(const Frames* waiting, size_t frames):
    cdef size_t i
    for i in range(frames):
        if frame_at(waiting, i).track == AUDIO:
            return frame_at(waiting, i).dts
    return None
