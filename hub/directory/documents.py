"""The documents of all agents that ask, each with the entry since which it says what it says.  No I/O, no clock.

    an agent that has taken up    compared with `since` of its document    answer
    ───────────────────────────   ──────────────────────────────────────   ──────────────────────────────────────
    less                          its term or its index is lower           the document
    the same or more              this server lags, or nothing changed     nothing: the question is held

Rules: most edits of a site concern one agent or none, so the others are told nothing.  A new term counts as a change for everybody:
what an agent knows may be of a branch that was cut off, and within one term journals only grow.

Bounds: one document for each agent of the site, 3 MB at most, 400 bytes a camera as a rule.
"""

from dataclasses import dataclass

from ...wire.errors import WatchkeepError
from .desire import assigned, desired
from .site import Site

Position = tuple[int, int]
"""(term, index)."""


class UnknownAgentError(WatchkeepError):
    """The site has no such agent."""


@dataclass(frozen=True, slots=True)
class _Document:
    made_of: tuple[object, ...]
    since: Position
    body: bytes


class Documents:
    """renew() with every state in turn; the rest at any time between."""

    def __init__(self, name: str) -> None:
        """name: of the site."""
        self._name, self._site = name, Site()
        self._cameras: dict[str, list[str]] = {}
        self._known: dict[str, _Document] = {}

    def renew(self, site: Site) -> None:
        """The state is this one now; what was asked for once is kept up."""
        anew = site.term != self._site.term
        self._site, self._cameras = site, assigned(site)
        agents = site.entities.get("agent", {})
        for agent in list(self._known):
            if agent not in agents and agent not in site.retired:
                del self._known[agent]
            elif anew or self._made_of(agent) != self._known[agent].made_of:
                self._make(agent)

    def after(self, agent: str, at: Position) -> bytes | None:
        """The document as JSON when it says something else than at `at`, else None; raises UnknownAgentError."""
        if agent not in self._known:
            self._make(agent)
        known = self._known[agent]
        return known.body if known.since > at else None

    def all(self) -> dict[str, tuple[Position, bytes]]:
        """Since when the document of every agent of the site says what it says, and the document."""
        agents = self._site.entities.get("agent", {})
        for agent in agents:
            if agent not in self._known:
                self._make(agent)
        return {agent: (one.since, one.body) for agent, one in sorted(self._known.items()) if agent in agents}

    def _make(self, agent: str) -> None:
        site = self._site
        found = desired(site, self._name, agent, self._cameras.get(agent, ()))
        if found is None:
            raise UnknownAgentError(f"the site has no agent {agent!r}", remedy="add it to the site, or correct agent.id")
        body = found.model_dump_json(exclude_none=True).encode()
        self._known[agent] = _Document(self._made_of(agent), (site.term, site.index), body)

    def _made_of(self, agent: str) -> tuple[object, ...]:
        """Everything that goes into its document, by revision."""
        site = self._site
        cameras, groups = site.entities.get("camera", {}), site.entities.get("group", {})
        found: list[object] = [tuple((name, record.revision) for name, record in site.entities.get("archiver", {}).items()),
                               tuple((name, record.revision) for name, record in site.entities.get("window", {}).items()
                                     if record.value.get("kind") == "archiver")]  # fmt: skip
        for name in self._cameras.get(agent, ()):
            record = cameras[name]
            group = groups.get(str(record.value.get("group")))
            who = (site.recorders[name], site.leaving.get(name, ()))
            found.append((name, record.revision, who, site.archivers.get(name), group and group.revision))
        return tuple(found)
