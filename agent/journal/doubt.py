"""Files whose fsync failed at the start: what was read in them may stand in the page cache alone, so it is written anew (invariant 3).

    recover ─▶ FileSet: fsync failed ─▶ doubtful ─▶ keep (RAM, not durable) ─▶ the journal's next write: another file, new positions

Rules: until that other file is synced nothing of them counts as durable, and the old file stays.  Bound: `ram_bytes`, because no
journal ever leaves more than that unsynced (Journal.append); what lies further from its end was durable before.
"""

from collections.abc import Callable, Sequence

from watchkeep.wire.record import RecordKind, pack_header

from .book import Book
from .entry import Entry, Proven
from .held import Held
from .recover import Found
from .scan import Cut


def doubtful(found: Found, recovered: Sequence[Entry], ram_bytes: int) -> list[Entry]:
    """Of what was recovered, in its order, what nobody knows to be on the disk."""
    if not found.unsynced:
        return []
    behind, last = 0, found.durable
    for entry in sorted(recovered, key=lambda entry: entry.position, reverse=True):
        if behind >= ram_bytes:
            last = max(last, entry.position)
            break
        behind += entry.record_bytes
    return [entry for entry in recovered if entry.file in found.unsynced and entry.position > last]


def keep(entries: Sequence[Entry], readable: Callable[[Sequence[Entry]], list[Proven]], book: Book, held: Held,
         position: int) -> tuple[int, list[Cut]]:  # fmt: skip
    """Hold the records in RAM under positions from `position` on; returns the next one, and what cannot be read any more.

    A failed fsync may have dropped the pages that the walk has just read: such a chunk is cut.
    """
    cuts = []
    for entry in entries:
        if proven := readable([entry]):
            [(header, payload, _)] = proven
            held.put(position, (pack_header(header._replace(position=position)), payload))
            book.carry(entry._replace(position=position))
            position += 1
        elif entry.kind is RecordKind.CHUNK:
            book.release(*entry.name, entry.seq)
            cuts.append(Cut(entry.file, entry.offset, entry.record_bytes, "gone after a failed fsync", entry.position, entry.name))
    return position, cuts
