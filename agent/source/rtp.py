"""RTP packetizers: a frame in, payloads out; and the building of packets that only want three fields patched.

    offset   interleaved header (RFC 2326, 10.12)          RTP header (RFC 3550, 5.1)
       0     '$'  channel  length u16               4      0x80  marker|type  sequence u16
                                                     8      timestamp u32
                                                    12      ssrc u32
                                                    16      payload

H.264: RFC 6184, single NAL unit and FU-A.  H.265: RFC 7798, single NAL unit and FU.  AAC: RFC 3640, AAC-hbr.
G.711: RFC 3551.  Opus: RFC 7587.  Rules: pure functions; nothing here knows of sessions.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from .media import Frame, Packets, Track
from .nal import access_unit

MTU: Final = 1400
"""Bytes of one RTP packet, header included: it fits into an Ethernet frame with room for tunnels."""
RTP_HEADER_BYTES: Final = 12
INTERLEAVED_BYTES: Final = 4
MAX_PAYLOAD: Final = MTU - RTP_HEADER_BYTES
_HEADER = Struct(">BBHBBHII")
_SESSION_FIELDS = Struct(">HII")
_FU_A, _FU_H265 = 28, 49
_FU_START, _FU_END = 0x80, 0x40
_MARKER = 0x80
EMPTY: Final = Packets(b"")


def video_payloads(codec: str, nal: bytes, limit: int = MAX_PAYLOAD) -> list[bytes]:
    """One NAL unit as RTP payloads of at most `limit` bytes; more than one means fragmentation units."""
    if len(nal) <= limit:
        return [nal]
    if codec == "h264":
        prefix, kind, header_bytes = bytes([nal[0] & 0xE0 | _FU_A]), nal[0] & 0x1F, 1
    else:
        prefix, kind, header_bytes = bytes([nal[0] & 0x81 | _FU_H265 << 1, nal[1]]), nal[0] >> 1 & 0x3F, 2
    room = limit - len(prefix) - 1
    pieces = [nal[at : at + room] for at in range(header_bytes, len(nal), room)]
    last = len(pieces) - 1
    return [
        prefix + bytes([kind | (_FU_START if index == 0 else 0) | (_FU_END if index == last else 0)]) + piece
        for index, piece in enumerate(pieces)
    ]


def aac_payloads(frame: bytes, limit: int = MAX_PAYLOAD) -> list[bytes]:
    """One AAC frame in AAC-hbr mode (RFC 3640, 3.3.6): 13 bits of size, 3 bits of index, then the frame or a part of it."""
    header = Struct(">HH").pack(16, len(frame) << 3 & 0xFFFF)
    room = limit - len(header)
    return [header + frame[at : at + room] for at in range(0, len(frame), room)]


def audio_payloads(codec: str, frame: bytes) -> list[bytes]:
    """One audio frame; G.711 and Opus frames travel as they are, one a packet, and are far below the MTU at 20 ms."""
    return aac_payloads(frame) if codec == "aac" else [frame]


def packets(track: Track, payloads: Sequence[bytes], *, marker: bool) -> Packets:
    """Payloads as packets whose sequence, timestamp and ssrc are zero; `marker` sets the bit of the last one."""
    parts: list[bytes] = []
    offsets: list[int] = []
    at = 0
    for index, payload in enumerate(payloads):
        kind = track.payload_type | (_MARKER if marker and index == len(payloads) - 1 else 0)
        parts += (_HEADER.pack(0x24, 2 * track.kind, RTP_HEADER_BYTES + len(payload), 0x80, kind, 0, 0, 0), payload)
        offsets.append(at)
        at += _HEADER.size + len(payload)
    return Packets(b"".join(parts), tuple(offsets))


def stamp(buffer: bytearray, offsets: Sequence[int], *, channel: int, sequence: int, timestamp: int, ssrc: int) -> None:
    """Write a session's fields into packets built by `packets`; sequence and timestamp wrap as RTP wants."""
    timestamp &= 0xFFFFFFFF
    for index, at in enumerate(offsets):
        buffer[at + 1] = channel
        _SESSION_FIELDS.pack_into(buffer, at + 6, (sequence + index) & 0xFFFF, timestamp, ssrc)


def video_frame(track: Track, data: bytes) -> Frame | None:
    """The packets of one Annex B access unit; None when it holds no slice."""
    unit = access_unit(track.codec, data)
    if not unit.body:
        return None
    head, body = ([part for nal in nals for part in video_payloads(track.codec, nal)] for nals in (unit.head, unit.body))
    return Frame(packets(track, head, marker=False), packets(track, body, marker=True), unit.key)


def audio_frame(track: Track, data: bytes) -> Frame:
    """The packets of one audio frame.  For AAC the marker ends a frame (RFC 3640, 3.1); G.711 and Opus would mean a talk spurt by it."""
    return Frame(EMPTY, packets(track, audio_payloads(track.codec, data), marker=track.codec == "aac"), key=True)
