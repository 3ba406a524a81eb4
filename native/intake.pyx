"""The sockets of one camera emptied into one buffer, with as few system calls as there can be.

    connection ──recv as much as fits──▶ buffer ◀──'$' channel length, datagram── UDP sockets
                                           │ it is `own`, or a piece of memory that all cameras use in turn (drain_into): then a core's
                                           ▼ cache has it for each of them, and reading 64 cameras costs a quarter less
                     what was taken apart is forgotten; a piece that is not complete waits in `own`

Rules: 1. never waits: sockets are read until they are empty or the buffer is full, and the rest stays in the kernel.  2. A datagram
becomes an interleaved frame, so that all behind is one path.  3. No Python in here: one thread drains every camera without the GIL.
4. Bounded: CAPACITY bytes; `own` grows as needed, shrinks when it was not, and is never without memory.  5. Bytes in memory of others
move into `own`, by `used` or `settle`, before that memory is used again.  Has no twin: it decides nothing.
"""

from libc.errno cimport EAGAIN, EINTR, ENOMEM, errno
from libc.stdlib cimport free, malloc, realloc
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
    intake.buffer = intake.own = <unsigned char*> malloc(LEAST)
    intake.room = LEAST
    return intake.own != NULL


cdef void close_intake(Intake* intake) noexcept nogil:
    free(intake.own)
    intake.own = intake.buffer = NULL


cdef void drain(Intake* intake) noexcept nogil:
    """Read what is there.  Sockets belong to the caller, who closes them after the last drain."""
    cdef int i
    intake.more = False
    if not _has_room(intake, CAPACITY):
        intake.state, intake.error = BROKEN, ENOMEM
        return
    if intake.connection >= 0 and intake.state == OPEN:
        _drain_connection(intake)
    for i in range(intake.sockets):
        _drain_datagrams(intake, intake.datagrams[i], intake.channels[i])


cdef void drain_into(Intake* intake, unsigned char* memory) noexcept nogil:
    """As drain, into CAPACITY bytes of memory that is the caller's."""
    memcpy(memory, intake.buffer, intake.size)
    intake.buffer = memory
    drain(intake)


cdef bint _has_room(Intake* intake, size_t wanted) noexcept nogil:
    """Make room for so many bytes altogether, CAPACITY at most; False when there is no memory."""
    cdef size_t room = intake.room
    cdef void* grown
    if intake.buffer != intake.own or wanted <= room:
        return True
    while room < wanted:
        room *= 2
    grown = realloc(intake.own, room)
    if grown == NULL:
        return False
    intake.own = intake.buffer = <unsigned char*> grown
    intake.room = room
    return True


cdef void settle(Intake* intake) noexcept nogil:
    """What waits moves into the camera's own memory; without memory the camera is given up."""
    _keep(intake, intake.buffer)


cdef void _keep(Intake* intake, const unsigned char* data) noexcept nogil:
    """The `size` bytes of `data`, which lie in memory of others, are what waits; `own` becomes as small as they are."""
    cdef size_t room = LEAST
    cdef void* own
    if intake.buffer == intake.own:
        return
    while room < intake.size:
        room *= 2
    if room != intake.room:
        own = realloc(intake.own, room)
        if own != NULL:
            intake.own, intake.room = <unsigned char*> own, room
    intake.buffer = intake.own
    if intake.size > intake.room:
        intake.state, intake.error, intake.size = BROKEN, ENOMEM, 0
        return
    memcpy(intake.own, data, intake.size)


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
    if size > CAPACITY - intake.size or not _has_room(intake, intake.size + size):
        return False
    memcpy(intake.buffer + intake.size, data, size)
    intake.size += size
    intake.received += size
    return True


cdef bint put_datagram(Intake* intake, int channel, const unsigned char* data, size_t size) noexcept nogil:
    if size > MAX_DATAGRAM or size + FRAME_HEADER > CAPACITY - intake.size or not _has_room(intake, intake.size + FRAME_HEADER + size):
        return False
    _head(intake.buffer + intake.size, channel, size)
    intake.size += FRAME_HEADER
    return put_bytes_in(intake, data, size)


cdef void used(Intake* intake, size_t size) noexcept nogil:
    """Forget the oldest bytes; what is left moves to the beginning of the camera's own memory."""
    intake.size -= size
    if intake.buffer != intake.own:
        _keep(intake, intake.buffer + size)
    elif size and intake.size:
        memmove(intake.buffer, intake.buffer + size, intake.size)
