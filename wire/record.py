"""Layout of a record: how chunks and init segments stand in the journal and travel in `POST /v1/append`.

Layout, version 1, little-endian; a 136-byte header, then the payload:

      0 ┌──────────────────────────────┐
        │ magic 'WKR1'        u32      │
      4 │ version             u8 = 1   │
      5 │ kind                u8       │  INIT CHUNK ASK
      6 │ reserved            u16 = 0  │
      8 │ payload bytes       u32      │
     12 │ header CRC-32       u32      │  of the header with this field zero (ISO 3309)
     16 │ epoch               u64      │
     24 │ seq                 u64      │  INIT: 0; ASK: first seq asked for
     32 │ journal position    u64      │  counts the records of one journal from 1; 0 when not from a journal
     40 │ hash                32 bytes │  CHUNK: its chunk hash; otherwise BLAKE3 of the payload
     72 │ camera id           64 bytes │  zero-padded ASCII
    136 ├──────────────────────────────┤
        │ payload                      │  INIT: ftyp+moov; CHUNK: seal+moof+mdat; ASK: last seq asked for, u64
        └──────────────────────────────┘

Rules: the journal, the wire and the archive carry the same payload bytes (invariant 1).  A reader that
meets a bad header stops there: it never searches for the next magic, because what follows is not proven.
"""

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from blake3 import blake3

from .errors import DigestError, FormatError, IdError, OversizeError, TruncatedError, VersionError
from .ids import MAX_EPOCH, MAX_SEQ, check_id
from .seal import Seal, parse_seal

RECORD_VERSION: Final = 1
MAX_PAYLOAD_BYTES: Final = 32 << 20
"""One chunk: 1 s of 200 Mbit/s is 25 MB; a larger chunk is a mistake or an attack."""
MAX_BATCH_BYTES: Final = 64 << 20
"""One append: two chunks of the largest size.  The archiver holds one batch per connection in memory."""

_MAGIC: Final = int.from_bytes(b"WKR1", "little")
_HEADER = Struct("<IBBHIIQQQ32s64s")
HEADER_BYTES: Final = _HEADER.size
assert HEADER_BYTES == 136
_CRC_AT = 12
_ASK = Struct("<Q")


Payload = bytes | bytearray | memoryview
"""Of a record, as it lies in memory: what is cut stands in memory that is used again (native/pool.pyx), seen through a view."""


class RecordKind(IntEnum):
    INIT = 1
    CHUNK = 2
    ASK = 3


class Header(NamedTuple):
    """One record's header; the record is HEADER_BYTES + payload_bytes long."""

    kind: RecordKind
    camera: str
    epoch: int
    seq: int
    payload_bytes: int
    hash: bytes
    position: int = 0

    @property
    def record_bytes(self) -> int:
        return HEADER_BYTES + self.payload_bytes


def pack_header(header: Header) -> bytes:
    """The header as bytes, its CRC filled in."""
    raw = bytearray(_HEADER.pack(_MAGIC, RECORD_VERSION, header.kind, 0, header.payload_bytes, 0, header.epoch, header.seq,
                                 header.position, header.hash, header.camera.encode("ascii")))  # fmt: skip
    raw[_CRC_AT : _CRC_AT + 4] = crc32(raw).to_bytes(4, "little")
    return bytes(raw)


def parse_header(data: bytes | memoryview) -> Header:
    """Read the header at the start of data; raises FormatError, or TruncatedError when fewer than HEADER_BYTES are there."""
    if len(data) < HEADER_BYTES:
        raise TruncatedError("record header ends early", remedy="send the whole batch again")
    raw = bytearray(data[:HEADER_BYTES])
    magic, version, kind, reserved, payload_bytes, crc, epoch, seq, position, digest, camera = _HEADER.unpack(raw)
    if magic != _MAGIC:
        raise FormatError("no record starts here", remedy="send the whole batch again")
    if version != RECORD_VERSION:
        raise VersionError(f"record version {version} is not known", remedy="update the older of the two machines")
    raw[_CRC_AT : _CRC_AT + 4] = bytes(4)
    if crc32(raw) != crc or reserved:
        raise FormatError("record header is damaged", remedy="send the whole batch again")
    if payload_bytes > MAX_PAYLOAD_BYTES:
        raise OversizeError(f"record announces {payload_bytes} bytes", remedy=f"keep payloads within {MAX_PAYLOAD_BYTES} bytes")
    if epoch > MAX_EPOCH or seq > MAX_SEQ:
        raise FormatError("record numbers are out of range", remedy=f"keep epochs within {MAX_EPOCH} and seqs within {MAX_SEQ}")
    try:
        known = RecordKind(kind)
        name = check_id("camera", camera.rstrip(b"\0").decode("ascii"))
    except (ValueError, IdError) as error:
        raise FormatError(f"record holds an unknown value: {error}", remedy="update the older of the two machines") from error
    return Header(known, name, epoch, seq, payload_bytes, digest, position)


def ask(camera: str, epoch: int, low: int, high: int) -> bytes:
    """A record that asks an archiver for the state of seqs low..high; it stores nothing."""
    payload = _ASK.pack(high)
    return pack_header(Header(RecordKind.ASK, camera, epoch, low, len(payload), blake3(payload).digest())) + payload


def asked_last(payload: bytes | memoryview) -> int:
    """The last seq that an ASK record asks for."""
    if len(payload) != _ASK.size:
        raise FormatError("ask record has the wrong length", remedy="update the older of the two machines")
    return int(_ASK.unpack(payload)[0])


def check_payload(header: Header, payload: bytes | memoryview) -> Seal | None:
    """Prove that payload is what header names; returns the seal of a CHUNK, None of another kind.

    Raises DigestError when the bytes do not match their hash, FormatError when header and seal disagree.
    """
    if header.kind is not RecordKind.CHUNK:
        if blake3(payload).digest() != header.hash:
            raise DigestError("payload does not match its hash", remedy="send the record again")
        return None
    seal = parse_seal(payload)
    if (seal.camera, seal.epoch, seal.seq, seal.chunk_hash) != (header.camera, header.epoch, header.seq, header.hash):
        raise FormatError("record header and seal name different chunks", remedy="send the record again")
    if chunk_digest(seal.size, payload) != header.hash:
        raise DigestError("chunk does not match its hash", remedy="send the record again")
    return seal


def chunk_digest(seal_size: int, payload: bytes | memoryview) -> bytes:
    """BLAKE3 of a chunk's bytes without the 32 bytes of the chunk hash itself, which end the seal."""
    view = memoryview(payload)
    digest = blake3(view[: seal_size - 32])
    digest.update(view[seal_size:])
    return digest.digest()


def iter_records(batch: bytes | memoryview) -> Iterator[tuple[Header, memoryview]]:
    """Yield (header, payload) of each record; payloads are views into batch.  Raises at the first bad one."""
    view = memoryview(batch)
    while view:
        header = parse_header(view)
        if len(view) < header.record_bytes:
            raise TruncatedError("record payload ends early", remedy="send the whole batch again")
        yield header, view[HEADER_BYTES : header.record_bytes]
        view = view[header.record_bytes :]
