"""What every agent is to record, told on MQTT by the leader: `agent/<id>/desired`, retained.

    state ─▶ documents.py ─▶ a document that is another one now ─▶ AgentPlan, published      agent gone ─▶ an empty message

Rules: advisory, for operators and their tools: agents ask over HTTP, where an answer is held until there is news, and act on nothing that
comes from a broker.  No address and no name of a login is in it, since whoever may read the broker reads it.  A server that does not lead
says nothing; one that begins to lead tells everything once, because its term is a new one.

Bounds: one message for each agent of the site, MAX_PLAN_BYTES; cameras that do not fit are counted.
"""

import threading
from collections.abc import Callable
from typing import Final

from blake3 import blake3

from ...wire import topics
from ...wire.desired import AgentDesired, AgentPlan, PlannedCamera
from .documents import Documents, Position
from .site import Site

MAX_PLAN_BYTES: Final = 64 << 10
"""500 cameras as a rule.  A quarter of what our own MQTT client takes."""

Topical = tuple[str, bytes]


class Announcer:
    """look() with every state in turn, birth() at any time; both from any thread.  `publish` only enqueues."""

    def __init__(self, site: str, server: str, publish: Callable[[str, bytes], None]) -> None:
        self._site, self._server, self._publish = site, server, publish
        self._lock = threading.Lock()
        self._documents: Documents | None = None
        self._told: dict[str, tuple[Position, bytes]] = {}
        """Payloads, and the documents that they are of."""

    def look(self, site: Site, utc_s: float, *, leads: bool) -> None:
        """The state is this one now; tells of each agent of which it says something else."""
        with self._lock:
            if not leads:
                self._documents, self._told = None, {}
                return
            self._documents = self._documents or Documents(self._site)
            self._documents.renew(site)
            found = self._documents.all()
            news: list[Topical] = [(topics.agent_desired(self._site, agent), b"") for agent in self._told.keys() - found.keys()]
            for agent, (since, body) in found.items():
                if agent not in self._told or self._told[agent][0] != since:
                    self._told[agent] = since, plan(body, self._server, utc_s)
                    news.append((topics.agent_desired(self._site, agent), self._told[agent][1]))
            self._told = {agent: one for agent, one in self._told.items() if agent in found}
            for topic, payload in news:  # under the lock, so that what is told last is the latest
                self._publish(topic, payload)

    def birth(self) -> list[Topical]:
        """Everything that is told, for a broker that may have forgotten it."""
        with self._lock:
            return [(topics.agent_desired(self._site, agent), payload) for agent, (_, payload) in self._told.items()]


def plan(body: bytes, server: str, utc_s: float) -> bytes:
    """The message about a document."""
    wanted = AgentDesired.model_validate_json(body)
    cameras = tuple(PlannedCamera(id=one.id, term=one.term, copies=one.copies, priority=one.priority, relieves=one.relieves,
                                  leaving=one.leaving, archivers=None if one.archivers is None else list(one.archivers))
                    for one in wanted.cameras)  # fmt: skip
    told = AgentPlan(agent=wanted.agent, site=wanted.site, server=server, at_s=utc_s, term=wanted.term, index=wanted.index,
                     digest=blake3(body).hexdigest(), cameras=len(cameras), plan=cameras)  # fmt: skip
    while len(payload := told.model_dump_json().encode()) > MAX_PLAN_BYTES:
        told = told.model_copy(update={"plan": told.plan[: max(0, len(told.plan) * MAX_PLAN_BYTES // len(payload) - 1)]})
    return payload
