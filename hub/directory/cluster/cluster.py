"""One directory server among one to seven: whether it leads, whom it follows, and what it does about it.  No I/O, no clock.

                        a leader's beat rises
      ┌──▶ LOOKING ─────────────────────────────▶ FOLLOWING ──┐
      │       │  ▲                                            │ the beat stands still, or the leader says that it leads no more
      │       │  └────────────────────────────────────────────┘
      │       │ for a whole round the best of all that live, and no leader
      │       ▼
      │    CLAIMING ──its `lead` entry is durable──▶ LEADING ──┐
      │       │ it cannot be written                           │ a later leader, or a better journal, lives; the disk fails;
      └───────┴────────────────────────────────────────────────┘ it has handed over (handover.py)

Rules:
  - Availability first: no majority is asked for, so the last one of seven leads.  Two leaders in two partitions are allowed; when they see
    each other the one with the better journal (status.py) stays, and the other's edits are delivered to it (merge.py).
  - A leader lives as long as its beat rises, and everybody passes on the highest beat that it has heard.  So a server that is cut off
    from the leader alone does not claim the lead, and pulls the journal from a neighbour.
  - A term is never used twice: it is above every term seen, also by agents (witness.py), and carries the rank (terms.py).  Nobody leads
    before its `lead` is durable.
  - Who may claim the lead: candidacy.py.  A recovery server hands over to the first one that has caught up.  With backups, those are
    asked before (reserve.py).
  - A follower cuts its journal only for a better one, and forgets what it had set aside only when its own journal has it again.
"""

from collections.abc import Callable, Mapping, Set
from typing import Final

from ..entry import Entry
from .admission import Request, able_ones, admit
from .aside import Aside
from .candidacy import Candidacy
from .contact import Contact
from .following import Following, Upstream, continuing
from .handover import Handover
from .leading import Leading
from .members import Members
from .pulse import Pulse
from .reserve import Reserve
from .sight import NEVER, POLL_S, SILENT_S, Sight
from .status import Lead, Member, Role, Start, Status
from .steps import (
    Action,
    Ask,
    Assign,
    Changed,
    Cut,
    Delivered,
    Edit,
    Event,
    Failed,
    Fetched,
    Forget,
    Forgot,
    Found,
    Got,
    HandOver,
    Heard,
    Named,
    Offer,
    Parted,
    Settle,
    Spared,
    Tick,
    Turned,
    Unheard,
    WasCut,
    Write,
    WriteFailed,
    Wrote,
)
from .tenure import Tenure
from .terms import MARGIN
from .witness import RISEN, Witness

STALL_S: Final = 2 * POLL_S
"""Twice as long as it ever waits by itself: this process was not running."""
BROKEN_S: Final = 5.0
"""A server whose database failed leaves the lead to others so long."""


class Cluster:
    """handle() every event in the order of its happening, perform the actions in theirs, and call again at next_deadline()."""

    def __init__(self, start: Start, utc_s: Callable[[], float], now: float) -> None:
        self._start, self._utc_s = start, utc_s
        self.site = start.site
        """What is durable here: what readers see."""
        self.role = Role.LOOKING
        self._pulse = Pulse(start.me.id, start.site.term)
        self._sight, self._witness, self._tenure = Sight(), Witness(), Tenure()
        self._aside = Aside()
        self._aside.add(start.aside, start.site)
        self._leading: Leading | None = None
        self._writing: tuple[Entry, ...] = ()
        self._busy = False
        self._following = Following(start.me.id, now)
        self._contact = Contact()
        self._started_at = self._last_at = self._woke_at = self._led_at = now
        self._candidacy = Candidacy(now)
        self._reserve = Reserve(there=start.spare)
        self._beat_at, self._broken_until = now, NEVER
        self._handover = Handover()
        self._members = Members(start.me, start.members)
        self._members.refresh(start.site)
        self._sight.members(self._members.others)

    @property
    def lead(self) -> Lead:
        """The newest leader that is known here, alive or not."""
        return self._pulse.lead

    # -- what others may know ------------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        me = self._me
        return Status(server=me.id, boot=self._start.boot, rank=me.rank, recovery=me.recovery, able=self._able, role=self.role,
                      term=self.site.term, index=self.site.index, hash=self.site.hash, lead=self.lead, url=me.url,
                      version=self._start.version, rests=self._handover.rests(self._last_at), named=self._witness.term)  # fmt: skip

    def leader(self, now: float) -> str | None:
        """Who takes edits, as far as is known here."""
        return self.lead.server if self.role is Role.LEADING or self._follows(now) else None

    def holds(self, now: float) -> bool:
        """Whether this server may act for roles that its journal says it holds (tenure.py)."""
        return self.role is Role.LEADING or self._tenure.holds(self.site_position, now)

    def route(self, now: float, via: Set[str] = frozenset()) -> str | None:
        """The next server on the way of an edit to the leader, None when no leader is known; via: those that it came by."""
        return self._following.way(self.lead, self._sight.living(now), now, via) if self._follows(now) else None

    @property
    def members(self) -> Mapping[str, Member]:
        return self._members.known

    def living(self, now: float) -> dict[str, Status]:
        return self._sight.living(now)

    def next_deadline(self) -> float:
        """Monotonic time at which the next Tick is wanted."""
        wanted = [self._last_at + POLL_S, self._sight.next_deadline(), self._leading.next_deadline() if self._leading else None]
        if self.role is Role.FOLLOWING and not self._busy:
            wanted.append(self._following.next_deadline())
        if self._candidacy.best_since is not None:
            wanted.append(self._candidacy.best_since + POLL_S)
        decided = (self._started_at + SILENT_S, self._pulse.until(refused=self._sight.refuses(self.lead.server, self._last_at)))
        wanted += [moment for moment in decided if moment > self._last_at]
        return max(min(one for one in wanted if one is not None), self._last_at + 0.01)

    # -- events --------------------------------------------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take in one event; the caller performs the actions in order."""
        self._wake(now)
        return self._take(event, now) + self._turn(now)

    def _wake(self, now: float) -> None:
        """What the others did while this process was not running is not known: silence is counted from here on."""
        gap_s, self._last_at = now - self._last_at, now
        if gap_s > STALL_S:
            self._sight.woke(gap_s)
            self._pulse.woke(gap_s)
            self._woke_at = now
            self._candidacy.drop()

    def _take(self, event: Event, now: float) -> list[Action]:
        match event:
            case Heard() | Unheard() | Named():
                self._sense(event, now)
            case Edit() | Settle() | Assign() | Offer() | HandOver():
                return self._request(event, now)
            case Fetched(server, index):
                self._contact.fetched(server, now)
                if self._leading is not None and server in self._members.known:
                    self._leading.fetched(server, index)
            case Wrote():
                return self._wrote(now)
            case WriteFailed():
                self._busy, self._writing, self._broken_until = False, (), now + BROKEN_S
                self._following.pause(now)
            case WasCut(site, aside):
                self._busy, self.site = False, site
                self._aside.add(aside, site)
                self._join()
                return [Changed()]
            case Forgot():
                self._busy = False
            case Got() | Parted() | Found() | Failed() | Delivered():
                return self._write(self._following.answered(event, self._upstream(now), now))
            case Spared():
                return self._spared(self._reserve.answered(event), now)
            case Tick():
                pass
        return []

    def _sense(self, event: Heard | Unheard | Named, now: float) -> None:
        match event:
            case Heard(status, answer):
                self._hear(status, now, answer=answer)
            case Unheard(server, refused):
                self._sight.failed(server, now, refused=refused)
            case Named(term):
                if self._witness.hear(term, self._seen):
                    self._sight.hurry(now)

    def _spared(self, entries: tuple[Entry, ...], now: float) -> list[Action]:
        """Entries of a backup, while no leader is known: taken on as if they had been pulled from one."""
        if self.role is not Role.LOOKING or self._busy or not entries:
            return []
        self._pulse.seen = max(self._pulse.seen, entries[-1].term + MARGIN)
        return self._write(continuing(self._upstream(now), entries))

    def _hear(self, status: Status, now: float, *, answer: bool) -> None:
        if status.server == self._me.id:
            return
        if self._members.welcome(status, self.site):
            self._sight.members(self._members.others)
        self._sight.heard(status, now, answer=answer)
        leading = self.status if self._leading is not None else None
        if self._pulse.hear(status, now, leading=leading):
            self._following.anew(now)
        self._witness.hear(status.named, self._seen)
        self._tenure.hear(status, self.lead, self.site_position, now)

    @property
    def _seen(self) -> int:
        """The highest term that servers know of."""
        return max(self._pulse.seen, self.site.term)

    @property
    def _next_term(self) -> int:
        return self._witness.next_term(self._seen, self._me.rank)

    def _request(self, event: Request, now: float) -> list[Action]:
        leading = self._leading if self.role is Role.LEADING else None
        owed = "the numbers that it gave when it led before"
        found, handing = admit(event, self._me.id, leading, self._aside, self._sight, now, owed)
        if handing:
            self._handover.order(now)
        return found

    def _wrote(self, now: float) -> list[Action]:
        for entry in self._writing:
            self.site.apply(entry)
            if entry.kind == "lead" and self.role in (Role.LEADING, Role.FOLLOWING):
                self._pulse.rise(entry.payload["server"], entry.term)
        self._aside.look(self.site)
        self._busy, self._writing, self._broken_until = False, (), NEVER
        self._join()
        if self._leading is not None:
            self._leading.wrote(self.site.index, now)
        return [Changed()]

    # -- what follows from where we are --------------------------------------------------------------------------------

    def _turn(self, now: float) -> list[Action]:
        found: list[Action] = []
        for decide in (self._stay, self._claim, self._settle_role, self._beat, self._answer, self._store, self._fetch):
            found += decide(now)
        self._sight.pace(self.lead if self.role is Role.FOLLOWING else None, now)
        return found + [Ask(name) for name in self._sight.due(now)]

    @property
    def _me(self) -> Member:
        return self._members.me

    @property
    def _able(self) -> bool:
        return self._start.me.id in self._members.known and self._broken_until < self._last_at

    def _join(self) -> None:
        """The site has changed, and with it perhaps who its servers are."""
        if self._members.refresh(self.site):
            self._sight.members(self._members.others)

    def _follows(self, now: float) -> bool:
        """Whether there is a leader other than this server whose journal may continue ours."""
        other = self.lead.server and not self._pulse.mine and self.lead.term >= self.site.term
        return bool(other) and self._pulse.beats(now, refused=self._sight.refuses(self.lead.server, now))

    def _stay(self, now: float) -> list[Action]:
        """A leader that has to step down does."""
        if self.role not in (Role.LEADING, Role.CLAIMING) or self._leading is None:
            return []
        why = self._unfit(self._leading, now)
        return [] if why is None else self._step_down(why)

    def _unfit(self, leading: Leading, now: float) -> str | None:
        if not self._pulse.mine and self.role is Role.LEADING:
            return f"{self.lead.server} leads in term {self.lead.term}"
        if not self._able:
            return "its database takes no entries, or it is no server of the site any more"
        if self.role is Role.CLAIMING:
            return None
        living = self._sight.living(now)
        better = next((one.server for one in living.values() if one.position > self.site_position), None)
        if better is not None:
            return f"{better} has a later journal"
        return self._handover.why(leading, living, recovery=self._me.recovery, now=now)

    @property
    def site_position(self) -> tuple[int, int]:
        return self.site.term, self.site.index

    def _step_down(self, why: str) -> list[Action]:
        assert self._leading is not None
        found = self._leading.end()
        self._leading = None
        self.role = Role.LOOKING
        self._candidacy.drop()
        self._pulse.ended()
        self._sight.hurry(self._last_at)
        return [*found, Turned(why)]

    def _claim(self, now: float) -> list[Action]:
        """Write a `lead` when this server has been the best one for a whole round."""
        living = self._sight.living(now)
        free = self._leading is None and not self._follows(now) and not self._reserve.pending
        if self._candidacy.consider(self.status, living, now, free=free):
            self._sight.hurry(now)
        if self._busy or not self._candidacy.ripe(self._sight, living, now):
            return []
        self._leading = Leading(self._me, self._next_term, self.site, self._utc_s)
        self.role = Role.CLAIMING
        return []

    def _settle_role(self, now: float) -> list[Action]:
        if self.role is Role.CLAIMING and self._leading is not None and self._leading.durable >= self._leading.tip.index:
            if self.lead.term > self._leading.term:
                return self._step_down(f"{self.lead.server} leads in term {self.lead.term}")
            self.role, self._led_at, self._beat_at = Role.LEADING, now, now
            self._pulse.take(self._leading.term)
            self._leading.found(self._members.known.values())
            self._sight.hurry(now)
            return [Turned(f"leads in term {self.lead.term}")]
        if self.role in (Role.LOOKING, Role.FOLLOWING):
            before, self.role = self.role, Role.FOLLOWING if self._follows(now) else Role.LOOKING
            if self.role is not before:
                follows = f"follows {self.lead.server} in term {self.lead.term}"
                return [Turned("hears no leader" if self.role is Role.LOOKING else follows)]
        return []

    # -- leading -------------------------------------------------------------------------------------------------------

    def _beat(self, now: float) -> list[Action]:
        if self.role is not Role.LEADING or self._leading is None or now < self._beat_at:
            return []
        self._beat_at = now + POLL_S
        self._pulse.beat()
        if self._witness.lifts(self._leading.term, now):
            self._leading.rise(self._next_term)
            return [Turned(f"goes on in term {self._leading.term}: {RISEN}")]
        if self._aside.owes_numbers(self._leading.tip):
            return []
        self._leading.leases(able_ones(self._me.id, self._sight.living(now)), now)
        return []

    def _answer(self, now: float) -> list[Action]:
        if self._leading is None:
            return []
        begun = max(self._led_at, self._woke_at)
        return self._leading.answers(self._contact.touching(self._sight, begun, now), now)

    # -- the database, one thing at a time; the journal of others ------------------------------------------------------

    def _store(self, now: float) -> list[Action]:
        if self._busy:
            return []
        index = self._following.cut()
        if self._leading is not None:
            return self._write(self._leading.batch()) or self._forget()
        if index is not None and self._follows(now) and index < self.site.index:
            self._busy = True
            return [Cut(index)]
        return self._forget()

    def _write(self, entries: tuple[Entry, ...]) -> list[Action]:
        if not entries:
            return []
        self._busy, self._writing = True, entries
        return [Write(entries)]

    def _forget(self) -> list[Action]:
        """What was set aside, once all of it is back in the own journal."""
        done = self._aside.forget()
        if not done:
            return []
        self._busy = True
        return [Forget(done)]

    def _upstream(self, now: float) -> Upstream:
        leads, follows = self.role is Role.LEADING, self.role is Role.FOLLOWING
        return Upstream(self.lead, self.site.term, self.site.index, self.site.hash, self._sight.living(now), leads=leads, follows=follows)

    def _fetch(self, now: float) -> list[Action]:
        if self._busy:
            return []
        asked = self._reserve.turn(self.site.index, self.site.hash, looking=self.role is Role.LOOKING)
        return asked + self._following.ask(self._upstream(now), now, aside=self._aside)
