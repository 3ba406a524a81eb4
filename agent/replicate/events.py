"""What the ledger is told, and what it says.  Plain values, so that a test or a simulation can make them up.

Rules: refs are tuples, so that an event stays what it was; what each event does stands at the top of ledger.py.
"""

from dataclasses import dataclass

from ...wire.messages import AppendAnswer
from .ports import ChunkRef


@dataclass(frozen=True, slots=True)
class Offered:
    refs: tuple[ChunkRef, ...]


@dataclass(frozen=True, slots=True)
class Recovered:
    refs: tuple[ChunkRef, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    archiver: str
    refs: tuple[ChunkRef, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    archiver: str
    refs: tuple[ChunkRef, ...]
    """What the batch carried."""
    answer: AppendAnswer


@dataclass(frozen=True, slots=True)
class Unsent:
    archiver: str
    refs: tuple[ChunkRef, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    archiver: str
    refs: tuple[ChunkRef, ...]


@dataclass(frozen=True, slots=True)
class Orphaned:
    """The journal has lost their init segment, and the archiver does not know their epoch."""

    archiver: str
    refs: tuple[ChunkRef, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The journal has other bytes than were cut."""

    refs: tuple[ChunkRef, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    camera: str
    targets: tuple[str, ...]
    copies: int
    at_cut: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    camera: str
    epoch: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Gone:
    archiver: str


@dataclass(frozen=True, slots=True)
class Tick:
    pass


Event = Offered | Recovered | Sent | Answered | Unsent | Refused | Orphaned | Unreadable | Moved | Dropped | Gone | Tick


@dataclass(frozen=True, slots=True)
class Release:
    """The journal may drop seqs low..high; the ledger has forgotten them."""

    camera: str
    epoch: int
    low: int
    high: int
    lost: bool = False
    """Nobody has them, and nobody can get them from the journal: a declared loss, to be told."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Chunks at one archiver since the agent started: acknowledged (durable included), durable; owed and unacknowledged now."""

    received: int
    durable: int
    missing: int
