"""What flows from a feed to the cameras: tracks, packets ready to send, and units in time.

Rules: plain values, no behaviour beyond arithmetic; a clip's packets are built once and shared by every client.
"""

from dataclasses import dataclass
from typing import Final

VIDEO: Final = 0
AUDIO: Final = 1
VIDEO_CLOCK: Final = 90_000
"""RTP clock of H.264 (RFC 6184, 8.2.1) and H.265 (RFC 7798, 7.1)."""


PAYLOAD_TYPES: Final = {"h264": 96, "hevc": 96, "aac": 97, "opus": 97, "pcma": 8, "pcmu": 0}
"""0 and 8 are static (RFC 3551, 6); the others are free to choose, and 96 is what cameras choose."""


@dataclass(frozen=True, slots=True)
class Track:
    """One media of a camera, as the SDP announces it."""

    kind: int
    """VIDEO or AUDIO; also the number in `trackID=`."""
    codec: str
    """`h264`, `hevc`, `aac`, `pcma`, `pcmu` or `opus`."""
    payload_type: int
    clock: int
    """RTP ticks a second."""
    channels: int = 1
    frame_rate: float = 0.0
    parameter_sets: tuple[bytes, ...] = ()
    """SPS, PPS (H.264) or VPS, SPS, PPS (H.265); for AAC the AudioSpecificConfig."""


@dataclass(frozen=True, slots=True)
class Packets:
    """RTP packets of one unit, each behind its 4-byte interleaved header, with the session's fields still zero."""

    data: bytes
    offsets: tuple[int, ...] = ()
    """Where each interleaved header starts in `data`."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The packets of one access unit or audio frame: `head`, then the counter of a video frame, then `body`."""

    head: Packets
    body: Packets
    key: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """One frame at its time."""

    kind: int
    pts: int
    """Ticks of the track's clock since the feed began."""
    frame: Frame
    variant: bool = False
    """True for frames of the second picture size, which only `param-change` cameras send."""
