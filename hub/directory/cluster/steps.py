"""Everything that can happen to a directory server, and everything that it can want done: the words of cluster.py.  No I/O.

Rules: an event is a fact that the shell reports, an action is one thing that the shell does; neither does anything itself.  A `ticket` is
the shell's own number of a request, answered exactly once.  Of Write, Cut and Forget one is under way at a time, so the
shell needs one thread for its database; of Pull, Search and Deliver too, so one for following.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..entry import Entry
from ..rules import Problem
from ..site import Change, Site
from .merge import Parcel
from .status import Lead, Status

# -- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Another server has said this; answer: to an Ask, else in a question of its own."""

    status: Status
    answer: bool = True


@dataclass(frozen=True, slots=True)
class Unheard:
    """An Ask has failed; refused: the connection was refused or reset at once."""

    server: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Named:
    """An agent of the site has said that it has taken up this term."""

    term: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Somebody wants the site changed."""

    ticket: int
    changes: tuple[Change, ...]
    actor: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Settle:
    """An operator has decided about a contingency; apply: make its changes after all, over what is there now."""

    ticket: int
    origin: str
    apply: bool
    actor: str


@dataclass(frozen=True, slots=True)
class Assign:
    """The plan has changed: recorders by camera ("": nobody), planned lists by camera (None: none any more).  The leader adds terms.

    left: cameras that nobody is leaving any more, as long as they are recorded under the terms that are named here.
    """

    ticket: int
    recorders: dict[str, str]
    archivers: dict[str, tuple[str, ...] | None]
    actor: str = "directory"
    left: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HandOver:
    """An operator wants another server to hold a role; "": to lead."""

    ticket: int
    role: str
    actor: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A server delivers what it has set aside; base_known: this journal has the parcel's base_hash at its base."""

    ticket: int
    parcel: Parcel
    base_known: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """A server asks for what follows `index`, which it has durable, and which is the same entry here."""

    server: str
    index: int


@dataclass(frozen=True, slots=True)
class Wrote:
    """The entries of the last Write are durable."""


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """They are not, none of them; or a Cut has failed."""


@dataclass(frozen=True, slots=True)
class Got:
    """Answer to a Pull: the next entries, none when nothing came in time."""

    server: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Parted:
    """Answer to a Pull: that server does not have our last entry; its own journal ends here."""

    server: str
    term: int
    index: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A Pull, Search or Deliver did not come to an end."""

    server: str


@dataclass(frozen=True, slots=True)
class Found:
    """Answer to a Search: the last index at which both journals are the same."""

    server: str
    index: int


@dataclass(frozen=True, slots=True)
class WasCut:
    """A Cut is done: the state that is left, and the hashes and kinds of all that is set aside."""

    site: Site
    aside: dict[str, str]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The leader has our parcel; what it took in comes back through its journal."""

    server: str


@dataclass(frozen=True, slots=True)
class Forgot:
    """A Forget is done."""


@dataclass(frozen=True, slots=True)
class Spared:
    """Answer to a Spare: entries that may continue the journal; ready: every backup that can be read was looked at."""

    entries: tuple[Entry, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class Synced:
    """Answer to a Sync: the lease as it stands in the database now, and what follows there.

    wrote: the entries and the lease of the Sync are in it, durable.  site: the whole state, when the database does not have the Sync's
    (index, hash); entries are empty then.  aside: hashes and kinds of what is set aside there.
    """

    lead: Lead
    wrote: bool
    entries: tuple[Entry, ...]
    site: Site | None
    aside: dict[str, str]


@dataclass(frozen=True, slots=True)
class SyncFailed:
    """The database did not answer; what was to be written may be in it all the same."""


Event = (Tick | Heard | Unheard | Named | Edit | Settle | Assign | HandOver | Offer | Fetched | Wrote | WriteFailed | Got | Parted | Failed
         | Found | WasCut | Delivered | Forgot | Spared | Synced | SyncFailed)  # fmt: skip


# -- actions -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Exchange Status with that server; answered with Heard or Unheard."""

    server: str


@dataclass(frozen=True, slots=True)
class Write:
    """Make these durable, in one transaction; answered with Wrote or WriteFailed."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Pull:
    """Ask for what follows (index, hash); answered with Got, Parted or Failed."""

    server: str
    index: int
    hash: str


@dataclass(frozen=True, slots=True)
class Search:
    """Find the last common entry, at most at `index`; answered with Found or Failed."""

    server: str
    index: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Set everything above index aside; answered with WasCut or WriteFailed."""

    index: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send the next parcel of what is set aside, without `done`, to the leader (this server itself, when it leads); answered with
    Delivered or Failed."""

    server: str
    done: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove these from what is set aside; answered with Forgot."""

    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Spare:
    """What do the backups have behind (index, hash)?  Answered with Spared, within a second or so."""

    index: int
    hash: str


@dataclass(frozen=True, slots=True)
class Sync:
    """One transaction on a database that several servers share; answered with Synced or SyncFailed.

    Where the lease is still `was` (for a leader: of its term), it becomes `lead` and the entries are appended; lead None: only read.  Then
    what follows (index, hash) is read.  tail: what this server has last read; what of it is not there any more is set aside there.
    """

    index: int
    hash: str
    tail: tuple[Entry, ...]
    was: Lead | None = None
    lead: Lead | None = None
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The request's entry is durable on so many servers; index 0: there was nothing to write."""

    ticket: int
    index: int
    copies: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The request changes nothing, because of these."""

    ticket: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Unable:
    """This server cannot take the request now; written: an entry of it may be in the journal all the same."""

    ticket: int
    why: str
    written: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """The state that readers see has gone on, or has gone back to another branch."""


@dataclass(frozen=True, slots=True)
class Turned:
    """The role has changed, with why, in one line for the log and the event."""

    why: str


Action = Ask | Write | Pull | Search | Cut | Deliver | Forget | Spare | Sync | Done | Refused | Unable | Changed | Turned
