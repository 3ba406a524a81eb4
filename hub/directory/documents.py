"""The documents of all agents and archivers that ask, each with the entry since which it says what it says.  No I/O, no clock.

    one that has taken up         compared with `since` of its document    answer
    ───────────────────────────   ──────────────────────────────────────   ──────────────────────────────────────
    less                          its term or its index is lower           the document
    the same or more              this server lags, or nothing changed     nothing: the question is held

Rules: most edits of a site concern one of them or none, so the others are told nothing.  A new term counts as a change for everybody:
what they know may be of a branch that was cut off, and within one term journals only grow.

Bounds: one document for each agent of the site, 3 MB at most, 400 bytes a camera as a rule; one for each archiver, 100 bytes a peer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ...wire.desired import Document
from ...wire.errors import WatchkeepError
from .desire import assigned, desired, desired_of_archiver, retention
from .site import Site

Position = tuple[int, int]
"""(term, index)."""


class UnknownError(WatchkeepError):
    """The site has nobody of this id."""


class UnknownAgentError(UnknownError):
    """The site has no such agent."""


class UnknownArchiverError(UnknownError):
    """The site has no such archiver."""


@dataclass(frozen=True, slots=True)
class _Made:
    made_of: object
    since: Position
    body: bytes


class _Documents:
    """renew() with every state in turn; the rest at any time between.  One kind of documents says what they are made of, and makes them."""

    KIND: str

    def __init__(self, name: str) -> None:
        """name: of the site."""
        self._name, self._site = name, Site()
        self._known: dict[str, _Made] = {}

    def renew(self, site: Site) -> None:
        """The state is this one now; what was asked for once is kept up."""
        anew = site.term != self._site.term
        self._site = site
        self._look()
        for member in list(self._known):
            if not self._knows(member):
                del self._known[member]
            elif anew or self._made_of(member) != self._known[member].made_of:
                self._make(member)

    def after(self, member: str, at: Position) -> bytes | None:
        """The document as JSON when it says something else than at `at`, else None; raises UnknownError."""
        if member not in self._known:
            self._make(member)
        known = self._known[member]
        return known.body if known.since > at else None

    def all(self) -> dict[str, tuple[Position, bytes]]:
        """Since when the document of every agent, or archiver, of the site says what it says, and the document."""
        members: Mapping[str, object] = self._site.entities.get(self.KIND, {})
        for member in members:
            if member not in self._known:
                self._make(member)
        return {member: (one.since, one.body) for member, one in sorted(self._known.items()) if member in members}

    def _make(self, member: str) -> None:
        body = self._document(member).model_dump_json(exclude_none=True).encode()
        self._known[member] = _Made(self._made_of(member), (self._site.term, self._site.index), body)

    def _look(self) -> None:
        """There is another state."""

    def _knows(self, member: str) -> bool:
        return member in self._site.entities.get(self.KIND, {})

    def _made_of(self, member: str) -> object:
        """Everything that goes into its document, to compare with."""
        raise NotImplementedError

    def _document(self, member: str) -> Document:
        """Raises UnknownError."""
        raise NotImplementedError


class Documents(_Documents):
    """Those of agents."""

    KIND = "agent"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._cameras: dict[str, list[str]] = {}

    def _look(self) -> None:
        self._cameras = assigned(self._site)

    def _knows(self, member: str) -> bool:
        return super()._knows(member) or member in self._site.retired

    def _document(self, member: str) -> Document:
        found = desired(self._site, self._name, member, self._cameras.get(member, ()))
        if found is None:
            raise UnknownAgentError(f"the site has no agent {member!r}", remedy="add it to the site, or correct agent.id")
        return found

    def _made_of(self, member: str) -> object:
        """By revision."""
        site = self._site
        cameras, groups = site.entities.get("camera", {}), site.entities.get("group", {})
        found: list[object] = [tuple((name, record.revision) for name, record in site.entities.get("archiver", {}).items()),
                               tuple((name, record.revision) for name, record in site.entities.get("window", {}).items()
                                     if record.value.get("kind") == "archiver")]  # fmt: skip
        for name in self._cameras.get(member, ()):
            record = cameras[name]
            group = groups.get(str(record.value.get("group")))
            who = (site.recorders[name], site.leaving.get(name, ()))
            found.append((name, record.revision, who, site.archivers.get(name), group and group.revision))
        return tuple(found)


class ArchiverDocuments(_Documents):
    """Those of archivers."""

    KIND = "archiver"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._addresses: tuple[tuple[str, str | None], ...] = ()
        self._retention: dict[str, float] = {}

    def _look(self) -> None:
        """What is equal stays the same object: it is compared for each archiver."""
        found, days = tuple((store, one.url) for store, one in self._site.stores.items()), retention(self._site)
        self._addresses = self._addresses if found == self._addresses else found
        self._retention = self._retention if days == self._retention else days

    def _document(self, member: str) -> Document:
        found = desired_of_archiver(self._site, self._name, member, self._retention)
        if found is None:
            raise UnknownArchiverError(f"the site has no archiver {member!r}", remedy="add it to the site, or correct hub.id")
        return found

    def _made_of(self, member: str) -> object:
        """By what goes into it: the capacity of an archiver is nobody's news."""
        return self._site.entities[self.KIND][member].value.get("retention_days"), self._retention, self._addresses
