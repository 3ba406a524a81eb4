from .unit import Unit

class SoundDepacketizer:
    """Frames of sound from the RTP packets of one track: layout 0 one a packet (Opus, G.711), 1 AAC by RFC 3640, 2 AAC by RFC 6416.

    frame_ticks: of one frame of layout 0; 0 for G.711, where every byte is one.  The bits are those of layout 1's AU headers.
    """

    def __init__(self, layout: int, *, frame_ticks: int = 0, size_bits: int = 13, index_bits: int = 3, delta_bits: int = 3) -> None:
        """Raises ValueError for what no layout has."""
    def take(self, packet: bytes) -> list[Unit]:
        """The frames that a packet completes."""
    def finish(self) -> list[Unit]:
        """Nothing: a frame that is not whole is not given."""
    @property
    def refused(self) -> int:
        """Payloads and parts of them that could not be used."""
