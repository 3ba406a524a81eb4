"""What replication needs of the journal, as protocols.

Rules: replication knows no journal; whatever has these attributes and methods will do.
"""

from collections.abc import Sequence
from typing import Protocol

from ...wire.record import Payload, RecordKind

Parts = Sequence[Payload]
"""One record in pieces, in order: what is in RAM is handed out as it lies there, and never changed."""


class ChunkRef(Protocol):
    """Names one record of the journal and says as much of it as planning takes; never changes."""

    @property
    def kind(self) -> RecordKind: ...
    @property
    def camera(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def segment_seq(self) -> int: ...
    @property
    def record_bytes(self) -> int: ...
    @property
    def wall_start_ns(self) -> int: ...
    @property
    def duration_ns(self) -> int: ...


class Spool(Protocol):
    """The journal's side of replication.  Called from several threads at once."""

    def read(self, ref: ChunkRef, /) -> Parts:
        """The whole record, header and payload.  Raises GoneError when the journal has it no more,
        another WatchkeepError or OSError when it cannot be read."""

    def read_init(self, camera: str, epoch: int, /) -> Parts:
        """The INIT record of an epoch; raises like read."""

    def release(self, camera: str, epoch: int, low: int, high: int, /) -> object:
        """Nobody is owed seqs low..high any more (invariant 4).  May block on the disk."""
