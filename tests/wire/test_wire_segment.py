"""Segment files: the good part is read, the bad part is named, whatever the file holds."""

import tracemalloc
from collections.abc import Callable

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from sealed import INIT, box, chain, chunk, segment

from watchkeep.wire.errors import DigestError, FormatError, TruncatedError
from watchkeep.wire.segment import MAX_INIT_BYTES, ChunkAt, check_init, chunk_at, damage_of, init_length, iter_chunks, samples

INIT_HASH = blake3(INIT).digest()


def reader(data: bytes) -> Callable[[int, int], bytes]:
    """A `Read` over bytes that also refuses what no file would give: offsets before its start."""

    def read(offset: int, length: int) -> bytes:
        assert offset >= 0
        assert 0 <= length <= 64 << 20
        return data[offset : offset + length]

    return read


def good_part(data: bytes) -> tuple[list[int], str]:
    """(seqs read, what stopped the reading or "")."""
    seqs = []
    try:
        for found in iter_chunks(reader(data), init_length(reader(data))):
            seqs.append(found.seal.seq)
    except FormatError as error:
        assert error.remedy
        return seqs, error.message
    return seqs, ""


def test_a_whole_file_reads_to_its_end() -> None:
    data = segment(3)
    assert init_length(reader(data)) == len(INIT)
    assert good_part(data) == ([0, 1, 2], "")


@given(st.integers(len(INIT), len(segment(3)) - 1))
def test_a_torn_file_keeps_every_whole_chunk(kept: int) -> None:
    data = segment(3)
    ends = [found.offset + found.length for found in iter_chunks(reader(data), len(INIT))]
    seqs, why = good_part(data[:kept])
    assert seqs == list(range(sum(end <= kept for end in ends)))
    assert bool(why) == (kept not in (len(INIT), *ends))


@pytest.mark.parametrize("zeros", [1, 7, 8, 300, 5000])
def test_a_zero_filled_tail_is_a_torn_tail(zeros: int) -> None:
    seqs, why = good_part(segment(2) + bytes(zeros))
    assert seqs == [0, 1]
    assert why


@given(st.integers(0, len(segment(2)) - 1), st.binary(min_size=1, max_size=8))
def test_damage_anywhere_never_gives_more_than_a_format_error(at: int, patch: bytes) -> None:
    data = bytearray(segment(2))
    data[at : at + len(patch)] = patch
    good_part(bytes(data))
    _, payload = chunk()
    for found in chain(1):
        damage_of(bytes(data[len(INIT) :]), ChunkAt(0, len(payload), found[0]), INIT_HASH)


@given(st.binary(max_size=500) | st.binary(max_size=300).map(lambda tail: INIT + tail))
def test_any_bytes_give_chunks_or_a_format_error(data: bytes) -> None:
    good_part(data)


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 64, box(b"moov"), box(b"ftyp") + box(b"mdat"), box(b"ftyp", bytes(MAX_INIT_BYTES)) + box(b"moov")]
)
def test_what_is_no_init_segment_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        init_length(reader(data))
    with pytest.raises(FormatError):
        check_init(data)


def test_an_init_segment_proves_its_hash_and_its_length() -> None:
    assert check_init(INIT) == INIT_HASH
    with pytest.raises(TruncatedError):
        init_length(reader(INIT[:-1]))
    with pytest.raises(DigestError):
        check_init(INIT + box(b"free"))


def test_a_file_of_tiny_boxes_costs_no_memory() -> None:
    tiny = box(b"free") * 250_000
    seal, _ = chunk()
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            check_init(INIT + tiny)
        with pytest.raises(FormatError):
            list(samples(bytes(seal.size) + tiny, seal))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_samples_come_video_first_then_audio() -> None:
    seal, payload = chunk(video=[b"v1", b"v2"], audio=[b"a1"])
    assert [bytes(sample) for sample in samples(payload, seal)] == [b"v1", b"v2", b"a1"]


def test_a_changed_byte_is_pinned_to_its_frame() -> None:
    seal, payload = chunk(7, video=[b"first", b"second"], audio=[b"third"])
    at = ChunkAt(100, len(payload), seal)
    assert damage_of(payload, at, INIT_HASH) == []
    for number, frame in enumerate([b"first", b"second", b"third"]):
        [damage] = damage_of(payload.replace(frame, b"X" + frame[1:]), at, INIT_HASH)
        assert (damage.offset, damage.seq, damage.frame) == (100, 7, number)


def test_every_flipped_byte_of_a_chunk_is_found() -> None:
    _, payload = chunk(audio=[b"sound"])
    for at in range(len(payload)):
        broken = bytearray(payload)
        broken[at] ^= 0x20
        try:
            found = chunk_at(reader(bytes(broken)), 0)
        except FormatError:
            continue
        assert found is not None
        assert damage_of(bytes(broken), found, INIT_HASH), at


def test_a_chunk_of_another_init_segment_is_damage() -> None:
    seal, payload = chunk()
    [damage] = damage_of(payload, ChunkAt(0, len(payload), seal), bytes(32))
    assert "init" in damage.reason


def test_a_clean_end_is_none_and_a_missing_box_is_named() -> None:
    seal, payload = chunk()
    assert chunk_at(reader(payload), len(payload)) is None
    with pytest.raises(FormatError, match="moof is missing"):
        chunk_at(reader(payload[: seal.size] + box(b"free", bytes(50))), 0)
