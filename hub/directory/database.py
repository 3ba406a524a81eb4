"""The directory's journal in a database: SQLite beside the server, or PostgreSQL for several servers; SQLAlchemy Core for both.

    entry(number, term, at_s, hash, body)     the journal: every row is proven by its hash and chained to the one before it
    snapshot(number, body)                    the state after an entry, so that a start does not read everything: a cache
    aside(hash, number, body)                 entries that were cut off for a newer leader's, until the leader has taken them
    about(key, value)                        version of the layout

Rules: what `append` has returned from is on disk (SQLite: WAL with synchronous = FULL).  An entry that is not the next one is refused by
the database itself, so of two servers on one database only one appends.  Every failure of the database is a DatabaseError with a
remedy; its URL is never in it.  May be called from any thread; one transaction at a time.
"""

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
)  # fmt: skip
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from ...wire.errors import FormatError, UsageError, WatchkeepError, redact
from .entry import Entry, parse
from .site import Site, fold

LAYOUT: Final = "1"
SNAPSHOT_EVERY: Final = 1000
"""Entries: at 0.1 ms each a start folds a thousand in a tenth of a second."""
SNAPSHOTS_KEPT: Final = 2
BUSY_S: Final = 10.0
"""How long a transaction waits for another one of the same file before it fails."""
PAGE: Final = 1000
"""Entries read at once."""
CHECKED_BYTES: Final = 256 << 20
"""Half a million entries: a start takes a quarter of a second longer, or the time that a slow disk takes to read them."""
SERVER_OPTIONS: Final = {"target_session_attrs": "read-write", "connect_timeout": 3, "tcp_user_timeout": 5000, "keepalives_idle": 2,
                         "keepalives_interval": 1, "keepalives_count": 3, "options": "-c lock_timeout=5000"}  # fmt: skip
"""Of PostgreSQL, as far as the URL does not say otherwise: of several hosts the one that takes writes; a silent one is given up in seconds.
No statement_timeout: it would end the wait for a synchronous standby, and PostgreSQL then calls the commit good without it."""
MAKING: Final = 0x77617463
"""Key of the lock under which one of several servers makes the tables."""
_USER: Final = re.compile(r"\b(user|role) \"[^\"]*\"")

_META: Final = MetaData()
ENTRY: Final = Table(
    "entry", _META, Column("number", Integer, primary_key=True, autoincrement=False), Column("term", BigInteger, nullable=False),
    Column("at_s", Float, nullable=False), Column("hash", String(64), nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
)  # fmt: skip
_SNAPSHOT: Final = Table("snapshot", _META, Column("number", Integer, primary_key=True, autoincrement=False),
                         Column("body", LargeBinary, nullable=False))  # fmt: skip
ASIDE: Final = Table("aside", _META, Column("hash", String(64), primary_key=True), Column("number", Integer, nullable=False),
                      Column("body", LargeBinary, nullable=False))  # fmt: skip
_ABOUT: Final = Table("about", _META, Column("key", String(32), primary_key=True), Column("value", String(200), nullable=False))


class DatabaseError(WatchkeepError):
    """The directory's database cannot be used, or what is in it is damaged."""


class ConflictError(DatabaseError):
    """Somebody else has appended an entry of this index."""


def sqlite_url(path: Path) -> URL:
    """The URL of a database file."""
    return URL.create("sqlite", database=str(path))


class Database:
    """One journal.  open() once, then anything, then close()."""

    def __init__(self, url: URL | str) -> None:
        try:
            self._url = make_url(url)
        except ArgumentError as error:
            raise UsageError("the directory's database is no database URL", remedy="write it as postgresql+psycopg://host/name") from error
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._snapshot_at = 0

    @property
    def where(self) -> str:
        """What it is called in messages: no user, no password."""
        if self._is_file:
            return str(self._url.database)
        hosts = [self._url.host] if self._url.host else list(_listed(self._url.query.get("host", "PostgreSQL")))
        return f"{','.join(hosts)}/{self._url.database}"

    @property
    def file(self) -> Path | None:
        """The file of SQLite; None for a server's database."""
        return Path(str(self._url.database)) if self._is_file else None

    @property
    def _is_file(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def open(self) -> Site:
        """The state that the journal makes; raises DatabaseError, and FormatError or DigestError for damage."""
        if self._is_file:
            self._engine = create_engine(self._url, connect_args={"timeout": BUSY_S}, hide_parameters=True)
        else:
            wanted = {key: value for key, value in SERVER_OPTIONS.items() if key not in self._url.query}
            self._engine = create_engine(self._url, pool_pre_ping=True, connect_args=wanted, hide_parameters=True)
        if self._is_file:
            event.listen(self._engine, "connect", _sqlite_settings)
            event.listen(self._engine, "begin", _sqlite_begin)
        with self._transaction() as connection:
            if not self._is_file:
                connection.execute(select(func.pg_advisory_xact_lock(MAKING)))
            self._make(connection)
            found = connection.execute(select(_ABOUT.c.value).where(_ABOUT.c.key == "layout")).scalar()
        if found != LAYOUT:
            raise DatabaseError(f"{self.where} has layout {found}, and this version knows {LAYOUT}",
                                remedy="run the version that wrote it, or a newer one")  # fmt: skip
        return self.state()

    def _make(self, connection: Connection) -> None:
        """The tables, where there are none."""
        if not inspect(connection).has_table("about"):
            _META.create_all(connection)
            connection.execute(insert(_ABOUT).values(key="layout", value=LAYOUT))

    def check_pages(self) -> None:
        """Look at every page of a file, before a server takes part: damage in an index, or where no start reads, would else be found by
        an edit, or when this server is to lead; raises DatabaseError.  Not beside a server that runs, whose writes would wait."""
        if self.file is None or self.file.stat().st_size > CHECKED_BYTES:
            return
        with self._transaction() as connection:
            found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
        if found != "ok":
            raise DatabaseError(f"{self.where} is damaged: {' '.join(found.split())}",
                                remedy="move it away: other servers bring everything, or restore a backup")  # fmt: skip

    def forget_connections(self) -> None:
        """The next transaction connects anew."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._lock:
            if self._engine is None:
                raise DatabaseError("the directory's database is closed", remedy="open it first")
            try:
                with self._engine.begin() as connection:
                    yield connection
            except IntegrityError as error:
                raise ConflictError("another server has written this entry", remedy="read the journal's end and try again") from error
            except SQLAlchemyError as error:
                text = self._hidden(str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0])
                remedy = "check disk and database server, or restore a backup"
                raise DatabaseError(f"{self.where}: {text}", remedy=remedy) from None  # the cause's own words may hold a user's name

    def _hidden(self, text: str) -> str:
        """An error's words without user and password, however the database server quotes them."""
        named = [self._url.password, *_listed(self._url.query.get("password", ()))]
        for secret in filter(None, map(str, named)):
            text = text.replace(secret, "***")
        return redact(_USER.sub(r"\1 ***", text))

    def append(self, entries: Sequence[Entry]) -> None:
        """Make entries durable, all or none; raises ConflictError when the first is not the next one."""
        if not entries:
            return
        with self._transaction() as connection:
            if not self._append_to(connection, entries):
                raise ConflictError(f"entry {entries[0].index} does not follow the journal's end", remedy="read the end and try again")

    def fill(self, pages: Iterable[Sequence[Entry]]) -> Site:
        """Make all pages the entries of a journal that has none, in one transaction: they stand once they have been read back from it and
        proven, and whatever ends this earlier leaves the journal empty.  Returns their state; raises ConflictError when there are entries.

        The pages are read meanwhile, and must not ask this journal for anything."""
        with self._transaction() as connection:
            if _last(connection) is not None:
                raise ConflictError(f"{self.where} has entries", remedy="fill a journal that has none")
            for page in pages:
                if not self._append_to(connection, page):
                    raise ConflictError(f"entry {page[0].index} does not follow the one before", remedy="take them in their order")
            return fold(_paged(partial(self._behind, connection)))

    @staticmethod
    def _append_to(connection: Connection, entries: Sequence[Entry]) -> bool:
        """Whether they follow the journal's end, and each the one before."""
        last = _last(connection) if entries else None
        for entry in entries:
            if not entry.follows(last):
                return False
            last = entry
        if entries:
            connection.execute(insert(ENTRY), [_row(entry) for entry in entries])
        return True

    def last(self) -> Entry | None:
        """The newest entry."""
        with self._transaction() as connection:
            return _last(connection)

    def entries(self, after: int = 0, limit: int = PAGE) -> list[Entry]:
        """The next entries behind an index, each proven by its hash."""
        with self._transaction() as connection:
            return self._behind(connection, after, limit)

    @staticmethod
    def _behind(connection: Connection, after: int, limit: int = PAGE) -> list[Entry]:
        query = select(ENTRY.c.body, ENTRY.c.hash).where(ENTRY.c.number > after).order_by(ENTRY.c.number).limit(limit)
        return [parse(_bytes(row.body), row.hash) for row in connection.execute(query).all()]

    def all(self, after: int = 0) -> Iterator[Entry]:
        """Every entry behind an index, read in pages."""
        return _paged(self.entries, after)

    def hash_at(self, index: int) -> str | None:
        """The hash of one entry; None when there is none."""
        with self._transaction() as connection:
            return self._hash_at(connection, index)

    @staticmethod
    def _hash_at(connection: Connection, index: int) -> str | None:
        found = connection.execute(select(ENTRY.c.hash).where(ENTRY.c.number == index)).scalar()
        return None if found is None else str(found)

    def cut(self, index: int) -> list[Entry]:
        """Take all entries above index out of the journal and set them aside, in one transaction; returns them."""
        with self._transaction() as connection:
            rows = connection.execute(select(ENTRY).where(ENTRY.c.number > index).order_by(ENTRY.c.number)).all()
            gone = [parse(_bytes(row.body), row.hash) for row in rows]
            if gone:
                self._set_aside(connection, gone)
                connection.execute(delete(ENTRY).where(ENTRY.c.number > index))
                connection.execute(delete(_SNAPSHOT).where(_SNAPSHOT.c.number > index))
        self._snapshot_at = min(self._snapshot_at, index)
        return gone

    def aside(self) -> list[Entry]:
        """Entries that were cut off and that no leader has taken yet, oldest first."""
        with self._transaction() as connection:
            return self._aside(connection)

    @staticmethod
    def _aside(connection: Connection) -> list[Entry]:
        rows = connection.execute(select(ASIDE).order_by(ASIDE.c.number)).all()
        return [parse(_bytes(row.body), row.hash) for row in rows]

    @staticmethod
    def _set_aside(connection: Connection, entries: Sequence[Entry]) -> None:
        """Those that are not set aside yet."""
        there = set(connection.execute(select(ASIDE.c.hash)).scalars())
        fresh = [{"hash": entry.hash, "number": entry.index, "body": entry.body()} for entry in entries if entry.hash not in there]
        if fresh:
            connection.execute(insert(ASIDE), fresh)

    def delivered(self, entries: Iterable[Entry]) -> None:
        """The leader has these durable: forget them here."""
        hashes = [entry.hash for entry in entries]
        with self._transaction() as connection:
            connection.execute(delete(ASIDE).where(ASIDE.c.hash.in_(hashes)))

    def state(self, until: int | None = None) -> Site:
        """The state after all entries, or after those up to an index: newest usable snapshot, then the rest of the journal."""
        site = self._newest_snapshot(until)
        for entry in self.all(site.index):
            if until is not None and entry.index > until:
                break
            site.apply(entry)
        return site

    def _newest_snapshot(self, until: int | None) -> Site:
        query = select(_SNAPSHOT.c.number, _SNAPSHOT.c.body).order_by(_SNAPSHOT.c.number.desc())
        with self._transaction() as connection:
            rows = connection.execute(query if until is None else query.where(_SNAPSHOT.c.number <= until)).all()
        for row in rows:
            try:
                site = Site.from_json(json.loads(_bytes(row.body)))
            except (ValueError, FormatError):
                continue  # a cache: the one before it, or the journal itself, says the same
            if site.index == row.number and site.hash == self.hash_at(site.index):
                self._snapshot_at = max(self._snapshot_at, site.index)
                return site
        return Site()

    def keep_snapshot(self, site: Site) -> bool:
        """Store the state when it is far enough from the last one; returns whether it did."""
        if site.index < self._snapshot_at + SNAPSHOT_EVERY or self.hash_at(site.index) != site.hash:
            return False
        body = json.dumps(site.to_json(), separators=(",", ":")).encode()
        with self._transaction() as connection:
            kept = select(_SNAPSHOT.c.number).order_by(_SNAPSHOT.c.number.desc()).limit(SNAPSHOTS_KEPT - 1).scalar_subquery()
            connection.execute(delete(_SNAPSHOT).where(_SNAPSHOT.c.number.not_in(select(kept)), _SNAPSHOT.c.number != site.index))
            connection.execute(delete(_SNAPSHOT).where(_SNAPSHOT.c.number == site.index))
            connection.execute(insert(_SNAPSHOT).values(number=site.index, body=body))
        self._snapshot_at = site.index
        return True

    def check(self) -> Site:
        """Prove the whole chain from its first entry; raises FormatError or DigestError at the first that is wrong."""
        return fold(self.all())

    def count(self) -> int:
        with self._transaction() as connection:
            return int(connection.execute(select(func.count()).select_from(ENTRY)).scalar() or 0)


def _paged(behind: Callable[[int], Sequence[Entry]], after: int = 0) -> Iterator[Entry]:
    while page := behind(after):
        yield from page
        after = page[-1].index


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value


def _bytes(value: Any) -> bytes:
    """A column's bytes; SQLite gives whatever was put in."""
    if isinstance(value, str):
        raise FormatError("a row of the journal holds text where bytes belong", remedy="restore the journal from a backup")
    return bytes(value)


def _row(entry: Entry) -> dict[str, Any]:
    return {"number": entry.index, "term": entry.term, "at_s": entry.at_s, "hash": entry.hash, "body": entry.body()}


def _last(connection: Connection) -> Entry | None:
    row = connection.execute(select(ENTRY.c.body, ENTRY.c.hash).order_by(ENTRY.c.number.desc()).limit(1)).first()
    return None if row is None else parse(_bytes(row.body), row.hash)


def _sqlite_settings(connection: Any, _: Any) -> None:
    """Transactions are ours to begin (below), and a commit is a commit: FULL syncs the WAL."""
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    """IMMEDIATE: a transaction that reads first and then writes would otherwise fail when another one wrote in between."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
