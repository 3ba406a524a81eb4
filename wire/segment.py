"""Reading a segment file: `ftyp moov (seal moof mdat)*`.  No I/O of its own: the caller passes `read`.

Rules: files are the truth (invariant 6); a reader keeps everything before the first bad box, names what is
bad, and never guesses where the next chunk might start.  A zero-filled tail is a torn tail.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from blake3 import blake3

from .errors import DigestError, FormatError, TruncatedError
from .isobmff import BOX_HEADER_BYTES, box_header, boxes, sample_sizes
from .record import MAX_PAYLOAD_BYTES, chunk_digest
from .seal import FIXED_BYTES, HASH_BYTES, MAX_FRAMES, Seal, parse_seal, seal_bytes

Read = Callable[[int, int], bytes]
"""`read(offset, length)` returns up to length bytes; fewer only at the end of the file."""

MAX_INIT_BYTES = 1 << 20
"""ftyp+moov of two tracks is about 1.5 kB; a megabyte is a mistake or an attack."""


@dataclass(frozen=True, slots=True)
class ChunkAt:
    """One chunk's place in a file: seal, moof and mdat are `length` bytes from `offset`."""

    offset: int
    length: int
    seal: Seal


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing wrong with a file, at a byte offset; seq and frame (from 0) when they are known."""

    offset: int
    reason: str
    seq: int | None = None
    frame: int | None = None


def init_length(read: Read) -> int:
    """Length in bytes of ftyp+moov at the start of the file; raises FormatError or TruncatedError."""
    at = 0
    for wanted in (b"ftyp", b"moov"):
        size, kind = box_header(read(at, BOX_HEADER_BYTES))
        if kind != wanted or at + size > MAX_INIT_BYTES:
            raise FormatError(f"the file starts with {kind!r} where {wanted!r} belongs", remedy="it is not a segment file: move it away")
        at += size
    if len(read(0, at)) < at:
        raise TruncatedError("the init segment ends early", remedy="fetch the segment again from another copy")
    return at


def chunk_at(read: Read, offset: int) -> ChunkAt | None:
    """The chunk whose seal starts at offset; None at the clean end of the file; raises when the framing is bad."""
    head = read(offset, FIXED_BYTES + HASH_BYTES)
    if not head:
        return None
    size, _ = box_header(head)
    if size > seal_bytes(MAX_FRAMES):
        raise FormatError("a box here is no seal", remedy="fetch the chunk again from another copy")
    seal = parse_seal(read(offset, size))
    at = offset + size
    for wanted in (b"moof", b"mdat"):
        box_size, kind = box_header(read(at, BOX_HEADER_BYTES))
        if kind != wanted or box_size > MAX_PAYLOAD_BYTES:
            raise FormatError(f"{wanted.decode()} is missing after the seal", remedy="fetch the chunk again from another copy")
        at += box_size
    if at > offset and not read(at - 1, 1):
        raise TruncatedError("chunk ends early", remedy="fetch the chunk again from another copy")
    return ChunkAt(offset, at - offset, seal)


def iter_chunks(read: Read, start: int) -> Iterator[ChunkAt]:
    """Yield the chunks from byte `start`; raises FormatError or TruncatedError at the first bad framing."""
    offset = start
    while (chunk := chunk_at(read, offset)) is not None:
        yield chunk
        offset += chunk.length


def samples(payload: bytes | memoryview, seal: Seal) -> Iterator[memoryview]:
    """Yield a chunk's samples in the order of the seal's frame hashes: video first, then audio."""
    view = memoryview(payload)[seal.size :]
    parts = list(islice(boxes(view), 3))
    if [kind for kind, _ in parts] != [b"moof", b"mdat"]:
        raise FormatError("chunk is not one moof and one mdat", remedy="fetch the chunk again from another copy")
    (_, moof), (_, mdat) = parts
    at = 0
    for _track, sizes in sample_sizes(moof):
        for size in sizes:
            if at + size > len(mdat):
                raise TruncatedError("a sample reaches past mdat", remedy="fetch the chunk again from another copy")
            yield mdat[at : at + size]
            at += size


def damage_of(payload: bytes | memoryview, chunk: ChunkAt, init_hash: bytes) -> list[Damage]:
    """Everything that is wrong with one chunk's bytes, pinned to frames where possible; empty when it is proven."""
    seal, found = chunk.seal, []
    if seal.init_hash != init_hash:
        found.append(Damage(chunk.offset, "belongs to another init segment", seal.seq))
    if chunk_digest(seal.size, payload) == seal.chunk_hash:
        return found
    try:
        for number, (sample, digest) in enumerate(zip(samples(payload, seal), seal.frame_hashes, strict=True)):
            if blake3(sample).digest() != digest:
                found.append(Damage(chunk.offset, "frame does not match its hash", seal.seq, number))
    except (FormatError, ValueError) as error:
        found.append(Damage(chunk.offset, f"sample table is damaged: {error}", seal.seq))
    if not any(damage.frame is not None for damage in found):
        found.append(Damage(chunk.offset, "chunk does not match its hash, every frame does: seal or moof is damaged", seal.seq))
    return found


def check_init(init: bytes) -> bytes:
    """BLAKE3 of an init segment after checking that it is exactly ftyp+moov; raises FormatError."""
    if len(init) > MAX_INIT_BYTES or [kind for kind, _ in boxes(init)] != [b"ftyp", b"moov"]:
        raise DigestError("init segment is not ftyp and moov", remedy="send the record again")
    return blake3(init).digest()
