"""However many epochs are stored, few are in memory, and every answer is as if all were: hub/store/ledgers.py."""

import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hub_store_chunks import Chain, Site, contents, durable, expected, until
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeep.hub.store import Conflict, Record, Store
from watchkeep.hub.store.ledgers import MAX_LEDGERS, Ledgers, Row
from watchkeep.wire.errors import VolumeError

FOREVER = 1 << 30


class Reads:
    """Counts what is read from the catalog for ledgers."""

    def __init__(self, store: Store) -> None:
        self.keys: list[tuple[str, int]] = []
        self._rows = store._register.ledgers._rows
        store._register.ledgers._rows = self  # type: ignore[assignment]

    def __call__(self, camera: str, epoch: int) -> list[Row]:
        self.keys.append((camera, epoch))
        return self._rows(camera, epoch)


def bounded(site: Site, most: int) -> Store:
    store = site.store()
    store._register.ledgers._most = most
    store.open()
    return store


def settled(store: Store) -> None:
    """Nothing is on its way, and the catalog has every part that is complete."""
    until(lambda: not any(ledger._pending or ledger.received for ledger in store._register.ledgers.known.values()))


def outcome(store: Store, act: Callable[[Store], Any]) -> Any:
    """What the act answers, and what the store says of all epochs afterwards."""
    try:
        said = act(store)
    except Conflict as conflict:
        said = [(name.epoch, name.seq) for name in conflict.names]
    settled(store)
    states = [store.state("cam0", epoch, 0, 20) for epoch in range(6)]
    return said, states, store.knows("cam0"), store.stats().cameras, store.timeline("cam0").spans, contents(store)


def set_aside(epoch: int) -> Callable[[Store], Any]:
    def act(store: Store) -> Any:
        closed = [part for part in store.runs("cam0", limit=100) if part.epoch == epoch and store.closed_part(part) is not None]
        return [store.set_aside(part) is not None for part in closed[:1]]

    return act


def appends(kind: str, chain: Chain, low: int, count: int) -> Callable[[Store], Any]:
    records: list[Record] = [] if kind in ("bare", "restart") else [chain.init_record()]
    if kind in ("append", "bare"):
        records += chain.chunks(low, low + count - 1)
    if kind == "forge":
        records.append(chain.forged(low))
    return lambda store: store.append(records) if records else None


STEPS = st.lists(st.tuples(st.sampled_from(["append", "append", "bare", "init", "forge", "aside", "restart"]), st.integers(1, 4),
                           st.integers(0, 5), st.integers(1, 3)), min_size=3, max_size=12)  # fmt: skip


@settings(max_examples=15)
@given(STEPS)
def test_a_store_that_keeps_one_ledger_answers_as_one_that_keeps_all(steps: list[tuple[str, int, int, int]]) -> None:
    chains = {epoch: Chain(epoch=epoch, segment=2, start_ns=epoch * 10**12) for epoch in range(6)}
    with TemporaryDirectory() as folder, ExitStack() as stack:
        sites = [Site(Path(folder) / name) for name in ("few", "all")]
        stores = [bounded(site, most) for site, most in zip(sites, (1, FOREVER), strict=True)]
        stack.callback(lambda: [store.close() for store in stores])
        for kind, epoch, low, count in steps:
            if kind == "restart":
                for number, (site, most) in enumerate(zip(sites, (1, FOREVER), strict=True)):
                    stores[number].close()
                    stores[number] = bounded(site, most)
            act = set_aside(epoch) if kind == "aside" else appends(kind, chains[epoch], low, count)
            few, every = (outcome(store, act) for store in stores)
            assert few == every


def test_a_camera_that_flaps_for_ever_costs_no_memory_and_nothing_is_read_for_its_new_epochs(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.running() as store:
        store._register.ledgers._most = 8
        reads = Reads(store)
        for epoch in range(1, 61):
            store.append(Chain(epoch=epoch).batch(0, 1))
        assert reads.keys == []
        until(lambda: len(store._register.ledgers.known) <= 8 + 1, "all but a few epochs' going to the catalog")
        old = Chain(epoch=3)
        assert durable(store, old) == [(0, 1)]
        assert reads.keys == [("cam0", 3)]
        again = store.append(old.batch(0, 1, 2))
        assert (again.stored, again.repeated) == (1, 2)
        with pytest.raises(Conflict):
            store.append([Chain(epoch=5).forged(1)])
        assert len(contents(store)) == 60 * 2 + 1
    assert MAX_LEDGERS < 1000


def test_after_a_start_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    site = Site(tmp_path)
    chains = [Chain(epoch=epoch) for epoch in (1, 2, 3)]
    with site.running() as store:
        for chain in chains:
            store.append(chain.batch(0, 1))
    with site.running() as store:
        reads = Reads(store)
        assert store.knows("cam0")
        assert store.append(chains[2].chunks(2, 2)).stored == 1
        assert store.append(Chain(epoch=4).batch(0)).stored == 1
        assert reads.keys == [("cam0", 3)]
        assert contents(store) == [one for chain, seqs in zip(chains, ((0, 1), (0, 1), (0, 1, 2)), strict=True)
                                   for one in expected(chain, *seqs)] + expected(Chain(epoch=4), 0)  # fmt: skip


def test_without_a_readable_catalog_live_video_goes_on_and_an_old_epoch_is_refused(tmp_path: Path) -> None:
    def broken(camera: str, epoch: int) -> list[Row]:
        raise sqlite3.OperationalError("disk I/O error")

    site = Site(tmp_path)
    with site.running() as store:
        store.append(Chain(epoch=5).batch(0))
    with site.running() as store:
        store._register.ledgers._rows = broken
        assert store.append(Chain(epoch=6).batch(0)).stored == 1
        assert store.append(Chain(epoch=6).chunks(1, 1)).stored == 1
        with pytest.raises(VolumeError, match="catalog cannot be read") as caught:
            store.append(Chain(epoch=5).chunks(1, 1))
        assert caught.value.remedy
        assert store._register.ledgers._holds == {}


@contextmanager
def ledgers(rows: Callable[[str, int], list[Row]], most: int = 1) -> Iterator[tuple[Ledgers, threading.Lock]]:
    lock = threading.Lock()
    made = Ledgers(lock, rows, set, most)
    made.take("v", {"cam0": 100})
    yield made, lock


def test_a_row_that_is_removed_while_it_is_read_is_read_again() -> None:
    tries = itertools.count()
    answers = iter([[("v", 0, 5, b"i", b"h")], []])

    def once(camera: str, epoch: int) -> list[Row]:
        found = next(answers)
        if next(tries) == 0:
            with lock:
                made.locked_changed((camera, epoch))
        return found

    with ledgers(once) as (made, lock), made.hold([("cam0", 7)]):
        assert not made["cam0", 7].durable
        assert next(tries) == 2


def test_rows_of_a_volume_that_is_not_in_use_yet_do_not_count_and_do_when_it_comes() -> None:
    with ledgers(lambda camera, epoch: [("v", 0, 5, b"i", b"h"), ("late", 6, 9, b"i", b"g")]) as (made, _), made.hold([("cam0", 7)]):
        assert made["cam0", 7].durable.spans() == [(0, 5)]
        made.take("late", {"cam0": 7})
        assert made["cam0", 7].durable.spans() == [(0, 9)]
        assert (made["cam0", 7].hash_of(5), made["cam0", 7].hash_of(9)) == (b"h", b"g")


def test_what_is_held_or_not_at_rest_stays() -> None:
    with ledgers(lambda camera, epoch: [("v", 0, 0, b"i", b"h")]) as (made, lock):
        with made.hold([("cam0", 1)]):
            for epoch in range(2, 10):
                with made.hold([("cam0", epoch)]):
                    pass
            assert ("cam0", 1) in made.known
        for epoch in range(9, 20):
            with made.hold([("cam0", epoch)]):
                if epoch == 9:
                    made["cam0", 9].plan(1, b"p")
                if epoch == 12:
                    made["cam0", 12].plan(1, b"p")
                    made["cam0", 12].hung(1)
        with lock:
            made.locked_trim()
        assert [epoch for _, epoch in made.known] == [9, 12], "one is on its way, one keeps the name of a chunk on a volume that hangs"
