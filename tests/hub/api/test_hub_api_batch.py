"""Proving an append's body: what bad input gets, and that a good batch comes out as it went in."""

from zlib import crc32

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from sealed import CAMERA, EPOCH, INIT, box, chain, chunk, record

from watchkeep.hub.api.batch import MAX_RECORDS, prove
from watchkeep.hub.api.errors import ApiError
from watchkeep.wire import http
from watchkeep.wire.messages import ChunkName
from watchkeep.wire.record import HEADER_BYTES, MAX_PAYLOAD_BYTES, Header, RecordKind, ask, chunk_digest, pack_header
from watchkeep.wire.seal import pack_seal


def init_record(init: bytes = INIT) -> bytes:
    return pack_header(Header(RecordKind.INIT, CAMERA, EPOCH, 0, len(init), blake3(init).digest())) + init


def good(count: int = 3) -> bytes:
    return init_record() + b"".join(record(*made) for made in chain(count))


def refused(body: bytes, code: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        prove(body)
    assert caught.value.code == code
    assert 400 <= caught.value.status < 500
    assert caught.value.remedy
    return caught.value


def test_a_good_batch() -> None:
    records = prove(good() + ask(CAMERA, EPOCH, 0, 9))
    assert [header.kind.name for header, _, _ in records] == ["INIT", "CHUNK", "CHUNK", "CHUNK", "ASK"]
    assert [seal.seq for _, _, seal in records if seal is not None] == [0, 1, 2]
    assert bytes(records[1][1]) == chain(1)[0][1]


@given(st.integers(1, len(good()) - 1))
def test_a_truncated_batch_is_refused_wherever_it_ends(length: int) -> None:
    ends = {0}
    for part in (init_record(), *(record(*made) for made in chain(3))):
        ends.add(max(ends) + len(part))
    if length in ends:
        prove(good()[:length])
    else:
        refused(good()[:length], http.TRUNCATED)


@given(st.integers(0, len(good()) - 1), st.integers(1, 255))
def test_no_changed_byte_passes(at: int, change: int) -> None:
    body = bytearray(good())
    body[at] ^= change
    with pytest.raises(ApiError) as caught:
        prove(body)
    assert 400 <= caught.value.status < 500


def test_an_empty_batch() -> None:
    refused(b"", http.TRUNCATED)


def test_a_wrong_hash_names_the_chunk() -> None:
    body = bytearray(good())
    body[-1] ^= 1
    assert refused(bytes(body), http.HASH_MISMATCH).names == (ChunkName(camera=CAMERA, epoch=EPOCH, seq=2),)


def test_an_unknown_version() -> None:
    body = bytearray(good())
    body[4] = 9
    refused(bytes(body), http.UNKNOWN_VERSION)


def test_an_oversize_record_is_refused_by_its_header() -> None:
    header = pack_header(Header(RecordKind.CHUNK, CAMERA, EPOCH, 0, MAX_PAYLOAD_BYTES + 1, bytes(32)))
    assert refused(header, http.OVERSIZE).status == 413


@pytest.mark.parametrize("name", ["../../etc", "a/b", "CAM", "", "cam\0x", "."])
def test_path_tricks_in_ids(name: str) -> None:
    seal, payload = chunk()
    header = bytearray(pack_header(Header(RecordKind.CHUNK, "x" * len(name) or "x", EPOCH, 0, len(payload), seal.chunk_hash)))
    header[72 : 72 + 64] = name.encode().ljust(64, b"\0")
    header[12:16] = bytes(4)
    header[12:16] = crc32(header).to_bytes(4, "little")
    refused(bytes(header) + payload, http.MALFORMED)


def test_two_chunks_with_one_name() -> None:
    assert refused(record(*chunk(1, video=[b"one"])) + record(*chunk(1, video=[b"two"])), http.CONFLICT).names


def test_the_same_chunk_twice_is_fine() -> None:
    assert len(prove(record(*chunk(1)) * 2)) == 2


def test_a_header_that_names_another_chunk_than_the_seal() -> None:
    seal, payload = chunk(1)
    header = pack_header(Header(RecordKind.CHUNK, CAMERA, EPOCH, 2, len(payload), seal.chunk_hash))
    refused(header + payload, http.MALFORMED)


def test_bytes_behind_the_mdat_are_not_smuggled_in() -> None:
    """A chunk whose hash is right and whose boxes are not would break the segment file it is appended to."""
    seal, payload = chunk(0)
    payload += box(b"free", b"x")
    seal = seal._replace(chunk_hash=chunk_digest(seal.size, payload))
    refused(record(seal, pack_seal(seal) + payload[seal.size :]), http.MALFORMED)


def test_an_init_that_is_not_ftyp_and_moov() -> None:
    refused(init_record(box(b"ftyp", b"isom") + box(b"free", b"")), http.HASH_MISMATCH)
    assert refused(init_record(box(b"ftyp", b"isom") + box(b"moov", bytes(1 << 20))), http.OVERSIZE).status == 413


def test_an_ask_that_runs_backwards() -> None:
    refused(ask(CAMERA, EPOCH, 5, 4), http.MALFORMED)


def test_too_many_records() -> None:
    one = ask(CAMERA, EPOCH, 0, 0)
    assert len(one) == HEADER_BYTES + 8
    assert len(prove(one * MAX_RECORDS)) == MAX_RECORDS
    refused(one * (MAX_RECORDS + 1), http.OVERSIZE)
