from collections.abc import Iterable

from .lane import Lane
from .unit import Unit

class Stream:
    """One camera's packets, from its sockets to access units.  One thread calls everything, and `receive` counts as that thread.

    Channels are those of interleaved frames; over UDP a socket stands for one.  First say what is where, then connect, then in turns
    receive and process; when no more comes, finish.
    """

    def __init__(self) -> None: ...
    def add_video(self, channel: int, payload_type: int, hevc: bool, *, donl: bool = False, datagrams: bool = False) -> int:
        """A track of H.264 or H.265; gives its index.  datagrams: put packets back into order.  Raises ValueError."""
    def add_sound(
        self,
        channel: int,
        payload_type: int,
        layout: int,
        *,
        frame_ticks: int = 0,
        channels: int = 1,
        size_bits: int = 13,
        index_bits: int = 3,
        delta_bits: int = 3,
        datagrams: bool = False,
    ) -> int:
        """A track of sound, see SoundDepacketizer; gives its index.  Raises ValueError."""
    def add_control(self, channel: int) -> None:
        """Frames of this channel are messages: RTCP."""
    def connect(self, connection: int, *, datagrams: Iterable[tuple[int, int]] = ()) -> None:
        """File descriptors to read from: the RTSP connection or -1, and (socket, channel) for UDP.  The caller closes them, afterwards."""
    lane: Lane | None
    """What takes units into a ring by itself, for as long as it can; None: process gives them all."""
    def feed(self, data: bytes) -> bool:
        """Bytes of the connection that somebody else has read; False when they do not fit."""
    def feed_datagram(self, channel: int, data: bytes) -> bool:
        """A datagram that somebody else has read; False when it does not fit."""
    def process(self, now: int) -> tuple[list[tuple[int, Unit]], list[tuple[int, bytes]]]:
        """(track, unit) of what is complete; (channel, data) of RTCP, and with channel -1 of RTSP.  `now` is monotonic nanoseconds."""
    def finish(self) -> list[tuple[int, Unit]]:
        """What the tracks still hold, once no packet will come."""
    def counts(self, index: int) -> tuple[int, int, int, int, int, int]:
        """Of one track: packets received, lost, late, the extended highest sequence number, the first one, payloads refused.

        Highest is that of the numbering that holds; first stands as far before it as packets were expected in all, and so may be negative.
        """
    def source(self, index: int) -> int | None:
        """The SSRC of one track's last packet in order; None before the first one."""
    @property
    def state(self) -> int:
        """0 open, 1 the camera ended the connection, 2 it broke."""
    @property
    def error(self) -> int:
        """errno of what broke it."""
    @property
    def more(self) -> bool:
        """The last receive filled the buffer before the sockets were empty."""
    @property
    def junk(self) -> int:
        """Bytes of the connection that were neither a frame nor a message."""
    @property
    def strange(self) -> int:
        """Frames of no channel or payload type that was added, or no RTP at all."""
    @property
    def received(self) -> int:
        """Bytes."""
    @property
    def calls(self) -> int:
        """System calls that they cost."""
    @property
    def buffered(self) -> int:
        """Bytes of a piece that is not complete."""
    @property
    def room(self) -> int:
        """Bytes of memory of its own: 4 to 256 kB."""

class Basin:
    """Memory that streams are read into one after another, 512 kB.  Who has it reads them all; one thread calls everything."""

    def __init__(self) -> None: ...
    def receive(self, streams: list[Stream], first: int = 0) -> int:
        """Empty the sockets of the streams from number `first` on, without the GIL and without waiting, as many as there is room for, 64 at
        most and one at least; returns the number of the first one that was not read.  Then process these, and receive again from there."""
    def tick(
        self, streams: list[Stream], first: int, now: int, arrival_ns: int
    ) -> tuple[int, list[tuple[int, list[tuple[int, Unit]], list[tuple[int, bytes]], Exception | None]], bool]:
        """Receive, and process each as frames that arrived then (UTC nanoseconds): where to go on; number, units and messages of each
        stream that has some, has ended, has no open lane, or raised; whether one filled its room before its sockets were empty."""
    def settle(self) -> None:
        """What was received and not processed moves into the streams' own memory; before another thread has one of them, and done by
        receive as well."""

def receive(streams: list[Stream]) -> None:
    """Empty the sockets of all streams, each into memory of its own, without the GIL and without waiting; then process each."""
