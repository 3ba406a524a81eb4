"""RTP packets made by hand, from the RFCs and not from native/ or agent/source; and strategies for hostile ones."""

import struct

from hypothesis import strategies as st


def rtp(payload=b"", *, seq=0, ts=0, marker=False, ssrc=1, kind=96, csrc=(), extension=None, padding=0):
    first = 0x80 | len(csrc) | (0x10 if extension is not None else 0) | (0x20 if padding else 0)
    head = struct.pack(">BBHII", first, kind | (0x80 if marker else 0), seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc)
    head += b"".join(struct.pack(">I", one) for one in csrc)
    if extension is not None:
        head += struct.pack(">HH", 0xBEDE, len(extension) // 4) + extension
    return head + payload + (bytes(padding - 1) + bytes([padding]) if padding else b"")


def framed(packet, channel=0):
    return b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet


def fu_a(nal, sizes):
    """The fragments of a NAL unit of H.264, of these many bytes and the rest."""
    return _fragments(nal[1:], sizes, lambda flags: bytes([nal[0] & 0xE0 | 28, flags | nal[0] & 0x1F]))


def fu_265(nal, sizes, donl=False):
    head = bytes([nal[0] & 0x81 | 49 << 1, nal[1]])
    return _fragments(
        nal[2:], sizes, lambda flags: head + bytes([flags | nal[0] >> 1 & 0x3F]) + (b"\0\7" if donl and flags & 0x80 else b"")
    )


def _fragments(body, sizes, head):
    pieces, at = [], 0
    for size in sizes:
        pieces.append(body[at : at + size])
        at += size
    pieces.append(body[at:])
    last = len(pieces) - 1
    return [head((0x80 if number == 0 else 0) | (0x40 if number == last else 0)) + piece for number, piece in enumerate(pieces)]


def stap(*nals):
    return b"\x18" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def ap(*nals, donl=False):
    extra = [b"\0\7", *[b"\1"] * len(nals)] if donl else [b""] * len(nals)
    return bytes([48 << 1, 1]) + b"".join(more + len(nal).to_bytes(2, "big") + nal for more, nal in zip(extra, nals, strict=False))


_heads = st.sampled_from(
    [
        b"\x65\x88",
        b"\x41\x9a",
        b"\x41\x1a",
        b"\x67",
        b"\x09\x10",
        b"\x18",
        b"\x7c\x85",
        b"\x7c\x05",
        b"\x7c\x45",
        b"\x1c\xc1",
        b"\x26\x01\x80",
        b"\x02\x01\x80",
        b"\x46\x01\x50",
        b"\x60\x01",
        b"\x62\x01\x93",
        b"\x62\x01\x13",
        b"\x62\x01\x53",
        b"\0\x10",
        b"\0\x20\0\x10",
        b"\xff\xff",
        b"",
        b"\0\0\1\x65\x88",
    ]
)
payloads = st.one_of(
    st.builds(lambda head, body: head + body, _heads, st.binary(max_size=30)),
    st.builds(lambda nals: stap(*nals), st.lists(st.builds(bytes.__add__, _heads, st.binary(max_size=6)), max_size=4)),
    st.builds(
        lambda nals, donl: ap(*nals, donl=donl),
        st.lists(st.builds(bytes.__add__, _heads, st.binary(max_size=6)), max_size=4),
        st.booleans(),
    ),
    st.binary(max_size=60),
)
steps = st.sampled_from([1, 1, 1, 1, 1, 1, 2, 3, 0, -1, 200, 4000, 65535])


@st.composite
def streams(draw, payload=payloads, most=25):
    """Packets whose numbers mostly follow each other, with gaps, repeats, leaps, new sources, and some that are no packets at all."""
    packets, seq, ts, ssrc = [], draw(st.sampled_from([0, 65530])), draw(st.sampled_from([0, 0xFFFFFF00])), 1
    for _ in range(draw(st.integers(0, most))):
        seq += draw(steps)
        ts += draw(st.sampled_from([0, 0, 0, 3600, 3600, -3600, 1 << 31, 90]))
        ssrc = draw(st.sampled_from([ssrc] * 12 + [7]))
        packet = rtp(draw(payload), seq=seq, ts=ts, marker=draw(st.booleans()), ssrc=ssrc, padding=draw(st.sampled_from([0, 0, 0, 3, 200])))
        packets.append(draw(st.sampled_from([packet] * 12 + [packet[:-1], packet[:11], b"\0" + packet])))
    return packets
