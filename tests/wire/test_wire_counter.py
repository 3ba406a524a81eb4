"""The frame counter survives SEI escaping, and nothing else is taken for one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchkeep.wire.counter import COUNTER_UUID, FrameCounter, find_counter, parse_nal, sei_nal

CODECS = st.sampled_from(["h264", "hevc"])
ZEROISH = st.sampled_from([0, 1, 2, 3, 0x10000, 0x0300, 0xFFFFFFFF])
COUNTERS = st.builds(
    FrameCounter, run=ZEROISH | st.integers(0, 2**32 - 1), session=ZEROISH | st.integers(0, 2**32 - 1), counter=st.integers(0, 2**64 - 1),
    sent_ns=st.integers(-(2**63), 2**63 - 1))  # fmt: skip
H264_SLICE, HEVC_SLICE = b"\x65\x88\x84\x00\x33\xff", b"\x26\x01\xaf\x09\x46\x30"


def sample_of(*nals: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


@given(CODECS, COUNTERS)
@example("h264", FrameCounter(0, 0, 0, 0))
@example("hevc", FrameCounter(0x03000000, 0x00030000, 0x0000030000000300, 3))
def test_what_is_written_is_read(codec: str, value: FrameCounter) -> None:
    assert parse_nal(sei_nal(codec, value)) == value


@given(CODECS, COUNTERS)
def test_no_start_code_can_appear_inside(codec: str, value: FrameCounter) -> None:
    nal = sei_nal(codec, value)
    assert not any(bytes([0, 0, third]) in nal for third in range(3))
    assert nal[-1] == 0x80


@pytest.mark.parametrize(("codec", "header"), [("h264", b"\x06"), ("hevc", b"\x4e\x01")])
def test_it_is_an_sei_of_payload_type_5(codec: str, header: bytes) -> None:
    assert sei_nal(codec, FrameCounter(1, 2, 3, 4)).startswith(header + b"\x05\x28" + COUNTER_UUID)


@given(CODECS, COUNTERS)
def test_it_is_found_among_other_nal_units(codec: str, value: FrameCounter) -> None:
    parameters, picture = (b"\x67\x42\x00\x1e", H264_SLICE) if codec == "h264" else (b"\x40\x01\x0c", HEVC_SLICE)
    assert find_counter(sample_of(parameters, sei_nal(codec, value), picture)) == value
    assert find_counter(sample_of(parameters, picture)) is None


@given(st.binary(max_size=120))
def test_any_bytes_hold_no_counter_and_raise_nothing(raw: bytes) -> None:
    assert find_counter(raw) is None
    assert parse_nal(raw) is None


@given(CODECS, COUNTERS, st.integers(0, 60), st.integers(0, 60))
def test_a_cut_sample_gives_its_own_counter_or_none(codec: str, value: FrameCounter, kept: int, extra: int) -> None:
    nal = sei_nal(codec, value)
    found = find_counter(sample_of(b"\x09\xf0", nal)[: 6 + 4 + kept] + b"\xff" * 0)
    assert found in (None, value)
    assert found == value or kept < len(nal)
    assert find_counter(bytes(extra)) is None


def test_another_uuid_is_somebody_elses_sei() -> None:
    nal = bytearray(sei_nal("h264", FrameCounter(1, 2, 3, 4)))
    nal[3 + 15] ^= 1
    assert parse_nal(bytes(nal)) is None


def test_a_slice_that_happens_to_hold_the_uuid_is_no_counter() -> None:
    assert parse_nal(H264_SLICE * 4 + COUNTER_UUID + bytes(range(1, 40))) is None
