class Sorter:
    """Packets of one track over UDP, given in their order as far as waiting 100 ms can do it.  `now` is monotonic nanoseconds."""

    def take(self, sequence: int, data: bytes, now: int) -> list[bytes]:
        """What may be given on now, with this packet or without it."""
    def due(self, now: int) -> list[bytes]:
        """What has waited long enough for others that did not come."""
    @property
    def held(self) -> int:
        """Packets that wait."""
