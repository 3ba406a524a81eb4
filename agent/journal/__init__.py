"""The agent's local log of chunk records: the spool, and the source of every copy (DESIGN 5 Journal).

    stage.py, staged.py   RAM in front of all this: what the rest of the agent works with

    append ──▶ Held (RAM copies) ─┐                 files.py   the files: begin, write, flush, abandon, recycle
       │                          ├──▶ read         book.py    which records are still owed, and where they stand
       └─────▶ FileSet (disk) ────┘                 scan.py    one file's records, proven as far as needed
                  │                                 disk.py    the seam to all of this; direct.py past the page cache
                  │                                 recover.py what a crash left behind; doubt.py what of it is not durable
    release ──▶ Book ──▶ recycle, delete            reclaim.py which file goes when the quota is reached
                                                    slots.py   a small state record that survives a full disk

Rules: 1. one thread appends, one may sync at the same time, any thread reads and releases.  2. Memory has one lock that is
never held over I/O: a stalled disk stops neither a reader of RAM copies nor a release.  3. After a failed fsync
the file is abandoned and every record that is not durable is written anew, with its position, to a new file; a later
file outranks an earlier one (invariant 3).  4. A file's bytes beyond its tail are never believed: positions in
a file are contiguous and its head names its own number, so what a recycled file still holds cannot come back.
5. A chunk leaves only when it is released, or by `reclaim`, which names what it dropped (invariant 4).
"""
