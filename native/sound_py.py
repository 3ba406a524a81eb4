"""Plain-Python twin of sound.pyx: the same frames from the same packets.  The contract stands in sound.pyi.

Rules: written for reading, not for speed; tests/native and the fuzzer drive both with the same input.
"""

from typing import Final

from .depay_py import Base, Rtp
from .unit import Unit

PLAIN, HBR, LATM, OPUS = range(4)
MOST: Final = 64 << 10
AAC_TICKS: Final = 1024
OPUS_MOST: Final = 5760
_OPUS: Final = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
"""What one frame lasts, by its configuration."""
MAX_UNITS: Final = 64


class SoundDepacketizer(Base):
    def __init__(self, layout: int, *, frame_ticks: int = 0, channels: int = 1, size_bits: int = 13, index_bits: int = 3,
                 delta_bits: int = 3) -> None:  # fmt: skip
        super().__init__(MOST)
        if channels < 1:
            raise ValueError("no sound has less than a channel")
        if not PLAIN <= layout <= OPUS or not 0 <= frame_ticks <= 0xFFFFFFFF:
            raise ValueError("no such layout, or a frame of no length")
        if layout == HBR and not (1 <= size_bits <= 32 and 0 <= index_bits <= 32 and 0 <= delta_bits <= 32):
            raise ValueError("AU headers have fields of up to 32 bits, and a size")
        self._layout, self._frame_ticks, self._channels = layout, frame_ticks, channels
        self._bits = size_bits, index_bits, delta_bits
        self._wanted = 0
        self._joining = self._torn = self._doubted = False

    def take_rtp(self, packet: Rtp, gap: bool) -> list[Unit]:
        moved = self._stamp is None or (packet.timestamp - self._stamp) & 0xFFFFFFFF != 0
        if gap or moved:
            self._torn = not moved and (self._joining or self._torn)
            self._damaged |= gap or self._joining or self._wanted != 0
            self._forget()
        self._follow(packet.timestamp)
        if self._layout in (PLAIN, OPUS):
            return self._plain(packet.payload)
        return self._hbr(packet.payload) if self._layout == HBR else self._latm(packet, gap)

    def _forget(self) -> None:
        self._wanted, self._buffer, self._joining = 0, b"", False

    def _unusable(self) -> None:
        self._refuse()
        self._forget()

    def _hand(self, data: bytes, number: int) -> Unit:
        usual = len(data) // self._channels if self._layout == PLAIN else AAC_TICKS
        length = _opus_ticks(data) if self._layout == OPUS else self._frame_ticks or usual
        unit = Unit(data, (self._stamp or 0) + length * number, length, True, self._damaged)
        self._damaged = False
        return unit

    def _plain(self, data: bytes) -> list[Unit]:
        if not 0 < len(data) <= MOST:
            self._unusable()
            return []
        return [self._hand(data, 0)]

    def _hbr(self, data: bytes) -> list[Unit]:
        """Up to the first AU that is not as announced; those before it are given."""
        bits = int.from_bytes(data[:2], "big")
        behind = 2 + (bits + 7) // 8
        if len(data) < 2 or behind > len(data):
            self._unusable()
            return []
        size_bits, index_bits, delta_bits = self._bits
        headers, at, found = _Bits(data[2:behind]), 0, list[Unit]()
        for number in range(MAX_UNITS + 1):
            index = delta_bits if number else index_bits
            if at + size_bits + index > bits:
                if not number:
                    self._unusable()
                return found
            size = headers.value(at, size_bits)
            interleaved, at = index and headers.value(at + size_bits, index), at + size_bits + index
            more = at + size_bits + delta_bits <= bits
            if interleaved or not 0 < size <= MOST or number == MAX_UNITS:
                break
            if behind + size > len(data):
                if number or more:
                    break
                return self._part(data[behind:], size)
            self._damaged |= self._wanted != 0
            self._forget()
            found.append(self._hand(data[behind : behind + size], number))
            behind += size
            if not more:
                return found
        self._unusable()
        return found

    def _part(self, data: bytes, whole: int) -> list[Unit]:
        if self._wanted != whole:
            self._damaged |= self._wanted != 0
            self._buffer, self._wanted = b"", whole
        if len(data) > whole - len(self._buffer):
            self._unusable()
            return []
        self._buffer += data
        if len(self._buffer) < whole:
            return []
        frame = self._buffer
        self._buffer, self._wanted = b"", 0
        return [self._hand(frame, 0)]

    def _latm(self, packet: Rtp, gap: bool) -> list[Unit]:
        if self._torn:
            self._torn = not packet.marker
            self.refused += 1
            return []
        if not self._joining:
            self._buffer, self._joining, self._doubted = b"", True, gap
        if not self._append(packet.payload):
            self._torn = not packet.marker
            self._forget()
            return []
        if not packet.marker:
            return []
        self._joining = False
        frames, whole = _frames(self._buffer)
        if self._doubted and not whole:
            frames = []
        found = [self._hand(frame, number) for number, frame in enumerate(frames[:MAX_UNITS])]
        if not whole or len(frames) > MAX_UNITS:
            self._unusable()
        return found


def _opus_ticks(data: bytes) -> int:
    each, code = _OPUS[data[0] >> 3], data[0] & 3
    total = each * (1, 2, 2, sum(data[1:2]) & 63)[code]
    return total if 0 < total <= OPUS_MOST else each


def _frames(data: bytes) -> tuple[list[bytes], bool]:
    """The frames of LATM up to the first one that is not as announced, and whether that was none."""
    at, found = 0, list[bytes]()
    while True:
        size = 0
        while data[at : at + 1] == b"\xff":
            size, at = size + 255, at + 1
        size, at = size + sum(data[at : at + 1]), at + 1
        if not 0 < size <= len(data) - at:
            return found, False
        found.append(data[at : at + size])
        at += size
        if at == len(data):
            return found, True


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._number, self._size = int.from_bytes(data, "big"), len(data) * 8

    def value(self, at: int, count: int) -> int:
        return self._number >> (self._size - at - count) & ((1 << count) - 1)
