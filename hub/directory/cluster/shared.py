"""One directory server of several on one database: whether it holds the lease there, and what it does about it.  No I/O, no clock.

                       the lease moves: its term or its beat
      ┌──▶ LOOKING ──────────────────────────────────────────▶ FOLLOWING ──┐
      │       │  ▲                                                         │ the lease stands still, or the database does not answer
      │       │  └─────────────────────────────────────────────────────────┘
      │       │ it stands still for SILENT_S (REFUSED_S when the holder's machine refuses; nobody or this server holds it: at once)
      │       ▼
      │    CLAIMING ──lease and `lead` entry are written, in one transaction──▶ LEADING ──┐
      └───────┴───────────────────────────────────────────────────────────────────────────┘ another one holds it; no answer; handed over

Rules:
  - The database decides: a claim counts only where the lease is still as it was seen, and a leader appends only where the lease is its own.
    So there are never two leaders on one database, whatever clocks and pauses do.
  - Whoever stands further back claims a poll later, so that mostly the first of the living comes first.
  - An answer says `copies` 0: on how many disks it is is the database's own affair (its standbys).
  - A database that has lost entries (a standby that was behind was promoted) is believed; what this server has read of them is set aside
    there, and the leader takes it in as from a branch (merge.py).  What nobody had read is lost.

Bounds: TAIL entries are remembered for that; the rest is leading.py's.
"""

from collections import deque
from collections.abc import Callable, Mapping, Set
from typing import Final

from ..entry import Entry
from .admission import Request, able_ones, admit
from .aside import Aside
from .following import DELIVER_AGAIN_S
from .handover import REST_S
from .leading import Leading
from .members import Members
from .pulse import REFUSED_S
from .sight import EASY_S, NEAR_S, NEVER, POLL_S, SILENT_S, Sight
from .status import Lead, Member, Role, Start, Status
from .steps import (
    Action,
    Ask,
    Assign,
    Changed,
    Deliver,
    Delivered,
    Edit,
    Event,
    Failed,
    Forget,
    Forgot,
    HandOver,
    Heard,
    Named,
    Offer,
    Settle,
    Sync,
    Synced,
    SyncFailed,
    Turned,
    Unheard,
)
from .tenure import HOLD_S, Tenure
from .witness import RISEN, Witness

RECOVERY_S: Final = 10.0
RETRY_S: Final = 0.25
HINT_S: Final = 0.05
"""How often a leader tells the others that there is more to read, at most."""
TAIL: Final = 1000
MORE: Final = 500
"""Entries of one answer that make it worth asking at once for more."""


class Shared:
    """As Cluster: handle() every event, perform the actions in order, call again at next_deadline()."""

    def __init__(self, start: Start, utc_s: Callable[[], float], now: float) -> None:
        self._start, self._utc_s = start, utc_s
        self.site = start.site
        self.role = Role.LOOKING
        self.lead = Lead()
        self._moved_at = self._started_at = now
        self._leading: Leading | None = None
        self._tail: deque[Entry] = deque(maxlen=TAIL)
        self._syncing = self._reached = False
        self._sync_at = self._beat_at = self._hint_at = now
        self._rest_until = self._deliver_at = NEVER
        self._delivering = self._releasing = self._hints = False
        self._aside = Aside()
        self._sight = Sight()
        self._witness = Witness()
        self._tenure = Tenure()
        self._members = Members(start.me, start.members)
        self._members.refresh(start.site)
        self._sight.members(self._members.others)
        self._now = now

    # -- what others may know ------------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        me, site = self._me, self.site
        return Status(server=me.id, boot=self._start.boot, rank=me.rank, recovery=me.recovery, able=self._able, role=self.role,
                      term=site.term, index=site.index, hash=site.hash, lead=self.lead, url=me.url, version=self._start.version,
                      rests=self._now < self._rest_until, named=self._witness.term)  # fmt: skip

    @property
    def _me(self) -> Member:
        return self._members.me

    @property
    def _able(self) -> bool:
        return self._start.me.id in self._members.known and self._reached

    @property
    def members(self) -> Mapping[str, Member]:
        return self._members.known

    def living(self, now: float) -> dict[str, Status]:
        return self._sight.living(now)

    def leader(self, now: float) -> str | None:
        return self.lead.server if self.role is Role.LEADING or self._follows(now) else None

    def holds(self, now: float) -> bool:
        """As Cluster; a leader holds by its lease, which it has had when the database last answered."""
        return now - self._moved_at < HOLD_S if self.role is Role.LEADING else self._tenure.holds(self._position, now)

    def route(self, now: float, via: Set[str] = frozenset()) -> str | None:
        """The leader itself: there is no other way."""
        return self.lead.server if self._follows(now) and self.lead.server not in via else None

    def _follows(self, now: float) -> bool:
        return self.lead.server not in ("", self._start.me.id) and now - self._moved_at < SILENT_S

    def next_deadline(self) -> float:
        wanted = [self._sight.next_deadline(), self._leading.next_deadline() if self._leading else None]
        if self._hints:
            wanted.append(self._hint_at)
        if not self._syncing:
            wanted.append(self._beat_at if self._leading else min(self._sync_at, max(self._claim_at(), self._now + 0.01)))
        return max(min((one for one in wanted if one is not None), default=self._now + POLL_S), self._now + 0.01)

    # -- events --------------------------------------------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take in one event; the caller performs the actions in order."""
        self._now = now
        found = self._take(event, now)
        for decide in (self._deliver, self._sync, self._answer, self._settle_role):
            found += decide(now)
        if self._hints and now >= self._hint_at:
            self._hints, self._hint_at = False, now + HINT_S
            self._sight.hurry(now)
        self._sight.pace(self.lead if self.role is Role.FOLLOWING else None, now)
        return found + [Ask(name) for name in self._sight.due(now)]

    def _take(self, event: Event, now: float) -> list[Action]:
        match event:
            case Heard(status, answer):
                self._hear(status, now, answer=answer)
            case Unheard(server, refused):
                self._sight.failed(server, now, refused=refused)
                if server == self.lead.server:
                    self._sync_at = min(self._sync_at, now)
            case Named(term):
                if self._witness.hear(term, self._seen):
                    self._sight.hurry(now)
            case Edit() | Settle() | Assign() | Offer() | HandOver():
                return self._request(event, now)
            case Synced():
                return self._synced(event, now)
            case SyncFailed():
                self._syncing, self._reached, self._sync_at = False, False, now + RETRY_S
                return self._step_down("its database does not answer") if self._leading is not None else []
            case Delivered() | Failed() | Forgot():
                self._delivering = False
            case _:
                pass
        return []

    def _hear(self, status: Status, now: float, *, answer: bool) -> None:
        if status.server == self._me.id:
            return
        if self._members.welcome(status, self.site):
            self._sight.members(self._members.others)
        self._sight.heard(status, now, answer=answer)
        self._witness.hear(status.named, self._seen)
        self._tenure.hear(status, self.lead, self._position, now)
        if status.position > self._position:
            self._sync_at = min(self._sync_at, now)

    @property
    def _seen(self) -> int:
        """The highest term that servers know of."""
        return max(self.lead.term, self.site.term)

    @property
    def _position(self) -> tuple[int, int]:
        return self.site.term, self.site.index

    @property
    def _next_term(self) -> int:
        return self._witness.next_term(self._seen, self._me.rank)

    def _request(self, event: Request, now: float) -> list[Action]:
        leading = self._leading if self.role is Role.LEADING else None
        found, handing = admit(event, self._me.id, leading, self._aside, self._sight, now, "numbers that the database has lost")
        if handing and leading is not None:
            self._releasing = leading.closing = True
        return found

    def _synced(self, event: Synced, now: float) -> list[Action]:
        self._syncing = False
        self._sync_at = now if len(event.entries) >= MORE else now + self._pause_s
        if event.lead != self.lead or not self._reached:
            self._moved_at = now  # what happened while the database did not answer is not known: its silence is counted from here on
        before, self.lead, self._reached = self.lead, event.lead, True
        found = self._read(event)
        self._aside.add(event.aside, self.site)
        self._aside.look(self.site)
        if self._leading is None:
            return found
        if not event.wrote or event.site is not None:
            return found + self._step_down(f"{self.lead.server or 'nobody'} holds the lease of term {self.lead.term}")
        if not self.lead.server:
            self._rest_until = now + REST_S
            return found + self._step_down("it has handed over, an operator has ordered it")
        self._leading.wrote(self.site.index, now)
        self._hints = self._hints or bool(event.entries)
        return found + self._installed(self._leading, before, now)

    def _installed(self, leading: Leading, before: Lead, now: float) -> list[Action]:
        if self.role is not Role.CLAIMING:
            return [Turned(f"goes on in term {self.lead.term}: {RISEN}")] if self.lead.term > before.term else []
        self.role = Role.LEADING
        leading.found(self._members.known.values())
        self._sight.hurry(now)
        return [Turned(f"leads in term {self.lead.term}")]

    def _read(self, event: Synced) -> list[Action]:
        """Take in what the database has; returns what to tell."""
        before = self.site.index
        if event.site is not None:
            self.site = event.site
            self._tail.clear()
        for entry in event.entries:
            self.site.apply(entry)
            self._tail.append(entry)
        if event.site is None and not event.entries:
            return []
        if self._members.refresh(self.site):
            self._sight.members(self._members.others)
        if event.site is None:
            return [Changed()]
        why = (f"the database ends at entry {self.site.index} and had {before} of another branch: a standby without them was promoted; "
               "what this server had read of them is delivered again")  # fmt: skip
        return [Changed(), Turned(why)]

    # -- what follows from where we are --------------------------------------------------------------------------------

    def _step_down(self, why: str) -> list[Action]:
        assert self._leading is not None
        found = self._leading.end()
        led, self._leading, self._releasing = self.role is Role.LEADING, None, False
        self.role = Role.LOOKING
        self._sight.hurry(self._now)
        return [*found, Turned(why)] if led else found

    def _settle_role(self, now: float) -> list[Action]:
        if self.role not in (Role.LOOKING, Role.FOLLOWING):
            return []
        before, self.role = self.role, Role.FOLLOWING if self._follows(now) else Role.LOOKING
        if self.role is before:
            return []
        return [Turned("hears no leader" if self.role is Role.LOOKING else f"follows {self.lead.server} in term {self.lead.term}")]

    @property
    def _pause_s(self) -> float:
        """Between two looks: a follower that hears its leader is told by it that there is more, and has to see only that the beat rises."""
        heard = self.role is Role.FOLLOWING and self._sight.heard_since(self.lead.server, self._now - NEAR_S)
        return EASY_S if heard else POLL_S

    def _claim_at(self) -> float:
        """When this server may claim the lease, as things are; a poll later for each of the living before it."""
        if not self._able:
            return self._now + POLL_S
        able = [one for one in self._sight.living(self._now).values() if one.able and not one.rests]
        before = sum((one.recovery, one.rank) < (self._me.recovery, self._me.rank) for one in able)
        if not self.lead.server or self.lead.server == self._me.id:
            silent = self._moved_at if self.lead.server else self._moved_at + POLL_S / 2
        else:
            silent = self._moved_at + (REFUSED_S if self._sight.refuses(self.lead.server, self._now) else SILENT_S)
        waits = RECOVERY_S if self._me.recovery else 0.0
        return max(silent + before * POLL_S + waits, self._started_at + POLL_S, self._rest_until)

    def _sync(self, now: float) -> list[Action]:
        if self._syncing:
            return []
        if self._leading is None and now >= self._claim_at() and self._able:
            self._leading, self.role = Leading(self._me, self._next_term, self.site, self._utc_s, disks=0), Role.CLAIMING
            return self._ask(self.lead, Lead(term=self._leading.term, server=self._me.id))
        if self._leading is not None:
            return self._lead(self._leading, now)
        return self._ask(None, None) if now >= self._sync_at else []

    def _lead(self, leading: Leading, now: float) -> list[Action]:
        due = now >= self._beat_at
        if due and self.role is Role.LEADING and self._witness.lifts(leading.term, now):
            leading.rise(self._next_term)
        if due and not self._aside.owes_numbers(leading.tip):
            leading.leases(able_ones(self._me.id, self._sight.living(now)), now)
        held = Lead(term=leading.term, server=self._me.id, beat=self.lead.beat + 1)
        if self._releasing and leading.idle:
            return self._ask(self.lead, held.model_copy(update={"server": ""}))
        return self._ask(self.lead, held) if due or leading.queued else []

    def _ask(self, was: Lead | None, lead: Lead | None) -> list[Action]:
        self._syncing, self._beat_at = True, self._now + POLL_S
        entries = () if self._leading is None else self._leading.batch()
        return [Sync(self.site.index, self.site.hash, tuple(self._tail), was, lead, entries)]

    def _answer(self, now: float) -> list[Action]:
        return [] if self._leading is None else self._leading.answers(frozenset(), now)

    def _deliver(self, now: float) -> list[Action]:
        """A leader takes in what the database has lost and others had read; then it is forgotten."""
        if self._delivering or self.role is not Role.LEADING:
            return []
        if self._aside and now >= self._deliver_at:
            self._delivering, self._deliver_at = True, now + DELIVER_AGAIN_S
            return [Deliver(self._me.id, self._aside.done)]
        done = self._aside.forget()
        self._delivering = bool(done)
        return [Forget(done)] if done else []
