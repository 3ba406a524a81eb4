"""Layout of a journal file: a head, kept twice, then records one after the other (wire/record.py).

      0 ┌───────────────────────────┐
        │ magic 'WKJF'     u32      │
      4 │ version          u16      │  1: records lie close, 2: in blocks
      6 │ reserved         u16 = 0  │
      8 │ head CRC-32      u32      │  of these 40 bytes with this field zero
     12 │ block            u32      │  bytes of a block; 0 in version 1
     16 │ file number      u64      │  differs from the file's name: the file was recycled and never written since
     24 │ first position   u64      │  of the first record; each further record counts one up
     32 │ durable position u64      │  every record up to here was fsynced when this file was begun
     40 │ zeros                     │
    512 │ the same again            │  in another sector, so that one bad sector does not cost the file
   1024 ├───────────────────────────┤
        │ records                   │
        │ 136 zero bytes            │  where the next header would be, as far as the file reaches: a clean end
        │ preallocated, or stale    │
        └───────────────────────────┘

    in blocks   │ head          │·········header│payload        │payload ·······│·········header│payload ...      · zeros
                └ block 0       └ 1             └ 2             └ 3             └ 4             └ 5

In blocks a payload begins with one, so that it is written from where it lies in memory (direct.py), and its header ends the one before,
which is that header's own: no block that holds a record is written again.
Rules: a file whose head does not prove itself holds nothing.  File numbers only ever rise.  An agent from before version 2 takes such a
file for damaged.
"""

import re
from dataclasses import dataclass
from struct import Struct
from typing import Final
from zlib import crc32

from watchkeep.wire.record import HEADER_BYTES

_HEAD = Struct("<IHHIIQQQ")
_MAGIC: Final = int.from_bytes(b"WKJF", "little")
_CLOSE_VERSION: Final = 1
_BLOCKS_VERSION: Final = 2
CLOSE: Final = 1
"""The block of files in which records lie one directly behind the other."""
_CRC_AT = 8
_COPY_BYTES = 512
FILE_HEAD_BYTES: Final = 2 * _COPY_BYTES
_NAME = re.compile(r"(\d{12})\.wkj")


@dataclass(frozen=True, slots=True)
class FileHead:
    """A file's own number, the position of its first record, what was durable when it was begun, and how its records lie."""

    number: int
    first: int
    durable: int
    block: int = CLOSE


def up(offset: int, block: int) -> int:
    """The first end of a block at or behind offset."""
    return -(-offset // block) * block


def place_of(end: int, block: int) -> int:
    """Where the record behind `end` begins."""
    return end if block == CLOSE else up(end, block) + block - HEADER_BYTES


def room_of(record_bytes: int, block: int) -> int:
    """Bytes of a file that a record takes."""
    return record_bytes if block == CLOSE else block + up(record_bytes - HEADER_BYTES, block)


def pack_head(head: FileHead) -> bytes:
    """FILE_HEAD_BYTES that start a file."""
    version, block = (_CLOSE_VERSION, 0) if head.block == CLOSE else (_BLOCKS_VERSION, head.block)
    raw = bytearray(_HEAD.pack(_MAGIC, version, 0, 0, block, head.number, head.first, head.durable))
    raw[_CRC_AT : _CRC_AT + 4] = crc32(raw).to_bytes(4, "little")
    return bytes(raw.ljust(_COPY_BYTES, b"\0") * 2)


def parse_head(data: bytes) -> FileHead | None:
    """The head in a file's first FILE_HEAD_BYTES, from whichever copy is whole; None when neither is."""
    for start in (0, _COPY_BYTES):
        raw = bytearray(data[start : start + _HEAD.size])
        if len(raw) < _HEAD.size:
            return None
        magic, version, _, crc, block, number, first, durable = _HEAD.unpack(raw)
        raw[_CRC_AT : _CRC_AT + 4] = bytes(4)
        if magic != _MAGIC or crc32(raw) != crc:
            continue
        if version == _CLOSE_VERSION:
            return FileHead(number, first, durable)
        if version == _BLOCKS_VERSION and block > HEADER_BYTES:
            return FileHead(number, first, durable, block)
    return None


def file_name(number: int) -> str:
    return f"{number:012d}.wkj"


def file_number(name: str) -> int | None:
    """The number in a journal file's name; None for any other name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None
