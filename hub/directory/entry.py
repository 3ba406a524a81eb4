"""The journal's entries: who changed what, when, chained by their hashes.  No I/O, no clock.

    {"actor": "ops", "at_s": 1790000000.0, "index": 7, "kind": "edit", "payload": {...}, "prev": "9c..", "term": 2}
    hash = BLAKE3 of this, as canonical JSON: keys sorted, no white space, UTF-8

    kind     payload                                       written when
    edit     changes: [Change], note                       an operator changes the site; all of its changes or none
    assign   recorders, archivers: what differs, cameras   the plan has changed
    lead     server                                        a server becomes the leader of a new term
    lease    role, holder, number                          a role goes to a server
    keep     origin, entries, why                          an edit of another branch contradicts this one: kept for the operator
    settle   origin, verdict, changes, note                an operator has decided about them

Any payload may say `of`: hashes of entries of another server's journal that this one takes in (cluster/merge.py).

Rules: (term, index) rises: index by one each, term never falls.  An entry never changes; a mistake is mended by a new one.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from blake3 import blake3

from ...wire.errors import DigestError, FormatError

Kind = Literal["edit", "assign", "lead", "lease", "keep", "settle"]
KINDS: Final = frozenset(get_args(Kind))
FIRST_HASH: Final = "0" * 64
"""What the first entry names as the one before it."""
MAX_ENTRY_BYTES: Final = 16 << 20
"""A site.toml of 4 MB, each of whose entities becomes a change of four times its size at most."""
MAX_ACTOR: Final = 100
_FIELDS: Final = frozenset(("term", "index", "actor", "at_s", "kind", "payload", "prev"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One change; `hash` is computed, never given."""

    term: int
    index: int
    actor: str
    at_s: float
    kind: Kind
    payload: dict[str, Any]
    prev: str
    hash: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", blake3(self.body()).hexdigest())

    def body(self) -> bytes:
        """What the hash is taken of, and what is stored and sent."""
        fields = {"term": self.term, "index": self.index, "actor": self.actor, "at_s": self.at_s, "kind": self.kind,
                  "payload": self.payload, "prev": self.prev}  # fmt: skip
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()

    @property
    def position(self) -> tuple[int, int]:
        """(term, index): the greater one is the newer state of two servers."""
        return self.term, self.index

    def follows(self, before: "Entry | None") -> bool:
        """Whether it is the next entry behind `before`; None: the first one of a journal."""
        if before is None:
            return self.index == 1 and self.prev == FIRST_HASH
        return self.index == before.index + 1 and self.prev == before.hash and self.term >= before.term


def next_entry(before: Entry | None, *, term: int, actor: str, at_s: float, kind: Kind, payload: dict[str, Any]) -> Entry:
    """The entry that follows `before`; raises FormatError when its term is older."""
    entry = Entry(term=term, index=before.index + 1 if before else 1, actor=actor[:MAX_ACTOR], at_s=at_s, kind=kind,
                  payload=payload, prev=before.hash if before else FIRST_HASH)  # fmt: skip
    if not entry.follows(before):
        raise FormatError(f"term {term} is older than the journal's", remedy="this server is not the leader any more: ask the one that is")
    return entry


def _of_a_newer_version(fields: Any) -> str:
    """What of an entry is unknown here.  To leave it out would make another state than its author's, so it is not taken at all."""
    if not isinstance(fields, dict):
        return ""
    more = sorted(set(fields) - _FIELDS)
    kind = fields.get("kind")
    return f"a field {more[0][:40]!r}" if more else f"the kind {kind[:40]!r}" if isinstance(kind, str) and kind not in KINDS else ""


def parse(body: bytes, expected_hash: str | None = None) -> Entry:
    """An entry from its stored bytes; raises FormatError, or DigestError when it is not the one that was stored."""
    if len(body) > MAX_ENTRY_BYTES:
        raise FormatError(f"an entry has {len(body)} bytes, more than {MAX_ENTRY_BYTES}", remedy="it is none of ours")
    try:
        fields = json.loads(body)
        if newer := _of_a_newer_version(fields):
            raise FormatError(f"an entry of the journal has {newer}, which this version does not know", remedy="update this server")
        entry = Entry(**fields)
        typed = isinstance(entry.payload, dict) and all(isinstance(value, str) for value in (entry.actor, entry.prev))
        numbered = all(type(value) is int and value >= 0 for value in (entry.term, entry.index)) and isinstance(entry.at_s, int | float)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"an entry of the journal cannot be read: {error}", remedy="restore the journal from a backup") from error
    if not (typed and numbered and entry.kind in KINDS):
        raise FormatError("an entry of the journal has fields of the wrong kind", remedy="restore the journal from a backup")
    if entry.body() != body or expected_hash not in (None, entry.hash):
        raise DigestError(f"entry {entry.index} of the journal is not the one that was written", remedy="restore the journal from a backup")
    return entry
