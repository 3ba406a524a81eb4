"""The little of ISO base media files (ISO/IEC 14496-12) that reading our own segments takes.

Rules: reads only; a box that lies about its size is a FormatError, never a read past the end.
"""

from collections.abc import Iterator
from struct import Struct

from .errors import FormatError, TruncatedError

_HEADER = Struct(">I4s")
_FULL = Struct(">I")
_TFHD_DEFAULT_SIZE = 0x10
_TRUN_DATA_OFFSET, _TRUN_FIRST_FLAGS = 0x1, 0x4
_TRUN_PER_SAMPLE = ((0x100, 4), (0x200, 4), (0x400, 4), (0x800, 4))
BOX_HEADER_BYTES = _HEADER.size
MAX_TRACKS = 8
"""Track fragments of one chunk: a video and an audio track are two."""
MAX_SAMPLES = 4096
"""Samples of one track fragment: twice what a seal can name; bounds what a damaged count can make us allocate."""


def box_header(data: bytes | memoryview) -> tuple[int, bytes]:
    """(size, type) of the box that starts data; raises TruncatedError or FormatError.  64-bit sizes are not ours."""
    if len(data) < BOX_HEADER_BYTES:
        raise TruncatedError("box header ends early", remedy="fetch the chunk again from another copy")
    size, kind = _HEADER.unpack_from(data)
    if size < BOX_HEADER_BYTES:
        raise FormatError(f"box {kind!r} has the impossible size {size}", remedy="fetch the chunk again from another copy")
    return size, kind


def boxes(data: bytes | memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield (type, body) of each box in data."""
    view = memoryview(data)
    while view:
        size, kind = box_header(view)
        if size > len(view):
            raise TruncatedError(f"box {kind!r} ends early", remedy="fetch the chunk again from another copy")
        yield kind, view[BOX_HEADER_BYTES:size]
        view = view[size:]


def sample_sizes(moof: bytes | memoryview) -> list[tuple[int, list[int]]]:
    """Sample sizes in bytes of a moof's body, per track fragment in order: `[(track id, [size, ...]), ...]`."""
    found: list[tuple[int, list[int]]] = []
    for kind, traf in boxes(moof):
        if kind != b"traf":
            continue
        if len(found) == MAX_TRACKS:
            raise FormatError("moof has too many tracks", remedy="fetch the chunk again from another copy")
        track, default = 0, 0
        sizes: list[int] = []
        for part, body in boxes(traf):
            if part == b"tfhd":
                track, default = _track_header(body)
            elif part == b"trun":
                sizes += _run_sizes(body, default, MAX_SAMPLES - len(sizes))
        found.append((track, sizes))
    return found


def _track_header(body: memoryview) -> tuple[int, int]:
    flags, track = _full(body, 0) & 0xFFFFFF, _full(body, 4)
    at = 8 + sum(width for bit, width in ((0x1, 8), (0x2, 4), (0x8, 4)) if flags & bit)
    return track, _full(body, at) if flags & _TFHD_DEFAULT_SIZE else 0


def _run_sizes(body: memoryview, default: int, room: int) -> list[int]:
    flags, count = _full(body, 0) & 0xFFFFFF, _full(body, 4)
    if count > room:
        raise FormatError(f"trun announces {count} samples", remedy="fetch the chunk again from another copy")
    at = 8 + (4 if flags & _TRUN_DATA_OFFSET else 0) + (4 if flags & _TRUN_FIRST_FLAGS else 0)
    if not flags & 0x200:
        return [default] * count
    stride = sum(width for bit, width in _TRUN_PER_SAMPLE if flags & bit)
    at += 4 if flags & 0x100 else 0
    return [_full(body, at + stride * i) for i in range(count)]


def _full(body: memoryview, at: int) -> int:
    if at + 4 > len(body):
        raise TruncatedError("box body ends early", remedy="fetch the chunk again from another copy")
    return int(_FULL.unpack_from(body, at)[0])
