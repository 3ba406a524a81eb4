"""Walking one journal file: which records stand in it, and why it ends where it does.  No I/O of its own: pass `read`.

Rules: a record stands when its header proves itself and its position is the next one; its payload is read and hashed only
when it may be torn (position above `durable`), because 20 GB of older payloads are proven when they are read.
A header that fails ends the walk, because what follows is not proven.  A payload that may be torn and fails ends it
too, unless the record behind it is whole; an older one whose seal fails is damage to that record alone, and the walk goes on.
"""

from dataclasses import dataclass, field
from typing import Final

from watchkeep.wire.errors import FormatError, TruncatedError
from watchkeep.wire.record import HEADER_BYTES, Header, check_payload, parse_header
from watchkeep.wire.seal import MAX_FRAMES, Seal, seal_bytes

from .disk import Read
from .entry import Entry, entry_of, seal_of
from .layout import FILE_HEAD_BYTES, FileHead

_PEEK_BYTES: Final = 4096
"""A header and the seal of a chunk with up to 116 frames: one read each for nearly all."""
_MAX_PEEK_BYTES: Final = HEADER_BYTES + seal_bytes(MAX_FRAMES)


@dataclass(frozen=True, slots=True)
class Cut:
    """Bytes that recovery does not believe; position and name (camera, epoch, seq) when a header told them."""

    file: int
    offset: int
    bytes: int
    why: str
    position: int = 0
    name: tuple[str, int, int] | None = None


@dataclass(slots=True)
class Walk:
    """What one file holds: `end` is behind its last record, `next` the position expected there, `stop` why it ends, '' if clean."""

    end: int
    next: int
    entries: list[Entry] = field(default_factory=list)
    damaged: list[Cut] = field(default_factory=list)
    stop: str = ""


def walk(read: Read, head: FileHead, durable: int) -> Walk:
    """All records of a file whose head is proven."""
    found = Walk(FILE_HEAD_BYTES, head.first)
    while (record := _next_record(read, found)) is not None:
        header, peek = record
        try:
            seal = _prove(read, found.end, header, peek, fully=header.position > durable)
        except FormatError as error:
            if header.position > durable and not _stands(read, found.end + header.record_bytes, header.position + 1):
                found.stop = error.message
                break
            name = header.camera, header.epoch, header.seq
            found.damaged.append(Cut(head.number, found.end, header.record_bytes, error.message, header.position, name))
        else:
            found.entries.append(entry_of(header, seal, head.number, found.end))
        found.end += header.record_bytes
        found.next += 1
    return found


def _next_record(read: Read, found: Walk) -> tuple[Header, bytes] | None:
    """The header at the walk's end and some bytes after it; None at the file's end, with `stop` set when that is not clean."""
    peek = read(found.end, _PEEK_BYTES)
    if not any(peek[:HEADER_BYTES]):
        return None
    try:
        header = parse_header(peek)
    except FormatError as error:
        found.stop = error.message
        return None
    if header.position != found.next:
        found.stop = f"a stale record stands here: position {header.position} where {found.next} is next"
    elif not read(found.end + header.record_bytes - 1, 1):
        found.stop = "the file ends inside a record"
    return None if found.stop else (header, peek)


def _stands(read: Read, offset: int, position: int) -> bool:
    """Whether the next record is whole: then the one before it is damaged, or was torn among others, and is no end."""
    try:
        header = parse_header(read(offset, HEADER_BYTES))
        if header.position != position:
            return False
        check_payload(header, read(offset + HEADER_BYTES, header.payload_bytes))
    except FormatError:
        return False
    return True


def _prove(read: Read, offset: int, header: Header, peek: bytes, *, fully: bool) -> Seal | None:
    """The record's seal, its payload hashed when fully; raises FormatError."""
    if fully:
        return check_payload(header, read(offset + HEADER_BYTES, header.payload_bytes))
    try:
        return seal_of(header, memoryview(peek)[HEADER_BYTES:])
    except TruncatedError:
        return seal_of(header, memoryview(read(offset, min(header.record_bytes, _MAX_PEEK_BYTES)))[HEADER_BYTES:])
