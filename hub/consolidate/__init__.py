"""Consolidation between archivers (docs/FAILOVER.md): what the agents' journals no longer have comes from a peer.

    decisions, no I/O                                 shells
    compare    two listings: missing, different       client   HTTP to one peer, the only one
    plan       which chunks to pull, in which order   share    what this archiver shows and gives to peers
    schedule   which peer is due when                 scrub    own files proven, damaged ones set aside
                                                      pull     chunks of one peer into the store
                                                      round    one job against one peer, step by step
                                                      worker   the thread: peers, hours, orders, progress
    cli        `watchkeep archive diff | heal`        diff     two archivers compared over HTTP

Rules: only chunks whose hash matches are copied, never a deletion, never an overwrite (invariant 5); a chunk that is
pulled goes the way of every other one, through verification and Store.append; recording is never delayed by it (invariant 7).
"""
