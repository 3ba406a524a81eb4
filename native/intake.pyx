"""The sockets of one camera emptied into one buffer, with as few system calls as there can be.

    connection ──recv as much as fits──▶ buffer ◀──'$' channel length, datagram── UDP sockets

Rules: 1. never waits: sockets are read until they are empty or the buffer is full, and the rest stays in the kernel.  2. A datagram
becomes an interleaved frame, so that all behind is one path.  3. No Python in here: one thread drains every camera without the GIL.
4. Bounded: CAPACITY bytes, of which only what is used is touched.  Has no twin: it decides nothing.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int, void*, size_t, int)
    int MSG_DONTWAIT

cdef enum:
    FRAME_HEADER = 4
    MAX_DATAGRAM = 65535
    DOLLAR = 0x24


cdef bint open_intake(Intake* intake) noexcept nogil:
    """False when there is no memory."""
    intake.size = intake.received = intake.calls = 0
    intake.state, intake.error, intake.more, intake.connection, intake.sockets = OPEN, 0, False, -1, 0
    intake.buffer = <unsigned char*> malloc(CAPACITY)
    return intake.buffer != NULL


cdef void close_intake(Intake* intake) noexcept nogil:
    free(intake.buffer)
    intake.buffer = NULL


cdef void drain(Intake* intake) noexcept nogil:
    """Read what is there.  Sockets belong to the caller, who closes them after the last drain."""
    cdef int i
    intake.more = False
    if intake.connection >= 0 and intake.state == OPEN:
        _drain_connection(intake)
    for i in range(intake.sockets):
        _drain_datagrams(intake, intake.datagrams[i], intake.channels[i])


cdef void _drain_connection(Intake* intake) noexcept nogil:
    cdef ssize_t got
    while intake.size < CAPACITY:
        got = recv(intake.connection, intake.buffer + intake.size, CAPACITY - intake.size, MSG_DONTWAIT)
        intake.calls += 1
        if got <= 0:
            if got < 0 and errno == EINTR:
                continue
            if got == 0:
                intake.state = ENDED
            elif errno != EAGAIN:
                intake.state, intake.error = BROKEN, errno
            return
        intake.size += got
        intake.received += got
        if intake.size < CAPACITY:
            return              # less than was asked for: the socket is empty
    intake.more = True


cdef void _drain_datagrams(Intake* intake, int socket, int channel) noexcept nogil:
    """An error of a datagram socket is an ICMP answer to what we sent: it is passed over, silence is what tells."""
    cdef unsigned char* at
    cdef ssize_t got
    while CAPACITY - intake.size >= FRAME_HEADER + MAX_DATAGRAM:
        at = intake.buffer + intake.size
        got = recv(socket, at + FRAME_HEADER, MAX_DATAGRAM, MSG_DONTWAIT)
        intake.calls += 1
        if got < 0:
            return
        _head(at, channel, got)
        intake.size += FRAME_HEADER + got
        intake.received += got
    intake.more = True


cdef void _head(unsigned char* at, int channel, size_t size) noexcept nogil:
    at[0], at[1], at[2], at[3] = DOLLAR, <unsigned char> channel, <unsigned char> (size >> 8), <unsigned char> size


cdef bint put_bytes_in(Intake* intake, const unsigned char* data, size_t size) noexcept nogil:
    """Bytes that somebody else has read from the connection; False when they do not fit."""
    if size > CAPACITY - intake.size:
        return False
    memcpy(intake.buffer + intake.size, data, size)
    intake.size += size
    intake.received += size
    return True


cdef bint put_datagram(Intake* intake, int channel, const unsigned char* data, size_t size) noexcept nogil:
    if size > MAX_DATAGRAM or size + FRAME_HEADER > CAPACITY - intake.size:
        return False
    _head(intake.buffer + intake.size, channel, size)
    intake.size += FRAME_HEADER
    return put_bytes_in(intake, data, size)


cdef void used(Intake* intake, size_t size) noexcept nogil:
    """Forget the oldest bytes; what is left moves to the beginning."""
    intake.size -= size
    if size and intake.size:
        memmove(intake.buffer, intake.buffer + size, intake.size)
