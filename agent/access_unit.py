"""One access unit, one sample: parts of a picture that came as several packets are joined again.  No I/O, no clock.

Some servers put parameter sets in front of every slice of a key frame instead of every key frame (GStreamer's rtph264pay with
config-interval=-1; its rtph265pay does not).  A parameter set begins an access unit (ISO/IEC 14496-10, 7.4.1.2.3), so libav's parser
ends the picture there, although its slices, its RTP stamp and its one marker say that it goes on.

    key frame ──▶ held ──▶ next picture's packet has its stamp and begins in mid-picture: joined to it, still held
                     └───▶ has not: the key frame was whole, and is passed on with the sound that came behind it

Rules: bytes are put together in the order in which they came, none is left out (invariant 1); packets stay in order, sound too.
Only key frames wait, for the packet behind them; once another frame was seen in parts, all of the session's do.  No packet with a
stamp of its own is looked into.
"""

from typing import TYPE_CHECKING

from . import bitstream

if TYPE_CHECKING:
    from .pyav.ingest import Sample

MAX_PARTS = 256
"""More than an encoder makes of one picture; what comes beyond is a sample of its own."""
MAX_BYTES = 24 << 20
"""Of one access unit; the ring takes no larger chunk."""
MAX_BEHIND = 512
"""Packets of sound that wait behind a picture: 10 s of 20 ms, and after 5 s without a picture the session is over."""


class Assembler:
    """Give it every packet of a session of H.264 with `take`, then call `finish`."""

    def __init__(self) -> None:
        self._held: list[Sample] = []
        self._behind: list[tuple[Sample, int]] = []
        self._bytes = self._arrival = 0
        self._begun = self._all = False
        self._stamp: int | None = None

    def take(self, sample: "Sample", arrival: int) -> list[tuple["Sample", int]]:
        """What is whole now, in order, each with the arrival of its first packet."""
        if not sample.video:
            if self._held and len(self._behind) < MAX_BEHIND:
                self._behind.append((sample, arrival))
                return []
            return [*self.finish(), (sample, arrival)]
        if self._goes_on(sample):
            if self._held and len(self._held) < MAX_PARTS and self._bytes + sample.data.size <= MAX_BYTES:
                self._hold(sample)
                return []
            self._all = True
        whole = self.finish()
        self._begun, self._stamp = True, sample.pts
        if sample.key or self._all:
            self._arrival = arrival
            self._hold(sample)
        else:
            whole.append((sample, arrival))
        return whole

    def finish(self) -> list[tuple["Sample", int]]:
        """What is still held: no packet follows, or one that is not part of it."""
        held, behind = self._held, self._behind
        self._held, self._behind, self._bytes = [], [], 0
        return [(_joined(held), self._arrival), *behind] if held else []

    def _goes_on(self, sample: "Sample") -> bool:
        """Whether a packet is a further part of the picture before it.  A session's first packet has no stamp, whatever it is part of."""
        if not self._begun or (sample.pts != self._stamp and sample.pts is not None and self._stamp is not None):
            return False
        return bitstream.begins_inside(sample.data)

    def _hold(self, sample: "Sample") -> None:
        self._held.append(sample)
        self._bytes += sample.data.size
        if self._stamp is None:
            self._stamp = sample.pts


def _joined(parts: "list[Sample]") -> "Sample":
    first = parts[0]
    if len(parts) == 1:
        return first
    return first._replace(data=b"".join(memoryview(part.data) for part in parts),
                          pts=next((part.pts for part in parts if part.pts is not None), None),
                          dts=next((part.dts for part in parts if part.dts is not None), None),
                          key=any(part.key for part in parts), damaged=any(part.damaged for part in parts))  # fmt: skip
