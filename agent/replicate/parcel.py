"""From a planned batch to the buffers of one request: reads the journal, puts init segments before their chunks.

    live chunks │ asks │ catch-up chunks        each epoch's first chunk on a connection follows its INIT record

Rules: never longer than MAX_BATCH_BYTES; what does not fit is left for the next batch.  A chunk that cannot be read is
named and left out, and holds nothing else up.  One whose init segment the journal has lost goes without it: an archiver that has any
other chunk of its epoch has that, too.  Records stay in the pieces in which they lie in RAM, and nothing large is copied.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ...wire.errors import BusyError, FormatError, GoneError, WatchkeepError
from ...wire.record import MAX_BATCH_BYTES, Payload, ask
from .lanes import Ask, Batch
from .ports import ChunkRef, Parts, Spool

SMALL_BYTES: Final = 16 << 10
"""Below this a copy is cheaper than a piece of its own: over TLS each is a record and a packet."""


@dataclass(slots=True)
class Parcel:
    """One request's body and what is in it."""

    buffers: list[Payload] = field(default_factory=list)
    size: int = 0
    refs: list[ChunkRef] = field(default_factory=list)
    left: list[ChunkRef] = field(default_factory=list)
    """Did not fit, or cannot be read now."""
    gone: list[ChunkRef] = field(default_factory=list)
    """Released, or dropped by the journal's quota, since the batch was planned."""
    damaged: list[tuple[ChunkRef, str]] = field(default_factory=list)
    """The journal gave other bytes than were cut."""
    unreadable: list[tuple[ChunkRef, str]] = field(default_factory=list)
    """The disk gave none."""
    bare: list[ChunkRef] = field(default_factory=list)
    """Those in it that go without their init segment, which is lost."""
    introduced: set[tuple[str, int]] = field(default_factory=set)
    """(camera, epoch) of the INIT records in it."""
    _small: list[Payload] = field(default_factory=list)

    def add(self, parts: Iterable[Payload]) -> None:
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
        init = _init(spool, *epoch) if new else None
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
    if init is not None:
        parts[:0] = init
    if parcel.size + sum(map(len, parts)) > MAX_BATCH_BYTES:
        parcel.left.append(ref)
        return
    parcel.add(parts)
    parcel.refs.append(ref)
    if init is not None:
        parcel.introduced.add(epoch)
    elif new:
        parcel.bare.append(ref)


def orphans(parcel: Parcel, needed: set[tuple[str, int]], spool: Spool) -> tuple[ChunkRef, ...]:
    """What cannot be stored where these epochs are not known, for want of an init segment.

    Race: while a full journal writes init segments anew, a reader finds none for a moment; so it is looked for once more.
    """
    lost = {epoch for epoch in {(ref.camera, ref.epoch) for ref in parcel.bare} & needed if _is_lost(spool, *epoch)}
    return tuple(ref for ref in parcel.bare if (ref.camera, ref.epoch) in lost)


def _init(spool: Spool, camera: str, epoch: int) -> Parts | None:
    """None when the journal has it no more, or other bytes in its place."""
    try:
        return spool.read_init(camera, epoch)
    except (GoneError, FormatError):
        return None


def _is_lost(spool: Spool, camera: str, epoch: int) -> bool:
    try:
        return _init(spool, camera, epoch) is None
    except (WatchkeepError, OSError):  # it is there, and the disk does not give it now
        return False


def _add_ask(parcel: Parcel, question: Ask) -> None:
    record = ask(*question)
    if parcel.size + len(record) <= MAX_BATCH_BYTES:
        parcel.add([record])
