"""One simulated directory server: the product's Cluster over a disk that forgets what was not synced, and the simulated network.

Rules: the decisions, the fold, the merge and the search for a common ancestor are the product's; only threads, HTTP and
database are played.  A write that is under way at a crash is on the disk or not, by chance.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sim_directory_net import Net
from sim_engine import Broken, Loop

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.cluster import Cluster
from watchkeep.hub.directory.cluster.common import common_ancestor
from watchkeep.hub.directory.cluster.merge import Parcel, parcel
from watchkeep.hub.directory.cluster.status import Member, Role, Start, Status
from watchkeep.hub.directory.entry import FIRST_HASH, Entry
from watchkeep.hub.directory.site import fold

LONG_POLL_S = 1.0
UTC_S = 1_790_000_000.0
FORWARD_S = 3.0
PAGE = 50


@dataclass
class Disk:
    """What survives a crash.  `life` changes when it is lost."""

    entries: list[Entry] = field(default_factory=list)
    aside: dict[str, Entry] = field(default_factory=dict)
    life: int = 0
    full: bool = False
    slow_s: float = 0.0

    def hash_at(self, index: int) -> str | None:
        if index == 0:
            return FIRST_HASH
        return self.entries[index - 1].hash if index <= len(self.entries) else None


class SimServer:
    """A machine with its disk, and the process on it while it runs."""

    def __init__(self, loop: Loop, net: Net, member: Member, members: tuple[Member, ...], on_write: Callable[[str, Entry], None]) -> None:
        self.loop, self.net, self.member, self._members, self._on_write = loop, net, member, members, on_write
        self.disk = Disk()
        self.boot, self.powered, self.running, self.stopped = 0, True, False, False
        self.cluster: Cluster | None = None
        self.utc_step_s = 0.0
        self._rng = loop.random(f"server {member.id}")
        self._inbox: deque[Callable[[], None]] = deque()
        self._resets: list[Callable[[], object]] = []
        self._polls: list[tuple[str, int, Callable[[Any], None]]] = []
        self._tickets: dict[int, Callable[[Any], None]] = {}
        self._made = 0
        self._tick: Any = None
        self._in_flight: tuple[Entry, ...] = ()
        net.hosts[member.id] = self

    @property
    def name(self) -> str:
        return self.member.id

    # -- the process ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.boot += 1
        self.powered = self.running = True
        self.stopped = False
        aside = {entry.hash: entry.kind for entry in self.disk.aside.values()}
        start = Start(self.member, self._members, fold(self.disk.entries), aside, f"{self.name}-{self.boot}", "0")
        self.cluster = Cluster(start, self._utc_s, self.loop.now)
        self.loop.say(self.name, "starts at", self.cluster.site_position)
        self.feed(steps.Tick())

    def _utc_s(self) -> float:
        return UTC_S + self.loop.now + self.utc_step_s

    def kill(self, *, power: bool = False) -> None:
        """SIGKILL: connections are reset; power: they hang."""
        if not self.running:
            return
        self.loop.say(self.name, "loses power" if power else "is killed")
        if self._in_flight and self._rng.random() < 0.5:
            self._to_disk(self._in_flight)
        self._in_flight = ()
        self.running, self.powered, self.stopped, self.cluster = False, not power, False, None
        self.boot += 1
        resets, self._resets = self._resets, []
        if not power:
            for reset in resets:
                reset()
        self._inbox.clear()
        self._polls.clear()
        self._tickets.clear()
        if self._tick is not None:
            self._tick.cancel()

    def lose_disk(self) -> None:
        self.loop.say(self.name, "loses its disk")
        self.disk = Disk(life=self.disk.life + 1)

    def stop(self) -> None:
        self.stopped = self.running

    def resume(self) -> None:
        if not self.stopped:
            return
        self.stopped = False
        inbox, self._inbox = self._inbox, deque()
        for call in inbox:
            call()

    def later(self, boot: int, call: Callable[[], None]) -> None:
        """Something for the process of that boot: at once, or when it is continued."""
        if boot != self.boot or not self.running:
            return
        if self.stopped:
            self._inbox.append(lambda: self.later(boot, call))
        else:
            call()

    def dropped(self, reset: Callable[[], object]) -> None:
        """Called when this process is killed."""
        if len(self._resets) > 400:
            del self._resets[:200]
        self._resets.append(reset)

    # -- events and actions --------------------------------------------------------------------------------------------

    def feed(self, event: steps.Event) -> None:
        assert self.cluster is not None
        for action in self.cluster.handle(event, self.loop.now):
            self._do(action)
        if self.cluster is None:
            return
        if self._tick is not None:
            self._tick.cancel()
        boot = self.boot
        self._tick = self.loop.at(self.cluster.next_deadline(), lambda: self.later(boot, lambda: self.feed(steps.Tick())))

    def _do(self, action: steps.Action) -> None:
        match action:
            case steps.Ask(server):
                self._ask(server)
            case steps.Write(entries):
                self._write(entries)
            case steps.Cut(index):
                self._disk_job(lambda: self._cut(index))
            case steps.Forget(hashes):
                self._disk_job(lambda: self._forget(hashes))
            case steps.Pull(server, index, end):
                self._call(server, "entries", (self.name, index, end), 2.0, lambda found: self._pulled(server, found))
            case steps.Search(server, index):
                self._call(server, "hashes", None, 3.0, lambda found: self.feed(steps.Found(server, self._common(found, index))))
            case steps.Deliver(server, done):
                self._deliver(server, done)
            case steps.Done(ticket) | steps.Refused(ticket) | steps.Unable(ticket):
                self._answer(ticket, action)
            case steps.Turned(why):
                self.loop.say(self.name, self.cluster.role if self.cluster else "", why)
            case steps.Changed():
                self._serve_polls()

    def _answer(self, ticket: int, action: Any) -> None:
        reply = self._tickets.pop(ticket, None)
        if reply is not None:
            reply((action, self.disk.entries[action.index - 1] if isinstance(action, steps.Done) and action.index else None, self.name))

    def request(self, make: Callable[[int], steps.Event], reply: Callable[[Any], None]) -> None:
        self._made += 1
        self._tickets[self._made] = reply
        self.feed(make(self._made))

    # -- the disk ------------------------------------------------------------------------------------------------------

    def _disk_job(self, job: Callable[[], None]) -> None:
        boot = self.boot
        self.loop.after(self._rng.uniform(0.001, 0.02) + self.disk.slow_s, lambda: job() if boot == self.boot else None)

    def _report(self, event: steps.Event) -> None:
        boot = self.boot
        self.later(boot, lambda: self.feed(event))

    def _to_disk(self, entries: tuple[Entry, ...]) -> None:
        last = self.disk.entries[-1] if self.disk.entries else None
        for entry in entries:
            if not entry.follows(last):
                raise Broken(0, f"{self.name} appends {entry.index} of term {entry.term} behind {last.position if last else None}")
            self.disk.entries.append(entry)
            self._on_write(self.name, entry)
            last = entry

    def _write(self, entries: tuple[Entry, ...]) -> None:
        self._in_flight = entries

        def job() -> None:
            self._in_flight = ()
            if self.disk.full:
                self._report(steps.WriteFailed())
                return
            self._to_disk(entries)
            self._report(steps.Wrote())

        self._disk_job(job)

    def _cut(self, index: int) -> None:
        gone = self.disk.entries[index:]
        self.loop.say(self.name, "cuts", len(gone), "entries behind", index)
        del self.disk.entries[index:]
        self.disk.aside.update((entry.hash, entry) for entry in gone)
        self._report(steps.WasCut(fold(self.disk.entries), {entry.hash: entry.kind for entry in self.disk.aside.values()}))

    def _forget(self, hashes: frozenset[str]) -> None:
        for name in hashes:
            self.disk.aside.pop(name, None)
        self._report(steps.Forgot())

    # -- asking others -------------------------------------------------------------------------------------------------

    def _ask(self, server: str) -> None:
        assert self.cluster is not None
        if server not in self.net.hosts:
            self._report(steps.Unheard(server, refused=False))
            return
        self.net.call(self.name, server, "state", self.cluster.status, lambda found: self.feed(steps.Heard(found)),
                      lambda refused: self.feed(steps.Unheard(server, refused=refused)), 1.0)  # fmt: skip

    def _call(self, server: str, kind: str, body: Any, limit_s: float, reply: Callable[[Any], None]) -> None:
        def checked(found: Any) -> None:
            if found is None:
                self.feed(steps.Failed(server))
            else:
                reply(found)

        self.net.call(self.name, server, kind, body, checked, lambda _: self.feed(steps.Failed(server)), limit_s)

    def _pulled(self, server: str, found: Any) -> None:
        entries, position = found
        self.feed(steps.Parted(server, *position) if entries is None else steps.Got(server, tuple(entries)))

    def _common(self, theirs: list[str], limit: int) -> int:
        return common_ancestor(limit, self.disk.hash_at, lambda index: theirs[index] if index < len(theirs) else None)

    def _deliver(self, server: str, done: frozenset[str]) -> None:
        assert self.cluster is not None
        sent = parcel(self.name, list(self.disk.aside.values()), done)
        if sent is None:
            self._report(steps.Delivered(server))
        elif server == self.name:
            self.request(self._offer(sent), lambda _: self._report(steps.Delivered(server)))
        else:
            self._call(server, "offer", sent, 3.0, lambda _: self.feed(steps.Delivered(server)))

    def _offer(self, sent: Parcel) -> Callable[[int], steps.Event]:
        return lambda ticket: steps.Offer(ticket, sent, self.disk.hash_at(sent.base) == sent.base_hash)

    # -- being asked ---------------------------------------------------------------------------------------------------

    def receive(self, kind: str, body: Any, reply: Callable[[Any], None]) -> None:
        assert self.cluster is not None
        match kind:
            case "state":
                self.feed(steps.Heard(body, answer=False))
                reply(self.cluster.status)
            case "entries":
                self._entries(*body, reply)
            case "hashes":
                reply([FIRST_HASH, *(entry.hash for entry in self.disk.entries)])
            case "offer":
                self.request(self._offer(body), lambda found: reply(found if isinstance(found[0], steps.Done) else None))
            case "edit":
                self._edit(*body, reply)

    def _entries(self, server: str, index: int, end: str, reply: Callable[[Any], None]) -> None:
        if self.disk.hash_at(index) != end:
            last = self.disk.entries[-1].position if self.disk.entries else (0, 0)
            reply((None, last))
            return
        self.feed(steps.Fetched(server, index))
        if index < len(self.disk.entries):
            reply((self.disk.entries[index : index + PAGE], None))
            return
        waiting = (end, index, reply)
        self._polls.append(waiting)
        boot = self.boot
        self.loop.after(LONG_POLL_S, lambda: self.later(boot, lambda: self._give_up(waiting)))

    def _give_up(self, waiting: Any) -> None:
        if waiting in self._polls:
            self._polls.remove(waiting)
            waiting[2](([], None))

    def _serve_polls(self) -> None:
        polls, self._polls = self._polls, []
        for end, index, reply in polls:
            if self.disk.hash_at(index) != end:
                reply((None, self.disk.entries[-1].position if self.disk.entries else (0, 0)))
            elif index < len(self.disk.entries):
                reply((self.disk.entries[index : index + PAGE], None))
            else:
                self._polls.append((end, index, reply))

    def _edit(self, make: Callable[[int], steps.Event], via: frozenset[str], reply: Callable[[Any], None]) -> None:
        """A client's request, or one that another server passes on."""
        assert self.cluster is not None
        to = None if self.cluster.role is Role.LEADING else self.cluster.route(self.loop.now, via)
        if to is None:
            self.request(make, reply)
            return
        lost = (steps.Unable(0, "lost", written=True), None, "")
        self.net.call(self.name, to, "edit", (make, via | {self.name}), reply, lambda _: reply(lost), FORWARD_S)

    @property
    def status(self) -> Status | None:
        return self.cluster.status if self.cluster is not None else None
