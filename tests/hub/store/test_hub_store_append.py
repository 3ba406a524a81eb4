"""Appending real chunks through the whole store: in order, with holes, twice, forged, from several threads."""

import sqlite3
import threading
from pathlib import Path

import pytest
from hub_store_chunks import Chain, Site, contents, durable, expected, make_init, until

from watchkeep.hub.store import Conflict, Store
from watchkeep.wire.causes import Cause, EventKind


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_chunks_in_order_become_one_file_a_segment(site: Site) -> None:
    chain = Chain(segment=5)
    with site.running() as store:
        accepted = store.append(chain.batch(*range(12)))
        assert (accepted.stored, accepted.repeated) == (12, 0)
        state = store.state("cam0", 7, 0, 12)
        assert [*state.received, *state.durable] in ([(0, 11)], [(0, 11), (0, 11)])
        assert state.missing == [(12, 12)]
        until(lambda: durable(store, chain) == [(0, 11)])
        assert store.state("cam0", 7, 3, 4).durable == [(3, 4)]
        assert contents(store) == expected(chain, *range(12))
    assert list(site.files().values()) == [chain.file(0, 4), chain.file(5, 9), chain.file(10, 11)]


def test_a_chunk_that_comes_twice_is_one_chunk(site: Site) -> None:
    chain = Chain()
    with site.running() as store:
        store.append(chain.batch(0, 1, 1, 2))
        again = store.append(chain.batch(0, 1, 2, 3))
        assert (again.stored, again.repeated) == (1, 3)
        assert contents(store) == expected(chain, 0, 1, 2, 3)


def test_the_first_chunk_after_a_quiet_spell_is_synced_at_once_and_the_next_wait_for_the_period(site: Site) -> None:
    chain = Chain()
    with site.running(sync_ms=60_000) as store:
        store.append(chain.batch(0))
        until(lambda: durable(store, chain) == [(0, 0)])
        store.append(chain.batch(1))
        assert store.state("cam0", 7, 0, 1).received == [(1, 1)]
        assert durable(store, chain) == [(0, 0)]


def test_what_may_have_no_copy_is_synced_at_once_and_all_before_it(site: Site) -> None:
    chain = Chain()
    with site.running(sync_ms=60_000) as store:
        store.append(chain.batch(0))
        until(lambda: durable(store, chain) == [(0, 0)])
        store.append(chain.batch(1))
        store.append(chain.batch(2), urgent=True)
        until(lambda: durable(store, chain) == [(0, 2)])


@pytest.mark.parametrize("restarted", [False, True])
def test_another_hash_for_a_known_name_is_a_conflict_and_stores_nothing(site: Site, restarted: bool) -> None:
    chain = Chain()
    with site.running() as store:
        store.append(chain.batch(0, 1, 2))
        if not restarted:
            _refuses_forgery(store, chain)
    if restarted:
        with site.running() as store:
            _refuses_forgery(store, chain)
    assert site.events[-1].kind is EventKind.TAMPER
    assert list(site.files().values()) == [chain.file(0, 2)]


def _refuses_forgery(store: Store, chain: Chain) -> None:
    with pytest.raises(Conflict) as caught:
        store.append([chain.forged(1), chain.chunk(3), chain.chunk(4)])
    assert [name.seq for name in caught.value.names] == [1]
    assert store.stats().refused == 1
    assert contents(store) == expected(chain, 0, 1, 2)


def test_a_repeat_after_a_restart_is_compared_with_the_file(site: Site) -> None:
    chain = Chain()
    with site.running() as store:
        store.append(chain.batch(*range(8)))
    with site.running() as store:
        assert store.append(chain.batch(*range(8))).repeated == 8
        assert store.append(chain.chunks(8, 8)).stored == 1, "the init segment is read back from a file"
    assert b"".join(site.files().values()).count(b"cam0/7/3/") == 1


def test_a_chunk_that_breaks_the_chain_is_a_conflict(site: Site) -> None:
    chain = Chain()
    with site.running() as store:
        store.append(chain.batch(0, 1))
        with pytest.raises(Conflict):
            store.append([chain.forged(2, prev_hash=b"x" * 32)])
        assert store.append(chain.chunks(2, 2)).stored == 1


def test_another_init_segment_for_a_known_epoch_is_a_conflict(site: Site) -> None:
    with site.running() as store:
        store.append(Chain().batch(0))
        with pytest.raises(Conflict):
            store.append([Chain(init=make_init(b"two")).init_record()])
        with pytest.raises(Conflict):
            store.append([Chain(init=make_init(b"two"), segment=1).chunk(5)])


def test_chunks_without_their_init_segment_are_not_stored(site: Site) -> None:
    chain, other = Chain(), Chain("cam1")
    with site.running() as store:
        accepted = store.append([*chain.chunks(0, 1), *other.batch(0)])
        assert accepted.need_init == {("cam0", 7)}
        assert accepted.stored == 1
        state = store.state("cam0", 7, 0, 1)
        assert (state.need_init, state.missing) == (True, [(0, 1)])
        store.append([chain.init_record()])
        assert not store.state("cam0", 7, 0, 1).need_init
        assert store.append(chain.chunks(0, 1)).stored == 2
        assert store.init_segment("cam0", 7) == chain.init


def test_a_hole_opens_a_part_file_and_filling_it_makes_the_canonical_file(site: Site) -> None:
    chain = Chain(segment=6)
    with site.running() as store:
        store.append(chain.batch(0, 1, 4, 5))
        until(lambda: durable(store, chain) == [(0, 1), (4, 5)])
        assert len(site.files()) == 2
        assert store.timeline("cam0").gaps[0].cause == "hole"
        stale = next(chunk for chunk in store.chunks("cam0") if chunk.seq == 5)
        store.append(chain.chunks(2, 3))
        store.append(chain.chunks(6, 6))
        assert contents(store) == expected(chain, *range(7))
        later = Chain(epoch=8, start_ns=chain.start_ns + 20 * 10**9)
        store.append(later.batch(0))
        until(lambda: len(site.files()) == 3, "stitch")
        assert site.files()[min(site.files())] == chain.file(0, 5)
        until(lambda: contents(store) == [*expected(chain, *range(7)), *expected(later, 0)])
        assert store.read(stale.path, stale.offset, stale.length) == chain.chunk(5)[1], "a player may still ask for the old place"
        assert store.read(stale.path, 0, stale.init_bytes + 4) == chain.init + bytes(chain.chunk(4)[1][:4])


def test_a_listing_is_whole_while_its_parts_are_joined(site: Site) -> None:
    chain = Chain(segment=6)
    with site.running() as store:
        store.append(chain.batch(0, 1, 4, 5))
        store.append(chain.chunks(3, 3))
        store.append(chain.chunks(6, 6))
        until(lambda: len(store.stats().volumes) and durable(store, chain) == [(0, 1), (3, 6)])
        store.append(Chain(epoch=8).batch(0))
        until(lambda: catalogued(site) >= 5)
        listing = store.chunks("cam0")
        seen = [next(listing)]
        store.append(chain.chunks(2, 2))
        store.append(Chain(epoch=9).batch(0))
        until(lambda: chain.file(0, 5) in site.files().values(), "stitch")
        seen += listing
        assert [chunk.seq for chunk in seen if chunk.epoch == 7] in ([0, 1, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6])
        for chunk in seen[:3]:
            assert store.read(chunk.path, chunk.offset, chunk.length) == chain.chunk(chunk.seq)[1]


def catalogued(site: Site) -> int:
    """Rows of the catalog."""
    db = sqlite3.connect(site.state / "catalog.sqlite")
    try:
        return int(db.execute("SELECT count(*) FROM part").fetchone()[0])
    finally:
        db.close()


def test_any_order_of_arrival_ends_in_the_same_bytes(tmp_path: Path) -> None:
    orders = ([0, 1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1, 0], [4, 5, 0, 6, 1, 7, 3, 2], [1, 3, 5, 7, 0, 2, 4, 6])
    results = []
    for number, order in enumerate(orders):
        site, chain = Site(tmp_path / str(number)), Chain(segment=4)
        with site.running() as store:
            for seq in order:
                store.append(chain.batch(seq))
            store.append(Chain(epoch=8).batch(0))
            until(lambda site=site: len(site.files()) == 3, "stitch")  # type: ignore[misc]
        results.append(site.files())
    assert all(result == results[0] for result in results)


def test_senders_of_the_same_chunks_at_the_same_time_make_each_chunk_once(site: Site) -> None:
    chain = Chain(segment=10)
    chain.chunk(99)
    with site.running() as store:
        store.append([chain.init_record()])

        def send() -> None:
            for seq in range(100):
                store.append(chain.chunks(seq, seq))

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.stats().received == 100
        assert contents(store) == expected(chain, *range(100))
    assert sum(data.count(b"cam0/7/") for data in site.files().values()) == 100


def test_a_new_epoch_closes_the_one_before_and_counts_are_kept(site: Site) -> None:
    first, second = Chain(), Chain(epoch=8, start_ns=Chain().start_ns + 10 * 10**9, cause=Cause.CAMERA_LOST)
    with site.running() as store:
        store.append([*first.batch(0, 1), *second.batch(0)])
        until(lambda: store.stats().durable == 3)
        (info,) = store.cameras()
        assert (info.camera, info.chunks) == ("cam0", 3)
        assert info.bytes == sum(len(data) for data in site.files().values())
        assert store.knows("cam0")
        assert not store.knows("cam1")
        timeline = store.timeline("cam0")
        assert [(span.epoch, span.first_seq, span.last_seq) for span in timeline.spans] == [(7, 0, 1), (8, 0, 0)]
        assert [(gap.end_s - gap.start_s, gap.cause) for gap in timeline.gaps] == [(8.0, "camera-lost")]
