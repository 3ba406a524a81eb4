"""What directory servers send each other over HTTP: their Status with signs of agents, entries, hashes, what was set aside.  No I/O.

Rules: an entry travels as the very text that its hash is taken of, so whoever receives it proves it.  Fields that are not known
are ignored, so that mixed versions understand each other.
"""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from ...wire.errors import FormatError
from .cluster.merge import PARCEL_ENTRIES, Parcel
from .cluster.status import Status
from .entities import Id
from .entry import Entry, parse

PULL_ENTRIES: Final = 32
"""In one answer: 320 kB as a rule, 512 MB if somebody writes the largest edits one after the other.  A follower asks again at once."""
PULL_WAIT_S: Final = 1.0
"""How long a pull waits for something new.  Half of SILENT_S, so that a follower which pulls is seen to."""


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SignsText(_Sent):
    """What one server has heard of agents (signs.py): count, age in seconds, and whether its connection broke then."""

    boot: str = Field(max_length=64)
    agents: dict[Id, tuple[int, Annotated[float, Field(ge=0)], bool]] = Field(default_factory=dict)
    begun: dict[Id, dict[Id, int]] = Field(default_factory=dict)
    """Of these agents: cameras that they said they record, with their terms (wire/begun.py)."""


class Said(Status):
    """A server's Status, and all that it knows of agents, by the server that they asked."""

    signs: dict[Id, SignsText] = Field(default_factory=dict)


class EntryText(_Sent):
    """One entry: its hash, and the JSON that this is the BLAKE3 of."""

    hash: str = Field(max_length=64)
    body: str

    @classmethod
    def of(cls, entry: Entry) -> "EntryText":
        return cls(hash=entry.hash, body=entry.body().decode())

    def entry(self) -> Entry:
        """Raises FormatError or DigestError when it is not what it says."""
        return parse(self.body.encode(), self.hash)


class EntryPage(_Sent):
    """Answer to a pull: what follows; or, parted, where the journal of this server ends, which has not the entry that was named."""

    entries: list[EntryText] = []
    parted: bool = False
    term: int = 0
    index: int = 0


class HashAt(_Sent):
    """The hash of one entry; None when there is none of this index."""

    index: int
    hash: str | None


class ParcelText(_Sent):
    """A Parcel."""

    server: str
    base: int = Field(ge=0)
    base_hash: str = Field(max_length=64)
    hashes: list[str]
    entries: list[EntryText] = Field(max_length=PARCEL_ENTRIES)

    @classmethod
    def of(cls, parcel: Parcel) -> "ParcelText":
        return cls(server=parcel.server, base=parcel.base, base_hash=parcel.base_hash, hashes=list(parcel.hashes),
                   entries=[EntryText.of(entry) for entry in parcel.entries])  # fmt: skip

    def parcel(self) -> Parcel:
        """Raises FormatError when an entry is none of the branch."""
        found = Parcel(self.server, self.base, self.base_hash, tuple(self.hashes), tuple(one.entry() for one in self.entries))
        for entry in found.entries:
            if found.hash_of(entry.index) != entry.hash:
                raise FormatError(f"entry {entry.index} is not of the branch that it comes with", remedy="update the older server")
        return found


class Taken(_Sent):
    """Answer to a delivery or an edit: the entry that it became, and how many servers have it durable.  index 0: nothing was new;
    copies 0: it is in the database that all servers share."""

    index: int
    copies: int
