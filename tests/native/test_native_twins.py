"""The compiled ring and its twin, driven by the same random operations: every result and every byte is the same.

Capacities are tiny, so that wraps, restarts, overflows and drops happen in every few examples.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from native_kit import build, counters, new_ring

from watchkeep.native import Cut, Ring
from watchkeep.native.ring_py import Ring as TwinRing

Operation = Callable[[Any, "Caller"], Any]

annexb_piece = st.one_of(st.sampled_from([b"\0\0\1", b"\0\0\0\1", b"\0", b"\0\0\1\0\0\1"]), st.binary(max_size=12))
payloads = st.one_of(
    st.lists(annexb_piece, max_size=6).map(b"".join), st.binary(max_size=90), st.sampled_from([b"", b"\0\0\0", b"\0\0\1e" * 9])
)
far = st.integers(-(1 << 61), 1 << 61)


class Caller:
    """What ingest keeps: run, last dts, and the cuts that were handed out."""

    def __init__(self) -> None:
        self.run = self.dts = 0
        self.cut: Cut | None = None


def _push(step: int, run_step: int, track: int, offset: int, data: bytes, **values: Any) -> Operation:
    def operation(ring: Any, caller: Caller) -> object:
        video_key = track == 0 and values["key"]
        caller.run += run_step or int(ring.dropping and video_key)
        caller.dts = max(0, caller.dts + step)
        try:
            return ring.push(data, run=caller.run, track=track, dts=caller.dts, pts=caller.dts + offset, **values)
        except (ValueError, OverflowError):
            return "refused"

    return operation


def _cut(flush: bool, early: bool) -> Operation:
    def operation(ring: Any, caller: Caller) -> object:
        caller.cut = ring.cut(flush, early) or caller.cut
        return caller.cut

    return operation


def _take(flush: bool, early: bool = False, **values: Any) -> Operation:
    def operation(ring: Any, caller: Caller) -> object:
        cut = ring.cut(flush, early)
        if cut is None:
            return None
        chunk = build(ring, cut, **values)
        ring.release(cut)
        return cut, chunk

    return operation


def _release_old(ring: Any, caller: Caller) -> object:
    try:
        return caller.cut and ring.release(caller.cut)
    except ValueError:
        return "refused"


pushes = st.builds(
    _push,
    step=st.one_of(st.sampled_from([0, 1, 2, 3, 3, 3, 4]), st.integers(-5, 40), st.sampled_from([1 << 33, -(1 << 33)])),
    run_step=st.sampled_from([0] * 12 + [1, 3, -1]), track=st.sampled_from([0, 0, 0, 1]),
    offset=st.one_of(st.integers(-9, 9), far), data=payloads, duration=st.sampled_from([0, 0, 3, 50, (1 << 32) - 1]),
    key=st.sampled_from([False, False, True]), damaged=st.sampled_from([False, False, False, True]),
    arrival_ns=st.integers(-(1 << 63), (1 << 63) - 1), annexb=st.booleans())  # fmt: skip
takes = st.builds(
    _take, flush=st.sampled_from([False, False, True]), early=st.sampled_from([False, False, True]),
    seq=st.integers(3, (1 << 48) - 1), epoch=st.integers(0, (1 << 52) - 1),
    clock=st.integers(0, 255), cause=st.integers(0, 255), wall_start_ns=st.integers(-(1 << 63), (1 << 63) - 1),
    pts_base=st.integers(-(1 << 60), 1 << 60), camera=st.sampled_from([b"c", b"x" * 63]))  # fmt: skip
cuts = st.builds(_cut, st.booleans(), st.booleans())
operations = st.lists(st.one_of(pushes, pushes, pushes, takes, cuts, st.just(_release_old)), max_size=80)
rings = st.fixed_dictionaries({
    "capacity": st.sampled_from([1, 40, 100, 300, 2000]), "frames": st.sampled_from([1, 2, 5, 17, 100]),
    "chunk_ticks": st.sampled_from([1, 10, 30, 90_000]), "segment_ticks": st.sampled_from([1, 25, 10**6]),
    "max_chunk_frames": st.sampled_from([1, 3, 2048]), "max_chunk_bytes": st.sampled_from([30, 200, 1 << 20])})  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(shape=rings, steps=operations)
def test_twins_agree(shape: dict[str, int], steps: list[Operation]) -> None:
    compiled, twin = new_ring(Ring, **shape), new_ring(TwinRing, **shape)
    callers = Caller(), Caller()
    for step in steps:
        assert step(compiled, callers[0]) == step(twin, callers[1])
        assert counters(compiled) == counters(twin)
    compiled.close()


@settings(max_examples=100, deadline=None)
@given(shape=rings, steps=st.lists(pushes, max_size=60))
def test_scanning_early_or_late_gives_the_same_chunks(shape: dict[str, int], steps: list[Operation]) -> None:
    """A scan that stops and goes on decides as one over all frames: rule 4 of cutter.pyx."""
    roomy = shape | {"capacity": 1 << 16, "frames": 1000}
    eager, lazy = new_ring(Ring, **roomy), new_ring(Ring, **roomy)
    early: list[object] = []
    callers = Caller(), Caller()
    for step in steps:
        step(eager, callers[0])
        step(lazy, callers[1])
        early += _chunks(eager, flush=False)
    assert early + _chunks(eager, flush=True) == _chunks(lazy, flush=False) + _chunks(lazy, flush=True)


def _chunks(ring: Any, *, flush: bool) -> list[object]:
    found: list[object] = []
    while (taken := _take(flush)(ring, Caller())) is not None:
        found.append(taken)
    return found
