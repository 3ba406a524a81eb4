"""Interleaved framing, RTP headers and sequence numbers: by hand, then both implementations on the same bytes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rtp_kit import framed, rtp

from watchkeep.native import rtp as compiled
from watchkeep.native import rtp_py

FRAME, TEXT, JUNK = 1, 2, 3
MESSAGE = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nCONTENT-length: 3\r\n\r\nabc"
PACKET = rtp(b"hello", seq=3)
LINES = b"RTSP/1.0 200 OK\r\n" + b"Name: value\r\n" * 128
"""As many as a head may have."""


@pytest.fixture(params=[compiled, rtp_py], ids=["compiled", "twin"])
def code(request):
    return request.param


def pieces(code, data):
    found, used = code.split(data)
    return [(kind, channel, data[at : at + size]) for kind, channel, at, size in found], data[used:]


@pytest.mark.parametrize(
    ("data", "found", "rest"),
    [
        (b"", [], b""),
        (framed(PACKET) + framed(b"", 1), [(FRAME, 0, PACKET), (FRAME, 1, b"")], b""),
        (framed(PACKET)[:-1], [], framed(PACKET)[:-1]),
        (b"$\0", [], b"$\0"),
        (MESSAGE + framed(PACKET), [(TEXT, -1, MESSAGE), (FRAME, 0, PACKET)], b""),
        (MESSAGE[:-1], [], MESSAGE[:-1]),
        (b"OPTIONS * RTSP/1.0\n\n", [(TEXT, -1, b"OPTIONS * RTSP/1.0\n\n")], b""),
        (b"\r\n" + MESSAGE, [(JUNK, -1, b""), (JUNK, -1, b""), (TEXT, -1, MESSAGE)], b""),
        (b"\0\1$\2\3\4\5" + framed(PACKET), [(JUNK, -1, b"\0\1$\2\3\4\5"), (FRAME, 0, PACKET)], b""),
        (b"\0\1RTSX" + MESSAGE, [(JUNK, -1, b"\0\1RTSX"), (TEXT, -1, MESSAGE)], b""),
        (
            MESSAGE.replace(b" 3", b" 99999999999999999999999999") + framed(PACKET),
            [(JUNK, -1, MESSAGE.replace(b" 3", b" " + b"99" * 13)), (FRAME, 0, PACKET)],
            b"",
        ),
        (b"A" * (16 << 10) + framed(PACKET), [(JUNK, -1, b"A" * (16 << 10)), (FRAME, 0, PACKET)], b""),
        (LINES + b"\r\n", [(TEXT, -1, LINES + b"\r\n")], b""),
        (LINES, [], LINES),
        (LINES + b"\r", [], LINES + b"\r"),
        (LINES + b"x", [(JUNK, -1, LINES + b"x")], b""),
        (b"RTSP/\n" * 131, [(JUNK, -1, b"RTSP/\n" * 129)], b"RTSP/\n" * 2),
        (b"RTSP/\n" * 9 + b"A" * (16 << 10) + MESSAGE, [(JUNK, -1, b"RTSP/\n" * 9 + b"A" * (16 << 10)), (TEXT, -1, MESSAGE)], b""),
        (b"RTSP/\n" * 50 + framed(PACKET) + b"RTSP/\n" * 90, [(JUNK, -1, b"RTSP/\n" * 50), (FRAME, 0, PACKET)], b"RTSP/\n" * 90),
        (b"A\nRTSP/\nContent-Length: x\n\n" + MESSAGE, [(JUNK, -1, b"A\nRTSP/\nContent-Length: x\n\n"), (TEXT, -1, MESSAGE)], b""),
    ],
)
def test_a_connection_is_split_and_its_place_found_again(code, data, found, rest):
    assert pieces(code, data) == (found, rest)


@pytest.mark.parametrize(
    "more", [{}, {"csrc": (5, 6)}, {"extension": b"12345678"}, {"padding": 4}, {"csrc": (5,), "extension": b"", "padding": 1}]
)
def test_a_header_is_read_with_all_that_it_may_have(code, more):
    packet = rtp(b"hello", seq=65535, ts=0xFFFFFFFE, marker=True, ssrc=0x80000001, **more)
    kind, marker, sequence, timestamp, ssrc, at, size = code.parse(packet)
    assert (kind, marker, sequence, timestamp, ssrc, packet[at : at + size]) == (96, True, 65535, 0xFFFFFFFE, 0x80000001, b"hello")


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        PACKET[:11],
        b"\x40" + PACKET[1:],
        rtp(csrc=(1, 2))[:-1],
        rtp(extension=b"1234")[:-1],
        rtp(extension=b"")[:-1],
        rtp(csrc=(1, 2), padding=9)[:19],
    ],
)
def test_what_is_no_packet_is_none(code, packet):
    assert code.parse(packet) is None


@pytest.mark.parametrize("more", [{}, {"csrc": (5, 6)}, {"extension": b"12345678"}])
@pytest.mark.parametrize(
    ("behind", "size"), [(b"", 0), (b"\0", 1), (b"abc\0", 4), (b"abc\5", 4), (b"abc\xff", 4), (b"abc\4", 0), (b"abc\1", 3)]
)
def test_a_pad_that_cannot_be_is_none(code, more, behind, size):
    packet = rtp(behind, ssrc=9, **more)
    _, _, _, _, ssrc, at, found = code.parse(bytes([packet[0] | 0x20]) + packet[1:])
    assert (ssrc, found) == (9, size)
    assert packet[at:] == behind


def test_sequence_numbers_are_counted_over_turns_gaps_and_new_sources(code):
    counter = code.Counter()
    told = [
        counter.take(rtp(seq=seq, ssrc=ssrc))
        for seq, ssrc in [(65534, 1), (65535, 1), (0, 1), (3, 1), (2, 1), (3, 1), (4, 1), (40000, 1), (40001, 1), (7, 2), (8, 2)]
    ]
    assert told == [0, 0, 0, 1, 2, 2, 0, 3, 0, 3, 0]
    received, lost, late, highest, first = counter.counts
    assert (received, lost, late, highest) == (9, 2, 2, 8)
    assert highest - first + 1 == received + lost
    assert counter.take(b"no packet") == -1


def test_the_highest_number_is_one_of_the_numbering_that_holds(code):
    counter = code.Counter()
    for numbers, ssrc, highest in [
        ([65534, 65535, 0, 1], 1, 65537),
        ([30000, 30001, 30004], 1, 30004),
        ([30005], 2, 30005),
        ([9, 10], 3, 10),
        ([11], 3, 11),
    ]:
        for seq in numbers:
            counter.take(rtp(seq=seq, ssrc=ssrc))
        received, lost, _, found, first = counter.counts
        assert found == highest
        assert found - first + 1 == received + lost
    assert (received, lost) == (11, 2)


def test_a_source_that_goes_on_with_the_numbers_has_lost_nothing(code):
    counter = code.Counter()
    assert [counter.take(rtp(seq=seq, ssrc=ssrc)) for seq, ssrc in [(7, 1), (8, 2), (9, 2), (9, 3), (10, 3)]] == [0, 0, 0, 3, 0]


bits = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [
            b"$",
            b"\r\n",
            b"\n\r\n",
            b"\n",
            MESSAGE,
            MESSAGE[:20],
            b"Content-Length: ",
            b"5",
            b" ",
            b"\r",
            framed(PACKET),
            framed(PACKET, 3),
            framed(PACKET)[:9],
            b"RTSP/",
            b"content\rlength:1\n",
            LINES,
            LINES[17:],
        ]
    ),
)
jumbles = st.lists(bits, max_size=14).map(b"".join)


@given(jumbles, st.integers(0, 400))
@example(b"A\ncontent\rlength:4\n\n", 0)
@example(b"RTSP/1.0 200 OK\nContent-Length: " + b"0" * 5000 + b"5\n\nabcdefg", 3)
def test_twins_agree_and_any_split_gives_the_same_frames(data, cut):
    assert compiled.split(data) == rtp_py.split(data)
    found, used = compiled.split(data)
    assert sum(size for _, _, _, size in found) <= used <= len(data)
    first, kept = pieces(compiled, data[:cut])
    if not any(kind == JUNK and size for kind, _, size in first):  # where its place is lost, what may begin depends on what is seen
        second, rest = pieces(compiled, kept + data[cut:])
        assert (first + second, rest) == pieces(compiled, data)


@given(
    st.one_of(st.binary(max_size=60), st.builds(lambda data, first: bytes([first]) + data, st.binary(max_size=40), st.integers(128, 191)))
)
def test_twins_agree_on_headers(packet):
    parsed = compiled.parse(packet)
    assert parsed == rtp_py.parse(packet)
    assert parsed is None or parsed[5] + parsed[6] <= len(packet)


@given(
    st.lists(
        st.tuples(st.one_of(st.integers(0, 65535), st.integers(65500, 65535), st.integers(0, 40)), st.sampled_from([1, 1, 1, 2])),
        max_size=60,
    )
)
def test_twins_agree_on_sequence_numbers(numbers):
    one, two = compiled.Counter(), rtp_py.Counter()
    for seq, ssrc in numbers:
        assert one.take(rtp(seq=seq, ssrc=ssrc)) == two.take(rtp(seq=seq, ssrc=ssrc))
        assert one.counts == two.counts
