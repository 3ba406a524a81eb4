cdef enum:
    MAX_SOCKETS = 8
    CAPACITY = 256 << 10    # holds the longest piece (80 kB of text) and a read that pays; a tick of 200 ms at 10 Mbit/s
    LEAST = 4 << 10         # of a camera's own memory: more than a packet that has not come whole
    OPEN = 0
    ENDED = 1               # the camera closed the connection
    BROKEN = 2              # recv failed: `error` has errno


cdef struct Intake:
    unsigned char* buffer   # where bytes wait: `own`, or CAPACITY bytes of others' until they are taken apart
    size_t size             # how many
    unsigned char* own
    size_t room             # of own
    int state
    int error
    bint more               # the buffer was full before the sockets were empty
    int connection          # -1: none
    int sockets
    int[8] datagrams        # MAX_SOCKETS sockets of UDP
    int[8] channels         # and what they stand for
    unsigned long long received
    unsigned long long calls


cdef bint open_intake(Intake* intake) noexcept nogil
cdef void close_intake(Intake* intake) noexcept nogil
cdef void drain(Intake* intake) noexcept nogil
cdef void drain_into(Intake* intake, unsigned char* memory) noexcept nogil
cdef void settle(Intake* intake) noexcept nogil
cdef bint put_bytes_in(Intake* intake, const unsigned char* data, size_t size) noexcept nogil
cdef bint put_datagram(Intake* intake, int channel, const unsigned char* data, size_t size) noexcept nogil
cdef void used(Intake* intake, size_t size) noexcept nogil
