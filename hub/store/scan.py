"""What is good in one segment file: its init segment and the run of chunks before the first bad one.

Rules: a file never raises for what is in it; what is bad is named (wire.segment).  With `prove` every chunk's hash is
compared, without it only the framing is read.  A bad chunk with good ones after it is damage to look at, not a torn tail.
"""

from dataclasses import dataclass

from blake3 import blake3

from ...wire.errors import DigestError, FormatError, TruncatedError
from ...wire.record import Header, RecordKind, check_payload, chunk_digest
from ...wire.seal import Seal, parse_seal
from ...wire.segment import ChunkAt, Read, chunk_at, init_length, iter_chunks
from .model import Entry, Part, Record, pack_entry


@dataclass(frozen=True, slots=True)
class Scan:
    """The outcome: a part when at least one chunk is good, the first thing that is wrong, and what kind of wrong it is."""

    part: Part | None
    bad_at: int | None = None
    reason: str = ""
    good_after: bool = False
    """Good chunks follow the bad place: do not cut them off."""
    torn: bool = False
    """Not even the init segment is whole: the file ends early or is all zeros."""


_BLOCK = 1 << 20


def _all_zero(read: Read, size: int) -> bool:
    return not any(any(read(at, _BLOCK)) for at in range(0, size, _BLOCK))


@dataclass(slots=True)
class _Progress:
    chunks: list[ChunkAt]
    end: int
    bad_at: int | None = None
    reason: str = ""
    good_after: bool = False


def scan_file(read: Read, *, volume: str, path: str, file_size: int, prove: bool) -> Scan:
    """Read a segment file from its start; raises only what `read` raises."""
    try:
        init_bytes = init_length(read)
    except FormatError as error:
        return Scan(None, 0, error.message, torn=isinstance(error, TruncatedError) or _all_zero(read, file_size))
    init_hash = blake3(read(0, init_bytes)).digest()
    found = _Progress([], init_bytes)
    try:
        for chunk in iter_chunks(read, init_bytes):
            before = found.chunks[-1].seal if found.chunks and found.bad_at is None else None
            _judge(found, chunk, _problem(read, chunk, before, init_hash, prove=prove))
    except FormatError as error:
        if found.bad_at is None:
            found.bad_at, found.reason = found.end, error.message
    if not found.chunks:
        bad_at = found.end if found.bad_at is None else found.bad_at
        return Scan(None, bad_at, found.reason or "the file holds no chunk", found.good_after)
    return Scan(_part(found, volume, path, init_bytes, init_hash, file_size), found.bad_at, found.reason, found.good_after)


def _judge(found: _Progress, chunk: ChunkAt, problem: str) -> None:
    if found.bad_at is not None:
        found.good_after |= not problem
    elif problem:
        found.bad_at, found.reason = chunk.offset, problem
    else:
        found.chunks.append(chunk)
        found.end = chunk.offset + chunk.length


def _problem(read: Read, chunk: ChunkAt, last: Seal | None, init_hash: bytes, *, prove: bool) -> str:
    """Why the chunk does not belong where it stands, after a chunk with the seal `last`; empty when it does."""
    seal = chunk.seal
    if seal.init_hash != init_hash:
        return "chunk belongs to another init segment"
    if last is not None:
        if (seal.camera, seal.epoch, seal.segment_seq) != (last.camera, last.epoch, last.segment_seq):
            return "chunk belongs to another segment"
        if seal.seq != last.seq + 1 or seal.prev_hash != last.chunk_hash:
            return "chunk does not follow the one before it"
    if prove and chunk_digest(seal.size, read(chunk.offset, chunk.length)) != seal.chunk_hash:
        return "chunk does not match its hash"
    return ""


def _part(found: _Progress, volume: str, path: str, init_bytes: int, init_hash: bytes, file_size: int) -> Part:
    first, last = found.chunks[0].seal, found.chunks[-1].seal
    return Part(
        volume=volume, path=path, camera=first.camera, epoch=first.epoch, segment_seq=first.segment_seq, first_seq=first.seq,
        last_seq=last.seq, start_ns=first.wall_start_ns, end_ns=last.wall_end_ns, init_bytes=init_bytes, init_hash=init_hash,
        last_hash=last.chunk_hash, cause=int(first.cause), size=found.end, file_size=file_size,
        index=b"".join(pack_entry(chunk.length, chunk.seal) for chunk in found.chunks))  # fmt: skip


def seal_at(read: Read, offset: int) -> Seal:
    """The seal at offset as it stands there, not proven; raises FormatError."""
    chunk = chunk_at(read, offset)
    if chunk is None:
        raise FormatError("no chunk is here", remedy="check the disk")
    return chunk.seal


def proven_hash(read: Read, entry: Entry) -> bytes:
    """The hash of a chunk after comparing it with the chunk's bytes; raises FormatError."""
    return prove(read(entry.offset, entry.length))


def stored_init(camera: str, epoch: int, data: bytes) -> Record:
    """An init segment that was stored as the record that brings it; whether it is the right one says its hash."""
    return Header(RecordKind.INIT, camera, epoch, 0, len(data), blake3(data).digest()), memoryview(data), None


def stored_chunk(camera: str, epoch: int, seq: int, data: bytes) -> Record:
    """The same of a chunk, proven to be the one of this name; raises FormatError."""
    seal = parse_seal(data)
    header = Header(RecordKind.CHUNK, camera, epoch, seq, len(data), seal.chunk_hash)
    check_payload(header, data)
    return header, memoryview(data), seal


def prove(data: bytes) -> bytes:
    """The same of one chunk's bytes."""
    seal = parse_seal(data)
    if chunk_digest(seal.size, data) != seal.chunk_hash:
        raise DigestError("chunk does not match its hash", remedy="fetch the chunk again from another copy")
    return seal.chunk_hash
