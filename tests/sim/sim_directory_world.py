"""One seed's world of one to seven directory servers: rounds of faults and edits, a check after each, everything healed at the end.

    per round: faults and edits (6 to 14 s) ─▶ quiet, cuts and deaths stay ─▶ each side has one leader that takes an edit
    at the end: healed, all started ─▶ one leader, equal states, nothing set aside, no acknowledged edit gone

Rules: everything is drawn from the seed.  Every edit makes a value that no other edit makes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from sim_directory_net import Net
from sim_directory_server import FORWARD_S, SimServer
from sim_engine import START_S, Broken, Loop, Result, broken_by

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.status import Member, Role
from watchkeep.hub.directory.cluster.tenure import HOLD_S
from watchkeep.hub.directory.duty import holder
from watchkeep.hub.directory.entry import Entry
from watchkeep.hub.directory.site import Change, Key, fold

QUIET_S = 8.0
RECOVERY_QUIET_S = 18.0
END_S = 60.0
DUTIES_S = 0.25
COUNTED = ("acked", "alone", "refused", "unable", "kept", "merged", "kills", "cuts", "stops", "lost disks", "leads", "on duty")
FAULTS = ("kill", "power", "stop", "start", "start", "split", "split", "oneway", "pair", "heal", "slow", "disk", "full", "clock", "lost")


@dataclass(slots=True)
class Ack:
    """An edit that was answered: its hash, and the disks that had it then, as (server, life)."""

    hash: str
    disks: set[tuple[str, int]]
    index: int
    at: float


class World:
    """Built from a seed; `run` it once.  server: what is built for each of them."""

    server = SimServer

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        self.loop = Loop(seed, tracing=tracing)
        self.rng = self.loop.random("world")
        self.net = Net(self.loop)
        count = self.rng.choice((1, 2, 3, 3, 3, 4, 5, 5, 7))
        recovery = count > 1 and self.rng.random() < 0.3
        ranks = list(range(count))
        self.rng.shuffle(ranks)
        members = tuple(Member("abcdefg"[at], f"http://10.9.0.{at}:9701", rank, recovery and at == count - 1)
                        for at, rank in enumerate(ranks))  # fmt: skip
        self.servers = {one.id: self.server(self.loop, self.net, one, members, self._written) for one in members}
        self.names = list(self.servers)
        self.acks: list[Ack] = []
        self.made = 0
        self.lost_disks: set[str] = set()
        self.lost_at = 0.0
        """When the last one was; an answer may have been under way then."""
        self.leads: dict[int, tuple[str, str]] = {}
        self.given: dict[tuple[str, int], str] = {}
        self.done = dict.fromkeys(COUNTED, 0)
        self._seen: set[str] = set()
        self._twice: dict[tuple[int, tuple[str, ...]], float] = {}
        """By term and servers: since when these act for one role."""

    # -- what must hold at every write and answer ----------------------------------------------------------------------

    def _written(self, server: str, entry: Entry) -> None:
        if entry.hash in self._seen:
            return
        self._seen.add(entry.hash)
        if entry.kind == "lead":
            self.done["leads"] += 1
            before = self.leads.setdefault(entry.term, (entry.payload["server"], entry.hash))
            if before[1] != entry.hash and before[0] not in self.lost_disks:
                raise Broken(1, f"term {entry.term} is led twice, by {before[0]} and {entry.payload['server']}")
        elif entry.kind in ("assign", "lease"):
            self._numbers(entry)
        elif entry.kind == "keep":
            self.done["kept"] += 1
        elif "of" in entry.payload:
            self.done["merged"] += 1

    def _numbers(self, entry: Entry) -> None:
        recorders = entry.payload.get("recorders", {})
        given = [(f"camera {name}", term) for name, (_, term) in recorders.items()]
        if entry.kind == "lease":
            given.append((f"role {entry.payload['role']}", entry.payload["number"]))
        for one in given:
            if self.given.setdefault(one, entry.hash) != entry.hash and not self.lost_disks:
                raise Broken(2, f"{one[0]} is given number {one[1]} twice")

    def _duties(self) -> None:
        """Under one leader no two servers act for a role longer than it may take the old holder to notice; looked at every DUTIES_S."""
        acting: dict[int, list[str]] = {}
        for name, one in self.servers.items():
            if one.running and not one.stopped and one.cluster is not None:
                cluster = one.cluster
                if "backup" in cluster.site.roles and holder(cluster.site, "backup") == name and cluster.holds(self.loop.now):
                    acting.setdefault(cluster.lead.term, []).append(name)
                    self.done["on duty"] += 1
        twice = {term: tuple(names) for term, names in acting.items() if len(names) > 1}
        self._twice = {key: self._twice.get(key, self.loop.now) for key in twice.items()}
        for (term, names), since in self._twice.items():
            if self.loop.now - since > HOLD_S:
                raise Broken(10, f"{' and '.join(names)} act for one role under the leader of term {term} since {since - START_S:.3f}")
        self.loop.after(DUTIES_S, self._duties)

    def _answered(self, found: Any) -> None:
        action, entry, leader = found
        if isinstance(action, steps.Refused):
            self.done["refused"] += 1
        if not isinstance(action, steps.Done) or entry is None:
            self.done["unable"] += isinstance(action, steps.Unable)
            return
        disks = {(name, one.disk.life) for name, one in self.servers.items()
                 if one.disk.hash_at(entry.index) == entry.hash or entry.hash in one.disk.aside}  # fmt: skip
        self.loop.say(leader, "acknowledges", entry.index, entry.hash[:8], "copies", action.copies)
        if len(disks) < min(action.copies, 2) and self.loop.now > self.lost_at + FORWARD_S:
            raise Broken(3, f"{leader} says {action.copies} copies of entry {entry.index}, which is on {sorted(disks)}")
        self.done["acked" if action.copies > 1 else "alone"] += 1
        self.acks.append(Ack(entry.hash, disks, entry.index, self.loop.now))

    # -- edits ---------------------------------------------------------------------------------------------------------

    def change(self, rng: Random) -> tuple[Change, ...]:
        self.made += 1
        key = Key("location", f"l{rng.randrange(6)}")
        if rng.random() < 0.15:
            return (Change(key, None),)
        value: dict[str, Any] = {"name": f"edit {self.made}"}
        if rng.random() < 0.3:
            value["parent"] = f"l{rng.randrange(6)}"
        return (Change(key, value),)

    def edit(self) -> None:
        rng = self.rng
        running = [one for one in self.servers.values() if one.running and not one.stopped]
        if not running:
            return
        server = rng.choice(running)
        chance = rng.random()
        if chance < 0.1:
            cameras = {f"cam{rng.randrange(3)}": rng.choice(("x", "y", "")) for _ in range(2)}
            server.receive("edit", (lambda ticket: steps.Assign(ticket, cameras, {}), frozenset()), self._answered)
        elif chance < 0.15:
            role = Key("role", "backup")
            known = server.cluster.site.entities.get("server", {}) if server.cluster else {}
            listed = [name for name in self.names if name in known]
            rng.shuffle(listed)
            if listed:
                change = (Change(role, {"servers": listed, "holder": rng.choice(("sticky", "highest"))}),)
                server.receive("edit", (lambda ticket: steps.Edit(ticket, change, "ops"), frozenset()), self._answered)
        elif chance < 0.2 and server.cluster and server.cluster.site.contingencies:
            origin, apply = rng.choice(sorted(server.cluster.site.contingencies)), rng.random() < 0.5
            server.receive("edit", (lambda ticket: steps.Settle(ticket, origin, apply, "ops"), frozenset()), self._answered)
        elif 0.2 <= chance < 0.23:
            named = rng.choice(("", "backup"))
            server.receive("edit", (lambda ticket: steps.HandOver(ticket, named, "ops"), frozenset()), self._answered)
        else:
            changes = self.change(rng)
            server.receive("edit", (lambda ticket: steps.Edit(ticket, changes, "ops"), frozenset()), self._answered)

    # -- faults --------------------------------------------------------------------------------------------------------

    def fault(self) -> None:
        rng = self.rng
        server = self.servers[rng.choice(self.names)]
        match rng.choice(FAULTS):
            case "kill" | "power" as kind:
                self.done["kills"] += server.running
                server.kill(power=kind == "power")
            case "start":
                if not server.running:
                    server.start()
            case "stop":
                self.done["stops"] += server.running
                server.stop()
                self.loop.say(server.name, "is stopped")
                self.loop.after(rng.uniform(0.2, 5.0), server.resume)
            case "lost":
                if rng.random() < 0.4:
                    self.lose(server)
            case "split":
                side = {name for name in self.names if rng.random() < 0.5}
                self.cut((one, two) for one in self.names for two in self.names if (one in side) != (two in side))
            case "oneway":
                self.cut([(server.name, rng.choice(self.names))])
            case "pair":
                other = rng.choice(self.names)
                self.cut([(server.name, other), (other, server.name)])
            case "heal":
                self.net.heal()
                self.loop.say("net", "heals")
            case "slow":
                self.net.slow[(server.name, rng.choice(self.names))] = rng.uniform(0.05, 0.6)
            case "disk":
                server.disk.slow_s = rng.choice((0.0, rng.uniform(0.1, 2.5)))
            case "full":
                server.disk.full = not server.disk.full
                self.loop.say(server.name, "disk full" if server.disk.full else "disk has room")
            case "clock":
                server.utc_step_s += rng.choice((-3600.0, 3600.0, -5.0, 5.0))

    def cut(self, links: Any) -> None:
        cut = [link for link in links if link[0] != link[1]]
        self.net.cut.update(cut)
        self.done["cuts"] += bool(cut)
        self.loop.say("net", "cut", *("".join(link) for link in cut))

    def lose(self, server: SimServer) -> None:
        """A machine burns; it comes back empty.  At most one disk in a round, when another server has a copy of everything acknowledged."""
        self.done["lost disks"] += 1
        server.kill()
        server.lose_disk()
        self.lost_disks.add(server.name)
        self.lost_at = self.loop.now

    # -- checks --------------------------------------------------------------------------------------------------------

    def sides(self) -> Iterator[list[SimServer]]:
        """Running servers that reach each other over links which work both ways."""
        left = {name for name, one in self.servers.items() if one.running}
        while left:
            side, todo = set(), [min(left)]
            while todo:
                name = todo.pop()
                if name in left:
                    left.remove(name)
                    side.add(name)
                    todo += [other for other in sorted(left) if self.net.both(name, other)]
            yield [self.servers[name] for name in sorted(side)]

    def settled(self) -> None:
        for one in self.servers.values():
            one.disk.full, one.disk.slow_s = False, 0.0
            one.resume()
        self.net.slow.clear()
        one_way = {(a, b) for a, b in self.net.cut if (b, a) not in self.net.cut}
        self.net.cut |= {(b, a) for a, b in one_way}
        recovery = any(one.member.recovery for one in self.servers.values())
        self._until(self._led, RECOVERY_QUIET_S if recovery else QUIET_S)
        for side in self.sides():
            leaders = [one for one in side if one.cluster is not None and one.cluster.role is Role.LEADING]
            names = "".join(one.name for one in side)
            if len(leaders) != 1:
                told = [(one.name, str(one.cluster.role), one.cluster.lead) for one in side if one.cluster]
                raise Broken(4, f"{len(leaders)} leaders among {names}: {told}")
            self._takes_edits(side, names)

    def _led(self) -> bool:
        """Every side has one leader, and the others of it follow that one."""
        for side in self.sides():
            clusters = [one.cluster for one in side if one.cluster is not None]
            leads = [one for one in clusters if one.role is Role.LEADING]
            if len(leads) != 1 or any(one.leader(self.loop.now) != leads[0].lead.server for one in clusters):
                return False
            if leads[0].status.recovery and not all(one.status.recovery for one in clusters):
                return False
        return True

    def _level(self) -> bool:
        ends = {(one.cluster.site.hash, len(one.disk.aside)) for one in self.servers.values() if one.cluster is not None}
        return len(ends) == 1 and not next(iter(ends))[1]

    def _until(self, true: Callable[[], bool], limit_s: float) -> None:
        """Let time pass until it is so, and was so for a second."""
        until, since = self.loop.now + limit_s, None
        while self.loop.now < until and (since is None or self.loop.now < since + 1.0):
            self.loop.run(self.loop.now + 0.25)
            since = (self.loop.now if since is None else since) if true() else None

    def _takes_edits(self, side: list[SimServer], names: str) -> None:
        """A client that tries three times gets its edit made: the first server may take a dead way to the leader."""
        answers: list[Any] = []
        changes = (Change(Key("location", "probe"), {"name": f"probe {self.loop.now:.3f}"}),)

        def answered(found: Any) -> None:
            answers.append(found)
            self._answered(found)

        for attempt in range(1, 4):
            self.rng.choice(side).receive("edit", (lambda ticket: steps.Edit(ticket, changes, "probe"), frozenset()), answered)
            self._until(lambda attempt=attempt: len(answers) >= attempt, 7.0)
            if answers and isinstance(answers[-1][0], steps.Done):
                return
        raise Broken(5, f"no edit is taken among {names}: {answers}")

    def finished(self) -> None:
        for one in self.servers.values():
            if not one.running:
                one.start()
        self.net.heal()
        self.settled()
        self._until(self._level, END_S)
        servers = list(self.servers.values())
        leaders = [one for one in servers if one.cluster is not None and one.cluster.role is Role.LEADING]
        if len(leaders) != 1:
            raise Broken(4, f"{len(leaders)} leaders at the end: {[(one.name, one.status) for one in servers]}")
        if any(not one.member.recovery for one in servers) and leaders[0].member.recovery:
            raise Broken(4, "a recovery server leads although others live")
        digests = {one.name: (one.cluster.site.digest() if one.cluster else "", fold(one.disk.entries).digest()) for one in servers}
        if len({digest for pair in digests.values() for digest in pair}) != 1:
            raise Broken(6, f"states differ at the end: {[(one.name, len(one.disk.entries)) for one in servers]}")
        left = {one.name: len(one.disk.aside) for one in servers if one.disk.aside}
        if left:
            raise Broken(7, f"entries are still set aside: {left}")
        self._nothing_gone(leaders[0])
        self._once(leaders[0])

    def _once(self, leader: SimServer) -> None:
        """What came from another branch was merged or kept once, however often it was delivered."""
        taken: dict[str, int] = {}
        for entry in leader.disk.entries:
            if entry.kind == "keep" or entry.payload.get("changes"):
                for origin in entry.payload.get("of", ()):
                    if origin in taken:
                        raise Broken(9, f"{origin[:8]} is taken in by entries {taken[origin]} and {entry.index}")
                    taken[origin] = entry.index

    def _nothing_gone(self, leader: SimServer) -> None:
        """Every acknowledged edit is in the journal, or taken in by one of its entries, unless every disk that had it is lost."""
        known = {entry.hash for entry in leader.disk.entries}
        known |= {origin for entry in leader.disk.entries for origin in entry.payload.get("of", ())}
        for ack in self.acks:
            kept = [name for name, life in ack.disks if self.servers[name].disk.life == life]
            if ack.hash not in known and kept:
                raise Broken(8, f"edit {ack.hash[:8]} (entry {ack.index}), acknowledged at {ack.at - START_S:.3f}, is gone: {kept} had it")

    # -- the run -------------------------------------------------------------------------------------------------------

    def play(self) -> None:
        rng = self.rng
        self._duties()
        for server in self.servers.values():
            self.loop.after(rng.uniform(0, 3.0), lambda server=server: None if server.running else server.start())
        self.loop.run(self.loop.now + rng.choice((0.5, 4.0, 8.0)))
        for _ in range(rng.randint(1, 3)):
            until = self.loop.now + rng.uniform(6.0, 14.0)
            for _ in range(rng.randint(2, 9)):
                self.loop.at(rng.uniform(self.loop.now, until), self.fault)
            for _ in range(rng.randint(5, 40)):
                self.loop.at(rng.uniform(self.loop.now, until), self.edit)
            self.loop.run(until)
            self.settled()
        self.finished()


def run(seed: int, *, tracing: bool = False) -> Result:
    """Play one seed to its end; never raises."""
    world = World(seed, tracing=tracing)
    broken = broken_by(world.play)
    return Result(seed, broken, world.loop.events, len(world.acks), world.loop.now - START_S, world.done, world.loop.trace)
