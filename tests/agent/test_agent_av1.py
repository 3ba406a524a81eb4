"""OBUs of AV1: agent/av1.py, and which frames show something: agent/bitstream.py."""

import pytest
from coded import access_units
from hypothesis import example, given
from hypothesis import strategies as st

from watchkeep.agent import av1, bitstream

SEQUENCE = b"\x0a\x03abc"
FRAME = b"\x32\x82\x01" + bytes(130)
METADATA = b"\x2a\x02\x1fx"


def test_a_sample_is_the_temporal_unit_without_its_delimiters():
    assert av1.sample(av1.DELIMITER + SEQUENCE + METADATA + av1.DELIMITER + FRAME) == SEQUENCE + METADATA + FRAME
    assert av1.sample(SEQUENCE + FRAME) == SEQUENCE + FRAME


def test_the_last_obu_may_be_without_a_size_and_any_may_have_an_extension():
    bare = b"\x34\x08" + bytes(9)
    assert av1.sample(av1.DELIMITER + SEQUENCE + bare) == SEQUENCE + bare
    assert av1.shows_picture(av1.DELIMITER + bare)


@pytest.mark.parametrize("broken", [b"\x12\x00\x32\x05ab", b"\x12\x00\x80", b"\x12\x00\x32", b"\x32" + b"\xff" * 9, b"\x12\x00\x33\0"])
def test_what_is_no_obu_stream_is_left_as_it_came(broken):
    assert av1.sample(broken) == broken
    assert (av1.sequence_header(broken), av1.shows_picture(broken)) == (b"", False)


def test_the_sequence_header_and_the_picture_are_found():
    assert av1.sequence_header(av1.DELIMITER + METADATA + SEQUENCE + FRAME) == SEQUENCE
    assert av1.sequence_header(av1.DELIMITER + FRAME) == b""
    assert [av1.shows_picture(unit) for unit in (SEQUENCE + FRAME, SEQUENCE, av1.DELIMITER)] == [True, False, False]


@pytest.mark.parametrize("delimiter", [b"\x10", b"\x12\x00", b"\x14\x08", b"\x16\x08\x00"])
def test_a_delimiter_is_taken_away_alone(delimiter):
    """One without a size reaches to the end: what stands behind it there is not thrown away for its sake."""
    assert av1.sample(delimiter) == b""
    assert av1.sample(b"\x10" + FRAME) == b"\x10" + FRAME


@example(b"\x10")
@given(st.binary(max_size=60))
def test_nothing_but_delimiters_is_ever_taken_away(data):
    kept = av1.sample(data)
    assert len(data) - len(kept) <= sum(byte & ~6 == 0x10 for byte in data) * 10, "a header, its extension and a size of up to eight bytes"
    assert av1.sample(kept) == kept


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_every_frame_of_a_codec_shows_a_picture_and_none_of_another_codec_does(codec):
    for unit in access_units(codec, 30):
        assert bitstream.shows_picture(codec, unit)
        assert not [other for other in {"h264", "hevc", "av1"} - {codec} if bitstream.shows_picture(other, unit)]
