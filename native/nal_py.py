"""Plain-Python twin of nal.pyx: the same functions, the same bytes.

Rules: written for reading, not for speed; tests/native drives both with the same input.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Buffer

_START_CODE: Final = b"\0\0\1"
_H264_VCL, _H264_IDR, _H264_SETS = range(1, 6), range(5, 6), range(7, 9)
_H265_VCL, _H265_IRAP, _H265_SETS = range(32), range(16, 22), range(32, 35)
MAX_DATA: Final = 1 << 30


def split_annexb(data: "Buffer") -> list[tuple[int, int]]:
    """(offset, length) of each unit in an Annex B stream."""
    raw, at, found = raw_bytes(data), 0, []
    while at < len(raw):
        code = raw.find(_START_CODE, at)
        stop = code if code >= 0 else len(raw)
        size = len(raw[at:stop].rstrip(b"\0"))
        if size:
            found.append((at, size))
        at = stop + len(_START_CODE)
    return found


def length_prefixed(data: "Buffer") -> bytes:
    """The units of an Annex B stream behind 4-byte big-endian lengths."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in _units(data))


def prefixed_bound(size: int) -> int:
    """The most bytes that length_prefixed returns for `size` bytes of input."""
    return size + size // 4 + 4


def parameter_sets(data: "Buffer", hevc: bool) -> bytes:
    """The parameter sets before the first VCL unit, in Annex B with 4-byte start codes; b"" when there are none."""
    found = b""
    for unit in _units(data):
        if _kind(unit, hevc) in (_H265_VCL if hevc else _H264_VCL):
            break
        if _kind(unit, hevc) in (_H265_SETS if hevc else _H264_SETS):
            found += b"\0" + _START_CODE + unit
    return found


def is_key(data: "Buffer", hevc: bool) -> bool:
    """Whether the first VCL unit is an IDR or an IRAP."""
    kinds = (_kind(unit, hevc) for unit in _units(data))
    first = next((kind for kind in kinds if kind in (_H265_VCL if hevc else _H264_VCL)), -1)
    return first in (_H265_IRAP if hevc else _H264_IDR)


def raw_bytes(data: "Buffer") -> bytes:
    """A copy of any contiguous buffer; raises as the C buffer protocol does."""
    view = memoryview(data)
    if not view.c_contiguous:
        raise BufferError("the buffer is not contiguous")
    if view.nbytes > MAX_DATA:
        raise ValueError(f"{view.nbytes} bytes are more than one access unit may have ({MAX_DATA})")
    return view.tobytes()


def _units(data: "Buffer") -> Iterator[bytes]:
    raw = raw_bytes(data)
    return (raw[at : at + size] for at, size in split_annexb(raw))


def _kind(unit: bytes, hevc: bool) -> int:
    return unit[0] >> 1 & 0x3F if hevc else unit[0] & 0x1F
