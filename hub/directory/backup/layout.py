r"""A backup file: a run of journal entries as lines of text, proven by their chain and by a hash over all of it.  No I/O.

    {"watchkeep-backup": 1, "site": .., "server": .., "made_s": .., "kind": "full", "after": 0, "after_hash": "00.."}   head
    {"actor": .., "at_s": .., "index": 1, ..}                                                                            entry
    ...
    {"entries": 1200, "last": 1200, "term": 3, "hash": "9c..", "digest": "BLAKE3 of every byte above"}                   foot

Its name says what is in it, so that a folder is a catalog:  `<site>.<UTC>.<full|incremental>.<after>-<last>.<term>.wkbackup`, with the term
of its last entry: of two branches of a journal the later one is known without opening a file.

Rules: `after` is the index of the entry that the file goes on from, 0 in a full one.  A file without its last line is torn and proves
nothing.  Text, because whoever needs it may have nothing else left than a pager.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from blake3 import blake3

from ....wire.errors import DigestError, FormatError, TruncatedError, VersionError
from ..entry import FIRST_HASH, Entry, parse

VERSION: Final = 1
Kind = Literal["full", "incremental"]
_NAME: Final = re.compile(
    r"(?P<site>[a-z0-9-]{1,63})\.(?P<made>\d{8}T\d{6}Z)\.(?P<kind>full|incremental)\.(?P<after>\d{1,12})-(?P<last>\d{1,12})"
    r"\.(?P<term>\d{1,16})\.wkbackup"
)
_STAMP: Final = "%Y%m%dT%H%M%SZ"


class Backup(NamedTuple):
    """What a file's name says."""

    site: str
    made_s: int
    kind: Kind
    after: int
    last: int
    term: int

    @property
    def name(self) -> str:
        made = datetime.fromtimestamp(self.made_s, UTC).strftime(_STAMP)
        return f"{self.site}.{made}.{self.kind}.{self.after}-{self.last}.{self.term}.wkbackup"

    @property
    def position(self) -> tuple[int, int]:
        """Where it ends: the greater one is the newer state, as of servers (cluster/status.py)."""
        return self.term, self.last


def parse_name(name: str) -> Backup | None:
    """The backup that a file of this name is; None for any other file."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        made = datetime.strptime(found["made"], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    kind: Kind = "full" if found["kind"] == "full" else "incremental"
    return Backup(found["site"], int(made.timestamp()), kind, int(found["after"]), int(found["last"]), int(found["term"]))


@dataclass(frozen=True, slots=True)
class Head:
    """The first line."""

    site: str
    server: str
    made_s: float
    kind: Kind
    after: int
    after_hash: str

    def line(self) -> bytes:
        fields = {"watchkeep-backup": VERSION, "site": self.site, "server": self.server, "made_s": self.made_s, "kind": self.kind,
                  "after": self.after, "after_hash": self.after_hash}  # fmt: skip
        return _line(fields)


@dataclass(frozen=True, slots=True)
class Foot:
    """The last line, its digest apart."""

    entries: int
    last: int
    term: int
    hash: str


def lines(head: Head, entries: Iterable[Entry]) -> Iterator[bytes]:
    """The file, line by line; raises FormatError when the entries do not follow each other from head.after on."""
    digest, chain = blake3(), _Chain(head)
    digest.update(head.line())
    yield head.line()
    for entry in entries:
        chain.take(entry)
        line = entry.body() + b"\n"
        digest.update(line)
        yield line
    foot = chain.foot()
    yield _line({"entries": foot.entries, "last": foot.last, "term": foot.term, "hash": foot.hash, "digest": digest.hexdigest()})


class Reader:
    """Proves a backup while it is read: iterate over it, and believe nothing before it has ended without an error.

    Raises FormatError, VersionError, DigestError, or TruncatedError for a torn file; each names the line.
    """

    def __init__(self, source: Iterable[bytes]) -> None:
        self._lines = iter(source)
        self._digest = blake3()
        first = next(self._lines, b"")
        self.head = _head(first)
        self._digest.update(first)
        self._chain = _Chain(self.head)
        self.foot: Foot | None = None

    def __iter__(self) -> Iterator[Entry]:
        for line in self._lines:
            if line.startswith(b'{"entries":'):
                self._end(line)
                return
            entry = parse(line.removesuffix(b"\n"))
            self._chain.take(entry)
            self._digest.update(line)
            yield entry
        raise TruncatedError("the backup ends before its last line: it is torn", remedy="take another destination's copy")

    def _end(self, line: bytes) -> None:
        try:
            fields = json.loads(line)
            foot = Foot(fields["entries"], fields["last"], fields["term"], fields["hash"])
            digest = fields["digest"]
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError("the last line of the backup cannot be read", remedy="take another destination's copy") from error
        if digest != self._digest.hexdigest() or foot != self._chain.foot():
            raise DigestError("the backup's bytes are not the ones that were written", remedy="take another destination's copy")
        if next(self._lines, None) is not None:
            raise FormatError("something follows the last line of the backup", remedy="take another destination's copy")
        self.foot = foot


class _Chain:
    """Entries that have to follow each other from a head on."""

    def __init__(self, head: Head) -> None:
        self._index, self._hash, self._count, self._term = head.after, head.after_hash, 0, 0

    def take(self, entry: Entry) -> None:
        if entry.index != self._index + 1 or entry.prev != self._hash or entry.term < self._term:
            raise FormatError(f"entry {entry.index} does not follow entry {self._index}", remedy="take another destination's copy")
        self._index, self._hash, self._term = entry.index, entry.hash, entry.term
        self._count += 1

    def foot(self) -> Foot:
        return Foot(self._count, self._index, self._term, self._hash)


def _head(line: bytes) -> Head:
    try:
        fields = json.loads(line)
        version = fields.pop("watchkeep-backup")
        if version != VERSION:
            raise VersionError(f"the backup has layout {version}, and this version knows {VERSION}", remedy="use a newer version")
        head = Head(**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError("the first line is none of a backup", remedy="give it a file that `watchkeep hub backup` wrote") from error
    whole = head.kind == "full" and head.after == 0 and head.after_hash == FIRST_HASH
    if not (whole or (head.kind == "incremental" and type(head.after) is int and head.after >= 0)):
        raise FormatError("the first line of the backup contradicts itself", remedy="take another destination's copy")
    return head


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
