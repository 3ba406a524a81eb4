"""One camera's packets: from its sockets to access units, with everything that is known of them.

    intake ─▶ split ─┬─ text, RTCP ─▶ messages
                     └─ RTP ─▶ (order, over UDP) ─▶ sequence ─▶ depacketizer ─▶ units

Rules: 1. `Basin.receive` empties the sockets of some streams with the GIL released once; `process` then takes one stream's bytes apart
under it, tens of microseconds, and what is left of them is its own again.  2. One thread calls everything.  3. Frames of channels that
nobody asked for, and payload types that the description does not have, are counted and left out.  4. A process gives at most what
CAPACITY bytes hold: 256 kB of units, or 87 381 messages (text of 3 bytes).  5. What a lane takes is not given.
Twin: stream_py.py, without the sockets.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

from .depay cimport AGAIN, NONE, Depacketizer, Ready, Video
from .intake cimport (
    CAPACITY, MAX_SOCKETS, Intake, close_intake, drain, drain_into, open_intake, put_bytes_in, put_datagram, settle, used
)
from .lane cimport Lane
from .reorder cimport HOLD, SKIP, Reorder
from .rtp cimport ANEW, FRAME, IN_ORDER, LATE, MORE, TEXT, Piece, Rtp, Sequence, advance, next_piece, parse_rtp
from .sound cimport OPUS, Layout, Sound

from .unit import Unit

cdef enum:
    MAX_TRACKS = 4
    STRANGE = -1
    CONTROL = -2
    CONNECTION = -1             # the channel of text
    BASIN = 512 << 10           # CAPACITY for the next camera behind a tick of some: half of a core's second cache
    LINE = 64                   # of a cache
    MOST = 64                   # streams a call of receive: their list is made before any byte moves


cdef class _Track:
    cdef int payload_type
    cdef Depacketizer depay
    cdef Reorder order          # None over TCP
    cdef Sequence sequence

    def __cinit__(self, int payload_type, Depacketizer depay, bint sorted_):
        self.payload_type, self.depay = payload_type, depay
        self.order = Reorder() if sorted_ else None


cdef class Basin


cdef class Stream:
    cdef Intake _intake
    cdef list _tracks
    cdef Lane _lane                 # None: every unit is given to who calls process
    cdef Basin _basin               # outlives the bytes of ours that are in it
    cdef signed char[256] _roles    # of each channel: a track, STRANGE, or CONTROL
    cdef readonly uint64_t junk
    cdef readonly uint64_t strange

    def __cinit__(self):
        cdef int i
        self._tracks = []
        for i in range(256):
            self._roles[i] = STRANGE
        if not open_intake(&self._intake):
            raise MemoryError("no memory for a camera's buffer")

    def __dealloc__(self):
        close_intake(&self._intake)

    # what to read, and from where

    def add_video(self, int channel, int payload_type, bint hevc, *, bint donl=False, bint datagrams=False):
        return self._add(channel, payload_type, Video(hevc, donl=donl), datagrams)

    def add_sound(self, int channel, int payload_type, int layout, *, int64_t frame_ticks=0, int channels=1, int size_bits=13,
                  int index_bits=3, int delta_bits=3, bint datagrams=False):
        if layout < 0 or layout > <int> OPUS or not 0 <= frame_ticks <= 0xffffffff:
            raise ValueError("no such layout, or a frame of no length")
        sound = Sound(<Layout> layout, frame_ticks=<unsigned int> frame_ticks, channels=channels, size_bits=size_bits,
                      index_bits=index_bits, delta_bits=delta_bits)
        return self._add(channel, payload_type, sound, datagrams)

    cdef _add(self, int channel, int payload_type, Depacketizer depay, bint datagrams):
        self._check_channel(channel)
        if len(self._tracks) == MAX_TRACKS:
            raise ValueError(f"a stream has at most {MAX_TRACKS} tracks")
        self._tracks.append(_Track(payload_type, depay, datagrams))
        self._roles[channel] = <signed char> (len(self._tracks) - 1)
        return len(self._tracks) - 1

    def add_control(self, int channel):
        self._check_channel(channel)
        self._roles[channel] = CONTROL

    cdef _check_channel(self, int channel):
        if not 0 <= channel <= 255 or self._roles[channel] != STRANGE:
            raise ValueError(f"channel {channel} is none, or has a role already")

    def connect(self, int connection, *, datagrams=()):
        if len(datagrams) > MAX_SOCKETS:
            raise ValueError(f"a stream has at most {MAX_SOCKETS} sockets beside its connection")
        self._intake.connection = connection
        self._intake.sockets = 0
        for socket, channel in datagrams:
            self._intake.datagrams[self._intake.sockets], self._intake.channels[self._intake.sockets] = socket, channel
            self._intake.sockets += 1

    @property
    def lane(self):
        return self._lane

    @lane.setter
    def lane(self, Lane lane):
        self._lane = lane

    def feed(self, bytes data):
        return bool(put_bytes_in(&self._intake, <const unsigned char*> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)))

    def feed_datagram(self, int channel, bytes data):
        return bool(put_datagram(&self._intake, channel, <const unsigned char*> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)))

    # what has come

    def process(self, int64_t now):
        cdef list units = [], messages = []
        self._process(now, units, messages)
        return units, messages

    cdef _process(self, int64_t now, list units, list messages):
        cdef const unsigned char* at = self._intake.buffer
        cdef const unsigned char* end = at + self._intake.size
        cdef Piece piece = next_piece(at, end)
        while piece.kind != MORE:
            if piece.kind == FRAME:
                self._frame(&piece, now, units, messages)
            elif piece.kind == TEXT:
                messages.append((CONNECTION, piece.start[:piece.size]))
            else:
                self.junk += piece.size
            at += piece.used
            piece = next_piece(at, end)
        used(&self._intake, at - self._intake.buffer)
        self._wait_no_longer(now, units)

    cdef _frame(self, const Piece* piece, int64_t now, list units, list messages):
        cdef int role = self._roles[piece.channel]
        cdef _Track track
        cdef Rtp packet
        if role == CONTROL:
            messages.append((piece.channel, piece.start[:piece.size]))
        elif role == STRANGE or not parse_rtp(piece.start, piece.size, &packet):
            self.strange += 1
        else:
            track = <_Track> self._tracks[role]
            if packet.payload_type != track.payload_type:
                self.strange += 1
            elif track.order is None:
                self._packet(track, role, &packet, units)
            else:
                self._sorted(track, role, piece, &packet, now, units)

    cdef _sorted(self, _Track track, int role, const Piece* piece, const Rtp* packet, int64_t now, list units):
        cdef int place = track.order.place(packet.sequence)
        while place == SKIP:
            track.order.skip(now)
            self._following(track, role, now, units)
            place = track.order.place(packet.sequence)
        if place == HOLD:
            track.order.keep(packet.sequence, piece.start, piece.size, now)
            return
        self._packet(track, role, packet, units)
        track.order.passed(packet.sequence, now)
        self._following(track, role, now, units)

    cdef _following(self, _Track track, int role, int64_t now, list units):
        cdef Rtp packet
        cdef size_t size
        cdef const unsigned char* data = track.order.following(&size, now)
        while data != NULL:
            if parse_rtp(data, size, &packet):
                self._packet(track, role, &packet, units)
            data = track.order.following(&size, now)

    cdef _wait_no_longer(self, int64_t now, list units):
        cdef _Track track
        cdef int role
        for role in range(len(self._tracks)):
            track = <_Track> self._tracks[role]
            while track.order is not None and track.order.overdue(now):
                track.order.skip(now)
                self._following(track, role, now, units)

    cdef _packet(self, _Track track, int role, const Rtp* packet, list units):
        cdef int place = advance(&track.sequence, packet)
        cdef int verdict = NONE if place == LATE else AGAIN
        if place == ANEW:
            track.depay.renumbered()
        while verdict == AGAIN:
            verdict = track.depay.take(packet, place != IN_ORDER)
            if verdict != NONE and (self._lane is None or not self._lane.take(role, &track.depay.ready)):
                units.append((role, _unit(&track.depay.ready)))

    def finish(self):
        cdef list units = []
        cdef _Track track
        cdef int role
        for role in range(len(self._tracks)):
            track = <_Track> self._tracks[role]
            while track.order is not None and track.order.held:     # what they wait for will not come
                track.order.skip(0)
                self._following(track, role, 0, units)
            while track.depay.finish() != NONE:
                units.append((role, _unit(&track.depay.ready)))
        return units

    def counts(self, int index):
        cdef _Track track = <_Track> self._tracks[index]
        return (track.sequence.received, track.sequence.lost, track.sequence.late, track.sequence.highest, track.sequence.first,
                track.depay.refused)

    def source(self, int index):
        cdef _Track track = <_Track> self._tracks[index]
        return track.sequence.ssrc if track.sequence.begun else None

    @property
    def state(self):
        return self._intake.state

    @property
    def error(self):
        return self._intake.error

    @property
    def more(self):
        return bool(self._intake.more)

    @property
    def received(self):
        return self._intake.received

    @property
    def calls(self):
        return self._intake.calls

    @property
    def buffered(self):
        return self._intake.size

    @property
    def room(self):
        return self._intake.room


cdef object _unit(const Ready* ready):
    return Unit(ready.data[:ready.size], ready.stamp, ready.duration, bool(ready.key), bool(ready.damaged))


cdef class Basin:
    cdef unsigned char* _memory
    cdef list _read             # whose bytes may be in it

    def __cinit__(self):
        self._read = []
        self._memory = <unsigned char*> malloc(BASIN)
        if self._memory == NULL:
            raise MemoryError("no memory to read cameras into")

    def __dealloc__(self):
        free(self._memory)

    def receive(self, list streams, Py_ssize_t first=0):
        cdef Py_ssize_t count, at = 0
        cdef size_t taken = 0
        cdef Intake** intakes
        cdef list turn
        if first < 0:
            raise ValueError(f"there is no stream number {first}")
        self.settle()
        turn = streams[first:first + MOST]
        count, intakes = len(turn), _intakes(turn)
        self._read = turn           # from here on nothing fails: no stream's bytes are in this memory without being on the list
        for stream in turn:
            (<Stream> stream)._basin = self
        with nogil:
            while at < count and BASIN - taken >= CAPACITY:
                drain_into(intakes[at], self._memory + taken)
                taken += (intakes[at].size + LINE - 1) // LINE * LINE
                at += 1
        free(intakes)
        return first + at

    def tick(self, list streams, Py_ssize_t first, int64_t now, int64_t arrival_ns):
        cdef list units = [], messages = [], unusual = []
        cdef Py_ssize_t done = self.receive(streams, first), at
        cdef bint more = False
        cdef Stream stream
        for at in range(first, done):
            stream = <Stream> streams[at]
            more |= stream._intake.more
            error = None
            try:
                if stream._lane is not None:
                    stream._lane.arrival_ns = arrival_ns
                stream._process(now, units, messages)
            except Exception as raised:     # of one stream: the others have their turn (invariant 7)
                error = raised
            if units or messages or error is not None or stream._intake.state or stream._lane is None or not stream._lane.open:
                unusual.append((at, units, messages, error))
                units, messages = [], []
        self.settle()
        return done, unusual, more

    def settle(self):
        for stream in self._read:
            settle(&(<Stream> stream)._intake)
            (<Stream> stream)._basin = None
        self._read = []


def receive(list streams):
    cdef Py_ssize_t count = len(streams), i
    cdef Intake** intakes = _intakes(streams)
    with nogil:
        for i in range(count):
            drain(intakes[i])
    free(intakes)


cdef Intake** _intakes(list streams) except NULL:
    """The caller frees the array."""
    cdef Py_ssize_t i
    cdef Intake** intakes
    for stream in streams:
        if not isinstance(stream, Stream):
            raise TypeError(f"{type(stream).__name__} is no Stream")
    intakes = <Intake**> malloc(len(streams) * sizeof(Intake*) + 1)
    if intakes == NULL:
        raise MemoryError("no memory for a list of cameras")
    for i in range(len(streams)):
        intakes[i] = &(<Stream> streams[i])._intake
    return intakes
