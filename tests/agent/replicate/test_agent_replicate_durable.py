"""An archiver that answers and never makes durable is replaced after a bound, and used again when it does."""

from replicate_fakes import Ref, Store, name_of

from watchkeep.agent.replicate.desk import Desk
from watchkeep.agent.replicate.health import HealthLimits
from watchkeep.agent.replicate.lanes import MAX_ASKS
from watchkeep.agent.replicate.pace import TRIAL, Budget
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.wire.causes import EventKind
from watchkeep.wire.messages import Event

TIMEOUT_S = 10.0
WHY = "it receives, and has made nothing durable for 10 s"


class Lab:
    """cam0 with one copy on a, else b; `idle` archivers receive and never sync."""

    def __init__(self, *listed: str) -> None:
        self.now, self.seq, self.idle, self.told = 1000.0, 0, set[str](), list[Event]()
        self.limits = HealthLimits(failback_hold_s=5.0, durable_timeout_s=TIMEOUT_S)
        self.desk = Desk("edge-1", self.limits, monotonic=lambda: self.now, utc_s=lambda: self.now, wake=lambda: None)
        self.desk.configure([CameraPolicy("cam0", 1, listed)])
        self.desk.know(listed)
        self.stores = {name: Store(name, inits={("cam0", 1)}) for name in listed}
        self.failing = dict.fromkeys(listed, False)

    def seconds(self, count: int) -> None:
        for _ in range(count * 2):
            self.now += 0.5
            if self.now % 1 == 0:
                self.desk.offer([Ref("cam0", 1, self.seq, self.seq)])
                self.seq += 1
            for name, store in self.stores.items():
                batch = self.desk.plan(name, TRIAL if self.failing[name] else Budget(1 << 20, 1 << 20, 1000))
                assert len(batch.asks) <= MAX_ASKS
                names = [name_of(ref) for ref in batch.refs]
                for chunk in names:
                    store.put(chunk)
                if name not in self.idle:
                    store.fsync()
                if batch:
                    self.failing[name] = not self.desk.stored(name, batch.refs, store.answer(names, list(batch.asks)), 1)
            self.told += self.desk.tick()[1]

    def of(self, kind: EventKind) -> list[str]:
        return [event.text for event in self.told if event.kind is kind]


def test_who_receives_and_never_makes_durable_is_replaced_and_everything_goes_to_the_next() -> None:
    lab = Lab("a", "b")
    lab.seconds(3)
    lab.idle.add("a")
    lab.seconds(int(TIMEOUT_S))
    assert lab.of(EventKind.TAKEOVER) == []
    lab.seconds(3)
    assert lab.of(EventKind.TAKEOVER) == [f"archiver a is unhealthy: {WHY}; 1 camera goes on to b"]
    lab.seconds(1)
    assert {name[2] for name in lab.stores["a"].durable | lab.stores["b"].durable} >= set(range(lab.seq - 1))


def test_its_answers_count_for_nothing_until_the_chunk_that_bears_witness_is_durable() -> None:
    lab = Lab("a", "b")
    lab.seconds(2)
    lab.idle.add("a")
    lab.seconds(60)
    [link] = [link for link in lab.desk.links() if link.archiver == "a"]
    assert (link.healthy, link.why) == (False, WHY)
    assert len(lab.of(EventKind.TAKEOVER)) == 1
    lab.idle.clear()
    lab.seconds(9)
    assert len(lab.of(EventKind.FAILBACK)) == 1
    lab.seconds(30)
    assert len(lab.of(EventKind.TAKEOVER)) == 1


def test_a_restart_that_lost_the_witness_is_a_new_beginning() -> None:
    lab = Lab("a", "b")
    lab.seconds(2)
    lab.idle.add("a")
    lab.seconds(20)
    lab.idle.clear()
    lab.stores["a"].restart()
    lab.seconds(9)
    assert len(lab.of(EventKind.FAILBACK)) == 1


def test_one_that_syncs_now_and_then_keeps_its_place() -> None:
    lab = Lab("a", "b")
    for _ in range(6):
        lab.idle.add("a")
        lab.seconds(int(TIMEOUT_S) - 2)
        lab.idle.clear()
        lab.seconds(2)
    assert lab.told == []


def test_the_only_archiver_goes_on_getting_chunks_one_by_one() -> None:
    lab = Lab("a")
    lab.seconds(2)
    lab.idle.add("a")
    lab.seconds(20)
    before = len(lab.stores["a"].received)
    lab.seconds(5)
    assert len(lab.stores["a"].received) > before
    lab.idle.clear()
    lab.seconds(12)
    assert lab.desk.links()[0].missing <= 1
