"""Walking one journal file: which records stand in it, and why it ends where it does.  No I/O of its own: pass `read`.

Rules: a record stands when its header proves itself and its position is the next one; its payload is read and hashed only
when it may be torn (position above `durable`), because 20 GB of older payloads are proven when they are read.
A header that fails ends the walk, because what follows is not proven.  What the disk does not give back, as at a bad sector, counts as
damaged: one sector must keep nobody from recording.  A payload that may be torn and fails ends it
too, unless the record behind it is whole; an older one whose seal fails is damage to that record alone, and the walk goes on.
"""

from dataclasses import dataclass, field
from errno import EBADMSG, EILSEQ, EIO, ENODATA, EREMOTEIO, EUCLEAN
from typing import Final

from watchkeep.wire.errors import FormatError, TruncatedError
from watchkeep.wire.record import HEADER_BYTES, Header, check_payload, parse_header
from watchkeep.wire.seal import MAX_FRAMES, Seal, seal_bytes

from .disk import Read
from .entry import Entry, entry_of, seal_of
from .layout import FILE_HEAD_BYTES, FileHead, place_of

_PEEK_BYTES: Final = 4096
"""A header and the seal of a chunk with up to 116 frames: one read each for nearly all."""
_MAX_PEEK_BYTES: Final = HEADER_BYTES + seal_bytes(MAX_FRAMES)
BAD_MEDIUM: Final = frozenset({EIO, ENODATA, EBADMSG, EUCLEAN, EREMOTEIO, EILSEQ})
"""What file systems and drivers say of a place that cannot be read; ENODATA is SCSI's medium error."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Bytes that recovery does not believe; position and name (camera, epoch, seq) when a header told them."""

    file: int
    offset: int
    bytes: int
    why: str
    position: int = 0
    name: tuple[str, int, int] | None = None
    unread: bool = False
    """The disk did not give back what stands there."""


@dataclass(slots=True)
class Walk:
    """What one file holds: `end` is behind its last record, `next` the position expected at `at`, `stop` why it ends, '' if clean."""

    end: int
    next: int
    block: int
    entries: list[Entry] = field(default_factory=list)
    damaged: list[Cut] = field(default_factory=list)
    stop: str = ""
    unread: bool = False
    """It ends, or leaves a record out, because the disk did not give back what stands there."""

    @property
    def at(self) -> int:
        """Where the next record begins."""
        return place_of(self.end, self.block)


def walk(read: Read, head: FileHead, durable: int) -> Walk:
    """All records of a file whose head is proven."""
    found = Walk(FILE_HEAD_BYTES, head.first, head.block)
    read = _noting(read, found)
    while (record := _next_record(read, found)) is not None:
        (header, peek), at = record, found.at
        end = at + header.record_bytes
        try:
            seal = _prove(read, at, header, peek, fully=header.position > durable)
        except FormatError as error:
            if header.position > durable and not _stands(read, place_of(end, head.block), header.position + 1):
                found.stop = error.message
                break
            name = header.camera, header.epoch, header.seq
            found.damaged.append(Cut(head.number, at, header.record_bytes, error.message, header.position, name))
        else:
            found.entries.append(entry_of(header, seal, head.number, at))
        found.end = end
        found.next += 1
    return found


def _next_record(read: Read, found: Walk) -> tuple[Header, bytes] | None:
    """The header of the next record and some bytes after it; None at the file's end, with `stop` set when that is not clean."""
    try:
        peek = _peek(read, found.at)
        if not any(peek[:HEADER_BYTES]):
            return None
        header = parse_header(peek)
        ends_inside = not read(found.at + header.record_bytes - 1, 1)
    except FormatError as error:
        found.stop = error.message
        return None
    if header.position != found.next:
        found.stop = f"a stale record stands here: position {header.position} where {found.next} is next"
    elif ends_inside:
        found.stop = "the file ends inside a record"
    return None if found.stop else (header, peek)


def _peek(read: Read, offset: int) -> bytes:
    """Of a record whose payload has a bad sector the header tells the name, and where the next one begins."""
    try:
        return read(offset, _PEEK_BYTES)
    except FormatError:
        return read(offset, HEADER_BYTES)


def _noting(read: Read, found: Walk) -> Read:
    """The same; what the disk does not give back is a FormatError, and noted."""

    def given(offset: int, length: int) -> bytes:
        try:
            return read(offset, length)
        except OSError as error:
            if error.errno not in BAD_MEDIUM:
                raise
            found.unread = True
            raise FormatError(unread(error), remedy="replace the disk") from error

    return given


def unread(error: OSError) -> str:
    return f"the disk does not give it back ({error.strerror})"


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


def check_place(place: Entry, record: bytes) -> None:
    """Prove that record is the one that was written at that place; raises FormatError."""
    header = parse_header(record)
    if (header.position, header.hash, header.record_bytes) != (place.position, place.hash, place.record_bytes):
        raise FormatError("another record stands there", remedy="check the disk")
    check_payload(header, memoryview(record)[HEADER_BYTES:])
