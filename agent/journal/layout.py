"""Layout of a journal file: a head, kept twice, then records one after the other (wire/record.py).

      0 ┌───────────────────────────┐
        │ magic 'WKJF'     u32      │
      4 │ version          u16 = 1  │
      6 │ reserved         u16 = 0  │
      8 │ head CRC-32      u32      │  of these 40 bytes with this field zero
     12 │ reserved         u32 = 0  │
     16 │ file number      u64      │  differs from the file's name: the file was recycled and never written since
     24 │ first position   u64      │  of the first record; each further record counts one up
     32 │ durable position u64      │  every record up to here was fsynced when this file was begun
     40 │ zeros                     │
    512 │ the same again            │  in another sector, so that one bad sector does not cost the file
   1024 ├───────────────────────────┤
        │ records                   │
        │ 136 zero bytes            │  after the last one, as far as the file reaches: a clean end; up to 4 KiB more (direct.py)
        │ preallocated, or stale    │
        └───────────────────────────┘

Rules: a file whose head does not prove itself holds nothing.  File numbers only ever rise.
"""

import re
from dataclasses import dataclass
from struct import Struct
from typing import Final
from zlib import crc32

_HEAD = Struct("<IHHIIQQQ")
_MAGIC: Final = int.from_bytes(b"WKJF", "little")
_VERSION: Final = 1
_CRC_AT = 8
_COPY_BYTES = 512
FILE_HEAD_BYTES: Final = 2 * _COPY_BYTES
_NAME = re.compile(r"(\d{12})\.wkj")


@dataclass(frozen=True, slots=True)
class FileHead:
    """A file's own number, the position of its first record, and what was durable when it was begun."""

    number: int
    first: int
    durable: int


def pack_head(head: FileHead) -> bytes:
    """FILE_HEAD_BYTES that start a file."""
    raw = bytearray(_HEAD.pack(_MAGIC, _VERSION, 0, 0, 0, head.number, head.first, head.durable))
    raw[_CRC_AT : _CRC_AT + 4] = crc32(raw).to_bytes(4, "little")
    return bytes(raw.ljust(_COPY_BYTES, b"\0") * 2)


def parse_head(data: bytes) -> FileHead | None:
    """The head in a file's first FILE_HEAD_BYTES, from whichever copy is whole; None when neither is."""
    for start in (0, _COPY_BYTES):
        raw = bytearray(data[start : start + _HEAD.size])
        if len(raw) < _HEAD.size:
            return None
        magic, version, _, crc, _, number, first, durable = _HEAD.unpack(raw)
        raw[_CRC_AT : _CRC_AT + 4] = bytes(4)
        if magic == _MAGIC and version == _VERSION and crc32(raw) == crc:
            return FileHead(number, first, durable)
    return None


def file_name(number: int) -> str:
    return f"{number:012d}.wkj"


def file_number(name: str) -> int | None:
    """The number in a journal file's name; None for any other name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None
