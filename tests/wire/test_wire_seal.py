"""The seal's layout: what is packed is parsed, and nothing else is."""

from struct import pack_into

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed import chunk

from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.errors import FormatError, TruncatedError, VersionError
from watchkeep.wire.ids import MAX_EPOCH, MAX_SEQ
from watchkeep.wire.seal import FIXED_BYTES, HASH_BYTES, MAX_FRAMES, Seal, SealFlag, pack_seal, parse_seal, seal_bytes

HASHES = st.binary(min_size=HASH_BYTES, max_size=HASH_BYTES)


@st.composite
def seals(draw: st.DrawFn) -> Seal:
    video, audio = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    seq = draw(st.integers(0, MAX_SEQ))
    return Seal(
        camera=draw(st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True)), epoch=draw(st.integers(0, MAX_EPOCH)), seq=seq,
        segment_seq=draw(st.integers(0, seq)), flags=SealFlag(draw(st.integers(0, 15))), clock=draw(st.sampled_from(ClockQuality)),
        cause=draw(st.sampled_from(Cause)), timescale=draw(st.integers(1, 2**32 - 1)), duration=draw(st.integers(0, 2**32 - 1)),
        wall_start_ns=draw(st.integers(-(2**63), 2**63 - 1)), pts=draw(st.integers(-(2**63), 2**63 - 1)),
        video_frames=video + 1, audio_frames=audio, init_hash=draw(HASHES), prev_hash=draw(HASHES),
        frame_hashes=tuple(draw(HASHES) for _ in range(video + 1 + audio)), chunk_hash=draw(HASHES))  # fmt: skip


@given(seals(), st.binary(max_size=40))
def test_what_is_packed_is_parsed_whatever_follows(seal: Seal, tail: bytes) -> None:
    raw = pack_seal(seal)
    assert len(raw) == seal.size == seal_bytes(seal.video_frames + seal.audio_frames)
    assert parse_seal(raw + tail) == seal
    assert pack_seal(parse_seal(memoryview(raw))) == raw


@given(seals(), st.data())
def test_every_shorter_piece_is_truncated(seal: Seal, data: st.DataObject) -> None:
    raw = pack_seal(seal)
    with pytest.raises(TruncatedError):
        parse_seal(raw[: data.draw(st.integers(0, len(raw) - 1))])


def test_every_flipped_byte_is_refused_or_changes_a_field() -> None:
    seal, payload = chunk()
    raw = payload[: seal.size]
    for at in range(len(raw)):
        for bit in range(8):
            broken = bytearray(raw)
            broken[at] ^= 1 << bit
            try:
                assert parse_seal(bytes(broken)) != seal, at
            except FormatError as error:
                assert error.remedy


@given(st.binary(max_size=400) | st.binary(max_size=300).map(lambda tail: pack_seal(chunk()[0])[:40] + tail))
def test_any_bytes_give_a_seal_or_a_format_error(raw: bytes) -> None:
    try:
        parse_seal(raw)
    except FormatError as error:
        assert error.remedy


def test_a_camera_id_that_is_none_is_a_format_error() -> None:
    raw = bytearray(pack_seal(chunk()[0]))
    raw[88:92] = b"../x"
    with pytest.raises(FormatError, match="unknown value"):
        parse_seal(bytes(raw))


def test_an_unknown_version_is_told_from_damage() -> None:
    raw = bytearray(pack_seal(chunk()[0]))
    pack_into("<H", raw, 24, 2)
    with pytest.raises(VersionError, match="version 2"):
        parse_seal(bytes(raw))


@pytest.mark.parametrize(
    "changed", [{"video_frames": 0, "frame_hashes": ()}, {"timescale": 0}, {"segment_seq": 9, "seq": 8}, {"epoch": MAX_EPOCH + 1}]
)
def test_contradicting_fields_are_refused(changed: dict[str, int]) -> None:
    with pytest.raises(FormatError):
        parse_seal(pack_seal(chunk()[0]._replace(**changed)))  # type: ignore[arg-type]


def test_sizes_are_those_of_the_picture() -> None:
    assert FIXED_BYTES == 216
    assert seal_bytes(MAX_FRAMES) <= 64 * 1024 + 256


def test_times_come_from_ticks() -> None:
    seal = chunk()[0]._replace(timescale=90_000, duration=45_000, wall_start_ns=1_000)
    assert seal.duration_ns == 500_000_000
    assert seal.wall_end_ns == 500_001_000
