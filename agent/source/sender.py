"""One track of one play: its RTP numbering, and the sender reports that tie its timestamps to the wall clock.

Rules: pure; sequence numbers have no holes, also across an RTP timestamp jump or a change of picture size.
"""

from dataclasses import dataclass

from . import rtcp
from .media import Frame
from .protocol import Outlet
from .rtp import INTERLEAVED_BYTES, RTP_HEADER_BYTES, packets, stamp

_HEADERS = INTERLEAVED_BYTES + RTP_HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Now:
    """The instant of a call: UTC in ns, and seconds since the feed began by the monotonic clock."""

    utc_ns: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Burst:
    """Packets for one outlet: over TCP all of `data` at once, over UDP one datagram for each offset without its 4-byte header."""

    outlet: Outlet
    data: bytes | bytearray
    offsets: tuple[int, ...]
    control: bool = False
    """True for RTCP."""

    def datagrams(self) -> list[memoryview]:
        view, ends = memoryview(self.data), (*self.offsets[1:], len(self.data))
        return [view[at + INTERLEAVED_BYTES : end] for at, end in zip(self.offsets, ends, strict=True)]


class Sender:
    """`start` is the pts, in the track's ticks, that the promised first timestamp stands for."""

    def __init__(self, outlet: Outlet, name: str) -> None:
        self.outlet = outlet
        self.start = 0
        self.jump_ticks = 0
        self._name = name
        self._channel = outlet.transport.rtp if outlet.transport.kind == "tcp" else 0
        self._sequence = outlet.sequence
        self._packets = self._octets = 0
        self._next_report_s = 0.0

    def rtp(self, frame: Frame, pts: int, counter: bytes | None) -> Burst:
        """The packets of one frame, with `counter` as a NAL unit of its own between head and body."""
        middle = packets(self.outlet.track, [counter] if counter else [], marker=False)
        head, body = frame.head, frame.body
        data = bytearray(head.data)
        data += middle.data
        shift = len(data)
        data += body.data
        offsets = (*head.offsets, *(len(head.data) + at for at in middle.offsets), *(shift + at for at in body.offsets))
        stamp(data, offsets, channel=self._channel, sequence=self._sequence, timestamp=self._timestamp(pts), ssrc=self.outlet.ssrc)
        self._sequence += len(offsets)
        self._packets += len(offsets)
        self._octets += len(data) - _HEADERS * len(offsets)
        return Burst(self.outlet, data, offsets)

    def due_report(self, now: Now) -> list[Burst]:
        """A sender report when the last one is REPORT_INTERVAL_S old; the first comes before the first packet."""
        if now.elapsed_s < self._next_report_s:
            return []
        self._next_report_s = now.elapsed_s + rtcp.REPORT_INTERVAL_S
        return [self._control(self._report(now))]

    def goodbye(self, now: Now) -> Burst:
        return self._control(self._report(now) + rtcp.goodbye(self.outlet.ssrc))

    def _timestamp(self, pts: int) -> int:
        return self.outlet.timestamp + pts - self.start + self.jump_ticks

    def _report(self, now: Now) -> bytes:
        timestamp = self._timestamp(int(now.elapsed_s * self.outlet.track.clock))
        return rtcp.sender_report(ssrc=self.outlet.ssrc, utc_ns=now.utc_ns, timestamp=timestamp,
                                  packets=self._packets, octets=self._octets, name=self._name)  # fmt: skip

    def _control(self, packet: bytes) -> Burst:
        channel = self.outlet.transport.rtcp if self.outlet.transport.kind == "tcp" else 0
        return Burst(self.outlet, rtcp.interleaved(channel, packet), (0,), control=True)
