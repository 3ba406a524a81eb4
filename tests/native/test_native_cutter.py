"""Where chunks end: each rule of cutter.pyx by example, for the compiled ring and its twin."""

from typing import Any

import pytest
from native_kit import FRAME, RINGS, SECOND, AnyRing, new_ring, push, push_gop

from watchkeep.native import Cut


@pytest.fixture(params=RINGS, ids=["compiled", "twin"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def take_all(ring: AnyRing, *, flush: bool = False) -> list[Cut]:
    found = []
    while (cut := ring.cut(flush)) is not None:
        found.append(cut)
        ring.release(cut)
    return found


def test_a_chunk_is_complete_when_the_next_video_frame_is_there(kind: Any) -> None:
    ring = new_ring(kind)
    push_gop(ring)
    assert ring.cut() is None
    push(ring, dts=25 * FRAME)
    cut = ring.cut()
    assert (cut.video_frames, cut.duration, cut.guessed) == (25, SECOND, False)
    assert (cut.key, cut.segment_start, cut.dts, cut.payload_bytes) == (True, True, 0, 25 * 6)
    assert ring.cut() == cut
    ring.release(cut)
    assert (ring.frames, ring.cut()) == (1, None)


def test_an_early_cut_takes_all_but_the_newest_frame_and_the_next_chunk_goes_on_from_it(kind: Any) -> None:
    ring = new_ring(kind)
    push_gop(ring, frames=10)
    cut = ring.cut(early=True)
    assert (cut.video_frames, cut.duration, cut.guessed, cut.key) == (9, 9 * FRAME, False, True)
    ring.release(cut)
    assert (ring.frames, ring.cut(early=True)) == (1, None)
    for i in range(10, 36):
        push(ring, dts=i * FRAME)
    assert [(cut.dts // FRAME, cut.video_frames, cut.segment_start) for cut in take_all(ring)] == [(9, 25, False)]


def test_a_full_chunk_comes_before_an_early_one(kind: Any) -> None:
    ring = new_ring(kind)
    push_gop(ring, frames=30)
    for frames in (25, 4):
        cut = ring.cut(early=True)
        assert (cut.video_frames, cut.duration) == (frames, frames * FRAME)
        ring.release(cut)


def test_no_chunk_is_longer_than_chunk_ticks(kind: Any) -> None:
    ring = new_ring(kind)
    for i in range(60):
        push(ring, dts=i * 7001, key=i == 0)
    cuts = take_all(ring)
    assert [cut.video_frames for cut in cuts] == [12, 12, 12, 12]
    assert all(cut.duration == 12 * 7001 <= SECOND for cut in cuts)


def test_a_single_frame_may_last_longer_than_a_chunk(kind: Any) -> None:
    ring = new_ring(kind)
    for i in range(3):
        push(ring, dts=i * 3 * SECOND, key=i == 0)
    assert [(cut.video_frames, cut.duration) for cut in take_all(ring)] == [(1, 3 * SECOND)] * 2


def test_a_segment_starts_at_a_key_frame_once_the_last_is_full(kind: Any) -> None:
    ring = new_ring(kind, frames=1024)
    for i in range(111):
        push(ring, dts=i * FRAME, key=i % 30 == 0)
    cuts = take_all(ring)
    assert [(cut.dts // FRAME, cut.video_frames, cut.segment_start, cut.key) for cut in cuts] == [
        (0, 25, True, True), (25, 5, False, False), (30, 25, False, True), (55, 5, False, False), (60, 25, True, True),
        (85, 5, False, False)]  # fmt: skip


def test_chunks_find_back_to_key_frames_whatever_the_stamps_do(kind: Any) -> None:
    """GOPs of a second, one of them 2 ms too long: without the rule all later chunks would begin one frame before a key frame."""
    ring = new_ring(kind)
    for i in range(101):
        push(ring, dts=i * FRAME + (180 if i >= 25 else 0), key=i % 25 == 0)
    assert [(cut.video_frames, cut.key) for cut in take_all(ring)] == [(24, True), (1, False), (25, True), (25, True), (25, True)]


def test_of_frames_that_are_all_key_frames_a_chunk_is_as_long_as_ever(kind: Any) -> None:
    ring = new_ring(kind)
    for i in range(51):
        push(ring, dts=i * FRAME, key=True)
    assert [cut.video_frames for cut in take_all(ring)] == [25, 25]


def test_a_key_frame_alone_does_not_cut(kind: Any) -> None:
    ring = new_ring(kind)
    for i in range(26):
        push(ring, dts=i * FRAME, key=i % 10 == 0)
    assert [cut.video_frames for cut in take_all(ring)] == [25]


def test_a_run_change_cuts_and_starts_a_segment(kind: Any) -> None:
    ring = new_ring(kind)
    push_gop(ring, frames=5)
    push_gop(ring, frames=2, run=1)
    cut = ring.cut()
    assert (cut.run, cut.video_frames, cut.duration, cut.guessed) == (0, 5, 5 * FRAME, True)
    ring.release(cut)
    assert ring.cut() is None
    assert [(cut.run, cut.video_frames, cut.segment_start) for cut in take_all(ring, flush=True)] == [(1, 2, True)]


@pytest.mark.parametrize(
    ("stamps", "declared", "duration"), [([0], 0, 3000), ([0], 1800, 1800), ([0, 2000], 1800, 4000), ([0, 89_000], 0, SECOND)]
)
def test_flush_guesses_the_last_duration_within_the_longest_chunk(kind: Any, stamps: list[int], declared: int, duration: int) -> None:
    ring = new_ring(kind)
    for dts in stamps:
        push(ring, dts=dts, duration=declared)
    cut = ring.cut(True)
    assert (cut.duration, cut.guessed, cut.video_frames) == (duration, True, len(stamps))


def test_more_frames_after_a_flush_are_cut_again(kind: Any) -> None:
    ring = new_ring(kind)
    push(ring, dts=0)
    first = ring.cut(True)
    push(ring, dts=FRAME)
    assert ring.cut() is None
    ring.release(first)
    assert ring.cut(True).dts == FRAME


@pytest.mark.parametrize("rule", [{"max_chunk_frames": 7}, {"max_chunk_bytes": 42}])
def test_limits_cut_before_the_video_frame_that_does_not_fit(kind: Any, rule: dict[str, int]) -> None:
    ring = new_ring(kind, **rule)
    push_gop(ring, frames=20)
    assert [(cut.video_frames, cut.duration, cut.guessed) for cut in take_all(ring)] == [(7, 7 * FRAME, False)] * 2


def test_audio_that_does_not_fit_moves_on_with_its_video_frame(kind: Any) -> None:
    ring = new_ring(kind, max_chunk_frames=4)
    push_gop(ring, frames=2)
    for i in range(4):
        push(ring, b"au", track=1, dts=i)
    cuts = take_all(ring, flush=True)
    assert [(cut.video_frames, cut.audio_frames, cut.guessed) for cut in cuts] == [(1, 0, False), (1, 3, True)]
    assert ring.dropped_audio == 1


def test_leading_audio_travels_with_the_first_video(kind: Any) -> None:
    ring = new_ring(kind)
    push(ring, b"au", track=1, dts=-5)
    push(ring, b"au", track=1, dts=1019)
    push_gop(ring, frames=26)
    cut = ring.cut()
    assert (cut.audio_frames, cut.audio_dts, cut.dts, cut.payload_bytes) == (2, -5, 0, 25 * 6 + 4)


def test_audio_between_boundary_frames_belongs_to_the_chunk_before(kind: Any) -> None:
    ring = new_ring(kind)
    push_gop(ring, frames=25)
    push(ring, b"au", track=1, dts=0)
    push(ring, dts=25 * FRAME)
    assert ring.cut().audio_frames == 1


def test_a_run_of_audio_gives_no_chunk(kind: Any) -> None:
    ring = new_ring(kind)
    for i in range(3):
        push(ring, b"au", track=1, dts=i)
    assert (ring.cut(), ring.frames) == (None, 3)
    push_gop(ring, frames=1, run=1)
    assert (ring.cut(), ring.frames, ring.dropped_audio) == (None, 1, 3)
    ring.release(ring.cut(True))
    push(ring, b"au", track=1, run=2)
    assert (ring.cut(True), ring.frames, ring.dropped_audio) == (None, 0, 4)


def test_audio_without_video_never_fills_the_ring(kind: Any) -> None:
    ring = new_ring(kind, max_chunk_frames=8)
    for i in range(100):
        assert push(ring, b"au", track=1, dts=i)
        assert ring.cut() is None
        assert ring.frames <= 8
    assert ring.dropped_audio + ring.frames == 100


def test_backward_stamps_never_give_a_negative_duration(kind: Any) -> None:
    ring = new_ring(kind)
    for dts in (5000, 9000, 100, 9000, 0):
        push(ring, dts=dts)
    cut = ring.cut(True)
    assert (cut.duration, cut.video_frames) == (4000 + 3000, 5)


def test_arrival_and_damage_are_told(kind: Any) -> None:
    ring = new_ring(kind)
    push(ring, b"au", track=1, arrival_ns=11)
    push(ring, arrival_ns=22, pts=FRAME)
    push(ring, dts=FRAME, damaged=True, arrival_ns=33)
    cut = ring.cut(True)
    assert (cut.arrival_ns, cut.damaged, cut.pts) == (22, True, FRAME)


def test_a_cut_is_good_for_one_release(kind: Any) -> None:
    ring = new_ring(kind)
    push(ring)
    cut = ring.cut(True)
    ring.release(cut)
    push(ring, dts=1)
    for use in (ring.release, lambda cut: ring.build(cut, camera=b"c", epoch=0, seq=0, segment_seq=0, clock=0, cause=1, wall_start_ns=0,
                                                     pts_base=0, init_hash=bytes(32), prev_hash=bytes(32))):  # fmt: skip
        with pytest.raises(ValueError, match="oldest"):
            use(cut)
