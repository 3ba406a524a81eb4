"""Times in queries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.hub.api.errors import ApiError
from watchkeep.hub.api.window import MAX_PLAY_NS, NS, Window, closed, growing, iso, opened, parse_time

AT = 1_767_323_045 * NS


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1767323045", AT), ("1767323045.25", AT + NS // 4), ("2026-01-02T03:04:05Z", AT), ("2026-01-02T03:04:05.250Z", AT + NS // 4),
        ("2026-01-02T04:04:05+01:00", AT), ("2026-01-02T04:04:05 01:00", AT), ("2026-01-01T22:04:05-05:00", AT),
        ("20260102T030405Z", AT), ("0", 0),
    ],
)  # fmt: skip
def test_times(text: str, ns: int) -> None:
    assert parse_time("start", text) == ns


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-02T03:04:05", "2026-13-01T00:00:00Z", "-1", "nan", "inf", "1e99", "1969-12-31T00:00:00Z",
             "0001-01-01T00:00:00+14:00", "9" * 400, "2026-01-02", "../x"],
)  # fmt: skip
def test_no_times(text: str) -> None:
    with pytest.raises(ApiError, match="start=") as caught:
        parse_time("start", text)
    assert caught.value.status == 400
    assert "Z" in caught.value.remedy


@given(st.integers(0, 253_402_300_799_000))
def test_iso_and_back(ms: int) -> None:
    assert parse_time("start", iso(ms * 1_000_000)) == ms * 1_000_000


def test_a_growing_window_ends_after_a_day() -> None:
    assert growing("10") == Window(10 * NS, 10 * NS + MAX_PLAY_NS)
    assert opened(None, "5") == (None, 5 * NS)
    assert opened("4", None) == (4 * NS, None)
    with pytest.raises(ApiError, match="not after"):
        opened("5", "4")


def test_windows() -> None:
    assert closed(None, None, now_ns=5) == Window(0, 5)
    assert closed("10", "20", now_ns=5) == Window(10 * NS, 20 * NS)
    for start, end in (("20", "10"), ("10", "10"), ("10", None)):
        with pytest.raises(ApiError, match="not after"):
            closed(start, end, now_ns=5)
    assert closed("0", str(MAX_PLAY_NS // NS), now_ns=0, max_ns=MAX_PLAY_NS)
    with pytest.raises(ApiError, match="24 h"):
        closed("0", str(MAX_PLAY_NS // NS + 1), now_ns=0, max_ns=MAX_PLAY_NS)
