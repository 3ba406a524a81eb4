"""Plain-Python twin of reorder.pyx: the same order.  The contract stands in reorder.pyi.

Rules: written for reading, not for speed; tests/native drives both with the same input.
"""

from typing import Final

WINDOW: Final = 64
SLOT: Final = 2048
WAIT_NS: Final = 100_000_000
BEHIND: Final = 1 << 15
LATE: Final = (1 << 16) - 100


class Sorter:
    def __init__(self) -> None:
        self._held: dict[int, bytes] = {}
        self._expected: int | None = None
        self._since = 0

    def take(self, sequence: int, data: bytes, now: int) -> list[bytes]:
        number, found = sequence & 0xFFFF, list[bytes]()
        while self._held and WINDOW <= self._step(number) < BEHIND:
            found += self._skip(now)
        if 0 < self._step(number) < WINDOW:
            if 0 < len(data) <= SLOT and number not in self._held:
                self._since = self._since if self._held else now
                self._held[number] = data
            return found
        if self._step(number) < BEHIND or (self._step(number) < LATE and not self._held):
            self._expected, self._since = (number + 1) & 0xFFFF, now
        return [*found, data, *self._following(now)]

    def due(self, now: int) -> list[bytes]:
        found: list[bytes] = []
        while self._held and now - self._since >= WAIT_NS:
            found += self._skip(now)
        return found

    def rest(self) -> list[bytes]:
        """What is held, once nothing will come."""
        found: list[bytes] = []
        while self._held:
            found += self._skip(0)
        return found

    @property
    def held(self) -> int:
        return len(self._held)

    def _step(self, number: int) -> int:
        return 0 if self._expected is None else (number - self._expected) & 0xFFFF

    def _skip(self, now: int) -> list[bytes]:
        self._expected = min(self._held, key=self._step)
        self._since = now
        return self._following(now)

    def _following(self, now: int) -> list[bytes]:
        found: list[bytes] = []
        while self._expected in self._held:
            found.append(self._held.pop(self._expected))
            self._expected, self._since = (self._expected + 1) & 0xFFFF, now
        return found
