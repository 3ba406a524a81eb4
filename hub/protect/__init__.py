"""Evidence locks: ranges of a camera's video that retention has to leave alone (docs/OPERATIONS.md).

    model   a lock, a request for one, the answer about one
    locks   which video the locks of one moment keep, no I/O
    listing which list of locks counts, of locks.json and the copies on volumes, no I/O
    shelf   the locks of this archiver, in locks.json; the copies are hub/store/lockbook.py's
    client  locks of an archiver over HTTP, for the command line

Rules: a lock keeps whole segment files and is exact to the chunk on export; it can never stop new recording (DESIGN 5).
"""
