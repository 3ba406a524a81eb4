"""Built chunks against wire/: the seal, the sample tables and the hashes that a reader checks."""

from struct import unpack_from
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from native_kit import FRAME, INIT_HASH, PREV_HASH, RINGS, SECOND, AnyRing, build, last_cut, new_ring, push

from watchkeep.native import length_prefixed
from watchkeep.wire import record, seal, segment
from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.isobmff import boxes, sample_sizes
from watchkeep.wire.seal import Seal, SealFlag

VIDEO = [b"\0\0\0\1\x67sps\0\0\1\x65" + bytes([i]) * (3 + i) for i in range(5)]
AUDIO = [b"audio%d" % i for i in range(3)]


@pytest.fixture(params=RINGS, ids=["compiled", "twin"])
def ring(request: pytest.FixtureRequest) -> AnyRing:
    return new_ring(request.param)  # type: ignore[no-any-return]


def _fill(ring: AnyRing) -> None:
    push(ring, AUDIO[0], track=1, dts=-10, pts=-10)
    for i, data in enumerate(VIDEO):
        push(ring, data, dts=1000 + i * FRAME, pts=1000 + (2 * i + 1) * FRAME, key=i == 0, damaged=i == 3, annexb=True)
        if i in (1, 2):
            push(ring, AUDIO[i], track=1, dts=1014 * i, duration=999)


def _chunk_at(chunk: bytes) -> segment.ChunkAt:
    found = segment.chunk_at(lambda offset, length: chunk[offset : offset + length], 0)
    assert found is not None
    assert found.length == len(chunk)
    return found


def test_the_seal_says_what_the_cut_said(ring: AnyRing) -> None:
    _fill(ring)
    cut = last_cut(ring)
    chunk = build(ring, cut, pts_base=1 << 40, seq=9, segment_seq=9, clock=2, cause=6)
    samples = [length_prefixed(data) for data in VIDEO] + AUDIO
    found = seal.parse_seal(chunk)
    assert found == Seal(
        camera="cam0", epoch=7, seq=9, segment_seq=9,
        flags=SealFlag.KEY | SealFlag.SEGMENT_START | SealFlag.DURATION_GUESSED | SealFlag.DAMAGED,
        clock=ClockQuality.SYNCHRONISED, cause=Cause.OVERFLOW, timescale=SECOND, duration=5 * FRAME,
        wall_start_ns=1_700_000_000_000_000_000, pts=1000 + FRAME + (1 << 40), video_frames=5, audio_frames=3,
        init_hash=INIT_HASH, prev_hash=PREV_HASH, frame_hashes=tuple(blake3(sample).digest() for sample in samples),
        chunk_hash=record.chunk_digest(found.size, chunk))  # fmt: skip
    assert seal.pack_seal(found) == chunk[: found.size]


def test_a_reader_proves_the_chunk_and_finds_every_sample(ring: AnyRing) -> None:
    _fill(ring)
    chunk = build(ring, last_cut(ring))
    at = _chunk_at(chunk)
    assert segment.damage_of(chunk, at, INIT_HASH) == []
    assert [bytes(sample) for sample in segment.samples(chunk, at.seal)] == [length_prefixed(data) for data in VIDEO] + AUDIO
    header = record.Header(record.RecordKind.CHUNK, "cam0", 7, 3, len(chunk), at.seal.chunk_hash)
    assert record.check_payload(header, chunk) == at.seal


def test_a_changed_byte_is_pinned_to_its_frame(ring: AnyRing) -> None:
    _fill(ring)
    chunk = bytearray(build(ring, last_cut(ring)))
    chunk[-1] ^= 1
    assert [damage.frame for damage in segment.damage_of(bytes(chunk), _chunk_at(bytes(chunk)), INIT_HASH)] == [7]


def test_the_moof_holds_stamps_flags_and_offsets(ring: AnyRing) -> None:
    _fill(ring)
    chunk = build(ring, last_cut(ring), seq=0xFFFFFFFF)
    view = memoryview(chunk)[seal.parse_seal(chunk).size :]
    moof = dict(boxes(view))[b"moof"]
    parts = [(kind, bytes(body)) for kind, body in boxes(moof)]
    assert parts[0] == (b"mfhd", bytes(8))
    video, audio = (dict(boxes(body)) for kind, body in parts[1:] if kind == b"traf")
    assert (bytes(video[b"tfhd"]), bytes(audio[b"tfhd"])) == (b"\0\2\0\0\0\0\0\1", b"\0\2\0\0\0\0\0\2")
    assert (unpack_from(">IQ", video[b"tfdt"]), unpack_from(">IQ", audio[b"tfdt"])) == ((1 << 24, 1000), (1 << 24, 0))
    sizes = [len(length_prefixed(data)) for data in VIDEO]
    media = len(moof) + 16
    assert unpack_from(">III", video[b"trun"]) == (0x01000F01, 5, media)
    assert unpack_from(">III", audio[b"trun"]) == (0x00000301, 3, media + sum(sizes))
    flags = [0x02000000] + [0x01010000] * 4
    assert [unpack_from(">IIIi", video[b"trun"], 12 + 16 * i) for i in range(5)] == [
        (FRAME, sizes[i], flags[i], (i + 1) * FRAME) for i in range(5)]  # fmt: skip
    assert [unpack_from(">II", audio[b"trun"], 12 + 8 * i) for i in range(3)] == [(1014, 6), (1014, 6), (999, 6)]


def test_durations_add_up_where_stamps_go_back(ring: AnyRing) -> None:
    for dts in (5000, 9000, 100, 9000, 12_000):
        push(ring, dts=dts, pts=dts - 50)
    chunk = build(ring, last_cut(ring))
    view = memoryview(chunk)[seal.parse_seal(chunk).size :]
    trun = dict(boxes(list(boxes(dict(boxes(view))[b"moof"]))[1][1]))[b"trun"]
    runs = [unpack_from(">IIIi", trun, 12 + 16 * i) for i in range(5)]
    assert [(run[0], run[3]) for run in runs] == [(4000, -50), (0, -50), (0, -8950), (3000, -50), (3000, -50)]
    assert sum(run[0] for run in runs) == seal.parse_seal(chunk).duration


def test_a_chunk_may_be_built_again_until_it_is_released(ring: AnyRing) -> None:
    _fill(ring)
    cut = last_cut(ring)
    assert build(ring, cut) == build(ring, cut)


@pytest.mark.parametrize(
    "wrong",
    [{"epoch": 1 << 52}, {"epoch": -1}, {"seq": 1 << 48}, {"seq": 0}, {"segment_seq": 4}, {"clock": 256}, {"cause": -1},
     {"pts_base": 1 << 61}, {"wall_start_ns": 1 << 63},
     {"camera": b""}, {"camera": b"x" * 64}, {"init_hash": bytes(31)}, {"prev_hash": bytes(33)}],
)  # fmt: skip
def test_a_seal_that_no_reader_accepts_is_not_written(ring: AnyRing, wrong: dict[str, Any]) -> None:
    push(ring)
    cut = last_cut(ring)
    with pytest.raises((ValueError, OverflowError)):
        build(ring, cut, **wrong)
    assert seal.parse_seal(build(ring, cut)).seq == 3


@settings(max_examples=60, deadline=None)
@given(data=st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.booleans()), min_size=1, max_size=40))
def test_any_frames_make_a_chunk_that_proves_itself(data: list[tuple[bytes, bool]]) -> None:
    ring = new_ring(RINGS[0])
    for i, (sample, is_audio) in enumerate(data):
        push(ring, sample, track=int(is_audio), dts=i)
    cut = ring.cut(True)
    if cut is None:
        assert ring.dropped_audio == len(data)
        return
    chunk = build(ring, cut)
    assert segment.damage_of(chunk, _chunk_at(chunk), INIT_HASH) == []
    moof = dict(boxes(memoryview(chunk)[seal.parse_seal(chunk).size :]))[b"moof"]
    tracks = [[len(sample) for sample, is_audio in data if is_audio is wanted] for wanted in (False, True)]
    assert sample_sizes(moof) == [(track + 1, sizes) for track, sizes in enumerate(tracks) if sizes]
