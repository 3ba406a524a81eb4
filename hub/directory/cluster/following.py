"""How a follower comes to have its leader's journal: pulled, cut where it parts, and what was set aside delivered.  No I/O, no clock.

    PULL ──entries──▶ written, PULL again
     │ └──nothing──▶ PULL again; DELIVER when something is set aside
     └──parted, and theirs is the better journal──▶ SEARCH ──last common entry──▶ cut, PULL again

Rules: one question is under way at a time.  The source is the leader; when it cannot be reached from here, the neighbour that has most
of its journal, which is a beginning of the leader's because terms belong to one leader each.  Nothing is cut for a journal that is
not better than the own one: its leader is about to step down.

Bounds: at most MAX_SERVERS shunned ones.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Final

from ..entry import Entry
from .aside import Aside
from .sight import NEVER, SILENT_S
from .status import Lead, Status
from .steps import Action, Deliver, Delivered, Failed, Found, Got, Parted, Pull, Search

RETRY_S: Final = 0.2
PAUSE_S: Final = 1.0
"""After the own database has failed."""
DELIVER_AGAIN_S: Final = 2.0
"""What was delivered has come back through the leader's journal by then, or the leader did not take it."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What is known of the journals at one moment: the own one's end, the leader, and what the living say."""

    lead: Lead
    term: int
    index: int
    hash: str
    living: Mapping[str, Status]
    leads: bool
    follows: bool

    def trusts(self, server: str) -> bool:
        """Whether the journal of that server is the leader's, or a beginning of it."""
        said = self.living.get(server)
        return server == self.lead.server or (said is not None and said.term == self.lead.term)


class Following:
    """The follower's side of one server; used by its Cluster."""

    def __init__(self, me: str, now: float) -> None:
        self._me = me
        self._asking = False
        self._pulled = False
        """Something of the present leader's was pulled: what is set aside may be delivered."""
        self._parted: Parted | None = None
        self._cut: int | None = None
        self._ask_at = self._deliver_at = now
        self._shunned: dict[str, float] = {}

    def next_deadline(self) -> float | None:
        return None if self._asking else self._ask_at

    def anew(self, now: float) -> None:
        """There is another leader."""
        self._pulled, self._parted, self._ask_at = False, None, now

    def pause(self, now: float) -> None:
        """The own database does not take entries at the moment."""
        self._ask_at = now + PAUSE_S

    def cut(self) -> int | None:
        """The index behind which everything is to be set aside; asked for once."""
        index, self._cut = self._cut, None
        return index

    def near(self, living: Mapping[str, Status], now: float) -> dict[str, Status]:
        """Those of the living that could be reached from here lately."""
        return {name: one for name, one in living.items() if self._shunned.get(name, NEVER) <= now}

    def way(self, lead: Lead, living: Mapping[str, Status], now: float, via: Set[str]) -> str:
        """The next server on the way of an edit to the leader: the leader itself, or a neighbour that follows it and was not asked yet."""
        near = {name: one for name, one in self.near(living, now).items() if name not in via}
        having = [] if lead.server in near else [one for one in near.values() if one.term == lead.term]
        return max(having, key=lambda one: one.merit).server if having else lead.server

    def ask(self, up: Upstream, now: float, *, aside: Aside) -> list[Action]:
        """The next question, if it is time for one."""
        if self._asking or now < self._ask_at:
            return []
        parcel = aside.done if aside and now >= self._deliver_at else None
        action = self._to_self(parcel) if up.leads else self._to_others(up, now, parcel)
        self._asking = action is not None
        if isinstance(action, Deliver):
            self._deliver_at = now + DELIVER_AGAIN_S
        return [] if action is None else [action]

    def _to_self(self, done: frozenset[str] | None) -> Action | None:
        """A leader that has something set aside takes it in itself."""
        return None if done is None else Deliver(self._me, done)

    def _to_others(self, up: Upstream, now: float, done: frozenset[str] | None) -> Action | None:
        source = self._source(up, now) if up.follows else None
        if source is None:
            self._ask_at = now + RETRY_S
            return None
        if self._parted is not None and self._parted.server == source:
            return Search(source, min(up.index, self._parted.index))
        if done is not None and self._pulled and source == up.lead.server:
            return Deliver(source, done)
        return Pull(source, up.index, up.hash)

    def _source(self, up: Upstream, now: float) -> str | None:
        near = self.near(up.living, now)
        if up.lead.server in near:
            return up.lead.server
        having = [one for one in near.values() if one.term == up.lead.term and one.position > (up.term, up.index)]
        if not having:
            return up.lead.server if up.lead.server in up.living else None
        return max(having, key=lambda one: one.merit).server

    def answered(self, event: Got | Parted | Found | Failed | Delivered, up: Upstream, now: float) -> tuple[Entry, ...]:
        """Take in the answer to the last question; returns entries to be written."""
        self._asking, self._ask_at = False, now
        parted, self._parted = self._parted, None
        if isinstance(event, Failed):
            self._ask_at, self._shunned[event.server] = now + RETRY_S, now + SILENT_S
        elif up.follows and up.trusts(event.server):
            return self._used(event, parted, up, now)
        return ()

    def _used(self, event: Got | Parted | Found | Delivered, parted: Parted | None, up: Upstream, now: float) -> tuple[Entry, ...]:
        match event:
            case Got(_, entries):
                self._pulled = True
                return continuing(up, entries)
            case Parted(_, term, index) if (term, index) > (up.term, up.index):
                self._parted = event
            case Parted():
                self._ask_at = now + RETRY_S
            case Found(server, index) if parted is not None and parted.server == server:
                self._cut = index
            case _:
                pass
        return ()


def continuing(up: Upstream, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Those that follow the own journal without a break."""
    found: list[Entry] = []
    term, index, prev = up.term, up.index, up.hash
    for entry in entries:
        if entry.index != index + 1 or entry.prev != prev or entry.term < term:
            break
        found.append(entry)
        term, index, prev = entry.term, entry.index, entry.hash
    return tuple(found)
