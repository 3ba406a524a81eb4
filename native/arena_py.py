"""Plain-Python twin of arena.pyx: where frames would lie, so that both rings are full at the same moment.

Rules: positions only; the bytes of a frame are kept beside them (ring_py.py), and no page is ever given back.
"""

RESTART_BYTES = 1 << 20


class Arena:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.write = 0

    def place(self, need: int, oldest: int) -> int | None:
        """Offset of `need` free bytes in one piece, or None.  Nothing is waiting when oldest == capacity."""
        if oldest == self.capacity:
            self.write = 0
            return 0 if need <= self.capacity else None
        if self.write > oldest:
            if need <= self.capacity - self.write:
                return self.write
            return 0 if need <= oldest else None
        return self.write if need <= oldest - self.write else None

    def took(self, offset: int, size: int) -> None:
        self.write = offset + size

    def restart(self, oldest: int) -> bool:
        """Move what waits to the beginning; returns whether it did."""
        if oldest == self.capacity:
            self.write = 0
        elif self.write <= oldest or self.write - oldest > min(oldest, RESTART_BYTES):
            return False
        else:
            self.write -= oldest
        return True
