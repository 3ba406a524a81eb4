"""Frames of sound out of packets: by hand, against the test source's packetizer, and both implementations on hostile ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtp_kit import rtp, streams

from watchkeep.agent.source.rtp import aac_payloads
from watchkeep.native import sound, sound_py

PLAIN, HBR, LATM, OPUS = range(4)


@pytest.fixture(params=[sound, sound_py], ids=["compiled", "twin"])
def code(request):
    return request.param


def feed(code, layout, payloads, *, skip=(), marks=None, stamps=None, **options):
    """(data, stamp, duration, damaged) of each frame, and how much was refused; packets are stamped 0, 1000, ... unless told."""
    inner = code.SoundDepacketizer(layout, **options)
    units = []
    for number, payload in enumerate(payloads):
        if number not in skip:
            stamp = number * 1000 if stamps is None else stamps[number]
            units += inner.take(rtp(payload, seq=number, ts=stamp, marker=marks is None or number in marks))
    assert inner.finish() == []
    assert all(unit.key for unit in units)
    return [(unit.data, unit.stamp, unit.duration, unit.damaged) for unit in units], inner.refused


def hbr(*frames):
    return (16 * len(frames)).to_bytes(2, "big") + b"".join((len(frame) << 3).to_bytes(2, "big") for frame in frames) + b"".join(frames)


def test_a_packet_is_a_frame_of_opus_or_g711(code):
    assert feed(code, PLAIN, [b"abc", b"", b"de"], frame_ticks=960)[0] == [(b"abc", 0, 960, False), (b"de", 2000, 960, True)]
    assert feed(code, OPUS, [b"\x08bc", b"", b"\x08"])[0] == [(b"\x08bc", 0, 960, False), (b"\x08", 2000, 960, True)]
    assert feed(code, PLAIN, [b"abc"])[0] == [(b"abc", 0, 3, False)]
    assert feed(code, PLAIN, [b"lrlr", b"l"], channels=2)[0] == [(b"lrlr", 0, 2, False), (b"l", 1000, 0, False)]


MS = 48
PACKETS = {
    "silk 10": (b"\x00", 10), "silk 20": (b"\x48", 20), "silk 40": (b"\x54", 40), "silk 60": (b"\x58", 60),
    "both 10": (b"\x70", 10), "both 20": (b"\x7c", 20),
    "celt 2.5": (b"\x80", 2.5), "celt 5": (b"\x88", 5), "celt 10": (b"\xf0", 10), "celt 20": (b"\xfc", 20),
    "two alike": (b"\x09", 40), "two": (b"\xfa", 40), "three": (b"\x4b\x03", 60), "padded": (b"\xfb\xc6", 120),
    "none": (b"\x4b\xc0", 20), "how many": (b"\x4b", 20), "too long": (b"\x1b\x03", 60), "a great many": (b"\x83\x3f", 2.5),
}  # fmt: skip
"""The first bytes of a packet of Opus (RFC 6716, 3.1), and the milliseconds that it lasts; the last ones are not allowed."""


@pytest.mark.parametrize("name", PACKETS)
def test_a_packet_of_opus_says_how_long_it_lasts(code, name):
    data, ms = PACKETS[name]
    longer = data + b"more"
    assert feed(code, OPUS, [data, longer])[0] == [(data, 0, ms * MS, False), (longer, 1000, ms * MS, False)]


def test_several_aac_frames_in_one_packet_follow_each_other(code):
    assert feed(code, HBR, [hbr(b"one", b"four", b"x")]) == (
        [(b"one", 0, 1024, False), (b"four", 1024, 1024, False), (b"x", 2048, 1024, False)],
        0,
    )


@pytest.mark.parametrize(("layout", "payload"), [(HBR, hbr(b"one", b"four", b"x")), (LATM, b"\3one\4four\1x")])
@pytest.mark.parametrize("ticks", [1920, 512, (1 << 32) - 1])
def test_aac_by_another_clock_than_its_rate(code, layout, payload, ticks):
    units, _ = feed(code, layout, [payload], frame_ticks=ticks)
    assert units == [(b"one", 0, ticks, False), (b"four", ticks, ticks, False), (b"x", 2 * ticks, ticks, False)]


def test_aac_frames_as_the_test_source_packs_them_in_fragments_too(code):
    frames = [bytes([number]) * size for number, size in enumerate((5, 3000, 1386, 1385, 8191))]
    laid = [(number * 1000, payload) for number, frame in enumerate(frames) for payload in aac_payloads(frame)]
    units, refused = feed(code, HBR, [payload for _, payload in laid], stamps=[stamp for stamp, _ in laid])
    assert [data for data, *_ in units] == frames
    assert refused == 0


def test_aac_lbr_has_shorter_headers(code):
    # 6 bits of size 3, 2 of index 0: one byte
    assert feed(code, HBR, [b"\0\x08\x0cabc"], size_bits=6, index_bits=2, delta_bits=2)[0] == [(b"abc", 0, 1024, False)]


@pytest.mark.parametrize(
    "payload", [b"", b"\0", b"\0\0", b"\xff\xff", b"\0\x10\0\0", b"\0\x10\0\x19abcd", b"\0\x20\0\x18\0\x29abc", hbr(b"a", b"b")[:-1]]
)
def test_aac_that_is_not_as_it_says_is_refused_and_damages_the_next(code, payload):
    units, refused = feed(code, HBR, [payload, hbr(b"good")])
    assert units[-1] == (b"good", 1000, 1024, True)
    assert refused == 1


def test_a_fragment_that_is_lost_costs_its_frame(code):
    payloads = [*aac_payloads(b"x" * 4000), hbr(b"next"), hbr(b"after")]
    stamps = (0, 0, 0, 3000, 4000)
    assert feed(code, HBR, payloads, skip=(1,), stamps=stamps)[0] == [(b"next", 3000, 1024, True), (b"after", 4000, 1024, False)]


@pytest.mark.parametrize(("behind", "stamp"), [("whole", 1000), ("whole", 0), ("several", 1000), ("several", 0), ("in pieces", 1000)])
def test_a_frame_behind_an_unfinished_one_that_is_as_long_is_given(code, behind, stamp):
    """The camera has dropped the rest of the first: no packet is missing."""
    whole, end = b"\0\x10" + (100 << 3).to_bytes(2, "big"), b"e" * 100
    second = {"whole": [whole + end], "several": [hbr(end, b"x")], "in pieces": [whole + end[:60], whole + end[60:]]}[behind]
    stamps = (0, *(stamp for _ in second), 3000)
    units, refused = feed(code, HBR, [whole + b"a" * 60, *second, hbr(b"after")], stamps=stamps)
    assert units == [(end, stamp, 1024, True), *[(b"x", stamp + 1024, 1024, False)] * (behind == "several"), (b"after", 3000, 1024, False)]
    assert refused == 0


def test_latm_frames_one_or_more_a_packet_or_over_several(code):
    long = b"L" * 600
    laid = b"\xff\xff" + bytes([600 - 510]) + long
    assert feed(code, LATM, [b"\3abc\2de", laid[:100], laid[100:], b"\1x"], marks=(0, 2, 3), stamps=(0, 2000, 2000, 3000)) == (
        [(b"abc", 0, 1024, False), (b"de", 1024, 1024, False), (long, 2000, 1024, False), (b"x", 3000, 1024, False)],
        0,
    )


@pytest.mark.parametrize("payload", [b"", b"\0", b"\5abc", b"\xff\xff", b"\xff\xff\xff" * 3])
def test_latm_that_is_not_as_it_says_is_refused(code, payload):
    units, refused = feed(code, LATM, [payload, b"\1x"])
    assert units == [(b"x", 1000, 1024, True)]
    assert refused == 1


TAIL = bytes([20] + [1] * 20) * 11
"""Could be eleven frames of 20 bytes."""
TORN = b"\xff\xff\xbe" + TAIL * 3 + bytes(7)
"""A frame of 700 bytes; each third of it is a packet."""
THIRDS = (TORN[: 3 + len(TAIL)], TAIL, TAIL + bytes(7))


@pytest.mark.parametrize("lost", [0, 1, 2, (0, 1), (1, 2), (0, 1, 2)])
def test_latm_that_has_lost_a_fragment_is_not_given_and_what_follows_is(code, lost):
    skip = tuple(1 + each for each in (lost if isinstance(lost, tuple) else (lost,)))
    packets, stamps = [b"\3abc", *THIRDS, b"\1x", b"\1y"], (0, 1000, 1000, 1000, 2000, 3000)
    units, _ = feed(code, LATM, packets, skip=skip, marks=(0, 3, 4, 5), stamps=stamps)
    assert units == [(b"abc", 0, 1024, False), (b"x", 2000, 1024, True), (b"y", 3000, 1024, False)]


def test_the_end_of_a_frame_of_latm_that_looks_like_frames_is_not_given_where_its_beginning_has_come(code):
    packets = [b"\xff\xff" + bytes([3 * len(TAIL) - 510]) + TAIL, TAIL, TAIL, b"\1x"]
    for skip in ((1,), ()):
        units, _ = feed(code, LATM, packets, skip=skip, marks=(2, 3), stamps=(0, 0, 0, 1000))
        assert [data for data, *_ in units] == [b"x"] if skip else [3 * TAIL, b"x"]


def test_latm_of_which_the_end_and_the_next_beginning_are_lost(code):
    packets, stamps = [*THIRDS, *THIRDS, b"\1x"], (0, 0, 0, 1000, 1000, 1000, 2000)
    for skip in ((2, 3), (1, 2, 3), (2, 3, 4)):
        assert feed(code, LATM, packets, skip=skip, marks=(2, 5, 6), stamps=stamps)[0] == [(b"x", 2000, 1024, True)]


def test_a_frame_of_latm_behind_an_unfinished_one_is_given(code):
    """The camera has dropped the rest of the first: no packet is missing."""
    packets, stamps = [THIRDS[0], b"\3abc", THIRDS[0], *THIRDS], (0, 1000, 2000, 3000, 3000, 3000)
    units, refused = feed(code, LATM, packets, marks=(1, 5), stamps=stamps)
    assert units == [(b"abc", 1000, 1024, True), (TORN[3:], 3000, 1024, True)]
    assert refused == 0


def test_latm_that_never_ends_is_given_up_at_the_bound(code):
    units, refused = feed(code, LATM, [b"\xff" * 1400] * 60 + [b"\1x"], marks=(59, 60), stamps=[0] * 60 + [1000])
    assert units == [(b"x", 1000, 1024, True)]
    assert refused == 60 - (64 << 10) // 1400


def test_options_that_no_layout_has_are_refused(code):
    for bad in (
        {"layout": 4},
        {"layout": -1},
        {"layout": HBR, "size_bits": 33},
        {"layout": HBR, "size_bits": 0},
        {"layout": PLAIN, "frame_ticks": -1},
        {"layout": PLAIN, "channels": 0},
    ):
        with pytest.raises(ValueError, match=r"no such layout|AU headers|less than a channel"):
            code.SoundDepacketizer(**bad)


laid_out = st.one_of(
    st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=5).map(lambda frames: hbr(*frames)),
    st.builds(lambda size, data: b"\0\x10" + (size << 3).to_bytes(2, "big") + data, st.integers(0, 40), st.binary(max_size=20)),
    st.builds(lambda size, data: bytes([255] * (size // 255)) + bytes([size % 255]) + data, st.integers(0, 300), st.binary(max_size=20)),
    st.binary(max_size=40),
)


@settings(max_examples=300)
@given(
    streams(laid_out),
    st.sampled_from([PLAIN, HBR, LATM, OPUS]),
    st.sampled_from([(13, 3, 3), (6, 2, 2), (13, 0, 0), (1, 32, 32), (32, 1, 9)]),
)
def test_twins_agree(packets, layout, bits):
    fields = dict(zip(("size_bits", "index_bits", "delta_bits"), bits, strict=True))
    one, two = (code.SoundDepacketizer(layout, **fields) for code in (sound, sound_py))
    for packet in packets:
        assert one.take(packet) == two.take(packet)
        assert one.refused == two.refused
