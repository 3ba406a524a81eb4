"""The order and the bounds of batches."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from replicate_fakes import Store, name_of, refs

from watchkeep.agent.replicate.events import Answered, Moved, Offered, Recovered, Sent
from watchkeep.agent.replicate.lanes import ASK_EVERY_S, LIVE_S, Ask, Batch, Lanes
from watchkeep.agent.replicate.ledger import CopyLedger
from watchkeep.agent.replicate.pace import PROBE_S, TRIAL, Budget
from watchkeep.agent.replicate.room import Order
from watchkeep.wire.record import MAX_BATCH_BYTES

WIDE = Budget(1 << 30, 1 << 30, 10_000)
LATER = LIVE_S + 1


def ledger_of(*cameras: str) -> CopyLedger:
    ledger = CopyLedger()
    for camera in cameras:
        ledger.handle(Moved(camera, ("a",), 1, at_cut=False), 0.0)
    return ledger


def seqs(batch: Batch) -> list[int]:
    return [ref.seq for ref in batch.refs]


def test_live_first_then_asks_then_catch_up_newest_segment_first() -> None:
    ledger = ledger_of("cam0")
    ledger.handle(Recovered(tuple(refs("cam0", 0, 0, 3))), 0.0)
    ledger.handle(Offered(tuple(refs("cam0", 1, 0, 24, segment=10))), 0.0)
    ledger.handle(Offered(tuple(refs("cam0", 2, 0, 4, segment=10))), 1.0)
    ledger.handle(Offered(tuple(refs("cam0", 2, 5, 7, segment=10))), LATER)
    batch = Lanes("a").plan(ledger, WIDE, LATER + 0.1)
    assert [(ref.epoch, ref.seq) for ref in batch.live] == [(2, 5), (2, 6), (2, 7)]
    assert batch.asks == (Ask("cam0", 0, 0, 3),)
    older = [(2, seq) for seq in range(5)] + [(1, seq) for low, high in ((20, 24), (10, 19), (0, 9)) for seq in range(low, high + 1)]
    assert [(ref.epoch, ref.seq) for ref in batch.catchup] == older


def test_a_small_live_budget_starves_no_camera_and_postpones_catch_up() -> None:
    ledger = ledger_of("cam0", "cam1", "cam2")
    for camera in ("cam0", "cam1", "cam2"):
        ledger.handle(Offered(tuple(refs(camera, 1, 0, 9))), 0.0)
        ledger.handle(Offered(tuple(refs(camera, 2, 0, 9))), LATER)
    size = refs("cam0", 1, 0, 0)[0].record_bytes
    batch = Lanes("a").plan(ledger, Budget(size * 6, 1 << 20, 1000), LATER)
    assert {(ref.camera, ref.seq) for ref in batch.live} == {(camera, seq) for camera in ("cam0", "cam1", "cam2") for seq in (0, 1)}
    assert not batch.catchup


def test_every_camera_has_its_turn_in_catch_up() -> None:
    ledger, lanes, size = ledger_of("cam0", "cam1"), Lanes("a"), refs("cam0", 1, 0, 0)[0].record_bytes
    for camera in ("cam0", "cam1"):
        ledger.handle(Offered(tuple(refs(camera, 1, 0, 9))), 0.0)
    first, second = (lanes.plan(ledger, Budget(size, size * 3, 1000), LATER) for _ in range(2))
    assert seqs(first) == seqs(second) == [0, 1, 2]
    assert {ref.camera for ref in first.refs} != {ref.camera for ref in second.refs}


def test_a_chunk_larger_than_the_budget_goes_alone_and_no_batch_passes_the_limit() -> None:
    ledger = ledger_of("cam0")
    ledger.handle(Offered(tuple(refs("cam0", 1, 0, 2, size=32 << 20))), 0.0)
    assert seqs(Lanes("a").plan(ledger, Budget(1, 1, 1000), 0.0)) == [0]
    batch = Lanes("a").plan(ledger, WIDE, 0.0)
    assert sum(ref.record_bytes for ref in batch.refs) < MAX_BATCH_BYTES
    assert seqs(batch) == [0]


def test_a_trial_is_one_chunk() -> None:
    ledger = ledger_of("cam0")
    ledger.handle(Offered(tuple(refs("cam0", 1, 0, 9))), 0.0)
    assert seqs(Lanes("a").plan(ledger, TRIAL, 0.0)) == [0]
    assert seqs(Lanes("a").plan(ledger, TRIAL, LATER)) == [0]


def test_received_chunks_are_asked_for_until_durable_but_not_every_tick() -> None:
    ledger, lanes, store, new = ledger_of("cam0"), Lanes("a"), Store("a", inits={("cam0", 1)}), refs("cam0", 1, 0, 4)
    ledger.handle(Offered(tuple(new)), 0.0)
    batch = lanes.plan(ledger, WIDE, 0.0)
    ledger.handle(Sent("a", batch.refs), 0.0)
    for ref in new:
        store.put(name_of(ref))
    ledger.handle(Answered("a", batch.refs, store.answer([name_of(ref) for ref in new], [])), 0.0)
    assert lanes.plan(ledger, WIDE, 0.1).asks == (Ask("cam0", 1, 0, 4),)
    assert not lanes.plan(ledger, WIDE, 0.2)
    again = lanes.plan(ledger, WIDE, 0.1 + ASK_EVERY_S)
    assert again.asks == (Ask("cam0", 1, 0, 4),)
    store.fsync()
    ledger.handle(Answered("a", (), store.answer([], list(again.asks))), 1.0)
    assert not lanes.plan(ledger, WIDE, 1.5)


def test_an_idle_archiver_is_probed_now_and_then_and_a_failing_one_whenever_it_may() -> None:
    ledger, lanes = ledger_of("cam0"), Lanes("idle")
    assert not lanes.plan(ledger, WIDE, 0.0)
    ledger.handle(Offered(tuple(refs("cam0", 7, 0, 4))), 0.0)
    assert lanes.plan(ledger, WIDE, 0.0) == Batch(asks=(Ask("cam0", 7, 4, 4),))
    assert not lanes.plan(ledger, WIDE, PROBE_S - 0.1)
    assert lanes.plan(ledger, TRIAL, PROBE_S - 0.1)
    assert lanes.plan(ledger, WIDE, 2 * PROBE_S)


def test_a_batch_says_when_live_chunks_are_left() -> None:
    ledger = ledger_of("cam0")
    ledger.handle(Offered(tuple(refs("cam0", 1, 0, 5))), 0.0)
    assert Lanes("a").plan(ledger, replace(WIDE, live_bytes=1), 0.0).more
    assert not Lanes("a").plan(ledger, WIDE, 0.0).more


def test_without_a_budget_for_it_nothing_is_caught_up() -> None:
    ledger = ledger_of("cam0")
    ledger.handle(Offered(tuple(refs("cam0", 1, 0, 5))), 0.0)
    assert not Lanes("a").plan(ledger, replace(WIDE, catchup_bytes=0), LATER).catchup
    assert Lanes("a").plan(ledger, WIDE, LATER).catchup


ORDER = Order({"cam0": 2, "cam1": 9, "cam2": 5, "cam3": 5})


def of_four() -> CopyLedger:
    """Four cameras, each with ten chunks of before and ten live ones."""
    ledger = ledger_of("cam0", "cam1", "cam2", "cam3")
    for camera in ORDER.priorities:
        ledger.handle(Offered(tuple(refs(camera, 1, 0, 9))), 0.0)
        ledger.handle(Offered(tuple(refs(camera, 2, 0, 9))), LATER)
    return ledger


def test_the_more_important_camera_is_served_first_in_both_lanes_and_peers_in_turn() -> None:
    ledger, size = of_four(), refs("cam0", 1, 0, 0)[0].record_bytes
    batch = Lanes("a").plan(ledger, Budget(size * 14, 1 << 20, 1000), LATER, ORDER)
    counts = {camera: sum(ref.camera == camera for ref in batch.live) for camera in ORDER.priorities}
    assert counts == {"cam0": 0, "cam1": 10, "cam2": 2, "cam3": 2}
    batch = Lanes("a").plan(ledger, Budget(1 << 20, size * 15, 1000), LATER, ORDER)
    assert len(batch.live) == 40
    counts = {camera: sum(ref.camera == camera for ref in batch.catchup) for camera in ORDER.priorities}
    assert counts["cam1"] == 10
    assert counts["cam0"] == 0
    assert counts["cam2"] + counts["cam3"] == 5


def test_a_camera_below_the_floor_has_catch_up_alone_and_comes_last() -> None:
    batch = Lanes("a").plan(of_four(), WIDE, LATER, replace(ORDER, floor=5))
    assert {ref.camera for ref in batch.live} == {"cam1", "cam2", "cam3"}
    assert [ref.camera for ref in batch.catchup[-20:]] == ["cam0"] * 20
    assert [(ref.epoch, ref.seq) for ref in batch.catchup[-20:]] == [(epoch, seq) for epoch in (2, 1) for seq in range(10)]


def test_while_an_archiver_is_full_those_below_its_floor_wait() -> None:
    ledger, lanes = of_four(), Lanes("a")
    batch = lanes.plan(ledger, WIDE, LATER, replace(ORDER, floor=5, full=True))
    assert "cam0" not in {ref.camera for ref in batch.refs}
    assert len(lanes.plan(ledger, WIDE, LATER, ORDER).refs) == 80, "they are owed all the same"


@given(st.dictionaries(st.sampled_from(["cam0", "cam1", "cam2", "cam3"]), st.integers(0, 9)), st.integers(0, 9), st.integers(1, 60))
def test_nothing_goes_while_a_more_important_live_chunk_waits(priorities: dict[str, int], floor: int, chunks: int) -> None:
    ledger, order = of_four(), Order(priorities, floor)
    size = refs("cam0", 1, 0, 0)[0].record_bytes
    batch = Lanes("a").plan(ledger, Budget(size * chunks, size * 10, 1000), LATER, order)
    sent = {(ref.camera, ref.epoch, ref.seq) for ref in batch.refs}
    lowest = min((order.priority(ref.camera) for ref in batch.refs), default=10)
    for camera in ORDER.priorities:
        if order.priority(camera) > lowest and not order.left_out(camera):
            assert {(camera, 2, seq) for seq in range(10)} <= sent
