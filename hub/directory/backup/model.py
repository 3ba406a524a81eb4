"""How it goes with the backups of the directory, as the server that writes them tells: the answer of /v1/site/backups.  No I/O.

Rules: as all messages: fields may be added, readers ignore what they do not know.
"""

from pydantic import Field

from ....wire.messages import BackupState, Message


class SiteBackups(Message):
    """Answer to `GET /v1/site/backups`."""

    server: str
    """Who writes them, or would."""
    configured: bool
    """Whether its hub.toml has a [directory.backup]; without it nobody does."""
    folders: list[BackupState] = Field(default_factory=list)
    """Those of its hub.toml; none in the first seconds of its duty."""
