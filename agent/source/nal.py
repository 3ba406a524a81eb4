"""NAL units of H.264 and H.265: splitting Annex B and knowing what is what.

Rules: reads only; the bytes of a NAL unit are never changed (invariant 1).
"""

from dataclasses import dataclass
from typing import Final

from ...wire.counter import parse_nal

_START = b"\x00\x00\x01"
_H264_SLICES: Final = range(1, 6)
_H264_IDR: Final = 5
_H264_SETS: Final = (7, 8)
_H265_SLICES: Final = range(32)
_H265_IRAP: Final = range(16, 24)
_H265_SETS: Final = (32, 33, 34)


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """The NAL units of one frame: `head` before the first slice, `body` from there."""

    head: tuple[bytes, ...]
    body: tuple[bytes, ...]
    key: bool


def split(data: bytes) -> list[bytes]:
    """NAL units of an Annex B byte stream (H.264 annex B), without start codes and trailing zeros."""
    units = []
    at = data.find(_START)
    while at >= 0:
        begin = at + 3
        at = data.find(_START, begin)
        unit = data[begin : at if at >= 0 else len(data)].rstrip(b"\x00")
        if unit:
            units.append(unit)
    return units


def unit_type(codec: str, nal: bytes) -> int:
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


def access_unit(codec: str, data: bytes) -> AccessUnit:
    """One Annex B access unit, without counters that an earlier test source may have left in it."""
    units = [nal for nal in split(data) if parse_nal(nal) is None]
    slices = _H264_SLICES if codec == "h264" else _H265_SLICES
    kinds = [unit_type(codec, nal) for nal in units]
    first = next((index for index, kind in enumerate(kinds) if kind in slices), len(units))
    key = any(kind == _H264_IDR if codec == "h264" else kind in _H265_IRAP for kind in kinds)
    return AccessUnit(tuple(units[:first]), tuple(units[first:]), key)


def parameter_sets(codec: str, unit: AccessUnit) -> tuple[bytes, ...]:
    """The first parameter set of each kind in its order: SPS, PPS or VPS, SPS, PPS; empty when one is missing."""
    wanted = _H264_SETS if codec == "h264" else _H265_SETS
    found = {unit_type(codec, nal): nal for nal in reversed(unit.head)}
    return tuple(found[kind] for kind in wanted) if all(kind in found for kind in wanted) else ()
