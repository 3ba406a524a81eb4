"""One directory server in a process: threads and database around the decisions of cluster/.

    wk-dir           takes events one by one, asks Cluster, hands its actions out; the only one that calls handle()
    wk-dir-database  one transaction at a time
    wk-dir-follow    pulls, searches and delivers, one at a time
    wk-dir-spare     asks what backups have, before this server may lead
    wk-dir-ask-<id>  one question at a time to that server, so that a hung one delays nobody's answer

Rules: a thin shell: it decides nothing.  Readers get a copy of the durable state (`view`), made once for each state.  Who waits for an
answer waits on a Future; the leader bounds it (leading.py), and a stop ends them all as unable.

Bounds: EVENTS in the queue, a request beyond is refused as busy; COURIERS threads that ask.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from ...wire.errors import WatchkeepError
from ...wire.shell.threads import Supervised
from .cluster import steps
from .cluster.cluster import Cluster
from .cluster.merge import Parcel, parcel
from .cluster.shared import Shared
from .cluster.status import Member, Role, Start, Status
from .courier import Courier, Job
from .database import SNAPSHOT_EVERY, Database
from .duty import on_duty
from .entry import FIRST_HASH
from .errands import Errands
from .exchange import PULL_ENTRIES, EntryPage, EntryText, ParcelText, Said
from .forward import Forwards
from .lease import SharedDatabase
from .link import Link
from .listeners import Listeners
from .signbook import SignBook
from .site import Site

log = logging.getLogger(__name__)

EVENTS: Final = 4096
"""Four times the edits that a leader lets wait; an event is small, an edit is counted by the leader."""
COURIERS: Final = 16
STOP_S: Final = 5.0

Answer = steps.Done | steps.Refused | steps.Unable


@dataclass(frozen=True, slots=True)
class Settings:
    """Who this server is, and whom the configuration knows."""

    me: Member
    members: tuple[Member, ...]
    boot: str
    version: str


class DirectoryServer:
    """start() once, stop() once, from one thread; everything else from any thread."""

    spare: Callable[[int, str], steps.Spared] | None = None
    """What backups have behind (index, hash); set before start()."""

    def __init__(self, settings: Settings, database: Database, turned: Callable[[Status, str], None]) -> None:
        self._settings, self._database, self._turned = settings, database, turned
        self.signs = SignBook(settings.me.id, settings.boot)
        self._events: queue.Queue[steps.Event | None] = queue.Queue(EVENTS)
        self._lock = threading.Lock()
        self._cluster: Cluster | Shared | None = None
        self._view = Site()
        self._tickets: dict[int, Future[Answer]] = {}
        self._made = 0
        self._snapshot_at = 0
        self._listeners = Listeners()
        self._forwards = Forwards()
        self._decider = Supervised("wk-dir", self._decide)
        self._couriers = {name: Courier(f"wk-dir-{name}") for name in ("database", "follow", "spare")}
        self._errands = {"follow": Errands(settings.me.id)}

    def start(self) -> None:
        """Open the database and take part; raises DatabaseError, or FormatError for a damaged journal."""
        site = self._database.open()
        self._database.check_pages()
        aside = {entry.hash: entry.kind for entry in self._database.aside()}
        one = self._settings
        start = Start(one.me, one.members, site, aside, one.boot, one.version, self.spare is not None)
        made = Shared if isinstance(self._database, SharedDatabase) else Cluster
        self._cluster = made(start, time.time, time.monotonic())
        for courier in self._couriers.values():
            courier.start()
        self._decider.start()

    def give_up(self) -> None:
        """Whoever waits for an answer waits no more, and does not know what becomes of it.  Never waits, may be called again."""
        self._forwards.end()
        for ticket in list(self._tickets):
            self._resolve(steps.Unable(ticket, "this server stops", written=True))

    def stop(self) -> None:
        """A leader that stops is found dead by the others; what was answered is durable in any case."""
        self._decider.stop()
        self._events.put(None)
        self._decider.join(STOP_S)
        for errands in self._errands.values():
            errands.abort()
        for courier in self._couriers.values():
            courier.stop()
        for courier in self._couriers.values():
            courier.join(STOP_S)
        for errands in self._errands.values():
            errands.close()
        self.give_up()
        self._database.close()

    # -- for readers ---------------------------------------------------------------------------------------------------

    @property
    def _decisions(self) -> Cluster | Shared:
        if self._cluster is None:
            raise WatchkeepError("the directory server is not started", remedy="start it first")
        return self._cluster

    @property
    def me(self) -> str:
        return self._settings.me.id

    @property
    def database(self) -> Database:
        return self._database

    @property
    def status(self) -> Status:
        with self._lock:
            return self._decisions.status

    @property
    def leads(self) -> bool:
        return self._decisions.role is Role.LEADING

    def on_duty(self, role: str) -> bool:
        """Whether this server does what the holder of a role does, at this moment."""
        with self._lock:
            holds = self._decisions.holds(time.monotonic())
        return on_duty(self.view(), role, self.me, leads=self.leads, holds=holds)

    def leader(self) -> Member | None:
        """Who takes edits, as far as is known here."""
        with self._lock:
            name = self._decisions.leader(time.monotonic())
            return None if name is None else self._decisions.members.get(name)

    def route(self, via: frozenset[str]) -> Member | None:
        """Whom to pass an edit on to."""
        with self._lock:
            name = self._decisions.route(time.monotonic(), via)
            return None if name is None else self._decisions.members.get(name)

    def forward(self, to: Member) -> AbstractContextManager[Link]:
        """A link for one request to another server, given up when that one is heard no more."""
        return self._forwards.to(to, heard=to.id in self.servers())

    def servers(self) -> dict[str, Status]:
        """What the living say of themselves, this one too."""
        with self._lock:
            return {self._settings.me.id: self._decisions.status, **self._decisions.living(time.monotonic())}

    def view(self) -> Site:
        """The durable state; nobody may change it."""
        with self._lock:
            site = self._decisions.site
            if self._view.hash != site.hash:
                self._view = site.copy()
            return self._view

    # -- for other servers ---------------------------------------------------------------------------------------------

    def hear(self, said: Said) -> Said:
        """Another server's question, which tells how it is; answered with how this one is."""
        self.signs.hear(said.signs)
        self._put(steps.Heard(said, answer=False))
        return self._said(self.status)

    def _said(self, status: Status) -> Said:
        return Said.model_construct(**dict(status), signs=self.signs.say())

    def entries(self, follower: str, after: int, end: str) -> EntryPage | None:
        """What follows, from the database; None when there is nothing yet."""
        status = self.status
        if (after, end) != (status.index, status.hash):
            known = FIRST_HASH if after == 0 else self._database.hash_at(after)
            if known != end:
                return EntryPage(parted=True, term=status.term, index=status.index)
        self._put(steps.Fetched(follower, after))
        if after >= status.index:
            return None
        return EntryPage(entries=[EntryText.of(entry) for entry in self._database.entries(after, PULL_ENTRIES)])

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` from the deciding thread at every new state, until the returned function is called."""
        return self._listeners.listen(changed)

    def name(self, term: int) -> None:
        """An agent of the site has taken up this term; forgotten when too much is under way, since it asks again in a second."""
        self._put(steps.Named(term))

    def offer(self, sent: Parcel) -> "Future[Answer]":
        known = FIRST_HASH if sent.base == 0 else self._database.hash_at(sent.base)
        return self.submit(lambda ticket: steps.Offer(ticket, sent, known == sent.base_hash))

    def submit(self, make: Callable[[int], steps.Edit | steps.Settle | steps.Assign | steps.Offer]) -> "Future[Answer]":
        """Hand a request to the leader that this server is; the Future gets its one answer."""
        future: Future[Answer] = Future()
        with self._lock:
            self._made += 1
            ticket = self._made
            self._tickets[ticket] = future
        if not self._put(make(ticket)):
            self._resolve(steps.Unable(ticket, "too much is under way"))
        return future

    def _put(self, event: steps.Event) -> bool:
        """From other threads: never waits."""
        try:
            self._events.put_nowait(event)
        except queue.Full:
            return False
        return True

    # -- the deciding thread -------------------------------------------------------------------------------------------

    def _decide(self, stop: threading.Event) -> None:
        cluster = self._decisions
        event: steps.Event | None = steps.Tick()
        while event is not None and not stop.is_set():
            with self._lock:
                actions = cluster.handle(event, time.monotonic())
            for action in actions:
                self._do(cluster, action)
            if self._forwards:
                self._forwards.look(cluster.living(time.monotonic()))
            try:
                event = self._events.get(timeout=max(0.0, cluster.next_deadline() - time.monotonic()))
            except queue.Empty:
                event = steps.Tick()

    def _do(self, cluster: Cluster | Shared, action: steps.Action) -> None:
        match action:
            case steps.Ask(server):
                self._ask(cluster, server)
            case steps.Write() | steps.Cut() | steps.Forget():
                self._give("database", lambda: self._stored(action), steps.WriteFailed())
            case steps.Pull(server) | steps.Search(server) | steps.Deliver(server):
                member = cluster.members.get(server)
                self._give("follow", lambda: self._followed(action, member), steps.Failed(server))
            case steps.Sync():
                self._give("database", lambda: self._synced(action), steps.SyncFailed())
            case steps.Spare(index, end):
                self._give("spare", lambda: self._spared(index, end), steps.Spared((), ready=False))
            case steps.Done() | steps.Refused() | steps.Unable():
                self._resolve(action)
            case steps.Changed():
                self._listeners.tell()
            case steps.Turned(why):
                log.info("directory server", extra={"role": str(cluster.role), "why": why, "term": cluster.site.term})
                self._turned(cluster.status, why)

    def _resolve(self, answer: Answer) -> None:
        with self._lock:
            future = self._tickets.pop(answer.ticket, None)
        if future is not None and future.set_running_or_notify_cancel():
            future.set_result(answer)

    def _give(self, courier: str, do: Callable[[], steps.Event], failed: steps.Event) -> None:
        self._couriers[courier].give(Job(lambda: self._events.put(do()), lambda: self._events.put(failed)))

    def _ask(self, cluster: Cluster | Shared, server: str) -> None:
        name = f"ask-{server}"
        member, mine = cluster.members.get(server), self._said(cluster.status)
        if name not in self._couriers:
            if len(self._couriers) >= COURIERS or member is None:
                self._put(steps.Unheard(server, refused=False))
                return
            self._errands[name] = Errands(self._settings.me.id)
            self._couriers[name] = Courier(f"wk-dir-{name}")
            self._couriers[name].start()
        errands = self._errands[name]
        unheard = steps.Unheard(server, refused=False)
        self._give(name, lambda: unheard if member is None else self._asked(errands, member, mine), unheard)

    def _asked(self, errands: Errands, member: Member, mine: Said) -> steps.Event:
        event = errands.ask(member.id, member.url, mine)
        if isinstance(event, steps.Heard) and isinstance(event.status, Said):
            self.signs.hear(event.status.signs)
        return event

    # -- the database's thread -----------------------------------------------------------------------------------------

    def _stored(self, action: steps.Write | steps.Cut | steps.Forget) -> steps.Event:
        try:
            match action:
                case steps.Write(entries):
                    self._keep_snapshot()
                    self._database.append(entries)
                    return steps.Wrote()
                case steps.Cut(index):
                    gone = self._database.cut(index)
                    log.warning("entries were set aside for a later leader's", extra={"entries": len(gone), "behind": index})
                    return steps.WasCut(self._database.state(), {entry.hash: entry.kind for entry in self._database.aside()})
                case steps.Forget(hashes):
                    self._database.delivered(entry for entry in self._database.aside() if entry.hash in hashes)
                    return steps.Forgot()
        except WatchkeepError as error:
            log.warning("the directory's database has failed, others are left to lead", extra={"why": error.line()})
            return steps.Forgot() if isinstance(action, steps.Forget) else steps.WriteFailed()

    def _synced(self, wanted: steps.Sync) -> steps.Event:
        assert isinstance(self._database, SharedDatabase), "only such a one is synced"
        try:
            if wanted.lead is not None:
                self._keep_snapshot()
            return self._database.sync(wanted)
        except WatchkeepError as error:
            log.warning("the directory's database does not answer", extra={"why": error.line()})
            return steps.SyncFailed()

    def _keep_snapshot(self) -> None:
        """Before a write, so that state and journal end at the same entry."""
        with self._lock:
            far = self._decisions.site.index >= self._snapshot_at + SNAPSHOT_EVERY
        if far:
            site = self.view()
            self._database.keep_snapshot(site)
            self._snapshot_at = site.index

    def _spared(self, index: int, end: str) -> steps.Event:
        assert self.spare is not None, "only then it is asked for"
        try:
            return self.spare(index, end)
        except WatchkeepError as error:
            log.warning("the restored backups cannot be read", extra={"why": error.line()})
            return steps.Spared((), ready=True)

    # -- the following thread ------------------------------------------------------------------------------------------

    def _followed(self, action: steps.Pull | steps.Search | steps.Deliver, member: Member | None) -> steps.Event:
        errands, server = self._errands["follow"], action.server
        if member is None:
            return steps.Failed(server)
        match action:
            case steps.Pull(_, index, end):
                return errands.pull(server, member.url, index, end)
            case steps.Search(_, limit):
                return errands.search(server, member.url, limit, self._database.hash_at)
            case steps.Deliver(_, done):
                return self._deliver(errands, member, done)

    def _deliver(self, errands: Errands, member: Member, done: frozenset[str]) -> steps.Event:
        try:
            sent = parcel(self._settings.me.id, self._database.aside(), done)
        except WatchkeepError as error:
            log.warning("what is set aside cannot be read", extra={"why": error.line()})
            return steps.Failed(member.id)
        if sent is None:
            return steps.Delivered(member.id)
        if member.id != self._settings.me.id:
            return errands.deliver(member.id, member.url, ParcelText.of(sent))
        self.offer(sent)  # its answer comes back through the journal, as everybody's does
        return steps.Delivered(member.id)
