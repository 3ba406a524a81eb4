"""What ingest has to know of a coded frame, for every video codec: its parameters, whether it shows anything, what is kept.  No I/O.

Rules: frames are packets of FFmpeg: H.264 and H.265 in Annex B, AV1 as temporal units.  Read, never written to (invariant 1).
"""

from typing import Any

from ..native import parameter_sets, split_annexb
from . import av1

_H264_SLICES = frozenset({1, 5})
_H265_SLICES = frozenset({0, 1, *range(16, 22)})
"""Those that every stream has now and then.  The units of one codec are not among the other's: H.265's have even numbers in H.264's
header, and H.264's slices have a second byte of 0x80 and more, which no layer of H.265 has."""
_H265_SECOND_BYTE = range(1, 8)
"""Layer 0, temporal ids 0 to 6."""
_CODE = b"\0\0\0\1"


def parameters(codec: str, data: Any) -> bytes:
    """The parameter sets of a frame, Annex B with 4-byte start codes, or its sequence header OBU; empty when it has none."""
    return av1.sequence_header(bytes(data)) if codec == "av1" else parameter_sets(memoryview(data), codec == "hevc")


def same(codec: str, found: bytes, known: bytes) -> bool:
    """Whether what `parameters` found in a frame is known already."""
    return found == known if codec == "av1" else same_units(found, known)


def same_units(found: bytes, known: bytes) -> bool:
    """Whether every parameter set in found (Annex B with 4-byte start codes) stands in known (any start codes) as well."""
    have = set(known.replace(_CODE, _CODE[1:]).split(_CODE[1:]))
    return all(unit in have for unit in found.split(_CODE) if unit)


def stored(codec: str, data: Any) -> Any:
    """What of a frame goes into the ring: of AV1 all but the temporal delimiters that FFmpeg adds, of others all of it."""
    return av1.sample(bytes(data)) if codec == "av1" else data


def shows_picture(codec: str, data: Any) -> bool:
    """Whether a frame has slices of this codec in it."""
    if codec == "av1":
        return av1.shows_picture(bytes(data))
    view = memoryview(data)
    return any(_is_slice(codec, view[at], view[at + 1]) for at, size in split_annexb(view) if size > 1)


def begins_inside(data: Any) -> bool:
    """Whether the first slice of a frame of H.264 is not the first one of its picture."""
    view = memoryview(data)
    for at, size in split_annexb(view):
        if size > 1 and view[at] & 0x1F in _H264_SLICES:
            return not view[at + 1] & 0x80  # first_mb_in_slice: 0 is the single bit 1 as ue(v)
    return False


def _is_slice(codec: str, first: int, second: int) -> bool:
    if codec == "h264":
        return first & 0x1F in _H264_SLICES
    return first >> 1 in _H265_SLICES and second in _H265_SECOND_BYTE
