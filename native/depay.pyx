"""RTP payloads put together again: access units of H.264 (RFC 6184) and H.265 (RFC 7798); what all depacketizers share.

    packet ─▶ take ─┬─▶ NONE                                       take the next packet
                    ├─▶ DONE: `ready` is an access unit            then the next packet
                    └─▶ AGAIN: `ready` is one, from packets before then the same packet again, with the same gap

An access unit of video ends where the timestamp changes.  The marker bit, which should end it, is believed only when what follows
under the same timestamp begins a picture as well (an access unit delimiter, the first slice of a picture): some cameras set it on
every packet, others stamp two pictures alike.  So a unit is given when the next one begins, and the last one by `finish`.

Rules: 1. NAL units are neither dropped, reordered nor rewritten (invariant 1): they come out in Annex B behind 00 00 00 01, what a
fragment lost is missing at its end, and the unit is `damaged`.  2. A unit without a slice is no picture: it goes in front of the next
one.  3. No read beyond the payload, whatever lengths it announces.  4. `buffer` grows as needed up to `most` (8 MiB by default) and
stays; what is longer is cut off, `damaged`, and counted in `refused`, as is a payload of a kind that is not known.  5. A unit behind a gap
is damaged, for what is missing may be its own; but not a key frame that begins another numbering with all that one begins with: nothing
that was before it is needed, and its parameter sets are to be believed.  All that is its first slice, and what stands in front of that: a
delimiter, or parameter sets, or nothing in a stream that has had no parameter sets.
Twin: depay_py.py.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

from .nal cimport first_vcl, is_parameter_set, is_vcl, kind_of, starts_key
from .rtp cimport ANEW, IN_ORDER, LATE, Rtp, Sequence, advance, parse_rtp

from .unit import Unit

cdef enum:
    FIRST_CAPACITY = 64 << 10
    MOST = 8 << 20              # a key frame of 8K video at 100 Mbit/s has about 2 MB
    START_CODE = 4
    STAP_A = 24
    FU_A = 28
    H264_AUD = 9
    H264_SPS = 7
    AP = 48
    FU = 49
    H265_AUD = 35
    H265_VPS = 32
    FU_BEGINS = 0x80
    FU_ENDS = 0x40


cdef class Depacketizer:
    def __dealloc__(self):
        free(self.buffer)

    cdef int take(self, const Rtp* packet, bint gap) noexcept nogil:
        return NONE

    cdef int finish(self) noexcept nogil:
        """Give what is still held; call until NONE."""
        return NONE

    cdef void renumbered(self) noexcept nogil:
        """The packet that is taken next, behind a gap, begins another numbering."""
        pass

    cdef bint room(self, size_t more) noexcept nogil:
        """Make room behind what is there; False when that would be too much."""
        cdef size_t wanted = self.capacity if self.capacity else <size_t> FIRST_CAPACITY
        cdef void* grown
        if more > self.most - self.size:
            return False
        while wanted - self.size < more:
            wanted *= 2
        if wanted > self.capacity:
            grown = realloc(self.buffer, wanted)
            if grown == NULL:
                return False
            self.buffer, self.capacity = <unsigned char*> grown, wanted
        return True

    cdef bint append(self, const unsigned char* data, size_t size) noexcept nogil:
        """Copy bytes behind what is there; marks the unit damaged when they do not fit."""
        if not self.room(size):
            self.damaged = True
            self.refused += 1
            return False
        memcpy(self.buffer + self.size, data, size)
        self.size += size
        return True

    cdef void follow(self, uint32_t timestamp) noexcept nogil:
        """Unwrap: the nearest stamp to the one before, forwards or back."""
        self.stamp = self.stamp + <int32_t> (timestamp - self.raw) if self.begun else <int64_t> timestamp
        self.raw, self.begun = timestamp, True

    cdef int give(self, size_t size, int verdict) noexcept nogil:
        self.ready.data, self.ready.size, self.ready.stamp, self.ready.damaged = self.buffer, size, self.stamp, self.damaged
        return verdict


cdef class Video(Depacketizer):
    def __cinit__(self, bint hevc, *, bint donl=False, size_t most=MOST):
        self.hevc, self.donl, self.most = hevc, 2 if donl and hevc else 0, most

    cdef int take(self, const Rtp* packet, bint gap) noexcept nogil:
        cdef bint first, again = self.given != 0
        if again:
            memmove(self.buffer, self.buffer + self.given, self.size - self.given)
            self.size -= self.given
            self.given = 0
        if gap and not again:
            self.fragment = False
            self.damaged |= self.open and self.marked == 0
        if self.open and packet.timestamp != self.raw and self.close(self.size, AGAIN):
            return AGAIN
        if self.open and self.marked and packet.timestamp == self.raw and self.begins(packet.payload, packet.size):
            if self.close(self.marked, AGAIN):
                self.open = True        # what came behind the marker belongs to the picture that begins
                return AGAIN
        if not self.open or packet.timestamp != self.raw:
            self.follow(packet.timestamp)
            self.open = True
        first = self.anew and self.size == 0
        self.damaged |= gap and not first
        self.payload(packet.payload, packet.size)
        if first:
            self.fresh = self.heads()
            self.damaged |= not self.fresh
        self.anew = False
        if packet.marker:
            self.marked = self.size
        return NONE

    cdef void renumbered(self) noexcept nogil:
        self.anew = True

    cdef int finish(self) noexcept nogil:
        if self.given:
            memmove(self.buffer, self.buffer + self.given, self.size - self.given)
            self.size -= self.given
            self.given = 0
        return DONE if self.open and self.close(self.size, DONE) else NONE

    cdef bint close(self, size_t end, int verdict) noexcept nogil:
        """End the unit at `end`; False when there is no slice before it, and then it goes on."""
        cdef const unsigned char* vcl = NULL
        cdef size_t header = 2 if self.hevc else 1
        cdef size_t left
        cdef int kind
        if end > self.searched:
            vcl = first_vcl(self.buffer + self.searched, end - self.searched, self.hevc)
        self.fragment = False
        if vcl == NULL:
            self.searched, self.marked = end, 0
            if end > self.most // 2:        # no encoder's: without this, there would never be room for a picture again
                self.size = self.searched = 0
                self.damaged = True
                self.refused += 1
            return False
        kind, left = kind_of(vcl, self.hevc), self.buffer + end - vcl
        self.ready.key, self.ready.duration = starts_key(kind, self.hevc), 0
        if self.fresh and not (self.ready.key and left > header and self.first_of_picture(kind, vcl + header, left - header)):
            self.damaged = True         # parameter sets may stand in front of each slice: it began with those of a later one
        self.give(end, verdict)
        self.given = end
        self.open = self.damaged = self.fresh = False
        self.marked = self.searched = 0
        return True

    cdef void put(self, const unsigned char* data, size_t size) noexcept nogil:
        """One whole NAL unit."""
        cdef size_t before = self.size
        if size == 0:
            return
        self.sets |= is_parameter_set(kind_of(data, self.hevc), self.hevc)
        if self.append(b"\0\0\0\1", START_CODE) and not self.append(data, size):
            self.size = before

    cdef void start(self, unsigned char first, unsigned char second) noexcept nogil:
        """Begin a fragmented NAL unit with its own header."""
        cdef unsigned char[6] head
        head[0] = head[1] = head[2] = 0
        head[3], head[4], head[5] = 1, first, second
        self.sets |= is_parameter_set(kind_of(&head[START_CODE], self.hevc), self.hevc)
        self.fragment = self.append(head, 6 if self.hevc else 5)

    cdef void payload(self, const unsigned char* at, size_t size) noexcept nogil:
        cdef size_t header = 2 if self.hevc else 1
        cdef int kind
        if size <= header:
            self.damaged = True
            self.refused += 1
            return
        kind = kind_of(at, self.hevc)
        if kind == (AP if self.hevc else STAP_A):
            self.fragment = False
            self.units(at + header, size - header)
        elif kind == (FU if self.hevc else FU_A):
            self.piece(at, size)
        elif kind > (AP - 1 if self.hevc else STAP_A - 1) or (kind == 0 and not self.hevc):
            self.damaged = True         # PACI, MTAP, STAP-B, FU-B and what is reserved: nobody sends them
            self.refused += 1
        else:
            self.fragment = False
            if self.donl:
                if size <= header + self.donl:
                    self.damaged = True
                    self.refused += 1
                    return
                self.start(at[0], at[1])
                if self.fragment and not self.append(at + header + self.donl, size - header - self.donl):
                    self.fragment = False
                self.fragment = False
            else:
                self.put(at, size)

    cdef void units(self, const unsigned char* at, size_t size) noexcept nogil:
        """An aggregation packet: lengths and NAL units; with DONL one field of two bytes, then of one (RFC 7798, 4.4.2)."""
        cdef size_t skip = self.donl
        cdef size_t length
        while size:
            if size < skip + 2:
                break
            length = <size_t> at[skip] << 8 | at[skip + 1]
            if length > size - skip - 2:
                break
            self.put(at + skip + 2, length)
            at += skip + 2 + length
            size -= skip + 2 + length
            skip = 1 if self.donl else 0
        if size:
            self.damaged = True
            self.refused += 1

    cdef void piece(self, const unsigned char* at, size_t size) noexcept nogil:
        """A fragmentation unit: one that continues nothing is left out, for it cannot be decoded."""
        cdef size_t header = 2 if self.hevc else 1
        cdef unsigned char flags = at[header]
        cdef size_t skip = header + 1
        if flags & FU_BEGINS:
            skip += self.donl
            if size < skip:
                self.damaged = True
                self.refused += 1
                return
            if self.hevc:
                self.start(at[0] & 0x81 | (flags & 0x3f) << 1, at[1])
            else:
                self.start(at[0] & 0xe0 | flags & 0x1f, 0)
        if not self.fragment:
            self.damaged = True
            self.refused += 1
            return
        self.fragment = self.append(at + skip, size - skip) and not flags & FU_ENDS

    cdef bint heads(self) noexcept nogil:
        """Whether the buffer starts with what may be the first of a key frame.  Not with a slice where there have been parameter sets:
        those in front of it are lost then, and may be others.  `close` sees whether the first slice is there."""
        cdef size_t at = START_CODE + (2 if self.hevc else 1)
        cdef int kind
        if self.size <= at:
            return False
        kind = kind_of(self.buffer + START_CODE, self.hevc)
        if kind == (H265_VPS if self.hevc else H264_SPS):
            return True
        return self.first_of_picture(kind, self.buffer + at, self.size - at) and not (self.sets and is_vcl(kind, self.hevc))

    cdef bint begins(self, const unsigned char* at, size_t size) noexcept nogil:
        """Whether a payload holds the beginning of a picture."""
        cdef size_t header = 2 if self.hevc else 1
        cdef int kind
        if size <= header:
            return False
        kind = kind_of(at, self.hevc)
        if kind == (AP if self.hevc else STAP_A):
            return self.begins_among(at + header, size - header)
        if kind != (FU if self.hevc else FU_A):
            header += self.donl
            return size > header and self.first_of_picture(kind, at + header, size - header)
        if not at[header] & FU_BEGINS or size <= header + 1 + self.donl:
            return False
        kind = at[header] & (0x3f if self.hevc else 0x1f)
        return self.first_of_picture(kind, at + header + 1 + self.donl, size - header - 1 - self.donl)

    cdef bint begins_among(self, const unsigned char* at, size_t size) noexcept nogil:
        cdef size_t skip = self.donl
        cdef size_t length, header = 2 if self.hevc else 1
        while size >= skip + 2:
            length = <size_t> at[skip] << 8 | at[skip + 1]
            if length > size - skip - 2:
                return False
            at += skip + 2
            if length > header and self.first_of_picture(kind_of(at, self.hevc), at + header, length - header):
                return True
            at += length
            size -= skip + 2 + length
            skip = 1 if self.donl else 0
        return False

    cdef bint first_of_picture(self, int kind, const unsigned char* slice_data, size_t size) noexcept nogil:
        """By its type and what follows its header: first_slice_segment_in_pic_flag, or first_mb_in_slice 0 as ue(v), is the first bit."""
        if kind == (H265_AUD if self.hevc else H264_AUD):
            return True
        return is_vcl(kind, self.hevc) and slice_data[0] >> 7


cdef class VideoDepacketizer:
    """A Video with its sequence numbers, for tests and for who has no engine."""

    cdef Depacketizer _inner
    cdef Sequence _sequence

    def __cinit__(self, bint hevc, *, bint donl=False, size_t most=MOST):
        self._inner = Video(hevc, donl=donl, most=most)

    def take(self, bytes packet):
        return taken(self._inner, &self._sequence, packet)

    def finish(self):
        return finished(self._inner)

    @property
    def refused(self):
        return self._inner.refused


cdef list taken(Depacketizer inner, Sequence* sequence, bytes packet):
    """The units that a whole packet completes."""
    cdef Rtp rtp
    cdef list found = []
    cdef int place, verdict = AGAIN
    if not parse_rtp(<const unsigned char*> PyBytes_AS_STRING(packet), PyBytes_GET_SIZE(packet), &rtp):
        return found
    place = advance(sequence, &rtp)
    if place == LATE:
        return found
    if place == ANEW:
        inner.renumbered()
    while verdict == AGAIN:
        verdict = inner.take(&rtp, place != IN_ORDER)
        if verdict != NONE:
            found.append(_unit(inner))
    return found


cdef list finished(Depacketizer inner):
    cdef list found = []
    while inner.finish() != NONE:
        found.append(_unit(inner))
    return found


cdef object _unit(Depacketizer inner):
    cdef Ready ready = inner.ready
    return Unit(ready.data[:ready.size], ready.stamp, ready.duration, bool(ready.key), bool(ready.damaged))
