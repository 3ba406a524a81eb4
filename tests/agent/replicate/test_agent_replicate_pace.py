"""Batch sizes follow the link, pauses grow with jitter, parcels keep their bounds."""

from random import Random

from replicate_fakes import FakeSpool, refs

from watchkeep.agent.replicate import parcel as parcels
from watchkeep.agent.replicate.lanes import Ask, Batch
from watchkeep.agent.replicate.pace import CATCHUP_BYTES, FIRST_BYTES, MAX_BYTES, MAX_CHUNKS, MIN_BYTES, Backoff, Pace
from watchkeep.wire.record import MAX_BATCH_BYTES, RecordKind, iter_records


def test_a_fast_link_gets_larger_batches_and_a_slow_one_smaller() -> None:
    pace = Pace()
    assert pace.budget().live_bytes == FIRST_BYTES
    pace.stored(FIRST_BYTES // 4, 0.01)
    assert pace.budget().live_bytes == FIRST_BYTES  # it was not full: nothing is known of more
    for _ in range(10):
        pace.stored(pace.budget().live_bytes, 0.1)
    assert pace.budget().live_bytes == MAX_BYTES
    assert pace.budget().catchup_bytes == CATCHUP_BYTES
    for _ in range(20):
        pace.stored(1000, 0.6)
    assert pace.budget().live_bytes == pace.budget().catchup_bytes == MIN_BYTES


def test_refusals_halve_the_chunks_down_to_one() -> None:
    pace = Pace()
    for expected in (50, 25, 12, 6, 3, 1, 1):
        pace.refused(min(pace.budget().chunks, 100))
        assert pace.budget().chunks == expected
    for _ in range(20):
        pace.stored(1, 0.1)
    assert pace.budget().chunks == MAX_CHUNKS


def test_pauses_double_to_their_bound_with_jitter() -> None:
    pauses = [Backoff(Random(seed)) for seed in range(50)]
    for expected in (0.2, 0.4, 0.8, 1.0, 1.0):
        drawn = [backoff.pause() for backoff in pauses]
        assert all(expected / 2 <= pause <= expected for pause in drawn)
        assert max(drawn) - min(drawn) > expected / 4
    pauses[0].reset()
    assert pauses[0].pause() <= 0.2


def test_a_parcel_holds_init_live_asks_and_catch_up_in_this_order() -> None:
    spool, live, old = FakeSpool(), refs("cam0", 2, 7, 8, size=20_000), refs("cam0", 1, 3, 3)
    spool.append(live + old)
    parcel = parcels.pack(Batch(tuple(live), (Ask("cam1", 5, 1, 9),), tuple(old)), spool, {("cam0", 1)})
    found = [(header.kind, header.epoch, header.seq) for header, _ in iter_records(b"".join(parcel.buffers))]
    chunk = RecordKind.CHUNK
    assert found == [(RecordKind.INIT, 2, 0), (chunk, 2, 7), (chunk, 2, 8), (RecordKind.ASK, 5, 1), (chunk, 1, 3)]
    assert parcel.introduced == {("cam0", 2)}
    assert parcel.size == sum(map(len, parcel.buffers))
    assert len(parcel.buffers) == 5  # init and header, a large payload, header, payload, and the small ones joined


def test_a_parcel_leaves_what_does_not_fit_what_is_gone_and_what_cannot_be_read() -> None:
    spool, big, small = FakeSpool(), refs("cam0", 1, 0, 2, size=30 << 20), refs("cam1", 1, 0, 2)
    spool.append(big + small[1:])
    spool.broken.add(("cam1", 1, 1))
    (rotten,) = spool.append(refs("cam2", 1, 0, 0))
    spool.damaged.add(("cam2", 1, 0))
    small.append(rotten)
    parcel = parcels.pack(Batch(live=tuple(big + small)), spool, set())
    assert [ref.seq for ref in parcel.refs if ref.camera == "cam0"] == [0, 1]
    assert [ref.seq for ref in parcel.left] == [2]
    assert parcel.gone == [small[0]]
    assert [ref for ref, _ in parcel.unreadable] == [small[1]]
    assert [ref for ref, _ in parcel.damaged] == [rotten]
    assert parcel.refs[-1] == small[2]
    assert parcel.size <= MAX_BATCH_BYTES


def test_a_chunk_whose_init_segment_is_lost_goes_without_it() -> None:
    spool = FakeSpool()
    spool.no_init.add(("cam0", 1))
    lost, whole = spool.append([*refs("cam0", 1, 0, 0), *refs("cam0", 2, 0, 0)])
    parcel = parcels.pack(Batch(live=(lost, whole)), spool, set())
    assert (parcel.bare, parcel.refs, parcel.introduced) == ([lost], [lost, whole], {("cam0", 2)})
    assert parcels.pack(Batch(live=(lost,)), spool, {("cam0", 1)}).bare == [], "this connection has carried it"


def test_only_what_is_still_lost_and_needed_is_an_orphan() -> None:
    spool = FakeSpool()
    spool.no_init |= {("cam0", 1), ("cam0", 2), ("cam0", 3)}
    chunks = spool.append([ref for epoch in (1, 2, 3) for ref in refs("cam0", epoch, 0, 0)])
    parcel = parcels.pack(Batch(live=tuple(chunks)), spool, set())
    spool.no_init.discard(("cam0", 3))  # the journal had just been writing it anew
    assert parcels.orphans(parcel, {("cam0", 2), ("cam0", 3)}, spool) == (chunks[1],)
