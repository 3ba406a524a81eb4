"""Plain-Python twin of lane.pyx: the same frames in the ring, the same state.  The contract stands in lane.pyi.

Rules: written for reading; tests/native drive both with the same units.
"""

from bisect import insort
from typing import Final

from .nal_py import parameter_sets
from .ring_py import Ring
from .unit import Unit

TICKS: Final = 90_000
FAR_S: Final = 10
LEAP: Final = FAR_S * TICKS
MAX_DEPTH: Final = 16
MAX_STAMP: Final = 1 << 58
MAX_SOUND: Final = 64 << 10
MAX_RATE: Final = 1 << 24
MAX_PRODUCT: Final = 1 << 62


class Lane:
    def __init__(self, ring: Ring, *, hevc: bool, limit: int, sets: bytes, waiting: list[int], depth: int, rate: int = 0,
                 clock: int = 0, table: bytes = b"") -> None:  # fmt: skip
        if not 0 <= depth <= MAX_DEPTH or len(waiting) > depth + 1 or len(table) not in (0, 512) or limit < 0 \
                or not 0 <= rate <= MAX_RATE or clock < 0:  # fmt: skip
            raise ValueError("no such lane")
        self._clock = clock or rate
        self._ring, self._hevc, self._limit, self._sets, self._rate, self._table = ring, hevc, limit, sets, rate, table
        self._depth, self.waiting, self.open = depth, list(waiting), len(waiting) == depth + 1
        self.cuts = self.grows = self.heard = False
        self.arrival_ns = self.run = self.zero = self.last = self.raw = self.step = self.decoded = 0
        self.sound_shift = self.sound_zero = self.sound_last = self.sound_step = self.sound_seen = 0
        self.place_shift = self.place_last = self.place_end = 0
        self.frames = self.pictures = self.keys = self.sounds = self.bytes = 0

    def take(self, role: int, unit: Unit) -> bool:
        ready = self.open and not self._ring.closed and not self._ring.dropping and role <= 1
        self.open = ready and (self._sound(unit) if role else self._picture(unit))
        return self.open

    def _picture(self, unit: Unit) -> bool:
        shown, latest = unit.stamp, self.waiting[-1]
        found = parameter_sets(unit.data, self._hevc) if unit.key else b""
        if unit.key and (self.cuts or unit.damaged or (found and found != self._sets)):
            return False
        falls = self.grows and self._depth < MAX_DEPTH and 0 < self.decoded - shown <= TICKS
        if abs(shown) >= MAX_STAMP or abs(shown - latest) > LEAP or falls:
            return False
        raw = min(self.waiting[1], shown) if self._depth else shown
        decoded = max(raw, self.last + 1)
        if not -TICKS <= raw - self.last <= self._limit or raw < self.zero or abs(shown - decoded) > LEAP:
            return False
        self.waiting.pop(0)
        insort(self.waiting, shown)
        self.decoded = self.raw = raw
        self.step, self.last = decoded - self.last, decoded
        self.keys += unit.key
        self.pictures += 1
        self.frames += self._push(unit, unit.data, 0, shown - self.zero, decoded - self.zero, 0)
        return True

    def _sound(self, unit: Unit) -> bool:
        at, rate, duration = unit.stamp + self.sound_shift, self._rate, unit.duration
        if not rate:
            return True
        if self._clock != rate:
            if abs(at) >= MAX_PRODUCT // rate:
                return False
            at, duration = at * rate // self._clock, duration * rate // self._clock
        if not self.heard or abs(at) >= MAX_STAMP or not -rate <= at - self.sound_last <= FAR_S * rate:
            return False
        dts = max(at, self.sound_last + 1)
        place = dts - self.sound_zero + self.place_shift
        if place < 0 or abs(place - (self.last - self.zero) * rate // TICKS) > FAR_S * rate or len(unit.data) > MAX_SOUND:
            return False
        place = self.place_end if place <= self.place_last else place
        duration = min(duration, FAR_S * rate)
        self.sound_step, self.sound_last, self.sound_seen = dts - self.sound_last, dts, unit.stamp
        self.place_last, self.place_end = place, max(place + duration, place + 1)
        self.sounds += 1
        data = b"".join(self._table[2 * code : 2 * code + 2] for code in unit.data) if self._table else unit.data
        self._push(unit, data, 1, place, place, duration)
        return True

    def _push(self, unit: Unit, data: bytes, track: int, pts: int, dts: int, duration: int) -> bool:
        self.bytes += len(data)
        return self._ring.push(data, run=self.run, track=track, pts=pts, dts=dts, duration=min(duration, (1 << 32) - 1),
                               key=track == 1 or unit.key, damaged=unit.damaged, arrival_ns=self.arrival_ns, annexb=track == 0)  # fmt: skip
