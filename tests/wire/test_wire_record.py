"""Records: framing, hashes, and that no flipped byte passes."""

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from sealed import CAMERA, EPOCH, INIT, chain, chunk, record

from watchkeep.wire.errors import DigestError, FormatError, OversizeError, TruncatedError, VersionError
from watchkeep.wire.ids import MAX_EPOCH, MAX_SEQ
from watchkeep.wire.record import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Header,
    RecordKind,
    ask,
    asked_last,
    check_payload,
    iter_records,
    pack_header,
    parse_header,
)

HEADERS = st.builds(
    Header, kind=st.sampled_from(RecordKind), camera=st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True), epoch=st.integers(0, MAX_EPOCH),
    seq=st.integers(0, MAX_SEQ), payload_bytes=st.integers(0, MAX_PAYLOAD_BYTES), hash=st.binary(min_size=32, max_size=32),
    position=st.integers(0, 2**64 - 1))  # fmt: skip


def proven(raw: bytes) -> int:
    """How many records of raw are proven; raises what wire raises."""
    count = 0
    for header, payload in iter_records(raw):
        check_payload(header, payload)
        count += 1
    return count


@given(HEADERS, st.binary(max_size=8))
def test_what_is_packed_is_parsed_whatever_follows(header: Header, tail: bytes) -> None:
    raw = pack_header(header)
    assert len(raw) == HEADER_BYTES
    assert parse_header(raw + tail) == header
    assert header.record_bytes == HEADER_BYTES + header.payload_bytes


@given(HEADERS, st.integers(0, HEADER_BYTES * 8 - 1))
def test_every_flipped_bit_of_a_header_is_refused(header: Header, bit: int) -> None:
    raw = bytearray(pack_header(header))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FormatError) as caught:
        parse_header(bytes(raw))
    assert caught.value.remedy


def test_every_flipped_byte_of_a_chunk_record_is_refused() -> None:
    seal, payload = chunk(audio=[b"sound"])
    raw = record(seal, payload)
    assert proven(raw) == 1
    for at in range(len(raw)):
        broken = bytearray(raw)
        broken[at] ^= 0x40
        with pytest.raises(FormatError):
            proven(bytes(broken))


def test_a_batch_is_views_into_what_came_in_and_ends_at_the_first_bad_record() -> None:
    parts = [record(seal, payload, number) for number, (seal, payload) in enumerate(chain(3), 1)]
    batch = b"".join(parts)
    found = list(iter_records(batch))
    assert [header.position for header, _ in found] == [1, 2, 3]
    assert all(payload.obj is batch for _, payload in found)
    seen: list[int] = []
    with pytest.raises(FormatError, match="no record starts here"):
        seen.extend(header.seq for header, _ in iter_records(parts[0] + b"x" * HEADER_BYTES + parts[1]))
    with pytest.raises(TruncatedError):
        proven(batch[:-1])


@given(st.integers(0, HEADER_BYTES + 50))
def test_a_torn_tail_is_truncated(kept: int) -> None:
    raw = record(*chunk())
    if kept == 0:
        assert proven(raw[:0]) == 0
        return
    with pytest.raises(TruncatedError):
        proven(raw[:kept])


@given(st.binary(max_size=600) | st.binary(max_size=400).map(lambda tail: record(*chunk())[:HEADER_BYTES] + tail))
def test_any_bytes_give_records_or_a_format_error(raw: bytes) -> None:
    try:
        proven(raw)
    except FormatError as error:
        assert error.remedy


def test_a_header_may_not_name_another_chunk_than_its_seal() -> None:
    seal, payload = chunk(3)
    header = Header(RecordKind.CHUNK, CAMERA, EPOCH, 4, len(payload), seal.chunk_hash)
    with pytest.raises(FormatError, match="different chunks"):
        check_payload(header, payload)


def test_a_changed_init_segment_is_refused() -> None:
    header = Header(RecordKind.INIT, CAMERA, EPOCH, 0, len(INIT), blake3(INIT).digest())
    assert check_payload(header, INIT) is None
    with pytest.raises(DigestError):
        check_payload(header, INIT[:-1] + b"x")


def test_versions_and_sizes_have_their_own_errors() -> None:
    raw = bytearray(record(*chunk()))
    raw[4] = 2
    with pytest.raises(VersionError, match="version 2"):
        parse_header(bytes(raw))
    with pytest.raises(OversizeError):
        parse_header(pack_header(Header(RecordKind.CHUNK, CAMERA, EPOCH, 0, MAX_PAYLOAD_BYTES + 1, bytes(32))))


@given(st.integers(0, MAX_SEQ), st.integers(0, 1000))
def test_an_ask_carries_both_ends(low: int, more: int) -> None:
    high = min(low + more, MAX_SEQ)
    [(header, payload)] = iter_records(ask(CAMERA, EPOCH, low, high))
    assert check_payload(header, payload) is None
    assert (header.kind, header.seq, asked_last(payload)) == (RecordKind.ASK, low, high)


def test_an_ask_of_the_wrong_length_is_a_format_error() -> None:
    with pytest.raises(FormatError, match="length"):
        asked_last(b"1234567")
