"""What Cluster wants from the other servers, done over HTTP: its questions, pulls, searches and deliveries.

Rules: every errand ends in exactly one event, whatever happens.  One thread owns an Errands (and its links); abort() may be called by
another.  Nothing here decides.
"""

import logging
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from ...wire import http
from ...wire.errors import FormatError, WatchkeepError
from .cluster import steps
from .cluster.common import common_ancestor
from .cluster.sight import SILENT_S
from .entry import FIRST_HASH
from .exchange import PULL_WAIT_S, EntryPage, HashAt, ParcelText, Said
from .link import Link, LinkError, Reply

log = logging.getLogger(__name__)
ASK_LIMIT_S: Final = 1.0
"""Half of SILENT_S: a connection that hangs is given up and a fresh one gets its chance before the server counts as dead."""
PULL_LIMIT_S: Final = PULL_WAIT_S + 1.0
SEARCH_LIMIT_S: Final = 2.0
"""For each of about twenty questions."""
DELIVER_LIMIT_S: Final = 2 * SILENT_S
"""The leader answers when a follower has it too, or after ACK_S."""
CONNECT_S: Final = 1.0
"""A connect cannot be aborted, and a stop waits for it."""
MAX_LINKS: Final = 8

M = TypeVar("M", bound=BaseModel)


class Errands:
    """Links to the servers by URL."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._told: dict[str, str] = {}
        """What was told last of each server whose entries cannot be read."""
        self._links: dict[str, Link] = {}

    def abort(self) -> None:
        """Make what is under way fail at once."""
        for link in list(self._links.values()):
            link.abort()

    def close(self) -> None:
        for link in self._links.values():
            link.close()

    def _link(self, url: str) -> Link:
        if url not in self._links and len(self._links) >= MAX_LINKS:
            self._links.pop(next(iter(self._links))).close()
        return self._links.setdefault(url, Link(url, connect_s=CONNECT_S))

    def send(self, url: str, method: str, path: str, body: bytes | None, *, limit_s: float) -> Reply:
        """Any request to another server; raises LinkError."""
        return self._link(url).request(method, path, body, limit_s=limit_s)

    def ask(self, server: str, url: str, mine: Said) -> steps.Event:
        try:
            reply = self.send(url, "POST", http.DIRECTORY_STATE, mine.model_dump_json().encode(), limit_s=ASK_LIMIT_S)
            status = _read(Said, reply)
        except LinkError as error:
            return steps.Unheard(server, refused=error.refused)
        except FormatError:
            return steps.Unheard(server, refused=False)
        return steps.Heard(status) if status.server == server else steps.Unheard(server, refused=False)

    def pull(self, server: str, url: str, index: int, end: str) -> steps.Event:
        query = urlencode({"after": index, "hash": end, "follower": self._me})
        try:
            page = _read(EntryPage, self.send(url, "GET", f"{http.DIRECTORY_ENTRIES}?{query}", None, limit_s=PULL_LIMIT_S))
            if page.parted:
                return steps.Parted(server, page.term, page.index)
        except WatchkeepError:
            return steps.Failed(server)
        try:
            entries = tuple(one.entry() for one in page.entries)
        except WatchkeepError as error:
            self._tell(server, error)
            return steps.Failed(server)
        self._told.pop(server, None)
        return steps.Got(server, entries)

    def _tell(self, server: str, error: WatchkeepError) -> None:
        """Once for each reason: a server of a newer version writes what this one cannot follow, until it is updated."""
        if self._told.get(server) != error.message:
            self._told[server] = error.message
            log.warning("the journal of a directory server cannot be followed",
                        extra={"server": server, "why": error.message, "remedy": error.remedy})  # fmt: skip

    def search(self, server: str, url: str, limit: int, mine: Callable[[int], str | None]) -> steps.Event:
        def theirs(index: int) -> str | None:
            reply = self.send(url, "GET", f"{http.DIRECTORY_HASH}?{urlencode({'index': index})}", None, limit_s=SEARCH_LIMIT_S)
            return _read(HashAt, reply).hash

        try:
            return steps.Found(server, common_ancestor(limit, lambda index: mine(index) if index else FIRST_HASH, theirs))
        except WatchkeepError:
            return steps.Failed(server)

    def deliver(self, server: str, url: str, sent: ParcelText) -> steps.Event:
        try:
            reply = self.send(url, "POST", http.DIRECTORY_PARCEL, sent.model_dump_json().encode(), limit_s=DELIVER_LIMIT_S)
        except LinkError:
            return steps.Failed(server)
        return steps.Delivered(server) if reply.status == 200 else steps.Failed(server)


def contingency(origin: str) -> str:
    """The address of one."""
    return f"{http.SITE_CONTINGENCY}/{quote(origin, safe='')}"


def _read(kind: type[M], reply: Reply) -> M:
    """Raises FormatError when the other server refuses, or is none of ours."""
    try:
        if reply.status == 200:
            return kind.model_validate_json(reply.body)
    except ValidationError as error:
        raise FormatError(f"a directory server answers no {kind.__name__}", remedy="update the older of the two") from error
    raise FormatError(f"a directory server answers {reply.status}", remedy="look into its log")
