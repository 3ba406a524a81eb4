from .unit import Unit

class SoundDepacketizer:
    """Frames of sound from the RTP packets of one track: layout 0 one a packet (G.711), 1 AAC by RFC 3640, 2 AAC by RFC 6416,
    3 Opus, whose packets say how long they last.

    frame_ticks: of one frame, by the track's clock; 0: of layout 0 as many as it has bytes of each channel, of AAC 1024.
    The bits are those of layout 1's AU headers.
    """

    def __init__(
        self, layout: int, *, frame_ticks: int = 0, channels: int = 1, size_bits: int = 13, index_bits: int = 3, delta_bits: int = 3
    ) -> None:
        """Raises ValueError for what no layout has."""
    def take(self, packet: bytes) -> list[Unit]:
        """The frames that a packet completes."""
    def finish(self) -> list[Unit]:
        """Nothing: a frame that is not whole is not given."""
    @property
    def refused(self) -> int:
        """Payloads and parts of them that could not be used."""
