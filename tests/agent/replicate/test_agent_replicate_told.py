"""What a desk tells operators: takeovers by what really moved, holes once each, cameras without room by name, what is owed by camera."""

from random import Random
from types import SimpleNamespace

import pytest
from replicate_fakes import Ref, Store, name_of

from watchkeep.agent.replicate import told
from watchkeep.agent.replicate.desk import Desk
from watchkeep.agent.replicate.health import HealthLimits
from watchkeep.agent.replicate.holes import PATIENCE_S
from watchkeep.agent.replicate.lanes import LIVE_S
from watchkeep.agent.replicate.pace import TRIAL, Budget
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.replicate.room import CALM_S
from watchkeep.agent.replicate.verdict import AppendError, Fault
from watchkeep.agent.replicate.worker import SendWorker
from watchkeep.wire.causes import EventKind, Protection
from watchkeep.wire.http import BUSY, STORAGE_FULL
from watchkeep.wire.messages import ErrorAnswer, Event

WIDE = Budget(1 << 20, 1 << 20, 1000)
HOLD = 30.0


class Lab:
    """A desk, its archivers and a clock."""

    def __init__(self, *cameras: CameraPolicy) -> None:
        self.now = 1000.0
        limits = HealthLimits(failback_hold_s=HOLD)
        self.desk = Desk("edge-1", limits, monotonic=lambda: self.now, utc_s=lambda: self.now, wake=lambda: None)
        self.cameras = [policy.camera for policy in cameras]
        self.desk.configure(cameras)
        self.desk.know("abc")
        self.stores = {name: Store(name, inits={(camera, 1) for camera in self.cameras}) for name in "abc"}
        self.away_s = dict.fromkeys("abc", 0.0)
        """What each one announces with its answers."""
        self.seq = 0
        self.told: list[Event] = []

    def second(self, *down: str, cut: bool = False, full: str = "", at_most: int = 1000) -> None:
        """Every camera gives a chunk, every archiver that is up takes what there is, a at most so many chunks."""
        segment = self.seq if cut else 0
        self.desk.offer([Ref(camera, 1, self.seq, segment) for camera in self.cameras])
        self.seq += 1
        for _ in range(2):
            self.now += 0.5
            for name, store in self.stores.items():
                batch = self.desk.plan(name, TRIAL if name in down else Budget(1 << 20, 1 << 20, at_most) if name == "a" else WIDE)
                if name in down:
                    self.desk.lost(name, batch.refs, "no connection", at_once=True)
                elif name == full and batch.refs:
                    self.desk.lost(name, batch.refs, "status 507", at_once=False, full=True)
                elif batch:
                    names = [name_of(ref) for ref in batch.refs]
                    for chunk in names:
                        store.put(chunk)
                    store.fsync()
                    answer = store.answer(names, list(batch.asks)).model_copy(update={"maintenance_s": self.away_s[name]})
                    self.desk.stored(name, batch.refs, answer, 1)
        self.told += self.desk.tick()[1]

    def seconds(self, count: int, *down: str, **how: object) -> None:
        for _ in range(count):
            self.second(*down, **how)  # type: ignore[arg-type]

    def link(self, archiver: str) -> str:
        return next(link.why for link in self.desk.links() if link.archiver == archiver)

    def of(self, kind: EventKind) -> list[str]:
        return [event.text for event in self.told if event.kind is kind]


def test_a_takeover_names_the_stand_ins_and_counts_what_moved() -> None:
    lab = Lab(CameraPolicy("cam0", 1, ("a", "b")), CameraPolicy("cam1", 1, ("a", "b")), CameraPolicy("cam2", 1, ("a", "c")),
              CameraPolicy("cam3", 1, ("b", "a")), CameraPolicy("cam4", 1, ("a",)))  # fmt: skip
    lab.second()
    lab.second("a")
    assert lab.of(EventKind.TAKEOVER) == ["archiver a is unhealthy: no connection; 3 cameras go on: 2 to b and 1 to c; "
                                          "1 camera has no stand-in, and the journal keeps what is owed to it"]  # fmt: skip
    lab.seconds(2, cut=True)
    assert lab.of(EventKind.FAILBACK) == []
    lab.seconds(int(HOLD) + 2, cut=True)
    assert lab.of(EventKind.FAILBACK) == [
        "archiver a is in full use again; 3 cameras return to it at the next segment cut: 2 from b and 1 from c"]  # fmt: skip
    assert lab.of(EventKind.ARCHIVER) == []


def test_sticky_cameras_that_do_not_come_back_are_counted_until_an_operator_gives_them_back() -> None:
    lab = Lab(CameraPolicy("cam0", 1, ("a", "b"), failback="sticky"), CameraPolicy("cam1", 1, ("a", "b"), failback="sticky"),
              CameraPolicy("cam2", 1, ("a", "b")), CameraPolicy("cam3", 1, ("b", "a"), failback="sticky"))  # fmt: skip
    lab.second()
    lab.second("a")
    lab.seconds(2, cut=True)
    assert lab.link("a") == "answers again, in its hold-down"
    lab.seconds(int(HOLD) + 2, cut=True)
    assert lab.link("a") == "answers again, 2 sticky cameras stay with a stand-in"
    assert lab.of(EventKind.FAILBACK) == ["archiver a is in full use again; 1 camera returns to it at the next segment cut from b"]
    lab.desk.place(["cam0", "cam1"], None)
    assert lab.link("a") == ""
    lab.seconds(2, cut=True)
    assert {one.camera: one.targets for one in lab.desk.overview().copies}["cam1"] == ("a",)


def test_a_spare_that_nobody_used_is_no_takeover() -> None:
    lab = Lab(CameraPolicy("cam0", 2, ("a", "b", "c")))
    lab.second()
    lab.second("c")
    assert (lab.of(EventKind.TAKEOVER), lab.of(EventKind.ARCHIVER)) == ([], ["archiver c is unhealthy: no connection; no camera used it"])
    lab.seconds(int(HOLD) + 3)
    assert lab.of(EventKind.ARCHIVER)[1:] == ["archiver c is healthy again; no camera moves"]
    assert lab.of(EventKind.FAILBACK) == []


def test_a_hole_opens_and_is_filled_once_for_each_outage() -> None:
    lab = Lab(CameraPolicy("cam0", 2, ("a", "b")), CameraPolicy("cam1", 1, ("b",)))
    lab.seconds(3)
    lab.seconds(int(LIVE_S) - 1, "a")
    assert lab.of(EventKind.HOLE) == [], "what is missing is live still"
    lab.seconds(int(PATIENCE_S) + 60, "a")
    assert lab.of(EventKind.HOLE) == ["hole opened: a lacks chunks of cam0 from chunk 3 of epoch 1 on; the journal keeps them for it"]
    assert lab.desk.protection("cam0").owed == {"a": 61 + int(LIVE_S)}
    assert lab.desk.protection("cam0").oldest_owed_age_s == pytest.approx(61 + LIVE_S)
    assert lab.desk.protection("cam1").owed == {}
    lab.seconds(10)
    assert len(lab.of(EventKind.HOLE)) == 2
    assert lab.of(EventKind.HOLE)[1].startswith("hole filled: a has all chunks of cam0 after ")
    assert lab.desk.protection("cam0").oldest_owed_age_s == 0.0
    lab.seconds(60)
    lab.seconds(int(LIVE_S + PATIENCE_S) + 2, "a")
    lab.seconds(10)
    assert [text.split(":")[0] for text in lab.of(EventKind.HOLE)] == ["hole opened", "hole filled"] * 2


def test_what_a_takeover_brings_along_is_no_hole_and_what_moves_away_ends_one() -> None:
    lab = Lab(CameraPolicy("cam0", 1, ("a", "b")))
    lab.seconds(2)
    lab.seconds(20, "a", "b")
    assert [text.split(":")[0] for text in lab.of(EventKind.HOLE)] == ["hole opened"]
    lab.seconds(5, "a")
    assert lab.of(EventKind.HOLE)[1].endswith("what a lacked of cam0 is for b now")
    assert len(lab.of(EventKind.HOLE)) == 2


def test_a_hole_that_the_quota_eats_ends_with_a_loss() -> None:
    lab = Lab(CameraPolicy("cam0", 1, ("a",)))
    lab.seconds(2)
    lab.seconds(20, "a")
    lab.desk.dropped("cam0", 1, 0, 11)
    lab.seconds(5)
    assert len(lab.of(EventKind.HOLE)) == 2
    assert lab.of(EventKind.HOLE)[1].endswith("the journal gave up 10 chunks of cam0 that a lacked")


def test_a_full_archiver_leaves_out_the_least_important_and_says_whom() -> None:
    lab = Lab(CameraPolicy("cam0", 1, ("a", "b"), 3), CameraPolicy("cam1", 1, ("a",), 3), CameraPolicy("cam2", 1, ("a", "b"), 9))
    lab.seconds(3)
    lab.second(full="a")
    (told_,) = lab.of(EventKind.ARCHIVER)
    assert told_ == ("archiver a has no room for cameras below priority 9: status 507; cam0 goes on to b; "
                     "cam1 has no other archiver, and the journal keeps what is owed")  # fmt: skip
    lab.seconds(8)
    assert lab.desk.protection("cam2").state is lab.desk.protection("cam0").state is Protection.PROTECTED
    view = lab.desk.protection("cam1")
    assert view.state is Protection.UNPROTECTED
    assert "no room on a for priority 3: status 507" in view.why
    lab.seconds(int(HOLD), cut=True)
    assert lab.of(EventKind.ARCHIVER)[1:] == ["archiver a is tried with all cameras again; cam0 returns at the next segment cut"]
    lab.seconds(3)
    assert lab.desk.protection("cam1").state is Protection.PROTECTED
    assert lab.desk.protection("cam1").owed == {}


def test_a_lane_that_cannot_keep_up_leaves_out_the_least_important() -> None:
    """a takes six chunks a second, four cameras on it give four; another four of low priority are too many."""
    important = [CameraPolicy(f"cam{number}", 1, ("a",), 8) for number in range(4)]
    lab = Lab(*important, *(CameraPolicy(f"low{number}", 1, ("a", "b"), 1) for number in range(4)))
    lab.seconds(int(CALM_S) + 20, at_most=3)
    assert lab.of(EventKind.ARCHIVER)[0] == ("archiver a has no room for cameras below priority 8: its live lane cannot keep up; "
                                             "low0, low1, low2, low3 go on to b")  # fmt: skip
    lab.seconds(6, at_most=3)
    assert {lab.desk.protection(camera).state for camera in lab.cameras} == {Protection.PROTECTED}


def test_long_lists_are_counted() -> None:
    assert told.named(f"c{number}" for number in range(10)) == "c0, c1, c2, c3, c4, c5, c6, c7 and 2 more"


@pytest.mark.parametrize(("code", "full"), [(STORAGE_FULL, True), (BUSY, False)])
def test_only_storage_full_says_that_there_is_no_room(code: str, full: bool) -> None:
    said: list[dict[str, object]] = []
    desk = SimpleNamespace(lost=lambda *_, **how: said.append(how))
    worker = SendWorker("a", "http://127.0.0.1:1", desk, None, agent="edge-1", tick_s=0.1, ack_timeout_s=2.0, catchup_share=0.5,  # type: ignore[arg-type]
                        random=Random(1))  # fmt: skip
    answer = ErrorAnswer(code=code, reason="no")
    worker._failed((), AppendError("no", Fault.STATUS, remedy="", status=507, answer=answer))
    assert said == [{"at_once": False, "full": full}]


def test_a_planned_absence_is_told_and_shown_and_nobody_takes_over() -> None:
    lab = Lab(CameraPolicy("cam0", 1, ("a", "b")), CameraPolicy("cam1", 2, ("b", "a")))
    lab.seconds(2)
    lab.away_s["a"] = 60.0
    lab.second()
    lab.away_s["a"] = 0.0
    assert lab.of(EventKind.ARCHIVER) == [
        "archiver a is in maintenance for 60 s: its cameras stay, and the journal keeps what it does not take"]  # fmt: skip
    lab.seconds(8, "a")
    why = "a: in maintenance for another 52 s: no connection"
    assert why in lab.desk.protection("cam0").why
    assert lab.desk.protection("cam0").state is Protection.UNPROTECTED
    assert lab.desk.protection("cam1").state is Protection.DEGRADED
    assert (lab.desk.links()[0].healthy, lab.desk.links()[0].maintenance_s) == (False, 52.0)
    lab.seconds(3)
    assert lab.of(EventKind.ARCHIVER)[1:] == ["archiver a is healthy again; no camera moves"]
    assert (lab.desk.links()[0].healthy, lab.desk.links()[0].maintenance_s) == (True, 0.0)
    assert lab.of(EventKind.TAKEOVER) == []


def test_who_cannot_be_waited_for_is_a_takeover_with_its_reason() -> None:
    lab = Lab(CameraPolicy("cam0", 1, ("a", "b")))
    lab.seconds(2)
    lab.away_s["a"] = 60.0
    lab.second()
    lab.second("a")
    lab.desk.crowded(True)
    lab.second("a")
    [text] = lab.of(EventKind.TAKEOVER)
    assert text == ("archiver a is in maintenance and cannot be waited for, because the journal is nearly full or another copy is missing: "
                    "1 camera goes on to b")  # fmt: skip


def test_two_in_maintenance_at_once_are_told_of() -> None:
    lab = Lab(CameraPolicy("cam0", 2, ("a", "b", "c")))
    lab.seconds(2)
    lab.away_s.update(a=60.0, b=60.0)
    lab.second()
    assert lab.of(EventKind.TAKEOVER) == ["archiver b is in maintenance for 60 s; so is another one, so 1 camera goes on to c"]
