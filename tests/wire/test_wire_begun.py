"""What an agent says of cameras that it has begun with, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.wire.begun import MAX_BEGUN, MAX_TEXT, read, written
from watchkeep.wire.ids import MAX_TERM

ids = st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True)


@given(st.dictionaries(ids, st.integers(0, MAX_TERM), max_size=MAX_BEGUN))
def test_what_is_written_is_read(begun: dict[str, int]) -> None:
    assert read(written(begun)) == begun


def test_of_too_many_the_first_are_said_and_the_longest_fit() -> None:
    begun = {f"{number:063d}": MAX_TERM for number in range(MAX_BEGUN + 5)}
    assert len(written(begun)) <= MAX_TEXT
    assert list(read(written(begun))) == list(begun)[:MAX_BEGUN]


@pytest.mark.parametrize("text", ["cam0", "cam0.", ".1", "cam0.1,", ",cam0.1", "cam0.1,,cam1.1", "Cam.1", "cam0.-1", "cam0.123456",
                                  "cam0.1 ", "a" * 64 + ".1", "cam0.1\n", ",".join(["cam0.1"] * 5000)])  # fmt: skip
def test_anything_else_says_nothing(text: str) -> None:
    assert read(text) == {}
