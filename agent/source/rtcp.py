"""RTCP that a sender owes: sender reports with a name, and goodbye (RFC 3550, 6.4.1, 6.5, 6.6).

Rules: pure; every packet is a compound that begins with a sender report, as 6.1 demands.
"""

from struct import Struct
from typing import Final

REPORT_INTERVAL_S: Final = 5.0
"""RFC 3550, 6.2: the recommended minimum interval."""
_NTP_EPOCH_S = 2_208_988_800
_SENDER_REPORT = Struct(">BBHIIIIII")
_ITEM = Struct(">BBHI")
_SR, _SDES, _BYE = 200, 202, 203
_CNAME = 1


def sender_report(*, ssrc: int, utc_ns: int, timestamp: int, packets: int, octets: int, name: str) -> bytes:
    """SR and SDES; `timestamp` is the RTP time of the instant utc_ns."""
    seconds, rest = divmod(utc_ns, 1_000_000_000)
    fraction = (rest << 32) // 1_000_000_000
    report = _SENDER_REPORT.pack(0x80, _SR, 6, ssrc, (seconds + _NTP_EPOCH_S) & 0xFFFFFFFF, fraction,
                                 timestamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)  # fmt: skip
    text = name.encode()[:255]
    chunk = bytes([_CNAME, len(text)]) + text + b"\x00"
    chunk += bytes(-len(chunk) % 4)
    return report + _ITEM.pack(0x81, _SDES, 1 + len(chunk) // 4, ssrc) + chunk


def goodbye(ssrc: int) -> bytes:
    """BYE, to follow a sender report in the same compound."""
    return _ITEM.pack(0x81, _BYE, 1, ssrc)


def interleaved(channel: int, packet: bytes) -> bytes:
    """A packet behind its interleaved header (RFC 2326, 10.12)."""
    return Struct(">BBH").pack(0x24, channel, len(packet)) + packet
