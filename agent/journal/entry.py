"""What is known of one record without reading it: its name, its place, and what scheduling needs.

Rules: an entry is a name that happens to carry a place.  The journal may move a record (after a failed fsync, or
an init segment that outlives its file), so `Journal.read` goes by the name and an entry never goes stale.
"""

from typing import NamedTuple

from watchkeep.wire.errors import FormatError
from watchkeep.wire.record import Header, Payload, RecordKind
from watchkeep.wire.seal import Seal, SealFlag, parse_seal

Item = tuple[bytes, Payload]
"""A packed header and its payload, as they stand in a file one after the other."""
Proven = tuple[Header, Payload, Seal | None]
"""A record with its seal, None for an init segment."""


class Entry(NamedTuple):
    """One record.  About 0.6 kB with its index: 20 GB of 500 kB chunks are 40 000 entries and 25 MB.

    flags, segment_seq, wall_start_ns (UTC) and duration_ns come from a chunk's seal and are 0 for an init segment.
    """

    kind: RecordKind
    camera: str
    epoch: int
    seq: int
    position: int
    file: int
    offset: int
    record_bytes: int
    flags: SealFlag
    segment_seq: int
    wall_start_ns: int
    duration_ns: int
    hash: bytes

    @property
    def name(self) -> tuple[str, int, int]:
        """(camera, epoch, seq): exactly one chunk (invariant 2)."""
        return self.camera, self.epoch, self.seq

    def moved(self, file: int, offset: int) -> "Entry":
        """The same record at another place."""
        return self._replace(file=file, offset=offset)


def entry_of(header: Header, seal: Seal | None, file: int, offset: int) -> Entry:
    """The entry of a record at a place; seal is None for an init segment."""
    flags, segment_seq, wall, duration = SealFlag(0), 0, 0, 0
    if seal is not None:
        flags, segment_seq, wall, duration = seal.flags, seal.segment_seq, seal.wall_start_ns, seal.duration_ns
    return Entry(header.kind, header.camera, header.epoch, header.seq, header.position, file, offset, header.record_bytes,
                 flags, segment_seq, wall, duration, header.hash)  # fmt: skip


def seal_of(header: Header, payload: Payload) -> Seal | None:
    """A chunk's seal, None for an init segment; raises FormatError when the two name different records.

    Payload may end anywhere behind the seal: the layout is checked here, the hashes are not.
    """
    if header.kind is RecordKind.INIT:
        return None
    if header.kind is not RecordKind.CHUNK:
        raise FormatError(f"a record of kind {header.kind.name} has no place in a journal", remedy="append only chunks and init segments")
    seal = parse_seal(memoryview(payload))
    if (seal.camera, seal.epoch, seal.seq, seal.chunk_hash) != (header.camera, header.epoch, header.seq, header.hash):
        raise FormatError("record header and seal name different chunks", remedy="restart the agent: its cutter is at fault")
    return seal
