"""RTCP as a receiver speaks it (RFC 3550, 6): sender reports and goodbyes in, receiver reports out.  No I/O.

Rules: what cannot be read is left out, as nothing depends on it; a compound is walked by its lengths, which never lead beyond it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct, unpack_from
from typing import Final

REPORT_S: Final = 5.0
"""RFC 3550, 6.2: the recommended minimum interval."""
_SENDER, _RECEIVER, _NAMES, _BYE = 200, 201, 202, 203
_INFO: Final = Struct(">IIIIII")
_BLOCK: Final = Struct(">IIIIII")
_HEAD: Final = Struct(">BBHI")
_NTP_EPOCH_S: Final = 2_208_988_800
_CNAME: Final = 1


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The camera's wall clock at one RTP time."""

    ssrc: int
    ntp: int
    """32.32 fixed point, seconds since 1900."""
    timestamp: int

    @property
    def utc_ns(self) -> int:
        """UTC nanoseconds; cameras without a clock say anything."""
        return ((self.ntp >> 32) - _NTP_EPOCH_S) * 1_000_000_000 + ((self.ntp & 0xFFFFFFFF) * 1_000_000_000 >> 32)


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Of one source: a packet may name 31, or none at all."""

    ssrc: int


@dataclass(frozen=True, slots=True)
class Reception:
    """What one track has received in this session, of all of its sources, as Stream.counts gives it."""

    received: int
    lost: int
    late: int
    highest: int
    first: int

    @property
    def expected(self) -> int:
        return self.highest - self.first + 1 if self.received else 0


def parse(compound: bytes) -> Iterator[SenderReport | Goodbye]:
    at = 0
    while len(compound) - at >= _HEAD.size:
        first, kind, words, ssrc = _HEAD.unpack_from(compound, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > len(compound):
            return
        if kind == _SENDER and end - at >= 4 + _INFO.size:
            _, seconds, fraction, timestamp, _, _ = _INFO.unpack_from(compound, at + 4)
            yield SenderReport(ssrc, seconds << 32 | fraction, timestamp)
        elif kind == _BYE:
            sources = min(first & 31, words)
            yield from map(Goodbye, unpack_from(f">{sources}I", compound, at + 4))
        at = end


class Reporter:
    """The reports of one track; `ssrc` is ours, `name` stays the same for all tracks of a session."""

    def __init__(self, ssrc: int, name: str) -> None:
        self._ssrc, self._name = ssrc & 0xFFFFFFFF, name.encode()[:255]
        self._before = Reception(0, 0, 0, 0, 0)
        self._heard: tuple[SenderReport, float] | None = None

    def heard(self, report: SenderReport, now: float) -> None:
        self._heard = report, now

    def report(self, source: int, reception: Reception, now: float) -> bytes:
        """A receiver report with one block about `source`, and our name; to be sent every REPORT_S."""
        expected = reception.expected - self._before.expected
        lost = max(expected - (reception.received - self._before.received), 0)
        fraction = min(256 * lost // expected, 255) if expected > 0 else 0
        self._before = reception
        total = max(min(reception.expected - reception.received, 0x7FFFFF), 0)
        middle, delay = 0, 0
        if self._heard is not None:
            report, at = self._heard
            middle, delay = report.ntp >> 16 & 0xFFFFFFFF, min(int((now - at) * 65_536), 0xFFFFFFFF)
        block = _BLOCK.pack(source, fraction << 24 | total, reception.highest & 0xFFFFFFFF, 0, middle, delay)
        chunk = bytes([_CNAME, len(self._name)]) + self._name + b"\0"
        chunk += bytes(-len(chunk) % 4)
        return _HEAD.pack(0x81, _RECEIVER, 7, self._ssrc) + block + _HEAD.pack(0x81, _NAMES, 1 + len(chunk) // 4, self._ssrc) + chunk
