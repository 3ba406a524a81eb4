"""How much memory a ring really takes, by the kernel's count of this process's resident pages."""

import os
from pathlib import Path

import pytest
from native_kit import FRAME, RINGS, build, new_ring, push

from watchkeep.native import Ring

pytestmark = pytest.mark.plain_memory
CAPACITY = 256 << 20
DATA = b"\x65" * 20_000
MB = 1 << 20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _record(ring: Ring, first: int, frames: int) -> None:
    """A camera of 4 Mbit/s in good health: chunks are taken as they become ready."""
    for number in range(first, first + frames):
        assert push(ring, DATA, dts=number * FRAME, key=number % 50 == 0)
        if (cut := ring.cut()) is not None:
            assert build(ring, cut).endswith(DATA * cut.video_frames)
            ring.release(cut)


def test_a_healthy_ring_touches_a_chunks_worth() -> None:
    """700 MB go through a ring of 256 MB; a chunk has 0.5 MB."""
    ring = new_ring(RINGS[0], capacity=CAPACITY, frames=100_000)
    _record(ring, 0, 100)
    before = _resident()
    _record(ring, 100, 35_000)
    assert _resident() - before < 4 * MB
    ring.close()


def test_pages_of_a_burst_are_given_back() -> None:
    ring = new_ring(RINGS[0], capacity=CAPACITY, frames=100_000)
    _record(ring, 0, 100)
    before = _resident()
    for number in range(100, 5100):
        assert push(ring, DATA, dts=number * FRAME)
    assert _resident() - before > 90 * MB
    _record(ring, 5100, 1000)
    assert ring.frames < 100
    assert _resident() - before < 8 * MB
    ring.close()


def test_what_the_opening_of_a_stream_brings_at_once_is_not_kept() -> None:
    """3 MB before the first cut, as after probing; afterwards a lap touches half a megabyte."""
    before = _resident()
    rings = [new_ring(RINGS[0], capacity=CAPACITY, frames=100_000) for _ in range(20)]
    for ring in rings:
        for number in range(150):
            assert push(ring, DATA, dts=number * FRAME)
        _record(ring, 150, 1500)
    assert _resident() - before < 20 * MB
    for ring in rings:
        ring.close()


def test_a_ring_takes_no_memory_before_it_is_used() -> None:
    before = _resident()
    rings = [new_ring(RINGS[0], capacity=CAPACITY, frames=100_000) for _ in range(20)]
    assert _resident() - before < 4 * MB
    for ring in rings:
        ring.close()


def test_closing_frees_the_memory() -> None:
    ring = new_ring(RINGS[0], capacity=CAPACITY, frames=100_000)
    before = _resident()
    for number in range(2000):
        push(ring, DATA, dts=number * FRAME)
    assert _resident() - before > 35 * MB
    ring.close()
    assert _resident() - before < 4 * MB
