"""A ring without room: whole GOPs are dropped and counted, nothing that was accepted is, and recording goes on."""

from typing import Any

import pytest
from native_kit import FRAME, RINGS, SECOND, build, counters, new_ring, push, push_gop


@pytest.fixture(params=RINGS, ids=["compiled", "twin"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("size", [{"capacity": 60, "frames": 100}, {"capacity": 6000, "frames": 10}], ids=["bytes", "frames"])
def test_everything_is_refused_until_a_key_frame_fits(kind: Any, size: dict[str, int]) -> None:
    ring = new_ring(kind, **size)
    assert push_gop(ring, frames=25) == [True] * 10 + [False] * 15
    assert (ring.dropping, ring.dropped_frames, ring.dropped_gops, ring.frames) == (True, 15, 1, 10)
    assert not push(ring, dts=SECOND, key=True, run=1)
    assert (ring.dropped_frames, ring.dropped_gops) == (16, 2)
    ring.release(ring.cut())
    assert (push(ring, dts=SECOND + FRAME), push(ring, b"au", track=1)) == (False, False)
    assert push(ring, key=True, run=1)
    assert (ring.dropping, ring.dropped_frames, ring.dropped_gops) == (False, 18, 2)


def test_a_run_never_goes_on_behind_a_drop(kind: Any) -> None:
    ring = new_ring(kind, capacity=12)
    push_gop(ring, frames=3)
    before = counters(ring)
    with pytest.raises(ValueError, match="new run"):
        push(ring, key=True, dts=SECOND)
    assert counters(ring) == before


def test_a_ring_smaller_than_a_chunk_still_records(kind: Any) -> None:
    ring = new_ring(kind, frames=10)
    kept = 0
    for run in range(4):
        push_gop(ring, run=run)
        cut = ring.cut()
        assert (cut.run, cut.video_frames, cut.guessed, cut.segment_start) == (run, 10, True, True)
        kept += cut.frames
        ring.release(cut)
    assert (kept, ring.dropped_frames, ring.dropped_gops) == (40, 60, 4)


def test_a_frame_goes_to_the_beginning_when_the_end_is_short(kind: Any) -> None:
    """100 bytes, three frames of 30; when the first is gone, 10 are free at the end and 30 at the beginning."""
    ring = new_ring(kind, capacity=100, chunk_ticks=FRAME)
    sent = [bytes([letter]) * size for letter, size in zip(b"abcdef", (30, 30, 30, 20, 10, 1), strict=True)]
    for number, data in enumerate(sent[:3]):
        assert push(ring, data, dts=number * FRAME)
    ring.release(ring.cut())
    assert not push(ring, bytes(31), dts=3 * FRAME)
    assert [push(ring, data, run=1, key=True, dts=number * FRAME) for number, data in enumerate(sent[3:])] == [True, True, False]
    assert ring.bytes_used == 90
    found = b""
    while (cut := ring.cut(True)) is not None:
        found += build(ring, cut)[-cut.payload_bytes :]
        ring.release(cut)
    assert found == b"".join(sent[1:5])


def test_a_frame_larger_than_the_ring_is_dropped(kind: Any) -> None:
    ring = new_ring(kind, capacity=100)
    assert not push(ring, bytes(101), key=True)
    assert not push(ring, bytes(1 << 20), key=True, annexb=True)
    assert push(ring, bytes(100), key=True)
    assert (ring.dropped_frames, ring.dropped_gops, ring.bytes_used, ring.high_water) == (2, 2, 100, 100)


def test_a_frame_larger_than_a_chunk_is_dropped(kind: Any) -> None:
    ring = new_ring(kind, max_chunk_bytes=50)
    assert not push(ring, bytes(51), key=True)
    assert push(ring, bytes(50), key=True)


def test_a_gop_that_lost_only_audio_counts_once(kind: Any) -> None:
    ring = new_ring(kind, frames=2)
    push_gop(ring, frames=2)
    assert not push(ring, b"au", track=1)
    assert not push(ring, dts=2 * FRAME)
    assert (ring.dropped_gops, ring.dropped_frames) == (1, 2)


@pytest.mark.parametrize(("data", "annexb"), [(b"", False), (b"", True), (b"\0\0\0", True), (b"\0\0\1\0\0\1", True)])
def test_an_empty_access_unit_is_no_loss(kind: Any, data: bytes, annexb: bool) -> None:
    ring = new_ring(kind)
    assert not push(ring, data, annexb=annexb, key=True)
    assert counters(ring) == {**counters(new_ring(kind)), "empty_frames": 1}


def test_damaged_pictures_are_counted_when_they_came_in(kind: Any) -> None:
    ring = new_ring(kind, frames=3)
    push(ring, key=True, damaged=True)
    push(ring, b"au", track=1, damaged=True)
    push(ring, dts=FRAME)
    assert not push(ring, dts=2 * FRAME, damaged=True)
    assert (ring.damaged_frames, ring.dropped_frames) == (1, 1)


def test_empty_frames_do_not_end_a_drop(kind: Any) -> None:
    ring = new_ring(kind, frames=1)
    push_gop(ring, frames=2)
    ring.release(ring.cut())
    assert not push(ring, b"\0\0\1", annexb=True, key=True, run=1)
    assert ring.dropping


@pytest.mark.parametrize(
    "wrong",
    [{"track": 2}, {"track": -1}, {"run": -1}, {"run": 1 << 61}, {"dts": -1}, {"dts": 1 << 62}, {"pts": -(1 << 62)}, {"pts": 1 << 70},
     {"duration": -1}, {"duration": 1 << 32}, {"arrival_ns": 1 << 63}],
)  # fmt: skip
def test_numbers_out_of_range_are_refused_and_change_nothing(kind: Any, wrong: dict[str, Any]) -> None:
    ring = new_ring(kind)
    with pytest.raises((ValueError, OverflowError)):
        push(ring, **wrong)
    assert counters(ring) == counters(new_ring(kind))


def test_runs_never_go_down(kind: Any) -> None:
    ring = new_ring(kind)
    push(ring, run=5)
    with pytest.raises(ValueError, match="run 4"):
        push(ring, run=4)


@pytest.mark.parametrize(
    "wrong",
    [{"capacity": 0}, {"capacity": 1 << 40}, {"frames": 0}, {"frames": 1 << 25}, {"chunk_ticks": 0}, {"chunk_ticks": 1 << 32},
     {"segment_ticks": 0}, {"max_chunk_frames": 2049}, {"max_chunk_frames": 0}, {"max_chunk_bytes": 32 << 20}],
)  # fmt: skip
def test_a_ring_without_bounds_is_not_made(kind: Any, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is not within"):
        new_ring(kind, **wrong)


def test_a_closed_ring_says_so(kind: Any) -> None:
    ring = new_ring(kind)
    push_gop(ring)
    cut = ring.cut(True)
    ring.close()
    ring.close()
    assert (ring.closed, ring.frames, ring.bytes_used) == (True, 0, 0)
    for use in (lambda: push(ring), ring.cut, lambda: ring.release(cut)):
        with pytest.raises(ValueError, match="closed"):
            use()
