"""What agents are to record and archivers to keep, told on MQTT by the leader, retained: `agent/<id>/desired`, `archiver/<id>/desired`.

    state ─▶ documents.py ─▶ a document that is another one now ─▶ AgentPlan, ArchiverPlan, published      gone ─▶ an empty message

Rules: advisory, for operators and their tools: agents and archivers ask over HTTP, where an answer is held until there is news, and act
on nothing that comes from a broker.  No address and no name of a login is in it, since whoever may read the broker reads it.  A server that
does not lead says nothing; one that begins to lead tells everything once, because its term is a new one.

Bounds: one message for each agent and archiver of the site, MAX_PLAN_BYTES; cameras that do not fit are counted,
peers that do not are left out.
"""

import threading
from collections.abc import Callable
from itertools import islice
from typing import Final

from blake3 import blake3

from ...wire import topics
from ...wire.desired import AgentDesired, AgentPlan, ArchiverDesired, ArchiverPlan, PlannedCamera
from .documents import ArchiverDocuments, Documents, Position
from .site import Site

MAX_PLAN_BYTES: Final = 64 << 10
"""500 cameras, or 800 peers and days of 80 cameras with the longest ids.  A quarter of what our own MQTT client takes."""

Topical = tuple[str, bytes]
Maker = Callable[[bytes, str, float], bytes]
"""Of a message from a document, who says it and when."""


class Announcer:
    """look() with every state in turn, birth() at any time; both from any thread.  `publish` only enqueues."""

    def __init__(self, site: str, server: str, publish: Callable[[str, bytes], None]) -> None:
        self._site, self._server, self._publish = site, server, publish
        self._lock = threading.Lock()
        self._documents: tuple[Documents, ArchiverDocuments] | None = None
        self._told: dict[str, tuple[Position, bytes]] = {}
        """Payloads by topic, and the documents that they are of."""

    def look(self, site: Site, utc_s: float, *, leads: bool) -> None:
        """The state is this one now; tells of each agent and archiver of which it says something else."""
        with self._lock:
            if not leads:
                self._documents, self._told = None, {}
                return
            found = self._found(site)
            news: list[Topical] = [(topic, b"") for topic in self._told.keys() - found.keys()]
            for topic, (since, body, made) in found.items():
                if topic not in self._told or self._told[topic][0] != since:
                    self._told[topic] = since, made(body, self._server, utc_s)
                    news.append((topic, self._told[topic][1]))
            self._told = {topic: one for topic, one in self._told.items() if topic in found}
            for topic, payload in news:  # under the lock, so that what is told last is the latest
                self._publish(topic, payload)

    def _found(self, site: Site) -> dict[str, tuple[Position, bytes, Maker]]:
        """Every document by its topic, with what makes a message of it."""
        agents, archivers = self._documents = self._documents or (Documents(self._site), ArchiverDocuments(self._site))
        agents.renew(site)
        archivers.renew(site)
        found: dict[str, tuple[Position, bytes, Maker]] = {}
        found.update((topics.agent_desired(self._site, agent), (*one, plan)) for agent, one in agents.all().items())
        found.update((topics.archiver_desired(self._site, archiver), (*one, archiver_plan)) for archiver, one in archivers.all().items())
        return found

    def birth(self) -> list[Topical]:
        """Everything that is told, for a broker that may have forgotten it."""
        with self._lock:
            return [(topic, payload) for topic, (_, payload) in self._told.items()]


def plan(body: bytes, server: str, utc_s: float) -> bytes:
    """The message about an agent's document."""
    wanted = AgentDesired.model_validate_json(body)
    cameras = tuple(PlannedCamera(id=one.id, term=one.term, copies=one.copies, priority=one.priority, relieves=one.relieves,
                                  leaving=one.leaving, archivers=None if one.archivers is None else list(one.archivers))
                    for one in wanted.cameras)  # fmt: skip
    told = AgentPlan(agent=wanted.agent, site=wanted.site, server=server, at_s=utc_s, term=wanted.term, index=wanted.index,
                     digest=blake3(body).hexdigest(), cameras=len(cameras), plan=cameras)  # fmt: skip
    while len(payload := told.model_dump_json().encode()) > MAX_PLAN_BYTES:
        told = told.model_copy(update={"plan": told.plan[: max(0, len(told.plan) * MAX_PLAN_BYTES // len(payload) - 1)]})
    return payload


def archiver_plan(body: bytes, server: str, utc_s: float) -> bytes:
    """The message about an archiver's document."""
    wanted = ArchiverDesired.model_validate_json(body)
    told = ArchiverPlan(archiver=wanted.archiver, site=wanted.site, server=server, at_s=utc_s, term=wanted.term, index=wanted.index,
                        digest=blake3(body).hexdigest(), retention_days=wanted.retention_days, own_days=len(wanted.retention),
                        retention=dict(islice(wanted.retention.items(), MAX_PLAN_BYTES // 800)),
                        peers=tuple(one.id for one in wanted.peers[:MAX_PLAN_BYTES // 80]))  # fmt: skip
    return told.model_dump_json().encode()
