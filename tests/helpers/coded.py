"""Coded video made for tests, and its RTP payloads.

Rules: written from the RFCs and not from agent/source, so that a mistake there is not repeated here.
"""

import os
from collections.abc import Iterator
from fractions import Fraction

import av

MTU = 1400
ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
_X26 = {"preset": "ultrafast", "tune": "zerolatency"}
_OPTIONS = {"h264": {**_X26, "x264-params": "repeat-headers=1"}, "hevc": {**_X26, "x265-params": "repeat-headers=1:log-level=error"},
            "av1": {"preset": "12", "svtav1-params": "pred-struct=1:lookahead=0"}}  # fmt: skip
os.environ.setdefault("SVT_LOG", "1")  # errors only


def access_units(codec: str, frames: int, *, width: int = 128, height: int = 96, gop: int = 25, slices: int = 1) -> list[bytes]:
    """Frames that differ, without B-frames, parameter sets at each key frame: Annex B, or temporal units of AV1.

    Only H.264 can have several slices here.
    """
    options = dict(_OPTIONS[codec])
    if slices > 1:
        options["x264-params"] += f":slices={slices}"
    return [bytes(packet) for packet in _packets(codec, frames, width, height, gop, 0, options)]


def reordered(codec: str, frames: int, bframes: int, *, gop: int = 25) -> tuple[list[bytes], list[int]]:
    """The same with B-frames, in order of decoding; and the place in which each is shown."""
    options = {key: value for key, value in _OPTIONS[codec].items() if key != "tune"}
    options["x264-params" if codec == "h264" else "x265-params"] += f":bframes={bframes}:b-adapt=0:open-gop=0"
    packets = _packets(codec, frames, 128, 96, gop, bframes, options)
    return [bytes(packet) for packet in packets], [int(packet.pts) for packet in packets]


def _packets(codec, *rest):  # type: ignore[no-untyped-def]
    """As root SVT-AV1 gives its caller real-time priority, which every thread and process would inherit that a test starts from then on."""
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        return _encoded(codec, *rest)
    finally:
        os.sched_setscheduler(0, policy, priority)


def _encoded(codec, frames, width, height, gop, bframes, options):  # type: ignore[no-untyped-def]
    encoder = av.CodecContext.create(ENCODERS[codec], "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = width, height, "yuv420p", 25
    encoder.time_base = Fraction(1, 25)
    encoder.gop_size, encoder.max_b_frames, encoder.thread_count, encoder.options = gop, bframes, 1, options
    found = []
    for number in range(frames):
        picture = av.VideoFrame(width, height, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes((number * 3 + at * 7) % 256 for at in range(64)) * (plane.buffer_size // 64) + bytes(plane.buffer_size % 64))
        picture.pts = number
        found += encoder.encode(picture)
    found += encoder.encode(None)
    assert len(found) == frames
    return found


def video_payloads(codec: str, unit: bytes) -> tuple[bytes, ...]:
    return av1_payloads(unit) if codec == "av1" else nal_payloads(codec, unit)


def nal_payloads(codec: str, unit: bytes) -> tuple[bytes, ...]:
    """An Annex B access unit: RFC 6184 with FU-A, RFC 7798 with FU."""
    found: list[bytes] = []
    for nal in (part.rstrip(b"\0") for part in unit.split(b"\0\0\1")[1:]):
        if len(nal) <= MTU:
            found.append(nal)
            continue
        header = 1 if codec == "h264" else 2
        kind = nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F
        prefix = bytes([nal[0] & 0xE0 | 28]) if codec == "h264" else bytes([nal[0] & 0x81 | 49 << 1, nal[1]])
        pieces = [nal[at : at + MTU] for at in range(header, len(nal), MTU)]
        found += [prefix + bytes([kind | 0x80 * (at == 0) | 0x40 * (at == len(pieces) - 1)]) + piece for at, piece in enumerate(pieces)]
    return tuple(found)


def av1_payloads(unit: bytes) -> tuple[bytes, ...]:
    """A temporal unit (AOM, RTP Payload Format For AV1): no temporal delimiter, no sizes, one OBU or a part of one in each packet."""
    found: list[bytes] = []
    for kind, data in obus(unit):
        if kind == 2:
            continue
        bare = bytes([kind << 3]) + data
        pieces = [bare[at : at + MTU] for at in range(0, len(bare), MTU)]
        # Z: goes on, Y: will go on, W: 1 element, N: a new coded video sequence
        found += [bytes([0x80 * (at > 0) | 0x40 * (at < len(pieces) - 1) | 0x10 | 0x08 * (kind == 1 and at == 0)]) + piece
                  for at, piece in enumerate(pieces)]  # fmt: skip
    return tuple(found)


def obus(unit: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of each OBU of a low-overhead stream whose OBUs all have sizes and no extension."""
    at = 0
    while at < len(unit):
        kind, at, size, shift = unit[at] >> 3 & 15, at + 1, 0, 0
        while True:
            byte, at = unit[at], at + 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield kind, unit[at : at + size]
        at += size
