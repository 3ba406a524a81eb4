"""What a leader does with requests: entries in one order, batches for the disk, answers once enough servers have them.  No I/O, no clock.

    request ─▶ fits the tip? ─▶ entry, applied to the tip ─▶ batch ─durable here─▶ a follower has it, or none is in touch ─▶ Done
                  │ no: Refused                                     └─ ACK_S without a follower that has it ─▶ Done, copies 1

Rules: `tip` is the state after everything that was accepted, durable or not; requests are judged by it, readers never see it.  While
one batch is being written the next one gathers, so a thousand edits a second are a few transactions.  A leader answers without a
follower rather than not at all, and says so in `copies`.

Bounds: MAX_WAITING requests, MAX_QUEUED_BYTES of entries that are not durable yet; what comes then is refused as busy.
"""

from collections import deque
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Any, Final

from ....wire.errors import IdError
from ..entities import Role
from ..entry import Entry, Kind
from ..leaving import leaving_after
from ..rules import Problem, problems
from ..site import Change, Key, Lease, Recording, Site
from .merge import MAX_KEPT, NUMBERED, Parcel, judge
from .status import Member
from .steps import Action, Assign, Done, Edit, Offer, Refused, Settle, Unable
from .tenure import LEASE_S
from .terms import next_number, recorder_term

ACK_S: Final = 2.0
"""A follower asks again at once, so one that has not confirmed after so long is not in touch whatever it says."""
MAX_WAITING: Final = 1000
MAX_QUEUED_BYTES: Final = 64 << 20
"""Four of the largest entries."""
BATCH: Final = 500
"""Entries in one transaction."""
DIRECTORY: Final = "directory"
"""The actor of entries that no person asked for."""


@dataclass(slots=True)
class _Waiting:
    ticket: int
    index: int
    deadline: float | None = None
    """Once it is durable here: how long it waits for a follower."""


class Leading:
    """One leadership, from its claim to its end.  term: its own; site: the state that it begins with, copied; disks: of its own that an
    entry is on, 0 where all servers share one database, whose copies are its own affair."""

    def __init__(self, me: Member, term: int, site: Site, utc_s: Callable[[], float], *, disks: int = 1) -> None:
        self._me, self.term, self._utc_s, self._disks = me, term, utc_s, disks
        self.tip = site.copy()
        self.durable = site.index
        self._queue: deque[tuple[Entry, int]] = deque()
        self._queued_bytes = 0
        self._waiting: deque[_Waiting] = deque()
        self._has: dict[str, int] = {}
        self._gone: dict[str, float] = {}
        self.closing = False
        """Hands over: takes no more requests."""
        self.rise(term)

    def rise(self, term: int) -> None:
        """Go on under a later term, which counts when its `lead` is durable."""
        self.term = term
        self._append("lead", {"server": self._me.id})

    # -- requests ------------------------------------------------------------------------------------------------------

    def request(self, event: Edit | Settle | Assign | Offer) -> list[Action]:
        match event:
            case Edit(ticket, changes, actor, note):
                return self.edit(ticket, changes, actor, note)
            case Settle(ticket, origin, apply, actor):
                return self.settle(ticket, origin, actor, apply=apply)
            case Assign():
                return self.assign(event)
            case Offer(ticket, parcel, base_known):
                return self.offer(ticket, parcel, base_known=base_known)

    def edit(self, ticket: int, changes: tuple[Change, ...], actor: str, note: str) -> list[Action]:
        if full := self._full(ticket):
            return full
        found = problems(self.tip, changes)
        if found:
            return [Refused(ticket, tuple(found))]
        index = self._append("edit", {"changes": [change.to_json() for change in self._named(changes)], "note": note}, actor)
        return self._wait(ticket, index)

    def settle(self, ticket: int, origin: str, actor: str, *, apply: bool) -> list[Action]:
        kept = self.tip.contingencies.get(origin)
        if kept is None:
            text = "is not open"
            return [Refused(ticket, (Problem("unknown", f"contingency/{origin[:64]}", text, "look at the list of those that are"),))]
        if full := self._full(ticket):
            return full
        wanted = [Change.from_json(change)._replace(was=None) for one in kept.entries for change in one["changes"]] if apply else []
        changes = self._named(change for change in wanted if change.value is not None or change.key in self.tip)
        found = problems(self.tip, changes)
        if found:
            return [Refused(ticket, tuple(found))]
        about = sorted({f"{change['entity']}/{change['id']}" for one in kept.entries for change in one["changes"]})  # for the history
        payload = {"origin": origin, "verdict": "apply" if apply else "dismiss", "about": about,
                   "changes": [change.to_json() for change in changes]}  # fmt: skip
        return self._wait(ticket, self._append("settle", {**payload, "note": ""}, actor))

    def assign(self, wanted: Assign) -> list[Action]:
        """Whoever records a camera from now on does so under a term that nobody had before."""
        ticket, recorders = wanted.ticket, wanted.recorders
        if full := self._full(ticket):
            return full
        none = Recording("", 0)
        try:
            terms = {name: recorder_term(self.tip.recorders.get(name, none).term, self._me.rank) for name in recorders}
        except IdError as error:
            return [Refused(ticket, (Problem("used-up", "recorders", error.message, error.remedy),))]
        payload: dict[str, Any] = {
            "recorders": {name: [agent, terms[name]] for name, agent in recorders.items()},
            "archivers": {name: None if listed is None else list(listed) for name, listed in wanted.archivers.items()},
        }
        if changed := leaving_after(self.tip, recorders, wanted.left):
            payload["leaving"] = {name: [list(one) for one in leaves] for name, leaves in changed.items()}
        return self._wait(ticket, self._append("assign", payload, wanted.actor))

    def hand_over(self, ticket: int, actor: str) -> list[Action]:
        """The lead is to go to another server: this only writes down who wanted it, handover.py does it."""
        payload = {"changes": [], "note": f"{self._me.id} hands the lead over"}
        return self._full(ticket) or self._wait(ticket, self._append("edit", payload, actor))

    def pass_on(self, ticket: int, name: str, living: Set[str], actor: str) -> list[Action]:
        """A role goes to the next server of its list that lives; living: this one too."""
        if full := self._full(ticket):
            return full
        role, lease = self.tip.roles.get(name), self.tip.leases.get(name, Lease("", 0))
        heir = None if role is None else _next(role, lease.holder, living)
        if role is not None and role.holder == "sticky" and heir is not None:
            return self._wait(ticket, self._lease(name, heir, lease.number, actor))
        path = f"role/{name[:80]}"
        if role is None:
            problem = Problem("unknown", path, "does not exist", "look at the list of roles")
        elif heir is None:
            problem = Problem("nobody", path, "no other server of its list is there", "start one")
        else:
            text = "always goes to the first server of its list that lives"
            problem = Problem("fixed", f"{path}.holder", text, "change its list, or make it sticky")
        return [Refused(ticket, (problem,))]

    def offer(self, ticket: int, parcel: Parcel, *, base_known: bool) -> list[Action]:
        if full := self._full(ticket):
            return full
        index = 0
        for entry in parcel.entries:
            if len(self.tip.contingencies) >= MAX_KEPT and entry.kind not in NUMBERED:
                return [Unable(ticket, f"{MAX_KEPT} contingencies wait for an operator already")]
            written = judge(self.tip, parcel, entry, self._me.rank, base_known=base_known)
            if written is not None:
                index = self._append(written.kind, written.payload, written.actor)
        return self._wait(ticket, index) if index else [Done(ticket, 0, self._disks)]

    def found(self, members: Iterable[Member]) -> None:
        """In a site that knows no servers: those of the configuration become part of it."""
        if self.tip.entities.get("server"):
            return
        changes = tuple(Change(Key("server", one.id), {"url": one.url, "rank": one.rank, "recovery": one.recovery}, 0) for one in members)
        if not problems(self.tip, changes):
            note = "servers of the configuration"
            self._append("edit", {"changes": [change.to_json() for change in changes], "note": note})

    def leases(self, living: Set[str], now: float) -> None:
        """Give every role to a server that lives; number and holder are in the journal."""
        for name in living:
            self._gone.pop(name, None)
        for role, wanted in self.tip.roles.items():
            lease = self.tip.leases.get(role, Lease("", 0))
            holder = self._holder(wanted, lease.holder, living, now)
            if holder != lease.holder:
                self._lease(role, holder, lease.number)

    def _lease(self, role: str, holder: str, last: int, actor: str = DIRECTORY) -> int:
        return self._append("lease", {"role": role, "holder": holder, "number": next_number(last, self._me.rank)}, actor)

    def _holder(self, role: Role, holder: str, living: Set[str], now: float) -> str:
        able = [name for name in role.servers if name in living]
        if holder in role.servers and holder not in living and now - self._gone.setdefault(holder, now) < LEASE_S:
            return holder
        if holder in able and role.holder == "sticky":
            return holder
        return able[0] if able else ""

    def _named(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """The same changes, each naming the revision that it is made of: another leader can then tell what they were about."""
        found = []
        for change in changes:
            record = self.tip.get(change.key)
            found.append(change._replace(was=record.revision if record else 0))
        return tuple(found)

    def _full(self, ticket: int) -> list[Action]:
        if self.closing:
            return [Unable(ticket, "this server hands the lead over")]
        if len(self._waiting) >= MAX_WAITING or self._queued_bytes >= MAX_QUEUED_BYTES:
            return [Unable(ticket, "too many edits are under way")]
        return []

    def _append(self, kind: Kind, payload: dict[str, Any], actor: str = DIRECTORY) -> int:
        entry = Entry(self.term, self.tip.index + 1, actor[:100], self._utc_s(), kind, payload, self.tip.hash)
        size = len(entry.body())
        self.tip.apply(entry)
        self._queue.append((entry, size))
        self._queued_bytes += size
        return entry.index

    def _wait(self, ticket: int, index: int) -> list[Action]:
        self._waiting.append(_Waiting(ticket, index))
        return []

    # -- the disk and the followers ------------------------------------------------------------------------------------

    def batch(self) -> tuple[Entry, ...]:
        """What is to be written next, in one transaction; it counts as under way from now on."""
        found: list[Entry] = []
        while self._queue and len(found) < BATCH:
            entry, size = self._queue.popleft()
            self._queued_bytes -= size
            found.append(entry)
        return tuple(found)

    @property
    def queued(self) -> bool:
        """Something is to be written."""
        return bool(self._queue)

    @property
    def idle(self) -> bool:
        """Nothing is accepted that is not durable, and nobody waits for an answer."""
        return not self._queue and self.durable == self.tip.index and not self._waiting

    def wrote(self, index: int, now: float) -> None:
        self.durable = index
        for one in self._waiting:
            if one.deadline is None and one.index <= index:
                one.deadline = now + ACK_S

    def fetched(self, server: str, index: int) -> None:
        """A follower has everything up to index durable; less than before, when it has lost its disk."""
        self._has[server] = index

    def behind(self, server: str) -> int:
        """How many entries a follower lacks."""
        return self.tip.index - self._has.get(server, 0)

    def answers(self, touching: Set[str], now: float) -> list[Action]:
        """Those requests whose wait is over.  touching: followers whose confirmation is waited for."""
        found: list[Action] = []
        while self._waiting and (deadline := self._waiting[0].deadline) is not None:
            one = self._waiting[0]
            others = sum(index >= one.index for index in self._has.values())
            if not others and touching and now < deadline:
                break
            found.append(Done(one.ticket, one.index, self._disks + others))
            self._waiting.popleft()
        return found

    def next_deadline(self) -> float | None:
        return self._waiting[0].deadline if self._waiting else None

    def end(self) -> list[Action]:
        """The leadership is over: nobody of those who wait knows whether the next leader has their entry."""
        unwritten = {entry.index for entry, _ in self._queue}
        found: list[Action] = [Unable(one.ticket, "the leader has changed meanwhile", one.index not in unwritten) for one in self._waiting]
        self._waiting.clear()
        self._queue.clear()
        return found


def _next(role: Role, holder: str, living: Set[str]) -> str | None:
    """Who is behind the holder in a role's list and lives, from its end on to its beginning."""
    at = role.servers.index(holder) + 1 if holder in role.servers else 0
    return next((name for name in (*role.servers[at:], *role.servers[:at]) if name != holder and name in living), None)
