"""Several servers on one database, by their decisions: one database in memory that does what lease.py's does, clocks by hand."""

from collections.abc import Iterable

import pytest
from cluster_kit import UTC_S, members
from site_kit import camera

from watchkeep.hub.directory.cluster import steps
from watchkeep.hub.directory.cluster.merge import parcel
from watchkeep.hub.directory.cluster.shared import RECOVERY_S, TAIL, Shared
from watchkeep.hub.directory.cluster.sight import POLL_S, SILENT_S
from watchkeep.hub.directory.cluster.status import Lead, Role, Start
from watchkeep.hub.directory.cluster.tenure import HOLD_S
from watchkeep.hub.directory.entry import FIRST_HASH, Entry
from watchkeep.hub.directory.site import Site, fold


class Base:
    """What all share: the journal, the lease, what is set aside."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.lead = Lead()
        self.aside: dict[str, Entry] = {}
        self.up = True

    def hash_at(self, index: int) -> str | None:
        return FIRST_HASH if index == 0 else self.entries[index - 1].hash if index <= len(self.entries) else None

    def sync(self, wanted: steps.Sync) -> steps.Event:
        if not self.up:
            return steps.SyncFailed()
        was, lead, wrote = wanted.was, wanted.lead, False
        mine = was is not None and lead is not None and (self.lead.term, self.lead.server) == (was.term, was.server)
        stands = lead is not None and (self.lead == was or (mine and lead.term == self.lead.term))
        end = self.entries[-1] if self.entries else None
        if stands and (not wanted.entries or wanted.entries[0].follows(end)):
            assert lead is not None
            self.lead, wrote = lead, True
            self.entries += wanted.entries
        parted = self.hash_at(wanted.index) != wanted.hash
        if parted:
            self.aside |= {entry.hash: entry for entry in wanted.tail if self.hash_at(entry.index) != entry.hash}
        site = fold(self.entries) if parted else None
        return steps.Synced(self.lead, wrote, () if parted else tuple(self.entries[wanted.index :]), site,
                            {name: entry.kind for name, entry in self.aside.items()})  # fmt: skip


class World:
    """Servers a, b, c ... in the order of their ranks; a network without faults, a clock of 10 ms steps."""

    def __init__(self, count: int = 3, recovery: str = "") -> None:
        self.base, self.now = Base(), 1000.0
        self.members = members(count, recovery)
        self.servers: dict[str, Shared] = {}
        self.stopped: set[str] = set()
        self.answers: dict[int, steps.Action] = {}
        self.turns: list[tuple[str, str]] = []
        self.holds: dict[str, list[steps.Sync]] = {}
        """Syncs of these servers are kept, as those of a process that is stopped in the middle."""
        for one in self.members:
            self.start(one.id)

    def start(self, name: str) -> None:
        me = next(one for one in self.members if one.id == name)
        self.servers[name] = Shared(Start(me, self.members, fold(self.base.entries), {}, f"boot-{self.now}", "0"), lambda: UTC_S, self.now)

    def feed(self, name: str, *events: steps.Event) -> None:
        for event in events:
            for action in self.servers[name].handle(event, self.now):
                self.do(name, action)

    def do(self, name: str, action: steps.Action) -> None:
        match action:
            case steps.Sync():
                if name in self.holds:
                    self.holds[name].append(action)
                else:
                    self.feed(name, self.base.sync(action))
            case steps.Ask(server):
                if server in self.servers and server not in self.stopped:
                    self.feed(server, steps.Heard(self.servers[name].status, answer=False))
                    self.feed(name, steps.Heard(self.servers[server].status))
                else:
                    self.feed(name, steps.Unheard(server, refused=False))
            case steps.Turned(why):
                self.turns.append((name, why))
            case steps.Deliver():
                sent = parcel(name, list(self.base.aside.values()), action.done)
                if sent is not None:
                    self.feed(name, steps.Offer(999, sent, self.base.hash_at(sent.base) == sent.base_hash))
                self.feed(name, steps.Delivered(name))
            case steps.Forget(hashes):
                for one in hashes:
                    self.base.aside.pop(one, None)
                self.feed(name, steps.Forgot())
            case steps.Done() | steps.Refused() | steps.Unable():
                self.answers[action.ticket] = action

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 0.01
            for name in sorted(self.servers.keys() - self.stopped):
                if self.servers[name].next_deadline() <= self.now:
                    self.feed(name, steps.Tick())

    def leaders(self) -> list[str]:
        return [name for name, one in self.servers.items() if one.role is Role.LEADING and name not in self.stopped]

    def edit(self, name: str, ticket: int) -> steps.Action | None:
        self.feed(name, steps.Edit(ticket, (camera(ticket),), "ops"))
        return self.answers.get(ticket)

    def cameras(self, sites: Iterable[Site] | None = None) -> list[set[str]]:
        return [set(site.cameras) for site in sites or [one.site for name, one in self.servers.items() if name not in self.stopped]]


@pytest.fixture
def world() -> World:
    found = World()
    found.run(3.0)
    return found


def test_the_first_in_rank_leads_and_all_read_what_it_writes(world: World) -> None:
    assert world.leaders() == ["a"]
    assert isinstance(world.edit("a", 1), steps.Done)
    assert isinstance(world.edit("b", 2), steps.Unable)
    world.run(0.3)
    assert world.cameras() == [{"cam1"}] * 3
    assert [one.leader(world.now) for one in world.servers.values()] == ["a"] * 3
    assert world.servers["b"].route(world.now) == "a"
    assert world.servers["b"].route(world.now, {"a"}) is None
    assert set(world.servers["a"].site.servers) == {"a", "b", "c"}, "those of the configuration are of the site now"


def test_after_the_leaders_end_the_next_one_leads_within_seconds_and_an_old_one_follows(world: World) -> None:
    world.edit("a", 1)
    world.stopped.add("a")
    world.run(SILENT_S + 3 * POLL_S)
    assert world.leaders() == ["b"]
    assert isinstance(world.edit("b", 2), steps.Done)
    world.stopped.discard("a")
    world.start("a")
    world.run(2.0)
    assert world.leaders() == ["b"]
    assert world.cameras() == [{"cam1", "cam2"}] * 3


def test_a_leader_that_was_stopped_in_the_middle_writes_nothing_afterwards(world: World) -> None:
    """However long its transaction was on the way: the lease is another's by then."""
    world.holds["a"] = []
    world.edit("a", 1)
    world.stopped.add("a")
    world.run(SILENT_S + 3 * POLL_S)
    assert world.leaders() == ["b"]
    before = list(world.base.entries)
    (held,) = world.holds.pop("a")
    world.stopped.discard("a")
    world.feed("a", world.base.sync(held))
    assert world.base.entries == before
    answer = world.answers[1]
    assert isinstance(answer, steps.Unable)
    assert world.servers["a"].role is not Role.LEADING
    world.run(1.0)
    assert world.leaders() == ["b"]


def test_of_two_claims_one_counts(world: World) -> None:
    world.stopped.add("a")
    world.holds |= {"b": [], "c": []}
    world.run(SILENT_S + 4 * POLL_S)
    held = [(name, sync) for name in "bc" for sync in world.holds[name][-1:]]
    world.holds.clear()
    for name, sync in held:
        world.feed(name, world.base.sync(sync))
    world.run(SILENT_S + 3 * POLL_S)
    assert len(world.leaders()) == 1
    terms = [entry.term for entry in world.base.entries if entry.kind == "lead"]
    assert len(set(terms)) == len(terms)


def test_without_a_database_nobody_leads_reads_go_on_and_the_leader_is_back_at_once(world: World) -> None:
    world.edit("a", 1)
    world.run(0.6)
    world.base.up = False
    world.run(5.0)
    assert world.leaders() == []
    assert world.cameras() == [{"cam1"}] * 3
    assert isinstance(world.edit("a", 2), steps.Unable)
    world.base.up = True
    world.run(1.2)
    assert world.leaders() == ["a"], "it still holds the lease"
    assert isinstance(world.edit("a", 3), steps.Done)


def test_who_does_not_get_at_the_database_stops_acting_for_roles(world: World) -> None:
    assert all(one.holds(world.now) for one in world.servers.values())
    world.holds["b"] = []
    world.edit("a", 1)
    world.run(HOLD_S + 1.0)
    assert {name: one.holds(world.now) for name, one in world.servers.items()} == {"a": True, "b": False, "c": True}
    world.holds["a"] = []
    world.run(HOLD_S + 1.0)
    assert world.servers["a"].role is Role.LEADING, "it does not know better"
    assert not world.servers["a"].holds(world.now)


def test_what_a_promoted_standby_lacks_is_delivered_by_whoever_has_read_it(world: World) -> None:
    """Asynchronous replication: the primary has died with entries that its standby did not have."""
    for ticket in range(1, 5):
        world.edit("a", ticket)
    world.run(0.6)
    world.base.up = False
    world.run(0.6)
    world.base.entries = world.base.entries[:-2]
    world.base.up = True
    world.run(6.0)
    assert world.cameras() == [{"cam1", "cam2", "cam3", "cam4"}] * 3
    assert world.base.aside == {}
    assert any("a standby without them was promoted" in why for _, why in world.turns)
    assert len(world.base.entries) == len({entry.hash for entry in world.base.entries})


def test_a_leader_goes_on_above_the_term_that_agents_of_a_lost_database_know(world: World) -> None:
    world.run(3.0)
    (leader,) = world.leaders()
    before = world.base.lead.term
    world.feed("c", steps.Named(before + 40))
    world.run(2.0)
    assert world.leaders() == [leader]
    assert world.base.lead.term > before + 40
    assert {one.lead.term for one in world.servers.values()} == {world.base.lead.term}
    world.feed(leader, steps.Edit(1, (camera(1),), "ops"))
    assert world.base.entries[-1].term == world.base.lead.term
    assert any("goes on in term" in why for _, why in world.turns)


def test_a_recovery_server_leads_long_after_everybody_else() -> None:
    world = World(2, recovery="a")
    world.run(3.0)
    assert world.leaders() == ["b"]
    world.stopped.add("b")
    world.run(RECOVERY_S - 1)
    assert world.leaders() == []
    world.run(SILENT_S + 3)
    assert world.leaders() == ["a"]


def test_an_operator_hands_the_lead_over(world: World) -> None:
    world.feed("a", steps.HandOver(7, "", "ops"))
    world.run(1.5)
    assert isinstance(world.answers[7], steps.Done)
    (heir,) = world.leaders()
    assert heir in ("b", "c")
    world.run(10.0)
    assert world.leaders() == [heir]
    world.stopped |= {"a", "b", "c"} - {heir}
    world.run(3.0)
    world.feed(heir, steps.HandOver(8, "", "ops"))
    assert isinstance(world.answers[8], steps.Refused)


def test_what_is_remembered_of_the_journal_is_bounded(world: World) -> None:
    for ticket in range(TAIL + 50):
        world.edit("a", ticket)
    world.run(1.0)
    caught: list[steps.Sync] = []
    world.holds["b"] = caught
    world.run(1.0)
    assert len(caught[0].tail) == TAIL
