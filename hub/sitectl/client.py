"""A site over HTTP: questions to whichever of its directory servers answers, edits that are made once or not at all.

    servers in the order given ─▶ the first that answers ─▶ no leader yet? again for WAIT_S ─▶ answer, or an error with its remedy

Rules: a server that cannot be reached, or that has no leader, is passed over; one whose answer to an edit got lost is not, because the edit
may have been made: that is said, and the operator looks.  Every edit names the revisions that it is made of, so nothing that somebody else
has changed meanwhile is overwritten.  Time is passed in.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, TypeAdapter, ValidationError

from ...wire import http
from ...wire.errors import FormatError, RemoteError, UsageError
from ..directory.backup.model import SiteBackups
from ..directory.exchange import Taken
from ..directory.health.model import SiteAvailability, SiteHealth
from ..directory.requests import ChangeText, ContingencyText, EditRequest, EntityText, HistoryEntry, HistoryPage, Refusal, SettleRequest
from ..directory.rules import MAX_CHANGES
from ..directory.site import Change, Site
from ..request import Connection, Reply, RequestError, checked

CONNECT_S: Final = 3.0
ANSWER_S: Final = 20.0
"""An edit is answered within 9 s, also by way of a follower; a large site is read in two."""
WAIT_S: Final = 8.0
"""How long no leader is waited for: twice as long as a leader's death costs."""
AGAIN_S: Final = 0.3
MAX_ANSWER_BYTES: Final = 128 << 20
"""MAX_ENTITIES are 20 MB, with everything assigned 30 MB."""
MAX_PAGES: Final = 2000
"""Of history: as many entries as 2000 looks of 5000."""

M = TypeVar("M", bound=BaseModel)
_CONTINGENCIES: Final = TypeAdapter(list[ContingencyText])
_ENTITIES: Final = TypeAdapter(dict[str, EntityText])


@dataclass(frozen=True, slots=True)
class Seen:
    """A site as one of its servers told it; `text` is its answer."""

    url: str
    site: Site
    leader: str
    servers: dict[str, dict[str, Any]]
    lives: dict[str, str]
    """Agents, and whether they live; empty from a server that does not tell."""
    without: dict[str, str]
    """Of the leader: cameras without a recorder or copies, with why."""
    stores: dict[str, str]
    """Of the leader: archivers, and whether they answer."""
    text: bytes
    health: SiteHealth | None = None
    """As the server that watches has seen it last."""
    unseen: str = ""
    """Why there is no `health`."""
    saved: SiteBackups | None = None
    """How its backups are."""
    unsaved: str = ""
    """Why there is no `saved`."""


class SiteError(RemoteError):
    """A directory server refuses, or none answers."""

    def line(self) -> str:
        """One line, or several with what to do in the last."""
        return f"{self.message}\n{self.remedy}".rstrip() if "\n" in self.message else super().line()


class RefusedEditError(SiteError):
    """An edit does not fit the site: every problem in a line of its own.  now: what the one entity is by now, when it is stale."""

    def __init__(self, refusal: Refusal, status: int) -> None:
        self.stale, self.now = refusal.code == http.STALE, refusal.now
        lines = [f"{one.path}: {one.text}; {one.remedy}" if one.path else f"{one.text}; {one.remedy}" for one in refusal.problems]
        text = lines[0] if len(lines) == 1 else "\n  ".join([f"refused, nothing was changed; {len(lines)} problems:", *lines])
        super().__init__(text if lines else refusal.reason, remedy="" if lines else refusal.remedy, status=status)


class SiteClient:
    """The directory servers at some URLs, asked in this order; raises UsageError when one is none."""

    def __init__(self, servers: Sequence[str], actor: str, *, monotonic: Callable[[], float], sleep: Callable[[float], None],
                 say: Callable[[str], None]) -> None:  # fmt: skip
        if not servers:
            raise UsageError("no directory server is named", remedy="give --server http://host:9701")
        self._urls = [checked(url, "directory server") for url in servers]
        self._headers = {http.ACTOR_HEADER: actor.encode("ascii", "replace").decode()[:100]}
        self._monotonic, self._sleep, self._say = monotonic, sleep, say

    # -- reading -------------------------------------------------------------------------------------------------------

    def whole(self) -> Seen:
        return self._seen(*self._ask("GET", http.SITE))

    def by_leader(self) -> Seen:
        """As the leader tells it, which knows more than the others; as another server does when the leader cannot be reached."""
        found = self._by_leader()
        try:  # shown, and not waited for: what is described and assigned is known all the same
            found = replace(found, health=self._model(SiteHealth, found.url, self._once(found.url, "GET", http.SITE_HEALTH, None)))
        except RemoteError as error:
            found = replace(found, unseen=error.message)
        try:
            return replace(found, saved=self._model(SiteBackups, found.url, self._once(found.url, "GET", http.SITE_BACKUPS, None)))
        except RemoteError as error:
            return replace(found, unsaved=error.message)

    def health(self) -> SiteHealth:
        """How the site is, by the server that watches over it; waits until one has looked."""
        return self._model(SiteHealth, *self._ask("GET", http.SITE_HEALTH, lacks="no server has looked over the site yet"))

    def backups(self) -> SiteBackups:
        """How the directory's backups are, by the server that writes them."""
        return self._model(SiteBackups, *self._ask("GET", http.SITE_BACKUPS, lacks="no server writes backups"))

    def availability(self, start_s: float, end_s: float, kind: str | None) -> SiteAvailability:
        wanted = {"from": f"{start_s:.3f}", "to": f"{end_s:.3f}", **({} if kind is None else {"kind": kind})}
        return self._model(SiteAvailability, *self._ask("GET", f"{http.SITE_AVAILABILITY}?{urlencode(wanted)}"))

    def _by_leader(self) -> Seen:
        found = self.whole()
        leader = found.site.servers.get(found.leader)
        if leader is None or leader.url.rstrip("/") == found.url.rstrip("/"):
            return found
        try:
            return self._seen(leader.url, self._once(leader.url, "GET", http.SITE, None))
        except RemoteError:
            return found

    @staticmethod
    def _seen(url: str, reply: Reply) -> Seen:
        try:
            data = json.loads(reply.body)
            site = Site.from_json({**data, "taken": [], "retired": []})
            return Seen(url, site, data["leader"], dict(data["servers"]), dict(data.get("lives", {})),
                        dict(data.get("without", {})), dict(data.get("stores", {})), reply.body)  # fmt: skip
        except (ValueError, KeyError, TypeError, FormatError) as error:
            raise _nonsense(url, reply) from error

    def history(self, entity: str | None, before: int | None, limit: int, since_s: float | None, actor: str | None) -> HistoryPage:
        wanted = {"entity": entity, "before": before, "limit": limit, "since_s": since_s, "actor": actor}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return self._model(HistoryPage, *self._ask("GET", f"{http.SITE_HISTORY}?{query}"))

    def entries(self, entity: str | None, limit: int, since_s: float | None, actor: str | None) -> list[HistoryEntry]:
        """The newest ones of many pages."""
        found: list[HistoryEntry] = []
        before: int | None = None
        for _ in range(MAX_PAGES):
            page = self.history(entity, before, min(limit - len(found), 500), since_s, actor)
            found += page.entries
            if page.before is None or len(found) >= limit or (before is not None and page.before >= before):
                break
            before = page.before
        return found

    def contingencies(self) -> list[ContingencyText]:
        url, reply = self._ask("GET", http.SITE_CONTINGENCY)
        try:
            return _CONTINGENCIES.validate_json(reply.body)
        except ValidationError as error:
            raise _nonsense(url, reply) from error

    def entities(self, kind: str) -> dict[str, EntityText]:
        """All of a kind, by id."""
        url, reply = self._ask("GET", f"{http.SITE}/{kind}")
        try:
            return _ENTITIES.validate_json(reply.body)
        except ValidationError as error:
            raise _nonsense(url, reply) from error

    def entity(self, kind: str, name: str) -> EntityText | None:
        """One with its revision; None when there is none."""
        return self.entities(kind).get(name)

    # -- editing -------------------------------------------------------------------------------------------------------

    def edit(self, changes: Sequence[Change], note: str = "") -> Taken:
        """All of them or none; raises RefusedEditError."""
        if len(changes) > MAX_CHANGES:
            raise UsageError(f"an edit of {len(changes)} changes is more than {MAX_CHANGES}", remedy="split it")
        wanted = EditRequest(changes=[ChangeText(**change.to_json()) for change in changes], note=note)
        return self.order(http.SITE_EDIT, wanted, Taken)

    def settle(self, origin: str, verdict: str) -> Taken:
        return self.order(f"{http.SITE_CONTINGENCY}/{quote(origin, safe='')}", SettleRequest(verdict=verdict), Taken)

    def order(self, path: str, wanted: BaseModel, answer: type[M]) -> M:
        """Anything else that the leader does."""
        return self._model(answer, *self._ask("POST", path, wanted.model_dump_json().encode()))

    # -- one request to whoever answers --------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: bytes | None = None, *,
             lacks: str = "no directory server leads at the moment") -> tuple[str, Reply]:  # fmt: skip
        """(URL of the server, its answer of success); raises SiteError or RefusedEditError, or why nobody answers."""
        deadline, told = self._monotonic() + WAIT_S, False
        while True:
            failed: list[RemoteError] = []
            for url in self._urls:
                try:
                    return url, self._once(url, method, path, body)
                except RequestError as error:
                    if body is not None and error.sent:
                        raise SiteError(f"{error.message}: the edit may have been made",
                                        remedy="look at the site, and make it again if it was not") from error  # fmt: skip
                    failed.append(error)
                except _NoLeaderError as error:
                    failed.append(error)
            if not any(isinstance(one, _NoLeaderError) for one in failed) or self._monotonic() > deadline:
                raise _nobody(failed)
            if not told:
                self._say(f"{lacks}, waiting for one")
            told = True
            self._sleep(AGAIN_S)

    def _once(self, url: str, method: str, path: str, body: bytes | None) -> Reply:
        with closing(Connection(url, connect_s=CONNECT_S)) as connection:
            reply = connection.request(method, path, body, limit_s=ANSWER_S, max_bytes=MAX_ANSWER_BYTES, headers=self._headers)
        if 200 <= reply.status < 300:
            return reply
        raise _refused(url, reply)

    @staticmethod
    def _model(kind: type[M], url: str, reply: Reply) -> M:
        try:
            return kind.model_validate_json(reply.body)
        except ValidationError as error:
            raise _nonsense(url, reply) from error


class _NoLeaderError(SiteError):
    """Nothing was changed, because nobody leads."""


def _refused(url: str, reply: Reply) -> SiteError:
    try:
        said = Refusal.model_validate_json(reply.body)
    except ValidationError:
        return _nonsense(url, reply)
    if said.problems:
        return RefusedEditError(said, reply.status)
    if said.code == http.BUSY:
        return _NoLeaderError(f"{url}: {said.reason}", remedy=said.remedy, status=reply.status)
    if said.code == http.NOT_FOUND and said.reason.endswith("Not Found"):
        return SiteError(f"{url} is no directory server", remedy='name one: a hub whose roles hold "directory"', status=reply.status)
    return SiteError(f"{url}: {said.reason}", remedy=said.remedy, status=reply.status)


def _nonsense(url: str, reply: Reply) -> SiteError:
    return SiteError(f"{url} answers {reply.status} and no sense", remedy="check that a directory server of this version answers there",
                     status=reply.status)  # fmt: skip


def _nobody(failed: list[RemoteError]) -> RemoteError:
    if len(failed) == 1:
        return failed[0]
    lines = "".join(f"\n  {one.message}" for one in failed)
    return SiteError(f"none of {len(failed)} directory servers can help:{lines}", remedy="check that one of them runs, and its address")
