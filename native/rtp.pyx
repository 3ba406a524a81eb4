"""RTP in an RTSP connection: what the bytes are, what a packet's header says, which packets are missing.

    '$' channel u8, length u16, data       FRAME      RFC 2326, 10.12
    RTSP/1.0 200 OK ... blank line, body   TEXT       a capital letter begins it
    anything else                          JUNK       up to the next '$' whose data has RTP's version, or the next message's "RTSP/"

    octet 0: V=2 P X CC   1: M PT   2-3: sequence   4-7: timestamp   8-11: ssrc   then CC words, extension, payload, padding

Rules: 1. no function reads at or beyond `end`.  2. A camera that loses its place in the stream costs what is between, never the
session: junk is passed over and counted by the caller.  3. Text is bounded as in agent/rtsp/message.py, in bytes and in lines: what is
longer is junk.  4. Nothing is copied: pieces point into the caller's buffer.  Twin: rtp_py.py.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memchr, memcmp

cdef enum:
    DOLLAR = 0x24
    FRAME_HEADER = 4
    RTP_HEADER = 12
    MAX_HEAD = 16 << 10
    MAX_BODY = 64 << 10
    MAX_LINES = 129             # a first line and 128 headers
    NO_HEAD = MAX_HEAD + 1
    MAX_GAP = 3000              # RFC 3550, A.1: MAX_DROPOUT; beyond it, it is another numbering and not a loss
    MAX_LATE = 100              # RFC 3550, A.1: MAX_MISORDER


cdef Piece next_piece(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """What begins at `at`; MORE when it is not complete, for which the caller keeps the bytes."""
    cdef size_t size = end - at
    if size == 0:
        return Piece(MORE, -1, at, 0, 0)
    if at[0] == DOLLAR:
        return _frame(at, size)
    if at[0] == 13 or at[0] == 10:      # an empty line keeps a connection alive
        return Piece(JUNK, -1, at, 0, 1)
    if 0x41 <= at[0] <= 0x5a:
        return _text(at, size)
    return _junk(at, end, 0)


cdef Piece _frame(const unsigned char* at, size_t size) noexcept nogil:
    cdef size_t length
    if size < FRAME_HEADER:
        return Piece(MORE, -1, at, 0, 0)
    length = at[2] << 8 | at[3]
    if size - FRAME_HEADER < length:
        return Piece(MORE, -1, at, 0, 0)
    return Piece(FRAME, at[1], at + FRAME_HEADER, length, FRAME_HEADER + length)


cdef Piece _text(const unsigned char* at, size_t size) noexcept nogil:
    cdef size_t read = size if size < MAX_HEAD else MAX_HEAD
    cdef size_t head = _head_size(at, &read)
    cdef size_t body
    if head == 0 and size < MAX_HEAD:
        return Piece(MORE, -1, at, 0, 0)
    if head == 0 or head == NO_HEAD:
        return _junk(at, at + size, read)
    body = _body_size(at, at + head)
    if body > MAX_BODY:
        return _junk(at, at + size, head)
    if size - head < body:
        return Piece(MORE, -1, at, 0, 0)
    return Piece(TEXT, -1, at, head + body, head + body)


cdef Piece _junk(const unsigned char* at, const unsigned char* end, size_t read) noexcept nogil:
    """At least one byte, up to where a frame or a message may begin; no message does in the first `read` bytes.  Else "RTSP/\\n" without
    end would be one on each line, every one of them read through, and 256 kB of that would hold up all cameras for 0.7 s."""
    cdef const unsigned char* stop = at + 1
    while stop < end and not _may_begin(stop, end - stop, <size_t> (stop - at) >= read):
        stop += 1
    return Piece(JUNK, -1, at, stop - at, stop - at)


cdef bint _may_begin(const unsigned char* at, size_t size, bint message) noexcept nogil:
    if at[0] == DOLLAR:
        return size < 5 or at[4] >> 6 == 2
    return message and at[0] == 0x52 and memcmp(at, b"RTSP/", size if size < 5 else 5) == 0


cdef size_t _head_size(const unsigned char* at, size_t* size) noexcept nogil:
    """Bytes up to and with the first empty line; 0 when there is none, NO_HEAD when it would come too late: `size` is what was read."""
    cdef const unsigned char* end = at + size[0]
    cdef int lines = 0
    cdef const unsigned char* line = <const unsigned char*> memchr(at, 10, size[0])
    while line != NULL and line + 1 < end:
        if line[1] == 10:
            return line + 2 - at
        if line[1] == 13 and line + 2 == end:
            return 0
        if line[1] == 13 and line[2] == 10:
            return line + 3 - at
        lines += 1
        if lines == MAX_LINES:
            size[0] = line + 1 - at
            return NO_HEAD
        line = <const unsigned char*> memchr(line + 1, 10, end - line - 1)
    return 0


cdef size_t _body_size(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """The first Content-Length of a head; 0 without one, more than MAX_BODY for one that is no number."""
    cdef const unsigned char* line = at
    while line < end:
        if end - line > 15 and _is_content_length(line):
            return _number(line + 15, end)
        line = <const unsigned char*> memchr(line, 10, end - line)
        if line == NULL:
            return 0
        line += 1
    return 0


cdef bint _is_content_length(const unsigned char* line) noexcept nogil:
    cdef const unsigned char* name = b"content-length:"
    cdef size_t i
    for i in range(15):
        if line[i] != name[i] and (name[i] < 0x61 or line[i] + 32 != name[i]):
            return False
    return True


cdef size_t _number(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """Digits between blanks up to the end of the line."""
    cdef size_t value = 0
    while at < end and (at[0] == 32 or at[0] == 9):
        at += 1
    while at < end and 0x30 <= at[0] <= 0x39 and value <= MAX_BODY:
        value = value * 10 + at[0] - 0x30
        at += 1
    while at < end and (at[0] == 32 or at[0] == 9 or at[0] == 13):
        at += 1
    return value if at < end and at[0] == 10 else MAX_BODY + 1


cdef bint parse_rtp(const unsigned char* data, size_t size, Rtp* packet) noexcept nogil:
    """Read a packet's header; False for what is no RTP, or announces more than there is.  A pad that cannot be (of no octet, or of more
    than the payload has) is the camera's mistake about its own bit, and all behind the header is payload."""
    cdef size_t head, padding = 0
    if size < RTP_HEADER or data[0] >> 6 != 2:
        return False
    head = RTP_HEADER + 4 * (data[0] & 15)
    if data[0] & 0x10:
        if size < head + 4:
            return False
        head += 4 + 4 * (<size_t> data[head + 2] << 8 | data[head + 3])
    if size < head:
        return False
    if data[0] & 0x20 and data[size - 1] <= size - head:
        padding = data[size - 1]
    packet.payload_type, packet.marker = data[1] & 0x7f, data[1] >> 7
    packet.sequence = <uint16_t> (data[2] << 8 | data[3])
    packet.timestamp = <uint32_t> data[4] << 24 | <uint32_t> data[5] << 16 | <uint32_t> data[6] << 8 | data[7]
    packet.ssrc = <uint32_t> data[8] << 24 | <uint32_t> data[9] << 16 | <uint32_t> data[10] << 8 | data[11]
    packet.payload, packet.size = data + head, size - head - padding
    return True


cdef int advance(Sequence* sequence, const Rtp* packet) noexcept nogil:
    """Where a packet stands among those before it.  A new source, or a leap beyond MAX_GAP, is a new numbering; a source that goes on with
    the numbers of the one before has lost nothing."""
    cdef uint16_t step = <uint16_t> (packet.sequence - sequence.expected)
    cdef bint same = sequence.begun and packet.ssrc == sequence.ssrc
    cdef int place = GAP if sequence.begun and step else IN_ORDER
    if same and step >= <uint16_t> -MAX_LATE:
        sequence.late += 1
        return LATE
    if same and step <= MAX_GAP:
        sequence.lost += step
        sequence.highest += 1 + step
    else:
        sequence.highest = packet.sequence
        sequence.first = <int64_t> packet.sequence - <int64_t> (sequence.received + sequence.lost)
        place = ANEW if place == GAP else IN_ORDER
    sequence.begun, sequence.ssrc = True, packet.ssrc
    sequence.expected = <uint16_t> (packet.sequence + 1)
    sequence.received += 1
    return place


def split(bytes data):
    cdef const unsigned char* start = <const unsigned char*> PyBytes_AS_STRING(data)
    cdef const unsigned char* end = start + PyBytes_GET_SIZE(data)
    cdef const unsigned char* at = start
    cdef Piece piece = next_piece(at, end)
    cdef list found = []
    while piece.kind != MORE:
        found.append((piece.kind, piece.channel, piece.start - start, piece.size))
        at += piece.used
        piece = next_piece(at, end)
    return found, at - start


def parse(bytes packet):
    cdef Rtp rtp
    cdef const unsigned char* data = <const unsigned char*> PyBytes_AS_STRING(packet)
    if not parse_rtp(data, PyBytes_GET_SIZE(packet), &rtp):
        return None
    return rtp.payload_type, bool(rtp.marker), rtp.sequence, rtp.timestamp, rtp.ssrc, rtp.payload - data, rtp.size


cdef class Counter:
    """Sequence numbers of one track, for tests and for who has no engine."""

    cdef Sequence _sequence

    def take(self, bytes packet):
        cdef Rtp rtp
        if not parse_rtp(<const unsigned char*> PyBytes_AS_STRING(packet), PyBytes_GET_SIZE(packet), &rtp):
            return -1
        return advance(&self._sequence, &rtp)

    @property
    def counts(self):
        return self._sequence.received, self._sequence.lost, self._sequence.late, self._sequence.highest, self._sequence.first
