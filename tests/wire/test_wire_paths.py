"""Segment names: one spelling each, both ways, and none that leaves its volume."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire.errors import FormatError, IdError
from watchkeep.wire.ids import MAX_EPOCH, MAX_SEQ
from watchkeep.wire.paths import SegmentName, parse_segment_path

NAMES = st.builds(
    SegmentName, camera=st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True), start_ns=st.integers(0, 253_402_300_798_999_999_999),
    epoch=st.integers(0, MAX_EPOCH), seq=st.integers(0, MAX_SEQ))  # fmt: skip
GOOD = "cam0/2026-01-01/00/00-00.000Z.1767225600.7.mp4"


def test_a_name_reads_as_documented() -> None:
    assert SegmentName("cam0", 1_767_225_600_000_000_000, 1_767_225_600, 7).path() == GOOD


@given(NAMES)
def test_a_name_comes_back_to_the_millisecond(name: SegmentName) -> None:
    found = parse_segment_path(name.path())
    assert (found.camera, found.epoch, found.seq) == (name.camera, name.epoch, name.seq)
    assert found.start_ns == name.start_ns // 1_000_000 * 1_000_000
    assert found.path() == name.path()


@given(NAMES)
def test_a_name_stays_inside_its_volume(name: SegmentName) -> None:
    path = PurePosixPath(name.path())
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert len(path.parts) == 4


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_wild_clock_is_clamped_and_never_raises(start_ns: int) -> None:
    parse_segment_path(SegmentName("cam0", start_ns, 1, 0).path())


@given(st.text(alphabet="cam0/.-Z123456789\n\0é٣", max_size=60) | st.text(max_size=60))
def test_any_text_is_a_segment_in_its_own_spelling_or_a_format_error(text: str) -> None:
    try:
        assert parse_segment_path(text).path() == text
    except FormatError as error:
        assert error.remedy


@pytest.mark.parametrize(
    "text",
    [
        f"/{GOOD}",
        f"../{GOOD}",
        f"./{GOOD}",
        f"{GOOD}\n",
        f"{GOOD}/",
        f"{GOOD}.tmp",
        GOOD.replace("cam0", ".."),
        GOOD.replace("cam0", "CAM0"),
        GOOD.replace("cam0", "x" * 64),
        GOOD.replace(".7.", ".07."),
        GOOD.replace(".7.", ".٧."),
        GOOD.replace("2026", "٢٠٢٦"),
        GOOD.replace("2026-01-01", "2026-02-30"),
        GOOD.replace("2026-01-01", "0000-01-01"),
        GOOD.replace("2026-01-01", "1969-12-31"),
        GOOD.replace("/00/", "/24/"),
        GOOD.replace("00-00.", "00-60."),
        GOOD.replace(".7.", f".{'9' * 5000}."),
        GOOD.replace(".1767225600.", f".{'9' * 5000}."),
        GOOD.replace("Z", "z"),
        GOOD.replace("/", "\\"),
    ],
)
def test_tricks_are_refused(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_segment_path(text)
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("camera", ["", "..", "a/b", "/etc", "A"])
def test_a_camera_that_is_no_id_gets_no_path(camera: str) -> None:
    with pytest.raises(IdError):
        SegmentName(camera, 0, 1, 0).path()


def test_names_of_one_camera_sort_by_time_within_a_day() -> None:
    names = [SegmentName("cam0", second * 1_000_000_000, 1, second).path() for second in range(0, 86_400, 977)]
    assert sorted(names) == names
