"""`watchkeep verify`: offline proof of segment files and whole volumes (docs/VERIFY.md).

    files ─▶ order ─▶ scan (one file: framing, hashes) ─▶ camera (chain, seq, time, counters) ─▶ report ─▶ show | JSON

Rules: reads, never writes; needs no archiver, catalog or network (invariant 6).  scan, order, camera, counters, compare
and report do no I/O of their own; files opens and reads; verify puts them together.
"""
