"""The frame counter that `watchkeep source` puts into every video frame, and that `verify` reads back.

An SEI message `user_data_unregistered` (H.264 and H.265 payload type 5, ISO/IEC 14496-10 D.2.7, 23008-2 D.2.7)
with our UUID and this little-endian body, escaped as emulation prevention (7.4.1.1) demands:

      0  uuid          16 bytes
     16  run           u32   random per source process
     20  session       u32   counts the plays of one camera
     24  counter       u64   counts frames of the session from 0
     32  sent          i64   UTC ns when the frame was sent

Rules: works on NAL units without start codes or length prefixes.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

COUNTER_UUID: Final = bytes.fromhex("77617463686b65657073656963747231")
_BODY = Struct("<16sIIQq")
_SEI_TYPE_UNREGISTERED = 5
_H264_SEI, _H265_PREFIX_SEI = 6, 39


@dataclass(frozen=True, slots=True)
class FrameCounter:
    run: int
    session: int
    counter: int
    sent_ns: int


def sei_nal(codec: str, value: FrameCounter) -> bytes:
    """An SEI NAL unit, header included, for codec `h264` or `hevc`."""
    header = bytes([_H264_SEI]) if codec == "h264" else bytes([_H265_PREFIX_SEI << 1, 1])
    body = _BODY.pack(COUNTER_UUID, value.run, value.session, value.counter, value.sent_ns)
    return header + _escape(bytes([_SEI_TYPE_UNREGISTERED, len(body)]) + body + b"\x80")


def parse_nal(nal: bytes | memoryview) -> FrameCounter | None:
    """The counter in a NAL unit, or None when it is something else."""
    at = bytes(nal[:96]).find(COUNTER_UUID[:15])
    if not 0 < at < 8:
        return None
    raw = _unescape(bytes(nal[at : at + 2 * _BODY.size]))
    if len(raw) < _BODY.size:
        return None
    uuid, run, session, counter, sent_ns = _BODY.unpack_from(raw)
    return FrameCounter(run, session, counter, sent_ns) if uuid == COUNTER_UUID else None


def find_counter(sample: bytes | memoryview) -> FrameCounter | None:
    """The counter in an MP4 sample of 4-byte length-prefixed NAL units; stops at the first slice after it."""
    view, at = memoryview(sample), 0
    while at + 4 < len(view):
        size = int.from_bytes(view[at : at + 4], "big")
        found = parse_nal(view[at + 4 : at + 4 + min(size, 128)])
        if found is not None:
            return found
        at += 4 + size
    return None


def _escape(rbsp: bytes) -> bytes:
    out, zeros = bytearray(), 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def _unescape(data: bytes) -> bytes:
    out, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)
