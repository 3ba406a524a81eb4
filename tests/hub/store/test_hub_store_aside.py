"""Setting a damaged file aside, and what peers ask the store for: runs, chunks by name, the horizon of retention."""

from pathlib import Path

import pytest
from hub_store_chunks import START_NS, Chain, Site, contents, durable, expected, until

from watchkeep.hub.protect.shelf import Wanted
from watchkeep.hub.store import Clock, Store
from watchkeep.hub.store.disk import Disk
from watchkeep.hub.store.model import Part
from watchkeep.hub.store.retainer import Policy
from watchkeep.wire.errors import GoneError, VolumeError

SECOND_NS = 1_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def closed_part(store: Store, chain: Chain, segment: int = 0) -> Part:
    """The closed part that starts a segment, with its index; its successor's chunk has closed it."""
    def find() -> Part | None:
        parts = [part for part in store.runs(chain.camera, limit=100) if part.segment_seq == segment]
        return store.closed_part(parts[0]) if parts else None

    return until(find, "a closed part")


def test_a_file_set_aside_is_kept_and_its_chunks_are_missing_and_welcome_again(site: Site) -> None:
    chain = Chain(segment=5)
    with site.running() as store:
        store.append(chain.batch(*range(7)))
        part = closed_part(store, chain)
        before = (site.volumes[0] / part.path).read_bytes()
        aside = store.set_aside(part)
        assert aside == site.volumes[0] / (part.path + ".damaged")
        assert aside.read_bytes() == before
        assert store.state("cam0", 7, 0, 6).missing == [(0, 4)]
        assert contents(store) == expected(chain, 5, 6)
        store.append(chain.batch(*range(5)))
        until(lambda: durable(store, chain) == [(0, 6)])
        assert contents(store) == expected(chain, *range(7))
        assert aside.read_bytes() == before
    with site.running() as store:
        assert contents(store) == expected(chain, *range(7)), "a start does not take the file that was set aside for video"
        assert aside.exists()


def test_evidence_is_not_overwritten_by_other_evidence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.writer.IDLE_S", 0.05)
    chain = Chain(segment=5)
    with site.running() as store:
        asides = []
        for _ in range(3):
            store.append(chain.batch(*range(7)))
            asides.append(store.set_aside(closed_part(store, chain)))
        assert len({path for path in asides if path is not None and path.exists()}) == 3


def test_a_part_that_has_changed_is_left_alone(site: Site) -> None:
    chain = Chain(segment=5)
    with site.running() as store:
        store.append(chain.batch(*range(7)))
        part = closed_part(store, chain)
        store.set_aside(part)
        store.append(chain.batch(*range(3)))
        with pytest.raises(GoneError):
            store.set_aside(part)
        assert store.state("cam0", 7, 0, 2).missing == []


def test_a_file_that_is_gone_makes_its_chunks_missing(site: Site) -> None:
    chain = Chain(segment=5)
    with site.running() as store:
        store.append(chain.batch(*range(7)))
        part = closed_part(store, chain)
        (site.volumes[0] / part.path).unlink()
        assert store.set_aside(part) is None
        assert store.state("cam0", 7, 0, 6).missing == [(0, 4)]


def test_an_unmounted_volume_is_no_damaged_file(site: Site) -> None:
    chain = Chain(segment=5)
    with site.running() as store:
        store.append(chain.batch(*range(7)))
        part = closed_part(store, chain)
        volume = site.volumes[0]
        volume.rename(volume.with_name("elsewhere"))
        volume.mkdir()
        with pytest.raises(VolumeError, match="not mounted"):
            store.set_aside(part)
        assert store.state("cam0", 7, 0, 4).missing == []
        volume.rmdir()
        volume.with_name("elsewhere").rename(volume)


def test_a_file_found_damaged_at_the_start_is_not_listed_any_more_once_it_is_aside(site: Site) -> None:
    chain = Chain(segment=5)
    with site.running() as store:
        store.append(chain.batch(*range(7)))
        path = site.volumes[0] / closed_part(store, chain).path
    data = bytearray(path.read_bytes())
    data[len(chain.init) + len(chain.payloads[0]) + 300] ^= 1
    path.write_bytes(data)
    (site.state / "catalog.sqlite").unlink()
    with site.running() as store:
        assert [damage.path for damage in store.stats().damage] == [path]
        part = closed_part(store, chain)
        assert (part.chunks, part.file_size > part.size) == (1, True)
        store.set_aside(part)
        assert store.stats().damage == ()


def test_runs_come_in_order_and_in_pages_also_those_being_written(site: Site) -> None:
    first, second = Chain(segment=5), Chain(epoch=9, segment=5, start_ns=START_NS + 100 * SECOND_NS)
    with site.running() as store:
        store.append(first.batch(*range(12)))
        store.append(second.batch(0, 1, 2))
        def shown(*start: int, limit: int = 100) -> list[tuple[int, int, int]]:
            return [(part.epoch, part.first_seq, part.last_seq) for part in store.runs("cam0", *start, limit=limit)]

        assert shown() == [(7, 0, 4), (7, 5, 9), (7, 10, 11), (9, 0, 2)]
        assert shown(limit=2) == [(7, 0, 4), (7, 5, 9)]
        assert shown(7, 10, limit=2) == [(7, 10, 11), (9, 0, 2)]
        assert shown(7, 7) == [(7, 5, 9), (7, 10, 11), (9, 0, 2)]
        assert shown(8) == [(9, 0, 2)]
        assert shown(10) == []


def test_chunks_by_name_over_files_and_holes(site: Site) -> None:
    chain = Chain(segment=5)
    with site.running() as store:
        store.append(chain.batch(0, 1, 3, 4, 5, 6))
        found = [(chunk.seq, store.read(chunk.path, chunk.offset, chunk.length)) for chunk in store.chunks_named("cam0", 7, 1, 5)]
        assert found == [(seq, bytes(chain.chunk(seq)[1])) for seq in (1, 3, 4, 5)]
        assert store.seal_of("cam0", 7, 3) == chain.chunk(3)[2]
        assert store.seal_of("cam0", 7, 2) is None


class NearlyFull(Disk):
    """A byte more is free than has to be: nothing is deleted, and the next file would cost the oldest."""

    FREE = 10**10

    def space(self) -> tuple[int, int]:
        return self.FREE, 2 * self.FREE


def test_the_horizon_follows_age_and_on_a_full_disk_the_oldest_file(site: Site) -> None:
    chain = Chain(segment=5)
    now_ns = START_NS + 1000 * SECOND_NS
    clock = Clock(wall_ns=lambda: now_ns)
    day_ns = 86_400 * SECOND_NS
    with site.running(clock=clock, retention_days=1) as store:
        assert now_ns - day_ns < store.horizon_ns("cam0") <= now_ns - day_ns + 3600 * SECOND_NS
        store.append(chain.batch(*range(7)))
        closed_part(store, chain)
    with site.running(clock=clock, retention_days=1, min_free_bytes=NearlyFull.FREE - 1, disk=NearlyFull) as store:
        until(lambda: store.horizon_ns("cam0") >= START_NS, "older than the oldest file that is left would be deleted at once")


def test_what_is_locked_is_kept_whatever_its_age_unless_it_costs_other_locked_video(site: Site) -> None:
    chain = Chain(segment=5)
    with site.running() as store:
        store.append(chain.batch(*range(7)))
        store.locks.add(Wanted("cam0", START_NS, START_NS + SECOND_NS, "case 7", "a theft"), START_NS)
        assert store.kept("cam0")(START_NS, START_NS + 5 * SECOND_NS)
        assert not store.kept("cam0")(START_NS + SECOND_NS, START_NS + 5 * SECOND_NS)
        assert not store.kept("cam1")(START_NS, START_NS + SECOND_NS)
        volume = store._volumes[0]
        store._keeper.retainer.rule = Policy(store._keeper.retainer.rule.keep_ns, volume.free_bytes)  # near its floor
        until(lambda: store._keeper.retainer.oldest_ns(volume) is None, "closed, and nothing that may go is left")
        assert not store.kept("cam0")(START_NS, START_NS + SECOND_NS)
