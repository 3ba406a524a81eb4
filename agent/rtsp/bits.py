"""Bits of a header, most significant first.  No I/O.

Rules: reads on as if zeros followed, and says by `short` that it did: whoever reads looks at that once, at the end.
"""

from typing import Final

MAX_ZEROS: Final = 32
"""Of an Exp-Golomb number: longer ones stand in no header."""


class Bits:
    """`at` is the next bit; `short` once more were taken than there are."""

    def __init__(self, data: bytes) -> None:
        self._value, self._size, self.at = int.from_bytes(data, "big"), len(data) * 8, 0
        self._broken = False

    @property
    def short(self) -> bool:
        return self._broken or self.at > self._size

    def take(self, count: int) -> int:
        self.at += count
        return 0 if self.short else self._value >> (self._size - self.at) & ((1 << count) - 1)

    def ue(self) -> int:
        """An Exp-Golomb number (ISO/IEC 14496-10, 9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if self.short or zeros > MAX_ZEROS:
                self._broken = True
                return 0
        return (1 << zeros) - 1 + self.take(zeros)

    def between(self, start: int, end: int) -> bytes:
        """Those bits as bytes, filled up with zeros."""
        count = end - start
        value = self._value >> (self._size - end) & ((1 << count) - 1)
        return (value << -count % 8).to_bytes((count + 7) // 8, "big")
