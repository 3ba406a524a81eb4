"""NAL units: known streams by hand, then both implementations on the same random ones."""

from itertools import pairwise
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchkeep.native import nal, nal_py

SPS, PPS, IDR, SLICE, SEI, AUD = b"\x67sps", b"\x68pps", b"\x65idr", b"\x41slice", b"\x06sei", b"\x09\x10"
VPS5, SPS5, PPS5, IRAP5, TRAIL5 = b"\x40\x01v", b"\x42\x01s", b"\x44\x01p", b"\x26\x01i", b"\x02\x01t"
CODE3, CODE4 = b"\0\0\1", b"\0\0\0\1"

pieces = st.one_of(
    st.sampled_from([CODE3, CODE4, b"\0", b"\0\0", b"\1", SPS, PPS, IDR, SLICE, SEI, VPS5, SPS5, PPS5, IRAP5, TRAIL5]),
    st.binary(max_size=20),
)
streams = st.lists(pieces, max_size=20).map(b"".join)


@pytest.fixture(params=[nal, nal_py], ids=["compiled", "twin"])
def code(request: pytest.FixtureRequest) -> ModuleType:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("stream", "units"),
    [
        (b"", []),
        (b"\0\0\0\0", []),
        (CODE3, []),
        (CODE4 + CODE3, []),
        (IDR, [IDR]),
        (CODE3 + IDR, [IDR]),
        (CODE4 + SPS + CODE3 + PPS + CODE4 + IDR, [SPS, PPS, IDR]),
        (b"\0\0" + CODE4 + AUD + b"\0\0\0" + CODE3 + IDR + b"\0\0", [AUD, IDR]),
        (CODE4 + CODE3 + IDR + CODE3, [IDR]),
        (b"stray" + CODE3 + IDR, [b"stray", IDR]),
        (CODE3 + b"\x65a\0\0\3\1b", [b"\x65a\0\0\3\1b"]),
        (CODE3 + b"\x65\1\1\0\1\1", [b"\x65\1\1\0\1\1"]),
    ],
)
def test_units_are_found_whole_and_padding_is_left_out(code: ModuleType, stream: bytes, units: list[bytes]) -> None:
    assert [stream[at : at + size] for at, size in code.split_annexb(stream)] == units
    assert code.length_prefixed(stream) == b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def test_parameter_sets_end_at_the_first_slice(code: ModuleType) -> None:
    stream = CODE4 + AUD + CODE3 + SPS + CODE3 + SEI + CODE3 + PPS + CODE3 + b"\x6dext" + CODE3 + IDR + CODE3 + b"\x67late"
    assert code.parameter_sets(stream, False) == CODE4 + SPS + CODE4 + PPS
    assert code.parameter_sets(CODE4 + IDR, False) == b""
    hevc = CODE4 + VPS5 + CODE4 + SPS5 + CODE3 + PPS5 + CODE3 + IRAP5 + CODE3 + PPS5
    assert code.parameter_sets(hevc, True) == CODE4 + VPS5 + CODE4 + SPS5 + CODE4 + PPS5


@pytest.mark.parametrize(
    ("stream", "hevc", "key"),
    [
        (CODE4 + SPS + CODE3 + IDR, False, True),
        (CODE4 + SPS + CODE3 + SLICE, False, False),
        (CODE4 + SPS, False, False),
        (CODE4 + VPS5 + CODE3 + IRAP5, True, True),
        (CODE4 + TRAIL5, True, False),
        (CODE4 + bytes([15 << 1, 1, 9]), True, False),
        (CODE4 + bytes([16 << 1, 1, 9]), True, True),
        (CODE4 + bytes([21 << 1, 1, 9]), True, True),
        (CODE4 + bytes([22 << 1, 1, 9]), True, False),
        (b"", True, False),
    ],
)
def test_is_key_looks_at_the_first_slice(code: ModuleType, stream: bytes, hevc: bool, key: bool) -> None:
    assert code.is_key(stream, hevc) is key


def test_any_contiguous_buffer_is_accepted(code: ModuleType) -> None:
    stream = CODE3 + IDR + b"\0" * (16 - len(CODE3 + IDR))
    for buffer in (bytearray(stream), memoryview(stream), memoryview(stream).cast("I"), memoryview(stream).cast("b")):
        assert code.length_prefixed(buffer) == code.length_prefixed(stream)
    with pytest.raises(BufferError):
        code.split_annexb(memoryview(stream)[::2])
    with pytest.raises(TypeError):
        code.is_key(None, False)


@given(stream=streams, hevc=st.booleans())
@example(stream=b"\1" * 40, hevc=False)
@example(stream=b"\0\0\1" * 7, hevc=True)
def test_twins_agree(stream: bytes, hevc: bool) -> None:
    assert nal.split_annexb(stream) == nal_py.split_annexb(stream)
    assert nal.length_prefixed(stream) == nal_py.length_prefixed(stream)
    assert nal.parameter_sets(stream, hevc) == nal_py.parameter_sets(stream, hevc)
    assert nal.is_key(stream, hevc) == nal_py.is_key(stream, hevc)


@given(stream=streams)
def test_nothing_between_units_but_zeros_and_start_codes(stream: bytes) -> None:
    found = nal.split_annexb(stream)
    edges = [(0, 0), *found, (len(stream), 0)]
    for (start, size), (following, _) in pairwise(edges):
        assert set(stream[start + size : following].replace(CODE3, b"")) <= {0}
    assert len(nal.length_prefixed(stream)) <= nal_py.prefixed_bound(len(stream))
