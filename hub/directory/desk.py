"""What operators and their tools ask a directory server: reads from its state, edits by way of the leader.

Rules: blocking, so on worker threads only.  An edit that this server cannot take itself is sent on at most to each server once (`via`), as
JSON that is the same whoever sent it, and given up when that one is heard no more (forward.py).  A refusal is a RefusedError with every
problem; that no leader takes it now is a BusyError, and an UnsureError when it may have been made all the same.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from ...wire import http
from .cluster import steps
from .entry import Entry
from .errands import contingency
from .errors import BusyError, NotFoundError, RefusedError, UnsureError
from .exchange import Taken
from .link import LinkError, Reply
from .requests import ContingencyText, EditRequest, EntityText, HistoryEntry, HistoryPage, ProblemText, Refusal, SettleRequest
from .rules import Problem
from .server import Answer, DirectoryServer
from .site import Change, Key, Record
from .steward import Steward

M = TypeVar("M", bound=BaseModel)

ANSWER_S: Final = 8.0
"""An edit is answered within ACK_S and a write; a disk that hangs longer is not waited for."""
FORWARD_S: Final = ANSWER_S + 1.0
"""Of a leader that is heard all the time."""
SCANNED: Final = 5000
"""Entries that one page of history looks at, at most: about a second."""
PAGE: Final = 500
CLOCK_S: Final = 3600.0
"""By how much the clocks of two leaders may differ."""
AGAIN: Final = "look at the site, and try again"


class SiteDesk:
    """Questions and edits; used by several worker threads."""

    def __init__(self, server: DirectoryServer, steward: Steward, me: str) -> None:
        self._server, self._steward, self._me = server, steward, me

    # -- reading -------------------------------------------------------------------------------------------------------

    def whole(self) -> dict[str, Any]:
        leader = self._server.leader()
        servers = {name: one.model_dump(mode="json", include={"role", "term", "index", "able", "recovery", "version"})
                   for name, one in self._server.servers().items()}  # fmt: skip
        state = self._server.view().to_json()
        del state["taken"], state["retired"]
        return {**state, "leader": "" if leader is None else leader.id, "servers": servers, "lives": self._steward.lives,
                "stores": self._steward.stores, "without": self._steward.without}  # fmt: skip

    def every(self, kind: str) -> dict[str, EntityText]:
        return {name: _text(record) for name, record in sorted(self._server.view().entities.get(kind, {}).items())}

    def one(self, key: Key) -> Record:
        """Raises NotFoundError."""
        found = self._server.view().get(key)
        if found is None:
            raise NotFoundError(f"there is no {str(key)[:90]}", remedy=f"see {http.SITE}/{key.kind} for those that there are")
        return found

    def contingencies(self) -> list[ContingencyText]:
        kept = self._server.view().contingencies.values()
        return [ContingencyText(origin=one.origin, index=one.index, why=one.why, entries=list(one.entries)) for one in kept]

    def history(self, entity: str | None, before: int | None, limit: int, actor: str | None = None,
                since_s: float | None = None) -> HistoryPage:  # fmt: skip
        """The newest first; at most SCANNED entries are looked at, so a page can be short and have a `before` all the same.

        Entries are in the order of their numbers, and a leader's clock may have been stepped: what is older than since_s is passed
        over, and ends the search only CLOCK_S before it.
        """
        end = self._server.view().index + 1
        top = end if before is None else min(before, end)
        found: list[HistoryEntry] = []
        floor = max(1, top - SCANNED)
        while top > floor:
            after = max(floor, top - PAGE) - 1
            for entry in reversed(self._server.database.entries(after, top - 1 - after)):
                if since_s is not None and entry.at_s < since_s - CLOCK_S:
                    return HistoryPage(entries=found, before=None)
                if _wanted(entry, entity, actor, since_s):
                    found.append(HistoryEntry(index=entry.index, term=entry.term, actor=entry.actor, at_s=entry.at_s, kind=entry.kind,
                                              payload=entry.payload))  # fmt: skip
                    if len(found) == limit:
                        return HistoryPage(entries=found, before=entry.index if entry.index > 1 else None)
            top = after + 1
        return HistoryPage(entries=found, before=top if top > 1 else None)

    # -- editing -------------------------------------------------------------------------------------------------------

    def edit(self, wanted: EditRequest, via: str) -> Taken:
        """Raises RefusedError or BusyError."""
        changes = tuple(Change(Key(one.entity, one.id), one.value, one.was) for one in wanted.changes)
        if self._server.leads:
            return self.own(lambda ticket: steps.Edit(ticket, changes, wanted.actor or "anonymous", wanted.note), changes)
        return self.passed_on("POST", http.SITE_EDIT, wanted, via, Taken)

    def settle(self, origin: str, wanted: SettleRequest, via: str) -> Taken:
        """Raises RefusedError or BusyError."""
        if self._server.leads:
            apply, actor = wanted.verdict == "apply", wanted.actor or "anonymous"
            return self.own(lambda ticket: steps.Settle(ticket, origin, apply, actor), ())
        return self.passed_on("POST", contingency(origin), wanted, via, Taken)

    def own(self, make: Any, changes: tuple[Change, ...] = ()) -> Taken:
        """What this leader answers to a request of its own making (DirectoryServer.submit); raises RefusedError or BusyError."""
        try:
            answer: Answer = self._server.submit(make).result(ANSWER_S)
        except TimeoutError as error:
            raise UnsureError("the database takes longer than it may: the edit may have been made", remedy=AGAIN) from error
        match answer:
            case steps.Done(_, index, copies):
                return Taken(index=index, copies=copies)
            case steps.Refused(_, problems):
                raise RefusedError([problem_text(one) for one in problems], self._now(changes))
            case steps.Unable(_, why, written):
                if written:
                    raise UnsureError(f"{why}: the edit may have been made", remedy=AGAIN)
                raise BusyError(why, remedy="try again in a second")

    def _now(self, changes: tuple[Change, ...]) -> EntityText | None:
        record = self._server.view().get(changes[0].key) if len(changes) == 1 else None
        return None if record is None else _text(record)

    def passed_on(self, method: str, path: str, wanted: BaseModel, via: str, answer: type[M]) -> M:
        """What the leader answers, asked by way of a neighbour if need be; raises RefusedError or BusyError."""
        asked = frozenset(filter(None, via.split(","))) | {self._me}
        to = self._server.route(asked)
        if to is None or to.id in asked:
            raise BusyError("no leader is known here at the moment", remedy="try again in a second")
        by = {http.VIA_HEADER: ",".join(sorted(asked))}
        try:
            with self._server.forward(to) as link:
                body = wanted.model_dump_json(exclude_defaults=True)  # a leader of an older version does not know what is new
                reply = link.request(method, path, body.encode(), limit_s=FORWARD_S, headers=by)
        except LinkError as error:
            if not error.sent:
                raise BusyError(error.message, remedy="try again in a second") from error
            raise UnsureError(f"{error.message}: the edit may have been made", remedy=AGAIN) from error
        return _answered(reply, answer)


def _answered(reply: Reply, answer: type[M]) -> M:
    """What the leader said, said again."""
    try:
        if reply.status == 200:
            return answer.model_validate_json(reply.body)
        said = Refusal.model_validate_json(reply.body)
    except ValidationError as error:
        raise UnsureError(f"the leader answers {reply.status} and no sense", remedy="update the older of the two servers") from error
    if said.problems:
        raise RefusedError(said.problems, said.now)
    raise (UnsureError if said.code == http.UNSURE else BusyError)(said.reason, remedy=said.remedy)


def _text(record: Record) -> EntityText:
    return EntityText(value=record.value, revision=record.revision)


def problem_text(problem: Problem) -> ProblemText:
    return ProblemText(code=problem.code, path=problem.path, text=problem.text, remedy=problem.remedy)


def _wanted(entry: Entry, entity: str | None, actor: str | None, since_s: float | None) -> bool:
    return ((actor is None or entry.actor == actor) and (since_s is None or entry.at_s >= since_s)
            and (entity is None or entity in _touches(entry.payload)))  # fmt: skip


def _assigned(payload: dict[str, Any]) -> Iterator[str]:
    for what in ("recorders", "archivers", "leaving"):
        yield from payload.get(what, ())


def _touches(payload: dict[str, Any]) -> set[str]:
    """Entities that an entry changes, as kind/id."""
    changed = {f"{change['entity']}/{change['id']}" for change in payload.get("changes", ())}
    changed |= {f"camera/{name}" for name in _assigned(payload)} | set(payload.get("about", ()))
    changed |= {f"{change['entity']}/{change['id']}" for one in payload.get("entries", ()) for change in one.get("changes", ())}
    return changed | ({f"role/{payload['role']}"} if "role" in payload else set())
