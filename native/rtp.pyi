def split(data: bytes) -> tuple[list[tuple[int, int, int, int]], int]:
    """((kind, channel, offset, size) of each piece, how many bytes are used): kinds 1 frame, 2 text, 3 junk; the channel is -1 without one.

    What is not used is the beginning of a piece: put it in front of what comes next.  It is less than 16 kB of head and 64 kB of body,
    or one frame of 64 kB.
    """

def parse(packet: bytes) -> tuple[int, bool, int, int, int, int, int] | None:
    """(payload type, marker, sequence, timestamp, ssrc, offset and size of the payload), or None for what is no RTP packet.

    A pad that cannot be is none: of no octet, or of more than are behind the header.
    """

class Counter:
    """Which packets of one track are missing, by their sequence numbers (RFC 3550, A.1)."""

    def take(self, packet: bytes) -> int:
        """0 in order, 1 behind a gap, 2 late or twice: to be left out, 3 first of another numbering, -1 no RTP packet."""
    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """Received, lost, late, extended highest sequence number, the first one."""
