"""Range, If-Range and If-None-Match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.api.byterange import choose, unchanged
from watchkeep.hub.api.errors import ApiError

TAG = '"7-0-100"'


@pytest.mark.parametrize(
    ("wanted", "offset", "length", "partial"),
    [
        (None, 0, 100, False), ("bytes=0-0", 0, 1, True), ("bytes=10-19", 10, 10, True), ("bytes=90-", 90, 10, True),
        ("bytes=90-500", 90, 10, True), ("bytes=-10", 90, 10, True), ("bytes=-500", 0, 100, True), ("BYTES=1-2", 1, 2, True),
        ("bytes=5-4", 0, 100, False), ("bytes=-", 0, 100, False), ("bytes=0-1,5-6", 0, 100, False), ("chunks=1-2", 0, 100, False),
        ("bytes=x-2", 0, 100, False), ("bytes=" + "9" * 40 + "-", 0, 100, False),
    ],
)  # fmt: skip
def test_ranges(wanted: str | None, offset: int, length: int, partial: bool) -> None:
    found = choose(100, TAG, wanted=wanted, if_range=None)
    assert (found.offset, found.length, found.partial) == (offset, length, partial)
    assert found.status == (206 if partial else 200)
    assert found.headers(TAG)["Content-Length"] == str(length)
    assert ("Content-Range" in found.headers(TAG)) is partial


@pytest.mark.parametrize(
    ("wanted", "size"), [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)]
)
def test_past_the_end(wanted: str, size: int) -> None:
    with pytest.raises(ApiError) as caught:
        choose(size, TAG, wanted=wanted, if_range=None)
    assert caught.value.status == 416
    assert caught.value.headers["Content-Range"] == f"bytes */{size}"


@given(st.integers(0, 99), st.integers(0, 300))
def test_a_range_never_leaves_the_file(first: int, last: int) -> None:
    found = choose(100, TAG, wanted=f"bytes={first}-{last}", if_range=None)
    assert 0 <= found.offset < found.offset + found.length <= 100


def test_if_range_of_another_version_gets_the_whole_file() -> None:
    assert choose(100, TAG, wanted="bytes=1-2", if_range=TAG).partial
    assert not choose(100, TAG, wanted="bytes=1-2", if_range='"other"').partial


def test_if_none_match() -> None:
    assert not unchanged(TAG, None)
    assert unchanged(TAG, TAG)
    assert unchanged(TAG, f'"x", W/{TAG}')
    assert unchanged(TAG, "*")
    assert not unchanged(TAG, '"x"')
