"""What the tests of native/ share: both rings, and pushing and building with everyday values."""

from typing import Any

from watchkeep.native import Cut, Ring
from watchkeep.native.ring_py import Ring as TwinRing

AnyRing = Ring | TwinRing
RINGS = (Ring, TwinRing)
SECOND = 90_000
FRAME = SECOND // 25
INIT_HASH, PREV_HASH = bytes(range(32)), bytes(range(32, 64))
"""Tests of what the kernel gives to the process, and of what it refuses."""


def new_ring(kind: type[Any], capacity: int = 1 << 20, frames: int = 1024, **rules: int) -> Any:
    return kind(capacity, frames, **{"chunk_ticks": SECOND, "segment_ticks": 2 * SECOND, **rules})


def push(ring: AnyRing, data: bytes = b"\x65video", **values: Any) -> bool:
    """Push a video frame unless told otherwise; pts follows dts."""
    dts = values.get("dts", 0)
    everyday: dict[str, Any] = {"run": 0, "track": 0, "pts": dts, "dts": dts, "duration": 0, "key": False, "damaged": False}
    return ring.push(data, **{**everyday, "arrival_ns": 0, "annexb": False, **values})


def push_gop(ring: AnyRing, *, frames: int = 25, start: int = 0, **values: Any) -> list[bool]:
    """Push a key frame and what follows, 25 frames a second."""
    return [push(ring, dts=start + i * FRAME, key=i == 0, **values) for i in range(frames)]


def last_cut(ring: AnyRing) -> Cut:
    """All that waits, as one cut; the test sees to it that there is some."""
    cut = ring.cut(True)
    assert cut is not None
    return cut


def build(ring: AnyRing, cut: Cut, **values: Any) -> bytes:
    everyday: dict[str, Any] = {"camera": b"cam0", "epoch": 7, "seq": 3, "segment_seq": 1, "clock": 2, "cause": 1}
    anchors = {"wall_start_ns": 1_700_000_000_000_000_000, "pts_base": 0, "init_hash": INIT_HASH, "prev_hash": PREV_HASH}
    return ring.build(cut, **{**everyday, **anchors, **values})


def counters(ring: AnyRing) -> dict[str, int | bool]:
    names = ("frames", "bytes_used", "high_water", "capacity", "dropping", "closed", "dropped_frames", "dropped_gops", "dropped_audio")
    return {name: getattr(ring, name) for name in (*names, "empty_frames", "damaged_frames")}
