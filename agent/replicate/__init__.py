"""Copies of journal chunks on archivers: who is owed what, and the threads that carry it there (docs/FAILOVER.md).

    replicator ─ owns ─▶ worker, one per archiver ─▶ client (HTTP)
        │                   │
        └──── desk, one mutex: policy (health, targets) · ledger (stages of every chunk) · lanes (next batch)

Rules: everything below the desk is sans-I/O; an archiver's worker shares nothing with another's but the desk's
mutex, which nobody holds during I/O (invariant 7).
"""
