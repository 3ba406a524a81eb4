"""Datagrams of one track put back into their order, as far as waiting a little can do it.

    expected ─▶ PASS        ahead of it, below WINDOW ─▶ HOLD        further ahead ─▶ SKIP to the first that is held, ask again
    behind it ─▶ PASS: whoever counts sequence numbers sees that it is late, or that a new numbering has begun

Rules: only sorts; what is missing shows as a gap in the numbers.  A packet waits WAIT_NS at most.  Bounded: WINDOW slots of
SLOT bytes, 128 kB, taken when a packet is first out of order; a longer one is not held, and so is lost.  Twin: reorder_py.py.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint16_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef enum:
    WINDOW = 64                 # at 4 Mbit/s 0.2 s of packets
    SLOT = 2048                 # an Ethernet frame has 1500 bytes
    BEHIND = 1 << 15
    LATE = (1 << 16) - 100      # as in rtp.pyx: further behind is another numbering

cdef int64_t WAIT_NS = 100_000_000


cdef class Reorder:
    def __dealloc__(self):
        free(self.slots)

    cdef int place(self, uint16_t sequence) noexcept nogil:
        cdef uint16_t step = <uint16_t> (sequence - self.expected)
        if not self.begun or step == 0 or step >= BEHIND:
            return PASS
        if step < WINDOW:
            return HOLD
        return SKIP if self.held else PASS

    cdef bint keep(self, uint16_t sequence, const unsigned char* data, size_t size, int64_t now) noexcept nogil:
        """Hold a packet for which place said HOLD; False when it cannot be, or is held already."""
        cdef size_t slot = sequence % WINDOW
        if self.slots == NULL:
            self.slots = <unsigned char*> malloc(WINDOW * SLOT)
        if self.slots == NULL or size == 0 or size > SLOT or self.sizes[slot]:
            return False
        memcpy(self.slots + slot * SLOT, data, size)
        self.sizes[slot] = <uint16_t> size
        if self.held == 0:
            self.since = now
        self.held += 1
        return True

    cdef void passed(self, uint16_t sequence, int64_t now) noexcept nogil:
        """A packet for which place said PASS was given on."""
        cdef uint16_t step = <uint16_t> (sequence - self.expected)
        if not self.begun or step < BEHIND or (step < LATE and self.held == 0):
            self.begun, self.expected, self.since = True, <uint16_t> (sequence + 1), now

    cdef const unsigned char* following(self, size_t* size, int64_t now) noexcept nogil:
        """The held packet whose turn it is, valid until the next keep; NULL when there is none."""
        cdef size_t slot = self.expected % WINDOW
        if self.held == 0 or self.sizes[slot] == 0:
            return NULL
        size[0] = self.sizes[slot]
        self.sizes[slot] = 0
        self.held -= 1
        self.expected += 1
        self.since = now
        return self.slots + slot * SLOT

    cdef void skip(self, int64_t now) noexcept nogil:
        """Wait no longer for what is missing in front of the first held packet; some are held."""
        while self.sizes[self.expected % WINDOW] == 0:
            self.expected += 1
        self.since = now

    cdef bint overdue(self, int64_t now) noexcept nogil:
        return self.held > 0 and now - self.since >= WAIT_NS


cdef class Sorter:
    """A Reorder for tests."""

    cdef Reorder _inner

    def __cinit__(self):
        self._inner = Reorder()

    def take(self, int64_t sequence, bytes data, int64_t now):
        cdef list found = []
        cdef uint16_t number = <uint16_t> sequence
        cdef int place = self._inner.place(number)
        while place == SKIP:
            self._inner.skip(now)
            found += self._following(now)
            place = self._inner.place(number)
        if place == HOLD:
            self._inner.keep(number, <const unsigned char*> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), now)
            return found
        found.append(data)
        self._inner.passed(number, now)
        return found + self._following(now)

    def due(self, int64_t now):
        cdef list found = []
        while self._inner.overdue(now):
            self._inner.skip(now)
            found += self._following(now)
        return found

    cdef list _following(self, int64_t now):
        cdef size_t size
        cdef list found = []
        cdef const unsigned char* data = self._inner.following(&size, now)
        while data != NULL:
            found.append(data[:size])
            data = self._inner.following(&size, now)
        return found

    @property
    def held(self):
        return self._inner.held
