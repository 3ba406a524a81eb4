"""Desk, policy, ledger and lanes together, driven by hypothesis through faults against simulated archivers."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from replicate_fakes import Name, Ref, Store, name_of

from watchkeep.agent.replicate.desk import Desk
from watchkeep.agent.replicate.health import HealthLimits
from watchkeep.agent.replicate.pace import TRIAL, Budget
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.replicate.stages import PENDING, Stage
from watchkeep.wire.causes import EventKind, Protection

ARCHIVERS = ("a", "b", "c")
CAMERAS = (CameraPolicy("cam0", 1, ("a", "b", "c")), CameraPolicy("cam1", 2, ("b", "a", "c"), failback="sticky"),
           CameraPolicy("cam2", 2, None, failback="auto"))
COPIES = {policy.camera: policy.copies for policy in CAMERAS}
BUDGETS = st.sampled_from([TRIAL, Budget(600, 300, 100), Budget(1 << 20, 1 << 20, 1000)])
names = st.sampled_from(ARCHIVERS)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Replication(RuleBasedStateMachine):
    """A journal is a set of names; an archiver is a Store.  Whatever is released must be durable often enough."""

    @initialize(sticky=st.booleans())
    def begin(self, sticky: bool) -> None:
        self.clock = Clock()
        self.limits = HealthLimits(ack_timeout_s=2.0, failback_hold_s=5.0, failback="sticky" if sticky else "auto")
        self.stores = {name: Store(name, inits={(camera, epoch) for camera in COPIES for epoch in range(99)}) for name in ARCHIVERS}
        self.known = set(ARCHIVERS)
        self.journal: dict[Name, Ref] = {}
        self.next = {policy.camera: (1, 0) for policy in CAMERAS}
        self.segment = dict.fromkeys(COPIES, 0)
        self._start()

    def _start(self) -> None:
        self.desk = Desk("edge-1", self.limits, monotonic=self.clock, utc_s=self.clock, wake=lambda: None)
        self.desk.configure(CAMERAS)
        self.desk.know(self.known)

    @rule(camera=st.sampled_from(sorted(COPIES)), many=st.integers(1, 5), cut=st.booleans())
    def offer(self, camera: str, many: int, cut: bool) -> None:
        new = []
        for _ in range(many):
            epoch, seq = self.next[camera]
            if cut and not new:
                self.segment[camera] = seq
            new.append(Ref(camera, epoch, seq, self.segment[camera], 236))
            self.next[camera] = (epoch, seq + 1)
        self.journal.update((ref.name, ref) for ref in new)
        self.desk.offer(new)

    @rule(camera=st.sampled_from(sorted(COPIES)))
    def reconnect(self, camera: str) -> None:
        self.next[camera] = (self.next[camera][0] + 1, 0)
        self.segment[camera] = 0

    @rule(name=names, budget=BUDGETS, fault=st.sampled_from(["", "", "", "lost", "lost-after", "refused", "error"]))
    def send(self, name: str, budget: Budget, fault: str) -> None:
        batch = self.desk.plan(name, budget)
        if not batch:
            return
        store = self.stores[name]
        stored = [name_of(ref) for ref in batch.refs]
        if fault in ("", "lost-after"):
            for chunk in stored:
                store.put(chunk)
        if fault == "":
            assert self.desk.stored(name, batch.refs, store.answer(stored, list(batch.asks)), 1)
        else:
            self.desk.lost(name, batch.refs, fault, at_once=fault == "refused")
        self._releases()

    @rule(name=names)
    def fsync(self, name: str) -> None:
        self.stores[name].fsync()

    @rule(name=names)
    def crash(self, name: str) -> None:
        self.stores[name].restart()

    @rule(seconds=st.sampled_from([0.1, 0.6, 2.1, 6.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self._releases()

    @rule(name=names)
    def operator_moves(self, name: str) -> None:
        self.desk.move(name)

    @rule()
    def agent_restarts(self) -> None:
        self._start()
        self.desk.offer(self.journal.values(), recovered=True)

    @rule(name=st.sampled_from(["c"]))
    def leaves_or_joins(self, name: str) -> None:
        self.known ^= {name}
        self.desk.know(self.known)
        self._releases()

    @rule(camera=st.sampled_from(sorted(COPIES)))
    def quota_drops_oldest(self, camera: str) -> None:
        mine = sorted(name for name in self.journal if name[0] == camera)
        if mine:
            oldest = mine[0]
            assert self.desk.has_copy(*oldest) == any(oldest in self.stores[name].durable for name in self.known) or not self._told(oldest)
            del self.journal[oldest]
            self.desk.dropped(oldest[0], oldest[1], oldest[2], oldest[2])

    def _told(self, chunk: Name) -> bool:
        """Whether the ledger has been told of every durable copy of the chunk."""
        book = self.desk._ledger.cameras[chunk[0]].epochs[chunk[1]]
        return all(chunk[2] in book.at(name)[Stage.DURABLE] for name in self.known if chunk in self.stores[name].durable)

    def _releases(self) -> None:
        for release in self.desk.tick()[0]:
            for seq in range(release.low, release.high + 1):
                chunk = (release.camera, release.epoch, seq)
                copies = sum(chunk in store.durable for store in self.stores.values())
                assert copies >= COPIES[release.camera], f"{chunk} released with {copies} copies"
                del self.journal[chunk]

    @invariant()
    def every_chunk_is_owed_or_durable(self) -> None:
        ledger = self.desk._ledger
        for camera, epoch, seq in self.journal:
            book = ledger.cameras[camera].epochs[epoch]
            pending = [name for name in self.known if any(seq in book.at(name)[stage] for stage in PENDING)]
            durable = [name for name in self.known if seq in book.at(name)[Stage.DURABLE]]
            wanted = min(COPIES[camera], len(self.known))
            assert len({*pending, *durable}) >= wanted, (camera, epoch, seq, pending, durable, ledger.cameras[camera].targets)

    @invariant()
    def stages_are_disjoint_and_open_epochs_right(self) -> None:
        ledger = self.desk._ledger
        for name in self.known:
            for stage in PENDING:
                found = {camera: {epoch for epoch, book in entry.epochs.items() if book.at(name)[stage]}
                         for camera, entry in ledger.cameras.items()}  # fmt: skip
                assert ledger.open_epochs(name, stage) == {camera: epochs for camera, epochs in found.items() if epochs}
        for entry in ledger.cameras.values():
            for book in entry.epochs.values():
                for stages in book.stages.values():
                    held = [seq for stage in Stage for low, high in stages[stage] for seq in range(low, high + 1)]
                    assert len(held) == len(set(held))
                    assert set(held) <= book.held.keys()

    def teardown(self) -> None:
        """Faults stop: everything becomes durable and is released, within a bounded number of rounds."""
        if not hasattr(self, "desk"):
            return
        self.known = set(ARCHIVERS)
        self.desk.know(self.known)
        for _ in range(200):
            if not self.journal:
                break
            self.clock.now += 0.6
            for name in ARCHIVERS:
                self.send(name, Budget(1 << 20, 1 << 20, 1000), "")
                self.stores[name].fsync()
        assert not self.journal
        assert self.desk.wait_settled(self.clock.now)
        assert all(self.desk.protection(camera).state is Protection.PROTECTED for camera in COPIES)


TestReplication = Replication.TestCase
TestReplication.settings = settings(max_examples=80, stateful_step_count=40)


def test_what_cannot_be_read_and_nobody_has_keeps_no_drain_waiting() -> None:
    clock = Clock()
    desk = Desk("edge-1", HealthLimits(), monotonic=clock, utc_s=clock, wake=lambda: None)
    desk.configure([CameraPolicy("cam0", 1, ("a",))])
    desk.know({"a"})
    new = [Ref("cam0", 1, seq, 0, 236) for seq in range(3)]
    desk.offer(new)
    desk.unreadable("a", [(ref, "damaged in the journal") for ref in new])
    assert desk.wait_settled(clock.now)
    releases, _, _ = desk.tick()
    assert [(release.low, release.high, release.lost) for release in releases] == [(0, 2, True)]


def test_conflict_is_reported_once_never_retried_and_blocks_nothing() -> None:
    clock, store = Clock(), Store("a", inits={("cam0", 1)})
    desk = Desk("edge-1", HealthLimits(), monotonic=clock, utc_s=clock, wake=lambda: None)
    desk.configure([CameraPolicy("cam0", 1, ("a",))])
    desk.know(["a"])
    desk.offer([Ref("cam0", 1, seq) for seq in range(5)])
    batch = desk.plan("a", Budget(1 << 20, 1 << 20, 100))
    desk.blamed("a", batch.refs[2:3], "conflict: another hash", EventKind.TAMPER, "find out which one is genuine")
    desk.unsent("a", batch.refs)
    told = desk.tick()[1]
    assert [event.kind for event in told] == [EventKind.TAMPER]
    assert "1.2" in told[0].text
    released = set()
    for _ in range(6):
        clock.now += 1
        batch = desk.plan("a", Budget(1 << 20, 1 << 20, 100))
        assert all(ref.seq != 2 for ref in batch.refs)
        for ref in batch.refs:
            store.put(name_of(ref))
        desk.stored("a", batch.refs, store.answer([name_of(ref) for ref in batch.refs], list(batch.asks)), 1)
        store.fsync()
        released |= {seq for release in desk.tick()[0] for seq in range(release.low, release.high + 1)}
    assert released == {0, 1, 3, 4}
    assert desk.protection("cam0").state is Protection.UNPROTECTED


def test_protection_follows_copies_in_time() -> None:
    clock = Clock()
    desk = Desk("edge-1", HealthLimits(), monotonic=clock, utc_s=clock, wake=lambda: None)
    desk.configure([CameraPolicy("cam0", 2, ("a", "b"))])
    desk.know(["a", "b"])
    stores = {name: Store(name, inits={("cam0", 1)}) for name in "ab"}

    def deliver(name: str) -> None:
        for _ in range(2):
            clock.now += 0.5
            batch = desk.plan(name, Budget(1 << 20, 1 << 20, 100))
            for ref in batch.refs:
                stores[name].put(name_of(ref))
            stores[name].fsync()
            if batch:
                desk.stored(name, batch.refs, stores[name].answer([name_of(ref) for ref in batch.refs], list(batch.asks)), 1)

    desk.offer([Ref("cam0", 1, 0)])
    assert desk.protection("cam0").state is Protection.PROTECTED
    clock.now += 6
    began = clock.now
    assert desk.protection("cam0").state is Protection.UNPROTECTED
    deliver("a")
    view = desk.protection("cam0")
    assert view.state is Protection.DEGRADED
    assert view.since_s > began
    assert view.durable_age_s is None
    batch = desk.plan("b", TRIAL)
    desk.lost("b", batch.refs, "no connection (Connection refused)", at_once=True)
    assert "b: no connection (Connection refused)" in desk.protection("cam0").why
    deliver("b")
    view = desk.protection("cam0")
    assert view.state is Protection.PROTECTED
    assert view.durable_age_s == clock.now - 1000.0


def test_protections_are_those_of_the_last_tick() -> None:
    clock = Clock()
    desk = Desk("edge-1", HealthLimits(), monotonic=clock, utc_s=clock, wake=lambda: None)
    desk.configure([CameraPolicy("cam0", 1, ("a",)), CameraPolicy("cam1", 1, ("a",))])
    desk.know(["a"])
    desk.offer([Ref("cam0", 1, 0)])
    desk.tick()
    assert set(desk.protections().values()) == {Protection.PROTECTED}
    clock.now += 6
    assert set(desk.protections().values()) == {Protection.PROTECTED}
    desk.tick()
    assert desk.protections() == {"cam0": Protection.UNPROTECTED, "cam1": Protection.PROTECTED}


def test_an_answer_that_takes_nothing_is_no_acknowledgement() -> None:
    clock = Clock()
    desk = Desk("edge-1", HealthLimits(), monotonic=clock, utc_s=clock, wake=lambda: None)
    desk.configure([CameraPolicy("cam0", 1, ("a",))])
    desk.know(["a"])
    desk.offer([Ref("cam0", 1, 0)])
    empty = Store("a")  # knows no init segment, ever
    for _ in range(5):
        batch = desk.plan("a", TRIAL)
        assert not desk.stored("a", batch.refs, empty.answer([name_of(ref) for ref in batch.refs], []), 1)
        clock.now += 0.5
    (link,) = desk.links()
    assert not link.healthy
    assert link.missing == 1
    assert "takes no chunk" in link.why


def test_a_foreign_archiver_is_reported_once_until_it_answers_properly() -> None:
    clock = Clock()
    desk = Desk("edge-1", HealthLimits(), monotonic=clock, utc_s=clock, wake=lambda: None)
    desk.configure([CameraPolicy("cam0", 1, ("a",))])
    desk.know(["a"])
    for number in range(3):
        desk.foreign("a", (), f"archiver 'x{number}' answers at this address")
    assert [event.kind for event in desk.tick()[1]].count(EventKind.TAMPER) == 1
    desk.stored("a", (), Store("a").answer([], []), 1)
    desk.foreign("a", (), "archiver 'x' answers at this address")
    assert [event.kind for event in desk.tick()[1]].count(EventKind.TAMPER) == 1


def test_copies_on_an_archiver_that_left_count_no_more_even_when_it_comes_back() -> None:
    clock, store = Clock(), Store("a", inits={("cam0", 1)})
    desk = Desk("edge-1", HealthLimits(), monotonic=clock, utc_s=clock, wake=lambda: None)
    desk.configure([CameraPolicy("cam0", 2, ("a", "b"))])
    desk.know(["a", "b"])
    desk.offer([Ref("cam0", 1, 0)])
    batch = desk.plan("a", TRIAL)
    store.put(("cam0", 1, 0))
    store.fsync()
    desk.stored("a", batch.refs, store.answer([("cam0", 1, 0)], []), 1)
    assert desk.has_copy("cam0", 1, 0)
    desk.know(["b"])
    desk.know(["a", "b"])
    assert not desk.has_copy("cam0", 1, 0)
    assert {link.archiver: (link.durable, link.missing) for link in desk.links()} == {"a": (0, 1), "b": (0, 1)}


def test_what_goes_to_a_stand_in_is_urgent_at_first() -> None:
    clock, store = Clock(), Store("b", inits={("cam0", 1)})
    desk = Desk("edge-1", HealthLimits(), monotonic=clock, utc_s=clock, wake=lambda: None)
    desk.configure([CameraPolicy("cam0", 1, ("a", "b"))])
    desk.know(["a", "b"])

    def send(seq: int) -> bool:
        desk.offer([Ref("cam0", 1, seq)])
        batch = desk.plan("b", Budget(1 << 20, 1 << 20, 100))
        for ref in batch.refs:
            store.put(name_of(ref))
        desk.stored("b", batch.refs, store.answer([name_of(ref) for ref in batch.refs], list(batch.asks)), 1)
        assert batch.refs
        return batch.urgent

    desk.offer([Ref("cam0", 1, 0)])
    first = desk.plan("a", TRIAL)
    assert not first.urgent
    desk.lost("a", first.refs, "no connection (Connection refused)", at_once=True)
    assert send(1)
    clock.now += 1
    assert send(2)
    clock.now += 2
    assert not send(3)


def test_who_is_woken_for_what_was_offered_need_not_wait_for_the_mutex() -> None:
    free: list[bool] = []
    desk = Desk("edge-1", HealthLimits(), monotonic=Clock(), utc_s=Clock(), wake=lambda: free.append(not desk._mutex.locked()))
    desk.configure([CameraPolicy("cam0", 1, ("a",))])
    free.clear()
    desk.offer([Ref("cam0", 1, 0)])
    assert free == [True]
