"""Access units of H.264 and H.265 out of packets: by hand, as the test source packs them, and both implementations on hostile ones."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rtp_kit import ap, fu_265, fu_a, rtp, stap, streams

from watchkeep.agent.source.rtp import video_payloads
from watchkeep.native import depay, depay_py

CODE = b"\0\0\0\1"
SPS, PPS, IDR, SLICE, AUD, SEI = b"\x67sps", b"\x68pps", b"\x65\x88idr", b"\x41\x9aslice", b"\x09\x10", b"\x06sei"
SECOND = b"\x65\x11second part of the picture"
VPS5, SPS5, PPS5, IRAP5, TRAIL5, AUD5 = b"\x40\x01v", b"\x42\x01s", b"\x44\x01p", b"\x26\x01\x80irap", b"\x02\x01\x80trail", b"\x46\x01\x50"


@pytest.fixture(params=[depay, depay_py], ids=["compiled", "twin"])
def code(request):
    return request.param


def annexb(*nals):
    return b"".join(CODE + nal for nal in nals)


def feed(code, packets, hevc=False, **options):
    """(data, stamp, key, damaged) of each unit, and how much was refused."""
    inner = code.VideoDepacketizer(hevc, **options)
    units = [unit for packet in packets for unit in inner.take(packet)] + inner.finish()
    assert inner.finish() == []
    return [(unit.data, unit.stamp, unit.key, unit.damaged) for unit in units], inner.refused


def numbered(*parts, start=0):
    """Packets with rising numbers from (payload, timestamp, marker)."""
    return [rtp(payload, seq=start + number, ts=ts, marker=marker) for number, (payload, ts, marker) in enumerate(parts)]


def test_single_units_an_aggregate_and_fragments_make_access_units(code):
    first, *rest = fu_a(IDR, [2, 1])
    packets = numbered(
        (stap(SPS, PPS), 90, False), (first, 90, False), *((piece, 90, piece is rest[-1]) for piece in rest), (SLICE, 3690, True)
    )
    assert feed(code, packets) == ([(annexb(SPS, PPS, IDR), 90, True, False), (annexb(SLICE), 3690, False, False)], 0)


def test_h265_the_same(code):
    packets = numbered((ap(VPS5, SPS5, PPS5), 90, False), *((piece, 90, False) for piece in fu_265(IRAP5, [1, 3])), (TRAIL5, 3690, True))
    assert feed(code, packets, True) == ([(annexb(VPS5, SPS5, PPS5, IRAP5), 90, True, False), (annexb(TRAIL5), 3690, False, False)], 0)


def test_h265_with_decoding_order_numbers(code):
    single = TRAIL5[:2] + b"\0\7" + TRAIL5[2:]
    packets = numbered(
        (ap(VPS5, SPS5, donl=True), 90, False), *((piece, 90, False) for piece in fu_265(IRAP5, [1, 3], donl=True)), (single, 3690, True)
    )
    assert feed(code, packets, True, donl=True) == ([(annexb(VPS5, SPS5, IRAP5), 90, True, False), (annexb(TRAIL5), 3690, False, False)], 0)


def test_stamps_are_unwrapped_forwards_and_back(code):
    stamps = [0xFFFFFF00, 0x100, 0xFFFFFF80, 0x180]
    units, _ = feed(code, numbered(*((SLICE, stamp, True) for stamp in stamps)))
    assert [stamp for _, stamp, _, _ in units] == [0xFFFFFF00, (1 << 32) + 0x100, 0xFFFFFF80, (1 << 32) + 0x180]


def test_a_marker_on_every_packet_does_not_tear_a_picture(code):
    packets = numbered((SPS, 0, True), (IDR, 0, True), *((piece, 0, True) for piece in fu_a(SECOND, [5, 5])), (SLICE, 9, True))
    assert feed(code, packets)[0] == [(annexb(SPS, IDR, SECOND), 0, True, False), (annexb(SLICE), 9, False, False)]


@pytest.mark.parametrize("head", [[], [AUD], [SPS, PPS], [stap(SPS, PPS, IDR)]])
def test_pictures_of_one_stamp_are_told_apart_by_marker_and_first_slice(code, head):
    packets = numbered(
        (SLICE, 5, True), *((nal, 5, False) for nal in head), *((piece, 5, True) for piece in fu_a(IDR, [1])), (SLICE, 5, True)
    )
    units, _ = feed(code, packets)
    assert [data for data, *_ in units[::2]] == [annexb(SLICE)] * 2
    assert units[1][0].endswith(annexb(IDR))
    assert [stamp for _, stamp, *_ in units] == [5, 5, 5]


def test_no_marker_at_all_is_fine(code):
    packets = numbered((IDR, 0, False), (SECOND, 0, False), (SLICE, 9, False))
    assert [data for data, *_ in feed(code, packets)[0]] == [annexb(IDR, SECOND), annexb(SLICE)]


def test_what_is_no_picture_goes_in_front_of_the_next_one(code):
    packets = numbered((SPS, 0, True), (PPS, 1, True), (SEI, 2, True), (IDR, 9, True), (SEI, 10, True))
    assert feed(code, packets) == ([(annexb(SPS, PPS, SEI, IDR), 9, True, False)], 0)


def test_a_gap_damages_what_it_may_have_hit(code):
    pieces = fu_a(SECOND, [4, 4, 4])
    packets = numbered((IDR, 0, False), *((piece, 0, False) for piece in pieces), (SLICE, 9, True), (SLICE, 18, True), (SLICE, 27, True))
    lost = [packet for number, packet in enumerate(packets) if number != 2]
    units, refused = feed(code, lost)
    assert units[0] == (annexb(IDR, SECOND[:5]), 0, True, True), "the fragments behind the gap are left out"
    assert [damaged for *_, damaged in units] == [True, False, False, False]
    assert refused == 2
    at_the_edge = [packet for number, packet in enumerate(packets) if number not in (4, 6)]
    assert [damaged for *_, damaged in feed(code, at_the_edge)[0]] == [True, True, True]


def anew(*parts, code, hevc=False):
    """Whether the units are damaged, of which all but the first begin another numbering."""
    packets = numbered((TRAIL5 if hevc else SLICE, 0, True))
    return [damaged for *_, damaged in feed(code, packets + numbered(*parts, start=20_000), hevc)[0]]


@pytest.mark.parametrize("head", [[SPS, PPS], [AUD], [AUD, SPS, PPS], [stap(SPS, PPS)], fu_a(SPS, [2]), []])
def test_a_key_frame_that_begins_another_numbering_whole_is_not_damaged(code, head):
    body = [(nal, 9, False) for nal in [*head, *fu_a(IDR, [1])]]
    assert anew(*body, (SLICE, 18, True), code=code) == [False, False, False]


def test_h265_that_begins_another_numbering_whole_is_not_damaged(code):
    for head in ([VPS5, SPS5, PPS5], [AUD5, VPS5], [ap(VPS5, SPS5, PPS5)], []):
        body = [(nal, 9, False) for nal in [*head, *fu_265(IRAP5, [1])]]
        assert anew(*body, (TRAIL5, 18, True), code=code, hevc=True) == [False, False, False]
    assert anew((SPS5, 9, False), (IRAP5, 9, True), code=code, hevc=True) == [False, True]


@pytest.mark.parametrize("head", [[PPS], [SEI], [SECOND], fu_a(IDR, [2])[1:], [b"\x67"], [b"\x1fx"]])
def test_what_may_have_lost_its_beginning_before_another_numbering_is_damaged(code, head):
    assert anew(*((nal, 9, False) for nal in [*head, IDR]), (SLICE, 18, True), code=code) == [False, True, False]


SECOND5 = b"\x26\x01\x20second part of the picture"
BEGINNINGS = [
    (False, [SPS, PPS], [SECOND], [IDR]),
    (False, [AUD, SPS, PPS], [SECOND], [IDR]),
    (False, [stap(SPS, PPS)], fu_a(SECOND, [3]), fu_a(IDR, [1])),
    (False, [SPS, PPS], fu_a(b"\x65", []), [IDR]),
    (False, [*fu_a(SPS, [2]), *fu_a(PPS, [1])], [SECOND], [IDR]),
    (True, [VPS5, SPS5, PPS5], [SECOND5], [IRAP5]),
    (True, [ap(VPS5, SPS5, PPS5)], fu_265(SECOND5, [4]), fu_265(IRAP5, [1])),
    (True, [AUD5, VPS5, SPS5, PPS5], fu_265(SECOND5[:2], []), [IRAP5]),
]


@pytest.mark.parametrize(("hevc", "sets", "second", "first"), BEGINNINGS)
def test_parameter_sets_in_front_of_a_later_slice_begin_no_whole_key_frame_in_another_numbering(code, hevc, sets, second, first):
    """As GStreamer's server sends them in front of each slice."""
    after = TRAIL5 if hevc else SLICE
    cut = [*sets, *second]
    assert anew(*((nal, 9, False) for nal in cut), (after, 18, True), code=code, hevc=hevc) == [False, True, False]
    whole = [*sets, *first, *cut]
    assert anew(*((nal, 9, False) for nal in whole), (after, 18, True), code=code, hevc=hevc) == [False, False, False]


@pytest.mark.parametrize(("hevc", "sets", "first"), [(hevc, sets, first) for hevc, sets, _, first in BEGINNINGS])
def test_a_key_frame_in_another_numbering_without_the_parameter_sets_that_the_stream_has_had_is_damaged(code, hevc, sets, first):
    after = TRAIL5 if hevc else SLICE
    before = numbered(*((nal, 0, True) for nal in [*sets, *first]))
    lost = numbered(*((nal, 9, False) for nal in first), (after, 18, True), start=20_000)
    whole = numbered(*((nal, 27, False) for nal in [*sets, *first]), (after, 36, True), start=40_000)
    assert [damaged for *_, damaged in feed(code, before + lost + whole, hevc)[0]] == [False, True, False, False, False]


def test_a_slice_of_a_header_alone_is_no_first_one_whatever_was_in_the_buffer_before(code):
    packets = numbered((SLICE + b"\xff" * 99, 0, True))
    packets += numbered(*((nal, 9, False) for nal in [SPS, *fu_a(b"\x65", [])]), (SLICE, 18, True), start=20_000)
    assert [damaged for *_, damaged in feed(code, packets)[0]] == [False, True, False]


def test_an_access_unit_delimiter_begins_a_key_frame_whole_with_the_parameter_sets_or_without(code):
    before = numbered(*((nal, 0, True) for nal in [AUD, SPS, PPS, IDR]))
    without = numbered((AUD, 9, False), (IDR, 9, True), start=20_000)
    assert [damaged for *_, damaged in feed(code, before + without)[0]] == [False, False]


def test_a_picture_that_needs_those_before_another_numbering_is_damaged(code):
    assert anew((AUD, 9, False), (SLICE, 9, True), (SLICE, 18, True), code=code) == [False, True, False]


def test_a_picture_that_another_numbering_cuts_short_is_damaged_alone(code):
    packets = numbered((SLICE, 0, True), (SLICE, 5, False)) + numbered((SPS, 9, False), (IDR, 9, True), start=20_000)
    assert [damaged for *_, damaged in feed(code, packets)[0]] == [False, True, False]
    for marker in (False, True):
        packets = numbered((SLICE, 0, True), (SPS, 5, marker)) + numbered((SPS, 9, False), (IDR, 9, True), start=20_000)
        assert [damaged for *_, damaged in feed(code, packets)[0]] == [False, True], "what is in front of it may be of another one"
    packets = numbered((SLICE, 0, True)) + numbered((AUD, 0, False), (IDR, 0, True), start=20_000)
    assert [damaged for *_, damaged in feed(code, packets)[0]] == [False, False]


def test_late_and_doubled_packets_are_left_out(code):
    packets = numbered((IDR, 0, True), (SLICE, 9, True))
    assert feed(code, [packets[0], packets[0], packets[1], packets[0]])[0] == [
        (annexb(IDR), 0, True, False),
        (annexb(SLICE), 9, False, False),
    ]


@pytest.mark.parametrize("payload", [b"", b"\x65", stap(IDR)[:-1], b"\x18\0", b"\x7c\x05middle", b"\x1a\0\0", b"\0\0", b"\x1fx"])
def test_what_cannot_be_used_is_counted_and_damages(code, payload):
    units, refused = feed(code, numbered((IDR, 0, False), (payload, 0, True), (SLICE, 9, True)))
    assert units[0] == (annexb(IDR), 0, True, True)
    assert refused == 1
    assert units[1] == (annexb(SLICE), 9, False, False)


def test_a_unit_that_is_too_long_is_cut_off_and_the_next_one_is_whole(code):
    packets = numbered(
        (IDR, 0, False),
        (b"\x65\x11" + bytes(100), 0, False),
        (SLICE, 9, True),
        *((SEI, 10 + at, True) for at in range(20)),
        (IDR, 99, True),
    )
    units, refused = feed(code, packets, most=64)
    assert units[0] == (annexb(IDR), 0, True, True)
    assert units[1] == (annexb(SLICE), 9, False, False)
    assert units[2][0].endswith(annexb(IDR))
    assert refused > 1


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_what_the_test_source_packs_comes_out_again(code, codec):
    rng = random.Random(3)
    heads = [b"\x65\x88", b"\x41\x9a"] if codec == "h264" else [b"\x26\x01\x80", b"\x02\x01\x80"]
    nals = [rng.choice(heads) + bytes(rng.randrange(2, 256) for _ in range(rng.choice([3, 1386, 1388, 5000]))) for _ in range(12)]
    packets = []
    for number, nal in enumerate(nals):
        parts = video_payloads(codec, nal)
        packets += numbered(*((part, number * 3600, part is parts[-1]) for part in parts), start=len(packets))
    assert [data for data, *_ in feed(code, packets, codec == "hevc")[0]] == [CODE + nal for nal in nals]


@settings(max_examples=500)
@given(streams(), st.booleans(), st.booleans(), st.sampled_from([1 << 20, 40, 200]))
@example(numbered((SLICE, 5, True), (SPS, 5, False), (IDR, 5, True)), False, False, 1 << 20)
def test_twins_agree(packets, hevc, donl, most):
    one, two = (code.VideoDepacketizer(hevc, donl=donl, most=most) for code in (depay, depay_py))
    for packet in packets:
        assert one.take(packet) == two.take(packet)
        assert one.refused == two.refused
    assert one.finish() == two.finish()


@given(
    st.lists(
        st.lists(
            st.builds(bytes.__add__, st.sampled_from([b"\x65\x88", b"\x41\x9a", b"\x06", b"\x67"]), st.binary(min_size=1, max_size=40)),
            min_size=1,
            max_size=4,
        ),
        max_size=6,
    ),
    st.data(),
)
def test_nothing_is_lost_changed_or_reordered_however_it_is_packed(pictures, data):
    packets = []
    for number, nals in enumerate(pictures):
        parts = [part for nal in nals for part in data.draw(st.sampled_from([[nal], [stap(nal)], fu_a(nal, [1, 7])]))]
        packets += numbered(*((part, number * 90, part is parts[-1]) for part in parts), start=len(packets))
    units, refused = feed(depay, packets)
    pieces = b"".join(unit for unit, *_ in units)
    whole = b"".join(annexb(*nals) for nals in pictures)
    assert whole.startswith(pieces), "only what comes behind the last picture may be missing"
    assert not any(damaged for *_, damaged in units)
    assert refused == 0
