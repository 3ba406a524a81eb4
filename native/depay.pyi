from .unit import Unit

class VideoDepacketizer:
    """Access units of H.264 or H.265 from the RTP packets of one track, in the order in which they are given.

    donl: packets carry decoding order numbers (sprop-max-don-diff above 0); they are left out, and units stay in order of arrival.
    most: bytes of one unit; what is longer is cut off and damaged.
    """

    def __init__(self, hevc: bool, *, donl: bool = False, most: int = 8388608) -> None: ...
    def take(self, packet: bytes) -> list[Unit]:
        """The units that a packet completes: those that end before it.  What is no RTP packet, is late or comes twice gives none."""

    def finish(self) -> list[Unit]:
        """What is still held: the last unit, once no packet will come."""
    @property
    def refused(self) -> int:
        """Payloads and parts of them that could not be used."""
