"""The search of start codes in blocks, held against the twin, whose search is that of bytes.find."""

from array import array
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.native import nal, nal_py

CODE = b"\0\0\1"
BLOCK = 64
"""Of native/start_code.h."""

AROUND = [(b"", b""), (b"\0\0", b"\1\0\0\1"), (b"\0\0\0", b"\0\1"), (b"\0\0\1\0", b"\0\0\1"), (b"\1", b"\1")]
"""What lies before and after the data; would make or hide a code if it were read."""

nasty = st.lists(st.sampled_from([b"\0", b"\0", b"\0", b"\1", b"\3", CODE, b"\0\0\3", b"\xff", bytes(50), b"\xee" * BLOCK]), max_size=100)


def surrounded(data: bytes, before: bytes, after: bytes) -> memoryview:
    """The data, at an address that depends on what is before it."""
    return memoryview(before + data + after)[len(before) : len(before) + len(data)]


def alone(data: bytes) -> "array[int]":
    """The data in memory of exactly its size, so that ./run sanitize sees a read before or behind it."""
    return array("B", list(data))


def check(data: bytes) -> None:
    wanted = nal_py.split_annexb(data)
    assert nal.split_annexb(alone(data)) == wanted
    for before, after in AROUND:
        assert nal.split_annexb(surrounded(data, before, after)) == wanted


@pytest.mark.parametrize("filler", [b"\xff", b"\1", b"\2"])
def test_a_code_is_found_at_every_place_of_every_size(filler: bytes) -> None:
    for size in range(len(CODE), 3 * BLOCK + 10):
        for place in range(size - len(CODE) + 1):
            rest = size - place - len(CODE)
            wanted = [unit for unit in ((0, place), (place + len(CODE), rest)) if unit[1]]
            assert nal.split_annexb(filler * place + CODE + filler * rest) == wanted


@pytest.mark.parametrize("start", range(16))
def test_a_code_is_found_from_every_address(start: int) -> None:
    for place in range(2 * BLOCK + 2):
        data = b"\xff" * place + CODE + b"\xff" * (BLOCK + 10)
        assert nal.split_annexb(surrounded(data, bytes(start), CODE)) == nal_py.split_annexb(data)


@pytest.mark.parametrize("last", [b"\1", b"\3", b"\0\0\3\0\1"])
def test_zeros_are_a_code_only_with_a_one_behind_them(last: bytes) -> None:
    for zeros in range(2 * BLOCK + 5):
        for place in (*range(5), *range(BLOCK - 4, BLOCK + 4)):
            check(b"\xff" * place + bytes(zeros) + last + b"\xff" * (BLOCK + place))


@pytest.mark.parametrize("seed", range(6))
def test_short_data_of_every_size(seed: int) -> None:
    random = Random(seed)
    for size in range(201):
        check(bytes(random.choices([0, 1, 3, 255], [12, 3, 2, seed], k=size)))


@pytest.mark.parametrize("unit", [b"\0\0\3", b"\0\0\3\1", b"\0\1", b"\1\0", b"\0\0\2\0\1"])
def test_escaped_zeros_and_ones_hide_no_code(unit: bytes) -> None:
    for size in range(BLOCK - 3, 3 * BLOCK + 3):
        check((unit * BLOCK)[:size])
        check((unit * BLOCK)[:size] + CODE + (unit * BLOCK)[:size])


def test_a_picture_of_many_slices() -> None:
    random = Random(1)
    for _ in range(50):
        check(CODE.join(random.randbytes(random.randrange(4000)) for _ in range(5)))


@given(pieces=nasty)
def test_whatever_the_bytes(pieces: list[bytes]) -> None:
    check(b"".join(pieces))
