"""Units of one camera straight into its ring, for as long as everything goes on as before: no Python object for any frame.

    depacketizer ─▶ take ─┬─▶ stamped, pushed into the ring                         True
                          └─▶ not usual: left to who made the lane, which is        False, and from then on for every unit: what
                              closed, and everything that follows comes after it     follows a unit must not overtake it

    usual is a picture                                        usual is sound
    ──────────────────────────────────────────────────────    ───────────────────────────────────────────────────────────────
    whose stamps follow the last one's without a jump         whose stamps do, and stay within 10 s of the picture
    that brings the parameter sets that are known, or none
    that begins no new run, and for which the ring has room   for which the ring has room

Rules: 1. the same stamps, to the tick, as agent/timing.py, rtsp/decode_time.py, rtsp/timeline.py and soundtrack.py make, from whom
it takes over and to whom it hands back; whatever they decide, they decide.  2. A unit that is refused has changed nothing.  3. It is the
ring's producer while it is open: one thread, under the GIL.  4. Bounded: a window of 17 stamps, 128 kB for sound that is decoded.
Twin: lane_py.py.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from .depay cimport Ready
from .frame cimport AUDIO, MAX_U32, VIDEO, Frame
from .nal cimport has_known_sets
from .ring cimport Ring

cdef enum:
    TICKS = 90000
    FAR_S = 10
    TABLE = 512
    MAX_SOUND = 64 << 10        # of an RTP packet
    MAX_RATE = 1 << 24          # an AudioSpecificConfig has no room for more

cdef int64_t MAX_STAMP = 1LL << 58
cdef int64_t MAX_PRODUCT = 1LL << 62    # of a stamp and a rate: 34 years of 90 kHz by 48 kHz
cdef int64_t LEAP = FAR_S * TICKS


cdef class Lane:
    def __cinit__(self, Ring ring not None, *, bint hevc, int64_t limit, bytes sets, list waiting, int depth, int64_t rate=0,
                  int64_t clock=0, bytes table=b""):
        if not 0 <= depth <= MAX_DEPTH or len(waiting) > depth + 1 or len(table) not in (0, TABLE) or limit < 0 \
                or not 0 <= rate <= MAX_RATE or clock < 0:
            raise ValueError("no such lane")
        self._ring, self._hevc, self._limit, self._sets, self._rate, self._table = ring, hevc, limit, sets, rate, table
        self._depth, self._clock = depth, clock if clock else rate
        self.open = len(waiting) == depth + 1       # before that, nobody knows when frames are decoded
        for at, stamp in enumerate(waiting):
            self._waiting[at] = stamp
        if table:
            self._linear = <unsigned char*> malloc(2 * MAX_SOUND)
            if self._linear == NULL:
                raise MemoryError("no memory for decoded sound")

    def __dealloc__(self):
        free(self._linear)

    @property
    def waiting(self):
        return [self._waiting[at] for at in range(self._depth + 1)]

    cdef bint take(self, int role, const Ready* ready) noexcept:
        if not self.open or self._ring.closed or self._ring.dropping or role > 1:
            self.open = False
            return False
        self.open = self._sound(ready) if role else self._picture(ready)
        return self.open

    cdef bint _picture(self, const Ready* ready) noexcept:
        cdef int64_t shown = ready.stamp, decoded = 0, raw
        if ready.key and (self.cuts or ready.damaged or not has_known_sets(
                ready.data, ready.size, self._hevc, <const unsigned char*> PyBytes_AS_STRING(self._sets), PyBytes_GET_SIZE(self._sets))):
            return False
        if not -MAX_STAMP < shown < MAX_STAMP or not self._decoded_at(shown, &decoded):
            return False
        raw = decoded
        if not -TICKS <= decoded - self.last <= self._limit or decoded < self.zero:
            return False
        decoded = max(decoded, self.last + 1)
        if not -LEAP <= shown - decoded <= LEAP:
            return False
        self._note(shown)
        self.decoded, self.raw = raw, raw
        self.step, self.last = decoded - self.last, decoded
        self.keys += ready.key
        self.pictures += 1
        self.frames += self._push(ready.data, ready.size, VIDEO, shown - self.zero, decoded - self.zero, 0, ready.key, ready.damaged)
        return True

    cdef bint _decoded_at(self, int64_t shown, int64_t* decoded) noexcept:
        """As DecodeTimes.stamp would say it, which changes its depth or begins anew where this says False."""
        if not -LEAP <= shown - self._waiting[self._depth] <= LEAP:
            return False
        if self.grows and self._depth < MAX_DEPTH and 0 < self.decoded - shown <= TICKS:
            return False
        decoded[0] = min(self._waiting[1], shown) if self._depth else shown
        return True

    cdef void _note(self, int64_t shown) noexcept:
        """Put a stamp into the window, in order, in place of its least."""
        cdef int at = 0
        while at < self._depth and self._waiting[at + 1] <= shown:
            self._waiting[at] = self._waiting[at + 1]
            at += 1
        self._waiting[at] = shown

    cdef bint _sound(self, const Ready* ready) noexcept:
        cdef int64_t at = ready.stamp + self.sound_shift, rate = self._rate, duration = ready.duration, dts, place
        if rate == 0:
            return True
        if self._clock != rate:
            if not -(MAX_PRODUCT // rate) < at < MAX_PRODUCT // rate:
                return False
            at, duration = at * rate // self._clock, duration * rate // self._clock
        if not self.heard or not -MAX_STAMP < at < MAX_STAMP or not -rate <= at - self.sound_last <= FAR_S * rate:
            return False
        dts = max(at, self.sound_last + 1)
        place = dts - self.sound_zero + self.place_shift
        if place < 0 or not -FAR_S * rate <= place - (self.last - self.zero) * rate // TICKS <= FAR_S * rate or ready.size > MAX_SOUND:
            return False
        if place <= self.place_last:
            place = self.place_end
        duration = min(duration, FAR_S * rate)
        self.sound_step, self.sound_last, self.sound_seen = dts - self.sound_last, dts, ready.stamp
        self.place_last, self.place_end = place, max(place + duration, place + 1)
        self.sounds += 1
        if self._linear_of(ready):
            self._push(self._linear, 2 * ready.size, AUDIO, place, place, duration, True, ready.damaged)
        else:
            self._push(ready.data, ready.size, AUDIO, place, place, duration, True, ready.damaged)
        return True

    cdef bint _linear_of(self, const Ready* ready) noexcept:
        cdef const unsigned char* table = <const unsigned char*> PyBytes_AS_STRING(self._table)
        cdef size_t at
        if self._linear == NULL:
            return False
        for at in range(ready.size):
            memcpy(self._linear + 2 * at, table + 2 * ready.data[at], 2)
        return True

    cdef bint _push(self, const unsigned char* data, size_t size, int track, int64_t pts, int64_t dts, int64_t duration, bint key,
                    bint damaged) noexcept:
        """A frame for which there is no room is dropped and counted by the ring, which closes this lane at the next one."""
        cdef uint32_t lasts = <uint32_t> min(duration, <int64_t> MAX_U32)
        cdef Frame frame = Frame(0, 0, lasts, self.run, pts, dts, self.arrival_ns, <uint8_t> track, key, damaged)
        self.bytes += size
        return self._ring._push(data, size, &frame, track == VIDEO)
