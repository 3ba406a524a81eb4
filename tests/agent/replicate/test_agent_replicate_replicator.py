"""The whole of replication over real HTTP, against archivers that refuse, hang, fail, reset, lie and crash."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from random import Random

import pytest
from replicate_fakes import FakeSpool, Ref, refs
from replicate_http import HttpArchiver, wait_for

from watchkeep.agent.replicate.desk import Desk
from watchkeep.agent.replicate.health import HealthLimits
from watchkeep.agent.replicate.pace import CATCHUP_BYTES
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.replicate.replicator import Replicator
from watchkeep.agent.replicate.worker import SendWorker
from watchkeep.wire.causes import EventKind, Protection
from watchkeep.wire.errors import IdError, UsageError
from watchkeep.wire.messages import ArchiverLink, Event
from watchkeep.wire.record import RecordKind

ACK_S = 0.4
"""A fifth of the product's ack time-out, so that the tests are quick."""


class Site:
    """Archivers, a spool and a replicator; offer() appends to the spool and offers."""

    def __init__(self) -> None:
        self.spool, self.events = FakeSpool(), list[Event]()
        self.hurried: SimpleQueue[Sequence[str]] = SimpleQueue()
        self.archivers: dict[str, HttpArchiver] = {}
        self.replicators: list[Replicator] = []
        self.absent: dict[str, float] = {}
        """What is left of absences that are planned, by archiver."""

    def start(self, cameras: list[CameraPolicy], *names: str, hold_s: float = 60.0, tick_s: float = 0.02, share: float = 0.5) -> Replicator:
        for name in names:
            self.archivers.setdefault(name, HttpArchiver(name))
        limits = HealthLimits(ack_timeout_s=ACK_S, failback_hold_s=hold_s)
        replicator = Replicator(self.spool, agent="edge-1", cameras=cameras, limits=limits, tick_s=tick_s, on_event=self.events.append,
                                catchup_share=share, hurry=self.hurried.put, random=Random(1),
                                absent=lambda name: self.absent.get(name, 0.0))  # fmt: skip
        self.replicators.append(replicator)
        replicator.start()
        replicator.set_archivers({name: self.archivers[name].url for name in names})
        return replicator

    def offer(self, camera: str, low: int, high: int, **kwargs: int) -> list[Ref]:
        new = self.spool.append(refs(camera, 1, low, high, **kwargs))
        self.replicators[-1].offer(new)
        return new

    def link(self, name: str) -> ArchiverLink:
        return next(link for link in self.replicators[-1].links() if link.archiver == name)

    def close(self) -> None:
        for replicator in self.replicators:
            replicator.stop()
        for archiver in self.archivers.values():
            archiver.close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def names(chunks: list[Ref]) -> set[tuple[str, int, int]]:
    return {ref.name for ref in chunks}


def test_both_archivers_get_every_chunk_in_order_and_the_journal_is_freed(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 2), CameraPolicy("cam1", 2)], "a", "b")
    chunks = [ref for seq in range(20) for camera in ("cam0", "cam1") for ref in site.offer(camera, seq, seq)]
    assert replicator.drain(5)
    for archiver in site.archivers.values():
        assert archiver.stored == names(chunks)
        for camera in ("cam0", "cam1"):
            assert [seq for name, _, seq in archiver.store.arrivals if name == camera] == list(range(20))
    assert wait_for(lambda: not site.spool.held)
    assert [(link.received, link.durable, link.missing) for link in replicator.links()] == [(40, 40, 0)] * 2
    view = replicator.protection("cam0")
    assert view.state is Protection.PROTECTED
    assert view.durable_age_s is not None


def test_an_init_segment_precedes_its_epoch_once_a_connection(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1)], "a")
    site.offer("cam0", 0, 3)
    assert replicator.drain(5)
    site.offer("cam0", 4, 7)
    assert replicator.drain(5)
    archiver = site.archivers["a"]
    kinds = [kind for request in archiver.requests for kind, _ in request]
    assert kinds.count(RecordKind.INIT) == 1
    assert kinds[0] is RecordKind.INIT
    with archiver.lock:
        archiver.store.inits.clear()  # the archiver forgot: it has to say so and gets it again
    site.offer("cam0", 8, 9)
    assert replicator.drain(5)
    assert [kind for request in archiver.requests for kind, _ in request].count(RecordKind.INIT) == 2
    assert len(archiver.stored) == 10
    archiver.kill()
    archiver.heal()
    site.offer("cam0", 10, 10)
    assert wait_for(lambda: len(archiver.stored) == 11)
    assert [kind for request in archiver.requests for kind, _ in request].count(RecordKind.INIT) == 3


@pytest.mark.parametrize("fault", ["kill", "hang", "500", "reset", "wrong id", "page"])
def test_a_spare_takes_over_from_every_fault_and_nothing_is_lost(site: Site, fault: str) -> None:
    replicator = site.start([CameraPolicy("cam0", 1, ("a", "b"))], "a", "b")
    site.offer("cam0", 0, 4)
    assert replicator.drain(5)
    site.archivers["a"].kill() if fault == "kill" else setattr(site.archivers["a"], "fault", fault)
    began = time.monotonic()
    late = site.offer("cam0", 5, 9)
    assert wait_for(lambda: not site.link("a").healthy)
    took = time.monotonic() - began
    if fault in ("hang", "500"):
        assert ACK_S - 0.1 <= took < ACK_S + 0.6
    else:
        assert took < ACK_S
    assert replicator.drain(5)
    assert site.archivers["b"].stored >= names(late)
    foreign = {EventKind.TAMPER} if fault in ("wrong id", "page") else set()
    assert wait_for(lambda: {event.kind for event in site.events if event.archiver == "a"} == {EventKind.TAKEOVER} | foreign)
    site.archivers["a"].heal()
    assert wait_for(lambda: site.link("a").healthy)
    assert "hold-down" in site.link("a").why


def test_failback_follows_the_hold_down_at_a_segment_cut(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1, ("a", "b"))], "a", "b", hold_s=0.3)
    site.archivers["a"].kill()
    site.offer("cam0", 0, 3, segment=10)
    assert replicator.drain(5)
    assert len(site.archivers["b"].stored) == 4
    site.archivers["a"].heal()
    assert wait_for(lambda: any(event.kind is EventKind.FAILBACK for event in site.events))
    site.offer("cam0", 4, 14, segment=10)
    assert replicator.drain(5)
    assert {seq for *_, seq in site.archivers["b"].stored} == set(range(10))
    assert {seq for *_, seq in site.archivers["a"].stored} == set(range(10, 15))


def test_a_hung_archiver_delays_no_other(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 2)], "a", "b")
    site.archivers["a"].fault = "hang"
    slowest = 0.0
    for seq in range(30):
        (ref,) = site.offer("cam0", seq, seq)
        began = time.monotonic()
        assert wait_for(lambda wanted=ref.name: wanted in site.archivers["b"].stored, 2)
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < ACK_S
    assert not replicator.drain(0.2)
    site.archivers["a"].heal()
    assert wait_for(lambda: len(site.archivers["a"].stored) == 30)
    assert replicator.drain(5)


def test_without_a_spare_the_journal_bridges_an_outage_newest_segment_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.agent.replicate.lanes.LIVE_S", 0.2)
    replicator = site.start([CameraPolicy("cam0", 2)], "a", "b")
    site.archivers["a"].kill()
    chunks = site.offer("cam0", 0, 39, segment=10, size=500_000)
    assert wait_for(lambda: len(site.archivers["b"].stored) == 40)
    assert not replicator.drain(0.1)
    assert len(site.spool.held) == 40
    threading.Event().wait(0.8)  # the chunks have to become older than LIVE_S
    site.archivers["a"].heal()
    assert wait_for(lambda: site.archivers["a"].stored == names(chunks))
    assert replicator.drain(5)
    order = [seq for *_, seq in site.archivers["a"].store.arrivals]
    assert order == [seq for segment in (30, 20, 10, 0) for seq in range(segment, segment + 10)]
    most = max(sum(kind is RecordKind.CHUNK for kind, _ in request) for request in site.archivers["a"].requests)
    assert most <= 4  # of 500 kB in 2 MB


def test_live_chunks_are_not_delayed_by_catch_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.agent.replicate.lanes.LIVE_S", 0.2)
    site.start([CameraPolicy("cam0", 1)], "a")
    site.archivers["a"].kill()
    site.offer("cam0", 0, 99, segment=10, size=500_000)
    threading.Event().wait(0.8)
    site.archivers["a"].heal()
    assert wait_for(lambda: len(site.archivers["a"].stored) > 3)
    (live,) = site.offer("cam0", 100, 100)
    assert wait_for(lambda: live.name in site.archivers["a"].stored)
    assert len(site.archivers["a"].stored) < 100
    request = next(request for request in site.archivers["a"].requests if (RecordKind.CHUNK, live.name) in request)
    assert next(name for kind, name in request if kind is RecordKind.CHUNK) == live.name


def test_catch_up_takes_half_of_the_links_time_and_not_a_batch_a_tick(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.agent.replicate.lanes.LIVE_S", 0.2)
    site.start([CameraPolicy("cam0", 1)], "a", tick_s=1.0)
    site.archivers["a"].kill()
    site.offer("cam0", 0, 99, segment=10, size=500_000)
    threading.Event().wait(0.8)
    site.archivers["a"].heal()
    assert wait_for(lambda: len(site.archivers["a"].stored) == 100), "25 batches of 2 MB would take 25 ticks of a second"


def test_a_restart_of_the_archiver_that_loses_what_was_not_durable(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1)], "a")
    archiver = site.archivers["a"]
    archiver.auto_fsync = False
    chunks = site.offer("cam0", 0, 9)
    assert wait_for(lambda: site.link("a").received == 10)
    assert site.link("a").durable == 0
    assert not replicator.drain(0.2)
    archiver.kill()
    assert not archiver.stored
    archiver.auto_fsync = True
    archiver.heal()
    assert wait_for(lambda: archiver.store.durable == names(chunks))
    assert wait_for(lambda: not site.spool.held)


def test_a_conflict_is_reported_as_tampering_and_holds_nothing_up(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1), CameraPolicy("cam1", 1)], "a")
    site.archivers["a"].conflicts = {("cam0", 1, 3)}
    chunks = site.offer("cam0", 0, 9) + site.offer("cam1", 0, 9)
    assert wait_for(lambda: site.archivers["a"].stored == names(chunks) - {("cam0", 1, 3)})
    assert wait_for(lambda: set(site.spool.held) == {("cam0", 1, 3)})
    assert not replicator.drain(1)
    told = [event for event in site.events if event.kind is EventKind.TAMPER]
    assert [(event.camera, event.archiver) for event in told] == [("cam0", "a")]
    assert sum((RecordKind.CHUNK, ("cam0", 1, 3)) in request for request in site.archivers["a"].requests) == 1
    assert site.link("a").healthy


def test_an_unnamed_refusal_is_pinned_to_its_chunk(site: Site) -> None:
    site.start([CameraPolicy("cam0", 1)], "a")
    site.archivers["a"].unnamed = {("cam0", 1, 13)}
    chunks = site.offer("cam0", 0, 31)
    assert wait_for(lambda: site.archivers["a"].stored == names(chunks) - {("cam0", 1, 13)})
    assert wait_for(lambda: [event.kind for event in site.events] == [EventKind.HOLE])
    assert "1.13 " in site.events[0].text


def test_an_archiver_that_refuses_everything_blames_few_chunks(site: Site) -> None:
    site.start([CameraPolicy("cam0", 1, ("a", "b"))], "a", "b")
    site.archivers["a"].unnamed = {("cam0", 1, seq) for seq in range(100)}
    chunks = site.offer("cam0", 0, 31)
    # its link is unhealthy for a moment only: nothing is owed to it any more, and it answers
    assert wait_for(lambda: any("archiver a is unhealthy: status 400" in event.text for event in list(site.events)))
    assert wait_for(lambda: site.archivers["b"].stored == names(chunks))
    assert sum(event.kind is EventKind.HOLE for event in site.events) <= 3


def test_an_unreadable_chunk_is_reported_and_holds_nothing_up(site: Site) -> None:
    site.start([CameraPolicy("cam0", 1)], "a")
    site.spool.broken.add(("cam0", 1, 2))
    chunks = site.offer("cam0", 0, 5)
    assert wait_for(lambda: site.archivers["a"].stored == names(chunks) - {("cam0", 1, 2)})
    assert wait_for(lambda: [event.kind for event in site.events] == [EventKind.DISK])


def test_a_chunk_without_its_init_segment_is_stored_where_its_epoch_is_known(site: Site) -> None:
    site.start([CameraPolicy("cam0", 2)], "a", "b")
    site.spool.no_init.add(("cam0", 1))
    site.archivers["b"].store.inits.add(("cam0", 1))
    chunks = site.offer("cam0", 0, 5)
    assert wait_for(lambda: site.archivers["b"].stored == names(chunks))
    assert wait_for(lambda: [event.kind for event in site.events] == [EventKind.DISK])
    assert "is not stored on a: it does not know their epoch, and the journal has lost the init segment" in site.events[0].text
    assert site.link("a").healthy
    assert not site.spool.released


def test_a_chunk_without_its_init_segment_is_a_loss_where_nobody_knows_its_epoch(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1)], "a")
    site.spool.no_init.add(("cam0", 1))
    chunks = site.offer("cam0", 0, 2)
    assert wait_for(lambda: {*site.spool.released} == names(chunks))
    assert wait_for(lambda: sorted(event.kind for event in site.events) == sorted([EventKind.DISK, EventKind.LOSS]))
    later = site.spool.append(refs("cam0", 2, 0, 0))
    replicator.offer(later)
    assert wait_for(lambda: site.archivers["a"].stored == names(later)), "the next epoch is as any other"
    assert site.link("a").healthy


def test_a_damaged_chunk_is_told_once_released_as_a_loss_when_nobody_has_it_and_holds_nothing_up(site: Site) -> None:
    site.start([CameraPolicy("cam0", 2)], "a", "b")
    site.spool.damaged.add(("cam0", 1, 2))
    chunks = site.offer("cam0", 0, 5)
    for name in "ab":
        assert wait_for(lambda name=name: site.archivers[name].stored == names(chunks) - {("cam0", 1, 2)})
    assert wait_for(lambda: ("cam0", 1, 2) in site.spool.released)
    assert wait_for(lambda: [event.kind for event in site.events] == [EventKind.DISK, EventKind.LOSS])
    assert "chunk 1.2 is damaged in the journal" in site.events[0].text
    assert "journal file 7" in site.events[0].text
    assert "chunks 2 to 2 of epoch 1 are lost: damaged in the journal" in site.events[1].text
    assert site.events[1].camera == "cam0"


def test_what_a_hung_disk_keeps_back_holds_up_nothing_that_is_in_ram_and_goes_when_it_answers(site: Site) -> None:
    site.start([CameraPolicy("cam0", 1)], "a")
    site.spool.hung |= {("cam0", 1, seq) for seq in range(3)}
    chunks = site.offer("cam0", 0, 5)
    assert wait_for(lambda: site.archivers["a"].stored == {("cam0", 1, seq) for seq in (3, 4, 5)})
    site.spool.hung.clear()
    assert wait_for(lambda: site.archivers["a"].stored == names(chunks))
    assert not site.events
    assert site.link("a").healthy


def test_a_connection_closed_while_idle_is_nobodys_fault(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1)], "a")
    site.archivers["a"].fault = "close"
    for seq in range(5):
        site.offer("cam0", seq, seq)
        assert replicator.drain(5)
    assert not site.events
    assert site.link("a").healthy


def test_a_dead_archiver_is_known_by_its_idle_connection_at_the_next_question(site: Site) -> None:
    site.start([CameraPolicy("cam0", 1)], "a", "b")
    site.archivers["a"].auto_fsync = False
    site.offer("cam0", 0, 0)
    assert wait_for(lambda: site.link("a").received == 1)
    asked = len(site.archivers["a"].requests)
    assert wait_for(lambda: len(site.archivers["a"].requests) > asked)
    site.archivers["a"].kill()
    began = time.monotonic()
    assert wait_for(lambda: site.archivers["b"].stored == {("cam0", 1, 0)})
    assert time.monotonic() - began < 0.8, "the next question after 0.5 s finds a stale connection, then a refused one, without a pause"


def test_after_a_restart_of_the_agent_archivers_are_asked_first(site: Site) -> None:
    first = site.start([CameraPolicy("cam0", 1)], "a")
    chunks = refs("cam0", 1, 0, 9)
    first.offer(site.spool.append(chunks[:6]))
    assert first.drain(5)
    first.stop()
    site.spool.append(chunks)  # the journal's releases were lost with the crash, and four chunks were never sent
    before = len(site.archivers["a"].requests)
    second = Replicator(site.spool, agent="edge-1", cameras=[CameraPolicy("cam0", 1)], tick_s=0.02)
    site.replicators.append(second)
    second.recovered(chunks)
    second.start()
    second.set_archivers({"a": site.archivers["a"].url})
    assert second.drain(5)
    requests = site.archivers["a"].requests[before:]
    assert requests[0][0][0] is RecordKind.ASK
    assert {name[2] for request in requests for kind, name in request if kind is RecordKind.CHUNK} == {6, 7, 8, 9}
    assert wait_for(lambda: not site.spool.held)


def test_archivers_come_move_and_go_at_run_time(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1)], "a")
    site.offer("cam0", 0, 4)
    assert replicator.drain(5)
    moved = site.archivers["moved"] = HttpArchiver("a")
    replicator.set_archivers({"a": moved.url})
    site.offer("cam0", 5, 9)
    assert replicator.drain(5)
    assert {seq for *_, seq in moved.stored} == set(range(5, 10))
    other = site.archivers["b"] = HttpArchiver("b")
    replicator.set_archivers({"b": other.url})
    site.offer("cam0", 10, 14)
    assert replicator.drain(5)
    assert {seq for *_, seq in other.stored} == set(range(10, 15))
    assert [link.archiver for link in replicator.links()] == ["b"]
    assert {thread.name for thread in threading.enumerate() if thread.name.startswith("wk-")} == {"wk-replicate", "wk-send-b"}


@pytest.mark.parametrize(
    ("urls", "error"), [({"a": "ftp://x"}, UsageError), ({"a": "http://x:port"}, UsageError), ({"A/..": "http://x"}, IdError)]
)
def test_a_bad_address_changes_nothing(site: Site, urls: dict[str, str], error: type[Exception]) -> None:
    replicator = site.start([CameraPolicy("cam0", 1)], "b")
    with pytest.raises(error):
        replicator.set_archivers(urls)
    assert [link.archiver for link in replicator.links()] == ["b"]


def test_stopping_is_quick_even_when_an_archiver_hangs(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1)], "a")
    site.archivers["a"].fault = "hang"
    site.offer("cam0", 0, 0)
    assert wait_for(lambda: site.archivers["a"].attempts > 0)
    began = time.monotonic()
    replicator.stop()
    assert time.monotonic() - began < ACK_S


def test_a_release_that_fails_is_tried_again_and_reported_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    release: Callable[[str, int, int, int], None] = site.spool.release
    fail = threading.Event()
    fail.set()

    def sometimes(camera: str, epoch: int, low: int, high: int) -> None:
        if fail.is_set():
            raise OSError(5, "Input/output error")
        release(camera, epoch, low, high)

    monkeypatch.setattr(site.spool, "release", sometimes)
    replicator = site.start([CameraPolicy("cam0", 1)], "a")
    site.offer("cam0", 0, 4)
    assert replicator.drain(5)
    assert wait_for(lambda: [event.kind for event in site.events] == [EventKind.DISK])
    fail.clear()
    assert wait_for(lambda: not site.spool.held)
    assert len(site.events) == 1


def test_an_archiver_that_dies_between_two_batches_is_known_at_once_and_its_cameras_are_cut_early(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1, ("a", "b")), CameraPolicy("cam1", 1, ("b", "a"))], "a", "b", tick_s=60.0)
    replicator.offer(site.spool.append(refs("cam0", 1, 0, 0) + refs("cam1", 1, 0, 0)))  # at once: a probe of b would begin its tick
    assert replicator.drain(5)
    with pytest.raises(Empty):
        site.hurried.get_nowait()
    site.archivers["a"].kill()
    assert site.hurried.get(timeout=5) == ["cam0"]  # the tick of a minute is not waited for
    assert not site.link("a").healthy


def test_nobody_takes_over_from_an_archiver_that_is_away_as_the_site_has_planned(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1, ("a", "b"))], "a", "b")
    site.absent["a"] = 60.0
    site.offer("cam0", 0, 4)
    assert replicator.drain(5)
    assert wait_for(lambda: site.link("a").maintenance_s > 50.0)
    site.archivers["a"].kill()
    late = site.offer("cam0", 5, 9)
    assert wait_for(lambda: "in maintenance" in site.link("a").why and "no connection" in site.link("a").why)
    site.archivers["a"].heal()
    assert wait_for(lambda: site.archivers["a"].stored >= names(late))
    assert site.archivers["b"].stored == set()
    assert [event.kind for event in site.events if event.kind is EventKind.TAKEOVER] == []
    del site.absent["a"]
    assert wait_for(lambda: site.link("a").healthy and site.link("a").maintenance_s == 0.0)


def test_a_peer_that_closes_idle_connections_stays_healthy(site: Site) -> None:
    replicator = site.start([CameraPolicy("cam0", 1)], "a")
    for seq in range(3):
        site.offer("cam0", seq, seq)
        assert replicator.drain(5)
        site.archivers["a"].hang_up()
    assert site.link("a").healthy
    assert not site.events


def test_catch_up_leaves_the_live_lane_its_share_of_the_time(site: Site) -> None:
    """With a hundredth of the time for itself, the backlog's second batch is not due in this test; live chunks pass it."""
    site.archivers["a"] = HttpArchiver("a")
    site.archivers["a"].slow_s = 0.1
    replicator = Replicator(site.spool, agent="edge-1", cameras=[CameraPolicy("cam0", 1)], limits=HealthLimits(), tick_s=0.02,
                            catchup_share=0.01, random=Random(1))  # fmt: skip
    site.replicators.append(replicator)
    old = site.spool.append(refs("cam0", 1, 0, 19, size=CATCHUP_BYTES // 4))
    replicator.recovered(old)
    replicator.start()
    replicator.set_archivers({"a": site.archivers["a"].url})
    assert wait_for(lambda: bool(site.archivers["a"].stored))
    first = len(site.archivers["a"].stored)
    assert first < 20
    live = site.offer("cam0", 20, 20)
    assert wait_for(lambda: names(live) <= site.archivers["a"].stored)
    assert len(site.archivers["a"].stored) == first + 1


def test_a_camera_that_left_is_delivered_as_it_was_kept_and_then_forgotten(site: Site) -> None:
    kept, left = CameraPolicy("cam0", 1, ("a",)), CameraPolicy("cam1", 2, ("b", "a"))
    replicator = site.start([kept, left], "a", "b")
    site.archivers["b"].fault = "500"
    site.offer("cam0", 0, 4)
    chunks = site.offer("cam1", 0, 4)
    replicator.set_cameras([kept])
    assert wait_for(lambda: names(chunks) <= site.archivers["a"].stored)
    assert names(chunks) <= site.spool.held.keys(), "the second copy is owed"
    site.archivers["b"].fault = ""
    assert replicator.drain(10)
    assert names(chunks) <= site.archivers["b"].stored
    desk = replicator._desk
    assert wait_for(lambda: desk._policy.cameras() == {"cam0"} and set(desk._ledger.cameras) == {"cam0"} and "cam1" not in desk._judged)
    replicator.set_cameras([kept, left])
    again = site.offer("cam1", 5, 9)
    assert replicator.drain(10)
    assert all(names(again) <= archiver.stored for archiver in site.archivers.values())


def test_chunks_of_before_the_start_of_a_camera_that_is_not_configured_are_delivered_and_forgotten(site: Site) -> None:
    replicator = site.start([], "a")
    replicator.recovered(site.spool.append(refs("old", 1, 0, 4)))
    assert replicator.drain(10)
    assert wait_for(lambda: not site.spool.held and not replicator._desk._ledger.cameras and not replicator._desk._policy.cameras())


def test_whoever_tells_of_protection_hears_when_a_camera_is_judged_otherwise_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    replicator = Replicator(FakeSpool(), agent="edge-1", cameras=[CameraPolicy("cam0", 1)], on_protection=lambda: told.append(True))
    states = [Protection.PROTECTED, Protection.PROTECTED, Protection.UNPROTECTED, Protection.UNPROTECTED, Protection.PROTECTED]
    heard = []
    for state in states:
        monkeypatch.setattr(replicator._desk, "protections", lambda state=state: {"cam0": state})
        told.clear()
        replicator._pace()
        heard.append(bool(told))
    assert heard == [True, False, True, False, True]


def test_after_a_batch_a_worker_wakes_for_what_is_offered_and_at_no_tick_without() -> None:
    desk = Desk("edge-1", HealthLimits(), monotonic=lambda: 0.0, utc_s=lambda: 0.0, wake=lambda: None)
    worker = SendWorker("a", "http://127.0.0.1:1", desk, FakeSpool(), agent="edge-1", tick_s=0.2, ack_timeout_s=2.0, catchup_share=0.5,
                        random=Random(1))  # fmt: skip
    worker._settled = True
    assert worker._until(100.0, 100.05, 0.0) == pytest.approx((100.1, 100.55))
    assert worker._until(100.0, 100.05, None) == pytest.approx((100.05, 100.55))
    worker._settled = False
    assert worker._until(100.0, 100.05, 0.0) == pytest.approx((100.2, 100.2))
    worker._more = True
    assert worker._until(100.0, 100.05, 0.0) == pytest.approx((100.05, 100.05))
    worker._more, worker._failing = False, True
    assert worker._until(100.0, 100.05, 1.5) == pytest.approx((101.55, 101.55))
