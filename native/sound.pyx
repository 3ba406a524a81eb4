"""Frames of sound out of RTP payloads: AAC (RFC 3640 and RFC 6416), Opus (RFC 7587), G.711 (RFC 3551).

    PLAIN    frame                                                         stamped by its packet
    OPUS     TOC (config, stereo, code of frames), ...                     likewise; the TOC says how long it lasts (RFC 6716, 3.1)
    HBR      AU-headers-length u16 (bits), AU headers, AU, AU, ...         each a frame's length after the one before
             or one AU header and a part of its AU, more of it in the packets behind that have the same stamp
    LATM     one byte after the other of 255, a last one below, AU, ...    over as many packets of one stamp as it takes, up to the marker

Rules: as in depay.pyx; a frame of which a fragment is missing is not given at all, since half an AAC frame is noise, and the next
frame is `damaged`; interleaved AUs (an index that is not 0) are refused: nobody sends them.  LATM does not say where a frame begins: what
comes first behind a gap is given when its lengths fill it to the byte, which the end of a frame does about once in a hundred times.
`buffer` holds one frame, at most MOST bytes.  Twin: sound_py.py.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from .depay cimport AGAIN, DONE, NONE, Depacketizer, finished, taken
from .rtp cimport Rtp, Sequence

cdef enum:
    MOST = 64 << 10
    AAC_TICKS = 1024
    OPUS_20_MS = 960            # always at 48 kHz (RFC 7587, 4.1)
    OPUS_MOST = 5760            # no packet is longer than 120 ms (RFC 6716, 3.4, R5)
    HEADERS_LENGTH = 2
    MAX_UNITS = 64              # in one packet: more is no sound but an attack


cdef class Sound(Depacketizer):
    def __cinit__(self, Layout layout, *, uint32_t frame_ticks=0, int channels=1, int size_bits=13, int index_bits=3, int delta_bits=3):
        if channels < 1:
            raise ValueError("no sound has less than a channel")
        if layout == HBR and not (1 <= size_bits <= 32 and 0 <= index_bits <= 32 and 0 <= delta_bits <= 32):
            raise ValueError("AU headers have fields of up to 32 bits, and a size")
        self.layout, self.frame_ticks, self.channels, self.most = layout, frame_ticks, channels, MOST
        self.size_bits, self.index_bits, self.delta_bits = size_bits, index_bits, delta_bits

    cdef int take(self, const Rtp* packet, bint gap) noexcept nogil:
        cdef int verdict
        if self.units == 0:
            self.unfinished(gap, not self.begun or packet.timestamp != self.raw)
            self.follow(packet.timestamp)
        if self.layout == PLAIN or self.layout == OPUS:
            return self.plain(packet)
        verdict = self.hbr(packet) if self.layout == HBR else self.latm(packet, gap)
        self.units = self.units + 1 if verdict == AGAIN else 0
        return verdict

    cdef void unfinished(self, bint gap, bint moved) noexcept nogil:
        """Forget the frame that is being put together when the next packet is not of it: behind a gap, or of another stamp."""
        if not gap and not moved:
            return
        self.torn = not moved and (self.joining or self.torn)
        self.damaged |= gap or self.joining or self.wanted != 0
        self.wanted = self.size = 0
        self.joining = False

    cdef int hand(self, const unsigned char* data, size_t size, int verdict) noexcept nogil:
        """Give a frame that stands at `data`, the packet's or the buffer's."""
        cdef uint32_t ticks = _opus_ticks(data, size) if self.layout == OPUS else self.frame_ticks
        if ticks == 0:
            ticks = <uint32_t> (size // self.channels) if self.layout == PLAIN else AAC_TICKS
        self.ready.data, self.ready.size, self.ready.stamp = data, size, self.stamp + <int64_t> ticks * <int64_t> self.units
        self.ready.duration = ticks
        self.ready.key, self.ready.damaged = True, self.damaged
        self.damaged = False
        return verdict

    cdef int refuse(self) noexcept nogil:
        self.damaged = True
        self.refused += 1
        self.wanted = self.size = 0
        self.joining = False
        return NONE

    cdef int plain(self, const Rtp* packet) noexcept nogil:
        if packet.size == 0 or packet.size > self.most:
            return self.refuse()
        return self.hand(packet.payload, packet.size, DONE)

    cdef int hbr(self, const Rtp* packet) noexcept nogil:
        """The AU number `units` of a packet.  Walks its headers anew for each: they are few."""
        cdef const unsigned char* at = packet.payload
        cdef size_t bits, bit = 0, behind, size = 0, offset, i
        cdef uint32_t index
        if packet.size < HEADERS_LENGTH:
            return self.refuse()
        bits = <size_t> at[0] << 8 | at[1]
        behind = HEADERS_LENGTH + (bits + 7) // 8
        if behind > packet.size or self.units >= MAX_UNITS:
            return self.refuse()
        offset = behind
        for i in range(self.units + 1):
            offset += size
            index = self.index_bits if i == 0 else self.delta_bits
            if bit + self.size_bits + index > bits:
                return NONE if i else self.refuse()
            size = _bits(at + HEADERS_LENGTH, bit, self.size_bits)
            if index and _bits(at + HEADERS_LENGTH, bit + self.size_bits, index):
                return self.refuse()
            bit += self.size_bits + index
        if size == 0 or size > self.most:
            return self.refuse()
        if offset + size > packet.size:
            if self.units or bit + self.size_bits + self.delta_bits <= bits:
                return self.refuse()        # only an AU that is alone in its packet may be a part
            return self.rest_of_frame(at + offset, packet.size - offset, size)
        self.damaged |= self.wanted != 0
        self.wanted = self.size = 0
        return self.hand(at + offset, size, AGAIN if bit + self.size_bits + self.delta_bits <= bits else DONE)

    cdef int rest_of_frame(self, const unsigned char* data, size_t size, size_t whole) noexcept nogil:
        """A part of a frame of `whole` bytes, which every part announces."""
        cdef size_t given
        if self.wanted != whole:
            self.damaged |= self.wanted != 0
            self.size, self.wanted = 0, whole
        if size > whole - self.size or not self.append(data, size):
            return self.refuse()
        if self.size < whole:
            return NONE
        given, self.size, self.wanted = self.size, 0, 0
        return self.hand(self.buffer, given, DONE)

    cdef int latm(self, const Rtp* packet, bint gap) noexcept nogil:
        """Collect up to the marker, then give what is there frame by frame; `wanted` is how much of it is given."""
        cdef size_t size
        cdef const unsigned char* at
        cdef const unsigned char* end
        if self.units == 0:
            if self.torn:
                self.torn = not packet.marker
                self.refused += 1
                return NONE
            if not self.joining:
                self.size = self.wanted = 0
                self.joining, self.doubted = True, gap
            if not self.append(packet.payload, packet.size):
                self.torn, self.joining, self.size = not packet.marker, False, 0
                return NONE
            if not packet.marker:
                return NONE
            self.joining = False
            if self.doubted and not self.filled():
                return self.refuse()
        at, end = self.buffer + self.wanted, self.buffer + self.size
        size = _announced(&at, end)
        if size == 0 or self.units >= MAX_UNITS:
            return self.refuse()
        self.wanted = at + size - self.buffer if at + size < end else 0
        return self.hand(at, size, AGAIN if self.wanted else DONE)

    cdef bint filled(self) noexcept nogil:
        """Whether what has been put together is frames to its last byte."""
        cdef const unsigned char* at = self.buffer
        cdef const unsigned char* end = at + self.size
        cdef size_t size = 1
        while at < end and size:
            size = _announced(&at, end)
            at += size
        return at == end and size != 0


cdef uint32_t _opus_ticks(const unsigned char* data, size_t size) noexcept nogil:
    """Of a packet of Opus that has a byte at least; of one that breaks its own rules, what one frame of it would last."""
    cdef unsigned int config = data[0] >> 3, code = data[0] & 3, frames = 1 if code == 0 else 2
    cdef uint32_t each
    if config >= 16:
        each = OPUS_20_MS // 8 << (config & 3)          # CELT: 2.5, 5, 10, 20 ms
    elif config >= 12:
        each = OPUS_20_MS // 2 << (config & 1)          # both: 10, 20 ms
    else:
        each = OPUS_20_MS * 3 if config & 3 == 3 else OPUS_20_MS // 2 << (config & 3)      # SILK: 10, 20, 40, 60 ms
    if code == 3:
        frames = data[1] & 63 if size > 1 else 0
    return each * frames if 0 < each * frames <= OPUS_MOST else each


cdef size_t _announced(const unsigned char** at, const unsigned char* end) noexcept nogil:
    """Bytes of the frame of LATM whose length stands there, and go behind that; 0 when it is empty or they are not there."""
    cdef size_t size = 0
    while at[0] < end and at[0][0] == 255:
        size += 255
        at[0] += 1
    if at[0] == end:
        return 0
    size += at[0][0]
    at[0] += 1
    return size if size <= <size_t> (end - at[0]) else 0


cdef size_t _bits(const unsigned char* at, size_t bit, int count) noexcept nogil:
    """`count` bits, most significant first; the caller knows that they are there."""
    cdef uint64_t value = 0
    cdef int i
    for i in range(count):
        value = value << 1 | (at[(bit + i) >> 3] >> (7 - ((bit + i) & 7)) & 1)
    return value


cdef class SoundDepacketizer:
    """A Sound with its sequence numbers, for tests and for who has no engine."""

    cdef Depacketizer _inner
    cdef Sequence _sequence

    def __cinit__(self, int layout, *, int64_t frame_ticks=0, int channels=1, int size_bits=13, int index_bits=3, int delta_bits=3):
        if layout < 0 or layout > <int> OPUS or not 0 <= frame_ticks <= 0xffffffff:
            raise ValueError("no such layout, or a frame of no length")
        self._inner = Sound(<Layout> layout, frame_ticks=<uint32_t> frame_ticks, channels=channels, size_bits=size_bits,
                            index_bits=index_bits, delta_bits=delta_bits)

    def take(self, bytes packet):
        return taken(self._inner, &self._sequence, packet)

    def finish(self):
        return finished(self._inner)

    @property
    def refused(self):
        return self._inner.refused
