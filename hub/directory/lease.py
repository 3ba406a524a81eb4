"""A journal's database that several directory servers share, with the leader's lease in it: one more table, one transaction for all of it.

    lease(id = 1, term, server, beat)     who leads; the row is locked by whoever writes, so of two claims one counts

Rules: what a leader appends and its lease change together or not at all, so a leader that was stopped for an hour writes nothing
afterwards.  As database.py: durable when sync() has returned, as far as the database server's own settings promise it.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, String, Table, bindparam, exists, func, insert, select, update

from .cluster.status import Lead
from .cluster.steps import Sync, Synced
from .database import ASIDE, ENTRY, Database
from .entry import FIRST_HASH

_META: Final = MetaData()
_LEASE: Final = Table("lease", _META, Column("id", Integer, primary_key=True, autoincrement=False),
                      Column("term", BigInteger, nullable=False), Column("server", String(64), nullable=False),
                      Column("beat", BigInteger, nullable=False))  # fmt: skip
_LOOK: Final[Any] = select(
    _LEASE.c.term, _LEASE.c.server, _LEASE.c.beat, select(func.max(ENTRY.c.number)).scalar_subquery().label("last"),
    select(ENTRY.c.hash).where(ENTRY.c.number == bindparam("index")).scalar_subquery().label("known"),
    exists(select(ASIDE.c.hash)).label("aside"),
).where(_LEASE.c.id == 1)  # fmt: skip
"""All that a follower asks twice a second while nothing happens, in one statement."""


class SharedDatabase(Database):
    """As Database, for several servers."""

    def _make(self, connection: Connection) -> None:
        super()._make(connection)
        _META.create_all(connection)
        if connection.execute(select(_LEASE.c.id)).first() is None:
            connection.execute(insert(_LEASE).values(id=1, term=0, server="", beat=0))

    def sync(self, wanted: Sync) -> Synced:
        """Do it; raises DatabaseError, and after that forgets its connections: the next ones look for the host that takes writes."""
        try:
            with self._transaction() as connection:
                if (quiet := self._quiet(connection, wanted)) is not None:
                    return Synced(quiet, False, (), None, {})
                lead, wrote = self._write(connection, wanted)
                known = FIRST_HASH if wanted.index == 0 else self._hash_at(connection, wanted.index)
                parted = known != wanted.hash
                if parted:
                    gone = [entry for entry in wanted.tail if self._hash_at(connection, entry.index) != entry.hash]
                    self._set_aside(connection, gone)
                entries = [] if parted else self._behind(connection, wanted.index)
                aside: dict[str, str] = {entry.hash: entry.kind for entry in self._aside(connection)}
        except Exception:
            self.forget_connections()
            raise
        return Synced(lead, wrote, tuple(entries), self.state() if parted else None, aside)

    @staticmethod
    def _quiet(connection: Connection, wanted: Sync) -> Lead | None:
        """The lease, when whoever only looks has all that there is; None when there is more to do."""
        if wanted.lead is not None:
            return None
        row = connection.execute(_LOOK, {"index": wanted.index}).one()
        if row.aside or (row.last or 0, row.known or FIRST_HASH) != (wanted.index, wanted.hash):
            return None
        return Lead(term=row.term, server=row.server, beat=row.beat)

    def _write(self, connection: Connection, wanted: Sync) -> tuple[Lead, bool]:
        query: Any = select(_LEASE.c.term, _LEASE.c.server, _LEASE.c.beat).where(_LEASE.c.id == 1)
        row = connection.execute(query if wanted.lead is None else query.with_for_update()).one()
        now = Lead(term=row.term, server=row.server, beat=row.beat)
        if wanted.lead is None or not _stands(now, wanted.was, wanted.lead):
            return now, False
        values = {"term": wanted.lead.term, "server": wanted.lead.server, "beat": wanted.lead.beat}
        if not self._append_to(connection, wanted.entries):
            return now, False
        connection.execute(update(_LEASE).where(_LEASE.c.id == 1).values(**values))
        return wanted.lead, True


def _stands(now: Lead, was: Lead | None, lead: Lead) -> bool:
    """A leader's own lease, or for a claim the lease as it was seen."""
    return now == was or (was is not None and (now.term, now.server) == (was.term, was.server) and lead.term == now.term)


