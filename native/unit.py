"""What a depacketizer gives: one access unit of video, or one frame of sound.

Rules: plain values; stamps are those of the RTP clock, unwrapped, and belong to presentation: RTP knows no decode time.
"""

from typing import NamedTuple


class Unit(NamedTuple):
    """`data` is Annex B for video, one bare frame for sound."""

    data: bytes
    stamp: int
    duration: int
    """Ticks, 0 when the packets do not say."""
    key: bool
    damaged: bool
    """Packets of it, or of what stands before it, are missing, or it is longer than may be."""
