"""Is an append's body proven?  Parses and hashes every record before anything is stored.  No I/O.

Rules: all or nothing: the first bad record refuses the whole batch and is named.  What passes here has a header and a
seal that agree, a BLAKE3 that matches, and exactly the boxes that a segment file may hold (invariants 1, 2 and 3).
"""

from collections.abc import Iterator
from typing import Final

from ...wire import http
from ...wire.errors import FormatError, WatchkeepError
from ...wire.isobmff import boxes
from ...wire.messages import ChunkName
from ...wire.record import Header, RecordKind, asked_last, check_payload, iter_records
from ...wire.seal import Seal
from ...wire.segment import MAX_INIT_BYTES, check_init
from .errors import ApiError, api_error

Record = tuple[Header, memoryview, Seal | None]

MAX_RECORDS: Final = 16_384
"""Records of one batch; a 64 MiB batch of 4 kB chunks.  Bounds the objects that a body of tiny records would make."""


def name_of(header: Header) -> ChunkName:
    return ChunkName(camera=header.camera, epoch=header.epoch, seq=header.seq)


def prove(body: bytes | bytearray | memoryview) -> list[Record]:
    """The records of a body, payloads as views into it; raises ApiError for the first thing that is wrong."""
    proven: list[Record] = []
    seen: dict[tuple[str, int, int], bytes] = {}
    for header, payload in _framed(memoryview(body)):
        if len(proven) == MAX_RECORDS:
            raise ApiError(http.OVERSIZE, f"batch holds more than {MAX_RECORDS} records", remedy="send it in smaller batches")
        try:
            proven.append((header, payload, _check(header, payload)))
        except WatchkeepError as error:
            raise api_error(error, (name_of(header),)) from error
        if header.kind is RecordKind.CHUNK and seen.setdefault((header.camera, header.epoch, header.seq), header.hash) != header.hash:
            raise ApiError(http.CONFLICT, "batch holds two chunks with one name", remedy="find out which one is genuine",
                           names=(name_of(header),))  # fmt: skip
    if not proven:
        raise ApiError(http.TRUNCATED, "batch is empty", remedy="send at least one record")
    return proven


def _framed(body: memoryview) -> Iterator[tuple[Header, memoryview]]:
    try:
        yield from iter_records(body)
    except WatchkeepError as error:
        raise api_error(error) from error


def _check(header: Header, payload: memoryview) -> Seal | None:
    seal = check_payload(header, payload)
    if seal is not None:
        if [kind for kind, _ in boxes(payload[seal.size :])] != [b"moof", b"mdat"]:
            raise FormatError("chunk is not seal, moof and mdat", remedy="update the older of the two machines")
    elif header.kind is RecordKind.ASK:
        if not header.seq <= asked_last(payload):
            raise FormatError("ask record runs backwards", remedy="update the older of the two machines")
    elif len(payload) > MAX_INIT_BYTES:
        raise ApiError(http.OVERSIZE, f"init segment is longer than {MAX_INIT_BYTES} bytes", remedy="send ftyp and moov only")
    else:
        check_init(bytes(payload))
    return seal
