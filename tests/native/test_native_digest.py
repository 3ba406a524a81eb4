"""Many frames hashed side by side: the digests of the blake3 package, for every width that this machine has."""

from pathlib import Path
from random import Random

import pytest
from blake3 import blake3
from hypothesis import example, given
from hypothesis import strategies as st

from watchkeep.native import digest_py
from watchkeep.native.digest import digests, widths

EDGES = (0, 1, 63, 64, 65, 128, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 3073, 5000, 16_384, 16_385, 70_000)
BYTES = Random(1).randbytes(100_000)


@pytest.mark.parametrize("width", widths())
@given(sizes=st.lists(st.one_of(st.sampled_from(EDGES), st.integers(0, 20_000)), max_size=20))
@example(sizes=list(EDGES))
@example(sizes=list(reversed(EDGES)))
@example(sizes=[1024] * 17)
@example(sizes=[])
def test_each_frame_gets_the_digest_that_it_has_by_itself(width: int, sizes: list[int]) -> None:
    parts = [BYTES[at : at + size] for at, size in enumerate(sizes)]
    assert digests(parts, width) == digest_py.digests(parts)


def test_no_width_of_this_machine_is_left_untried() -> None:
    """What is tried above is what the code finds by itself; the kernel knows as well."""
    flags = Path("/proc/cpuinfo").read_text().split()
    assert widths() == [4] + [8] * ("avx2" in flags) + [16] * ("avx512f" in flags)


def test_what_is_used_is_the_widest() -> None:
    assert digests([BYTES]) == digests([BYTES], widths()[-1]) == [blake3(BYTES).digest()]


def test_a_large_key_frame_beside_small_ones() -> None:
    parts = [Random(2).randbytes(3 << 20), b"", BYTES]
    assert digests(parts) == digest_py.digests(parts)


def test_a_width_that_this_machine_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no 32 lanes"):
        digests([b""], 32)
