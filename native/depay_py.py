"""Plain-Python twin of depay.pyx: the same units from the same packets.  The contract stands in depay.pyi.

Rules: written for reading, not for speed; tests/native and the fuzzer drive both with the same input.
"""

from typing import Final, NamedTuple

from .nal_py import split_annexb
from .rtp_py import ANEW, IN_ORDER, LATE, Counter, parse
from .unit import Unit

MOST: Final = 8 << 20
_CODE: Final = b"\0\0\0\1"
_H264_AUD, _H265_AUD = 9, 35
_H264_SPS, _H265_VPS = 7, 32


class Rtp(NamedTuple):
    marker: bool
    timestamp: int
    payload: bytes


class Base:
    """What all depacketizers share.  `take_rtp` gives the units that a packet completes."""

    def __init__(self, most: int) -> None:
        self.refused = 0
        self._most, self._buffer, self._damaged = most, b"", False
        self._stamp: int | None = None
        self._counter = Counter()

    def take(self, packet: bytes) -> list[Unit]:
        parsed = parse(packet)
        if parsed is None:
            return []
        _, marker, sequence, timestamp, ssrc, at, size = parsed
        place = self._counter.place(sequence, ssrc)
        if place == ANEW:
            self.renumbered()
        return [] if place == LATE else self.take_rtp(Rtp(marker, timestamp, packet[at : at + size]), place != IN_ORDER)

    def take_rtp(self, packet: Rtp, gap: bool) -> list[Unit]:
        raise NotImplementedError

    def finish(self) -> list[Unit]:
        return []

    def renumbered(self) -> None:
        pass

    def _refuse(self) -> None:
        self._damaged = True
        self.refused += 1

    def _append(self, data: bytes) -> bool:
        if len(data) > self._most - len(self._buffer):
            self._refuse()
            return False
        self._buffer += data
        return True

    def _follow(self, timestamp: int) -> None:
        if self._stamp is None:
            self._stamp = timestamp
        else:
            step = (timestamp - self._stamp) & 0xFFFFFFFF
            self._stamp += step - (1 << 32) if step >= 1 << 31 else step


class VideoDepacketizer(Base):
    def __init__(self, hevc: bool, *, donl: bool = False, most: int = MOST) -> None:
        super().__init__(most)
        self._hevc, self._donl, self._header = hevc, 2 if donl and hevc else 0, 2 if hevc else 1
        self._open = self._fragment = self._anew = self._fresh = self._sets = False
        self._marked = self._searched = 0

    def renumbered(self) -> None:
        self._anew = True

    def take_rtp(self, packet: Rtp, gap: bool) -> list[Unit]:
        found: list[Unit] = []
        if gap:
            self._fragment = False
            self._damaged |= self._open and not self._marked
        if self._open and not self._same(packet.timestamp):
            found += self._close(len(self._buffer))
        if self._open and self._marked and self._same(packet.timestamp) and self._begins(packet.payload):
            found += self._close(self._marked)
            self._open = True  # what came behind the marker belongs to the picture that begins
        if not self._open or not self._same(packet.timestamp):
            self._follow(packet.timestamp)
            self._open = True
        first = self._anew and not self._buffer
        self._damaged |= gap and not first
        self._payload(packet.payload)
        if first:
            self._fresh = self._heads()
            self._damaged |= not self._fresh
        self._anew = False
        if packet.marker:
            self._marked = len(self._buffer)
        return found

    def finish(self) -> list[Unit]:
        return self._close(len(self._buffer)) if self._open else []

    def _same(self, timestamp: int) -> bool:
        return self._stamp is not None and (timestamp - self._stamp) & 0xFFFFFFFF == 0

    def _close(self, end: int) -> list[Unit]:
        at = self._first_vcl(self._searched, end)
        self._fragment = False
        if at is None:
            self._searched, self._marked = end, 0
            if end > self._most // 2:
                self._buffer, self._searched = b"", 0
                self._refuse()
            return []
        kind = self._kind(self._buffer[at])
        key = kind in range(16, 22) if self._hevc else kind == 5
        whole = key and self._first_of_picture(kind, self._buffer[at + self._header : end])
        unit = Unit(self._buffer[:end], self._stamp or 0, 0, key, self._damaged or (self._fresh and not whole))
        self._buffer = self._buffer[end:]
        self._open = self._damaged = self._fresh = False
        self._marked = self._searched = 0
        return [unit]

    def _first_vcl(self, start: int, end: int) -> int | None:
        places = (start + at for at, _ in split_annexb(self._buffer[start:end]))
        return next((at for at in places if self._is_vcl(self._kind(self._buffer[at]))), None)

    def _kind(self, first: int) -> int:
        return first >> 1 & 0x3F if self._hevc else first & 0x1F

    def _is_vcl(self, kind: int) -> bool:
        return kind <= 31 if self._hevc else 1 <= kind <= 5

    def _is_parameter_set(self, kind: int) -> bool:
        return 32 <= kind <= 34 if self._hevc else 7 <= kind <= 8

    def _aggregates(self, kind: int) -> bool:
        return kind == (48 if self._hevc else 24)

    def _fragments(self, kind: int) -> bool:
        return kind == (49 if self._hevc else 28)

    def _put(self, unit: bytes) -> None:
        if not unit:
            return
        before = self._buffer
        self._sets |= self._is_parameter_set(self._kind(unit[0]))
        if self._append(_CODE) and not self._append(unit):
            self._buffer = before

    def _start(self, header: bytes) -> None:
        self._sets |= self._is_parameter_set(self._kind(header[0]))
        self._fragment = self._append(_CODE + header)

    def _payload(self, data: bytes) -> None:
        header, donl = self._header, self._donl
        if len(data) <= header:
            self._refuse()
            return
        kind = self._kind(data[0])
        if self._aggregates(kind):
            self._fragment = False
            self._units(data[header:])
        elif self._fragments(kind):
            self._piece(data)
        elif kind > (47 if self._hevc else 23) or (kind == 0 and not self._hevc):
            self._refuse()
        elif not donl:
            self._fragment = False
            self._put(data)
        else:
            self._fragment = False
            if len(data) <= header + donl:
                self._refuse()
                return
            self._start(data[:header])
            if self._fragment:
                self._append(data[header + donl :])
            self._fragment = False

    def _units(self, data: bytes) -> None:
        skip = self._donl
        while data:
            length = int.from_bytes(data[skip : skip + 2], "big")
            if len(data) < skip + 2 or length > len(data) - skip - 2:
                self._refuse()
                return
            self._put(data[skip + 2 : skip + 2 + length])
            data = data[skip + 2 + length :]
            skip = 1 if self._donl else 0

    def _piece(self, data: bytes) -> None:
        header, flags = self._header, data[self._header]
        skip = header + 1
        if flags & 0x80:
            skip += self._donl
            if len(data) < skip:
                self._refuse()
                return
            first = bytes([data[0] & 0x81 | (flags & 0x3F) << 1, data[1]]) if self._hevc else bytes([data[0] & 0xE0 | flags & 0x1F])
            self._start(first)
        if not self._fragment:
            self._refuse()
            return
        self._fragment = self._append(data[skip:]) and not flags & 0x40

    def _heads(self) -> bool:
        at = len(_CODE) + self._header
        if len(self._buffer) <= at:
            return False
        kind = self._kind(self._buffer[len(_CODE)])
        if kind == (_H265_VPS if self._hevc else _H264_SPS):
            return True
        return self._first_of_picture(kind, self._buffer[at:]) and not (self._sets and self._is_vcl(kind))

    def _begins(self, data: bytes) -> bool:
        header, donl = self._header, self._donl
        if len(data) <= header:
            return False
        kind = self._kind(data[0])
        if self._aggregates(kind):
            return self._begins_among(data[header:])
        if not self._fragments(kind):
            return self._first_of_picture(kind, data[header + donl :])
        if not data[header] & 0x80:
            return False
        return self._first_of_picture(data[header] & (0x3F if self._hevc else 0x1F), data[header + 1 + donl :])

    def _begins_among(self, data: bytes) -> bool:
        skip, header = self._donl, self._header
        while len(data) >= skip + 2:
            length = int.from_bytes(data[skip : skip + 2], "big")
            unit, data = data[skip + 2 : skip + 2 + length], data[skip + 2 + length :]
            if len(unit) < length:
                return False
            if unit and self._first_of_picture(self._kind(unit[0]), unit[header:]):
                return True
            skip = 1 if self._donl else 0
        return False

    def _first_of_picture(self, kind: int, behind: bytes) -> bool:
        if not behind:
            return False
        return kind == (_H265_AUD if self._hevc else _H264_AUD) or (self._is_vcl(kind) and bool(behind[0] >> 7))
