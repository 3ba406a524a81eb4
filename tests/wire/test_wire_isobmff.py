"""Box reading: never past the end, never more memory than the bytes at hand justify."""

import tracemalloc
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed import box, moof

from watchkeep.wire.errors import FormatError, TruncatedError
from watchkeep.wire.isobmff import MAX_SAMPLES, MAX_TRACKS, box_header, boxes, sample_sizes

SIZES = st.lists(st.integers(0, 2000), min_size=1, max_size=20)


def body_of(raw: bytes) -> memoryview:
    return next(boxes(raw))[1]


@given(SIZES, st.lists(st.integers(0, 300), max_size=10))
def test_sizes_come_back_per_track_in_order(video: list[int], audio: list[int]) -> None:
    raw = moof([bytes(size) for size in video], [bytes(size) for size in audio])
    assert sample_sizes(body_of(raw)) == [(number, sizes) for number, sizes in enumerate([video, audio], 1) if sizes]


def test_every_optional_field_of_a_run_is_stepped_over() -> None:
    header = box(b"tfhd", pack(">IIQIII", 0x1 | 0x2 | 0x8 | 0x10, 7, 0, 1, 2, 99))
    samples = pack(">IIIi", 1, 500, 0, 0) + pack(">IIIi", 1, 600, 0, 0)
    run = box(b"trun", pack(">IIiI", 0x1 | 0x4 | 0x100 | 0x200 | 0x400 | 0x800, 2, 0, 0), samples)
    default = box(b"trun", pack(">II", 0, 3))
    assert sample_sizes(box(b"traf", header, run, default)) == [(7, [500, 600, 99, 99, 99])]


@given(st.lists(st.tuples(st.binary(min_size=4, max_size=4), st.binary(max_size=30)), max_size=5))
def test_boxes_come_back_as_written(parts: list[tuple[bytes, bytes]]) -> None:
    raw = b"".join(box(kind, body) for kind, body in parts)
    assert [(kind, bytes(body)) for kind, body in boxes(raw)] == parts


@pytest.mark.parametrize("size", range(8))
def test_a_size_below_the_header_is_refused_and_cannot_loop(size: int) -> None:
    with pytest.raises(FormatError, match="impossible size"):
        box_header(pack(">I4s", size, b"mdat"))


def test_a_box_past_the_end_is_truncated() -> None:
    with pytest.raises(TruncatedError):
        list(boxes(box(b"moof", b"1234")[:-1]))


def traf_of(run: bytes) -> bytes:
    return box(b"traf", box(b"tfhd", pack(">II", 0, 1)), box(b"trun", run))


@given(st.binary(max_size=200) | st.binary(max_size=120).map(traf_of))
def test_any_bytes_give_sizes_or_a_format_error(raw: bytes) -> None:
    try:
        sample_sizes(raw)
    except FormatError as error:
        assert error.remedy


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_damage_anywhere_in_a_moof_gives_sizes_or_a_format_error(at: int, patch: bytes) -> None:
    raw = bytearray(moof([b"a" * 10, b"b" * 20], [b"c" * 5]))
    start = at % len(raw)
    raw[start : start + len(patch)] = patch
    try:
        for _, body in boxes(bytes(raw)):
            sample_sizes(body)
    except FormatError as error:
        assert error.remedy


@pytest.mark.parametrize("flags", [0x0, 0x100, 0x200])
@pytest.mark.parametrize("count", [MAX_SAMPLES + 1, 2**31, 2**32 - 1])
def test_a_lying_count_allocates_nothing(flags: int, count: int) -> None:
    raw = traf_of(pack(">II", flags, count) + bytes(64))
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="announces"):
            sample_sizes(raw)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_many_runs_and_many_tracks_are_bounded_together() -> None:
    run = box(b"trun", pack(">II", 0, MAX_SAMPLES))
    with pytest.raises(FormatError, match="announces"):
        sample_sizes(box(b"traf", run, run))
    with pytest.raises(FormatError, match="too many tracks"):
        sample_sizes(box(b"traf") * (MAX_TRACKS + 1))
