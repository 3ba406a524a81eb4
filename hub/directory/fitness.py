"""What an operator should know of one directory server, for its `/healthz`.  No I/O, no clock.

Rules: all of it is `degraded` and none of it `failing`: reads are answered whatever the leader and the backups do, and recording depends
on none of it (invariant 9).
"""

from collections.abc import Iterator, Sequence

from ...wire.messages import BackupState
from .backup.duty import Health
from .cluster.status import Role, Status


def problems(status: Status, backups: Sequence[BackupState]) -> Iterator[str]:
    """`backups`: of the folders that this server writes to."""
    if not status.able:
        yield "directory: its database takes no entries, or it is no server of the site any more; others are left to lead"
    if status.role is Role.LOOKING:
        yield "directory: it hears no leader, so edits wait and what is read may be old"
    for folder in backups:
        if folder.health in (Health.FAILING, Health.HANGING):
            yield f"backups to {folder.folder} are {folder.health}: {folder.why}"
