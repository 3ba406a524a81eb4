"""From a planned batch to the buffers of one request: reads the journal, puts init segments before their chunks.

    live chunks │ asks │ catch-up chunks        each epoch's first chunk on a connection follows its INIT record

Rules: never longer than MAX_BATCH_BYTES; what does not fit is left for the next batch.  A chunk that cannot be read is
named and left out, and holds nothing else up.  Records stay in the pieces in which they lie in RAM, and nothing large is copied.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ...wire.errors import BusyError, FormatError, GoneError, VolumeError, WatchkeepError
from ...wire.record import MAX_BATCH_BYTES, ask
from .lanes import Ask, Batch
from .ports import ChunkRef, Parts, Spool

SMALL_BYTES: Final = 16 << 10
"""Below this a copy is cheaper than a piece of its own: over TLS each is a record and a packet."""


@dataclass(slots=True)
class Parcel:
    """One request's body and what is in it."""

    buffers: list[bytes | bytearray] = field(default_factory=list)
    size: int = 0
    refs: list[ChunkRef] = field(default_factory=list)
    left: list[ChunkRef] = field(default_factory=list)
    """Did not fit, or cannot be read now."""
    gone: list[ChunkRef] = field(default_factory=list)
    """Released, or dropped by the journal's quota, since the batch was planned."""
    damaged: list[tuple[ChunkRef, str]] = field(default_factory=list)
    """The journal gave other bytes than were cut."""
    unreadable: list[tuple[ChunkRef, str]] = field(default_factory=list)
    """The disk gave none, or the init segment is lost."""
    introduced: set[tuple[str, int]] = field(default_factory=set)
    """(camera, epoch) of the INIT records in it."""
    _small: list[bytes | bytearray] = field(default_factory=list)

    def add(self, parts: Iterable[bytes | bytearray]) -> None:
        for part in parts:
            self.size += len(part)
            if len(part) < SMALL_BYTES:
                self._small.append(part)
            else:
                self.seal()
                self.buffers.append(part)

    def seal(self) -> None:
        """Join what waits; call it once at the end."""
        if self._small:
            self.buffers.append(b"".join(self._small))
            self._small.clear()


def pack(batch: Batch, spool: Spool, known: set[tuple[str, int]]) -> Parcel:
    """Read the batch's records; `known` are the epochs whose init segment this connection has carried."""
    parcel = Parcel()
    for ref in batch.live:
        _add_chunk(parcel, ref, spool, known)
    for question in batch.asks:
        _add_ask(parcel, question)
    for ref in batch.catchup:
        _add_chunk(parcel, ref, spool, known)
    parcel.seal()
    return parcel


def _add_chunk(parcel: Parcel, ref: ChunkRef, spool: Spool, known: set[tuple[str, int]]) -> None:
    epoch = (ref.camera, ref.epoch)
    new = epoch not in known and epoch not in parcel.introduced
    try:
        parts = [*spool.read(ref)]
        if new:
            parts[:0] = _init(spool, *epoch)
    except GoneError:
        parcel.gone.append(ref)
        return
    except BusyError:  # the disk hangs: what is in RAM goes now, this goes when it answers
        parcel.left.append(ref)
        return
    except FormatError as error:
        parcel.damaged.append((ref, error.message))
        return
    except (WatchkeepError, OSError) as error:
        parcel.unreadable.append((ref, str(error)))
        return
    if parcel.size + sum(map(len, parts)) > MAX_BATCH_BYTES:
        parcel.left.append(ref)
        return
    parcel.add(parts)
    parcel.refs.append(ref)
    if new:
        parcel.introduced.add(epoch)


def _init(spool: Spool, camera: str, epoch: int) -> Parts:
    try:
        return spool.read_init(camera, epoch)
    except (GoneError, FormatError) as error:  # the chunk itself is well: it is stored where its init segment is known
        raise VolumeError(f"the init segment is lost: {error.message}", remedy="look for earlier journal errors") from error


def _add_ask(parcel: Parcel, question: Ask) -> None:
    record = ask(*question)
    if parcel.size + len(record) <= MAX_BATCH_BYTES:
        parcel.add([record])
