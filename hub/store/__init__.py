"""The archiver's storage (docs/STORAGE.md): volumes, segment files, catalog, recovery, retention.

    store      the facade                          identity   who a volume is
    intake     what of an append is new?           volume     opened, checked, fenced, measured
    ledger     received and durable, per epoch     disk       its file system calls, all of them
    register   what is known in memory             partfile   one file being written
    placement  which volume?                       openparts  which file a chunk goes to
    timeline   spans and gaps                      writer     the thread of one volume
    pulse      does a disk still answer?           retainer   retention on the disks
    retention  what may be deleted?                keeper     the threads for retention and stitching
    scan       what is good in a file?             stitch     parts joined into one file
    reader     chunks, bytes, timeline             recovery   the start-up, opening: volume by volume
    catalog    SQLite, a cache of the files        declared   which gaps losses explain
    lossbook   declared losses on the volumes      anew       what could not be synced at the start, stored anew
    events, clock, freshness, model

Rules: files are the truth (invariant 6); only what is synced is durable (invariant 3); a name has one hash (invariant 2).
"""

from .clock import Clock
from .disk import Disk
from .identity import Identity, init_volume
from .model import Accepted, Conflict, Damaged, Record, Stats, StoreBusy, StoredChunk, StoreFull
from .store import Store

__all__ = [
    "Accepted",
    "Clock",
    "Conflict",
    "Damaged",
    "Disk",
    "Identity",
    "Record",
    "Stats",
    "Store",
    "StoreBusy",
    "StoreFull",
    "StoredChunk",
    "init_volume",
]
