"""Start-up after crashes: torn, zero and garbage tails, damage in the middle, lost and damaged catalogs, broken files."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from hub_store_chunks import Chain, Site, contents, crash_copy, durable, expected, until
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeep.hub.store import Disk, Store
from watchkeep.hub.store.catalog import Catalog
from watchkeep.hub.store.identity import KnownVolumes, init_volume
from watchkeep.hub.store.recovery import RECENT_S, Recovery
from watchkeep.hub.store.volume import Volume
from watchkeep.wire.errors import VolumeError
from watchkeep.wire.paths import SegmentName

CHAIN = Chain(segment=100)
WHOLE = CHAIN.file(0, 3)
ENDS = [len(CHAIN.init) + sum(len(payload) for payload in CHAIN.payloads[:count]) for count in range(5)]
PATH = SegmentName("cam0", CHAIN.start_ns, 7, 0).path()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def recover(root: Path, data: bytes) -> tuple[Recovery, Catalog, Path]:
    """Recover a volume that holds one unlisted segment file with this content."""
    shutil.rmtree(root, ignore_errors=True)
    file = root / "volume" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    init_volume(root / "volume", "a", root / "state", force=True)
    volume = Volume(root / "volume", "a", KnownVolumes(root / "state"), Disk(root / "volume"))
    catalog = Catalog(root / "state")
    volume.open()
    try:
        assert catalog.open()
        recovery = Recovery(volume, catalog)
        recovery.run()
    finally:
        volume.close()
    return recovery, catalog, file


def kept_chunks(catalog: Catalog) -> int:
    try:
        return sum(part.chunks for part in catalog.around("cam0", 7, 0, 1000))
    finally:
        catalog.close()


@settings(max_examples=60)
@given(cut=st.integers(0, len(WHOLE)), tail=st.one_of(st.just(b""), st.integers(1, 5000).map(bytes), st.binary(min_size=1, max_size=300)))
def test_a_tail_torn_anywhere_is_cut_after_the_last_good_chunk(tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes) -> None:
    root = tmp_path_factory.getbasetemp() / "torn"
    good = sum(end <= cut for end in ENDS[1:])
    if WHOLE[cut:].startswith(tail[:1]) and tail:
        tail = bytes([tail[0] ^ 0xFF]) + tail[1:]  # never complete a chunk by accident
    _, catalog, file = recover(root, WHOLE[:cut] + tail)
    assert kept_chunks(catalog) == good
    if good:
        assert file.read_bytes() == WHOLE[: ENDS[good]]


@pytest.mark.parametrize("at", [ENDS[1] + offset for offset in (0, 4, 8, 24, 48, 90, 152, 184, 216, 250, 290, 300, -1)])
def test_a_changed_byte_keeps_what_precedes_and_is_named(tmp_path: Path, at: int) -> None:
    broken = bytearray(WHOLE)
    broken[at] ^= 0x10
    recovery, catalog, file = recover(tmp_path / "flip", bytes(broken))
    assert kept_chunks(catalog) == (0 if at < ENDS[1] else 1)
    if recovery.damage:
        assert file.read_bytes() == bytes(broken), "a file with good chunks after the damage is left for inspection"
        assert (recovery.damage[0].path, recovery.damage[0].kept_chunks) == (file, 0 if at < ENDS[1] else 1)
    else:
        assert file.read_bytes() == WHOLE[: ENDS[1]], "what cannot be read on from is a torn tail"


@pytest.mark.parametrize("listed", [False, True])
def test_damage_with_good_chunks_after_it_is_never_cut_off(site: Site, listed: bool) -> None:
    chain = Chain(segment=100)
    with site.running() as store:
        store.append(chain.batch(0, 1, 2, 3))
    (file,) = site.volumes[0].rglob("*.mp4")
    broken = bytearray(chain.file(0, 3))
    broken[ENDS[2] - 1] ^= 1
    file.write_bytes(broken)
    if not listed:
        (site.state / "catalog.sqlite").unlink()
    else:
        _set_open(site)
    with site.running() as store:
        assert contents(store) == expected(chain, 0)
        assert [(damage.path, damage.offset, damage.kept_chunks) for damage in store.stats().damage] == [(file, ENDS[1], 1)]
        assert file.read_bytes() == bytes(broken)
        store.append(chain.chunks(1, 3))
        assert contents(store) == expected(chain, 0, 1, 2, 3)
    with site.running():
        until(lambda: file.read_bytes() == chain.file(0, 3), "the copy from the journal repairs the file")


def _set_open(site: Site) -> None:
    db = sqlite3.connect(site.state / "catalog.sqlite")
    db.execute("UPDATE part SET open = 1")
    db.commit()
    db.close()


def place(site: Site, chain: Chain, low: int, high: int, data: bytes | None = None) -> Path:
    """Put a part file into the volume behind the store's back."""
    file = site.volumes[0] / SegmentName(chain.camera, chain.start_ns + low * 10**9, chain.epoch, low).path()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(chain.file(low, high) if data is None else data)
    return file


def test_a_part_whose_chunks_another_file_holds_goes_and_one_that_disagrees_stays(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.keeper.can_stitch", lambda _: False)
    chain, other = Chain(segment=100), Chain("cam1", segment=100)
    with site.running():
        pass
    whole, part = place(site, chain, 0, 5), place(site, chain, 2, 3)
    kept, forged = place(site, other, 0, 3), place(site, other, 2, 2, other.init + bytes(other.forged(2)[1]))
    with site.running() as store:
        assert contents(store) == expected(chain, *range(6))
        assert (whole.exists(), part.exists()) == (True, False)
        assert (kept.exists(), forged.exists()) == (True, True)
        assert [damage.path for damage in store.stats().damage] == [forged]


def test_parts_that_overlap_are_served_once_and_joined(site: Site) -> None:
    chain = Chain(segment=100)
    with site.running():
        pass
    first, _ = place(site, chain, 0, 3), place(site, chain, 2, 6)
    with site.running() as store:
        assert contents(store) == expected(chain, *range(7))
        until(lambda: len(site.files()) == 1, "stitch")
        assert first.read_bytes() == chain.file(0, 6)
        assert contents(store) == expected(chain, *range(7))


def test_temporary_files_of_a_stitch_go(site: Site) -> None:
    with site.running():
        pass
    file = place(site, CHAIN, 0, 1)
    temp = file.with_name(file.name + ".tmp")
    temp.write_bytes(b"half")
    with site.running():
        assert not temp.exists()
        assert file.exists()


def test_garbage_of_another_origin_is_left_alone_and_named(tmp_path: Path) -> None:
    recovery, catalog, file = recover(tmp_path / "foreign", b"this is no video" * 100)
    assert kept_chunks(catalog) == 0
    assert file.exists()
    assert [damage.path for damage in recovery.damage] == [file]


@pytest.mark.parametrize("rotten", ["name", "folder"])
def test_a_name_that_is_no_text_is_named_and_stops_no_start(site: Site, rotten: str) -> None:
    """One rotten name in a folder, and the archiver would never have started again."""
    with site.running() as store:
        store.append(CHAIN.batch(0, 1))
    (file,) = site.volumes[0].rglob("*.mp4")
    folder = file.parent if rotten == "name" else file.parents[2] / os.fsdecode(b"2026-0\xff-01") / "00"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (b"\xff.mp4", b"\xff.txt"):
        shutil.copy(file, folder / os.fsdecode(name))
    with site.running() as store:
        assert contents(store) == expected(CHAIN, 0, 1)
        (damage,) = store.stats().damage
        assert damage.path.name == r"\udcff.mp4"
        assert [event.model_dump_json() for event in site.events if "1 damaged file(s)" in event.text]
    assert (folder / os.fsdecode(b"\xff.mp4")).exists()


def test_a_resent_chunk_moves_a_useless_file_of_its_name_aside(site: Site) -> None:
    file = site.volumes[0] / PATH
    with site.running():
        pass
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is no video" * 100)
    earlier = file.with_name(file.name + ".damaged")
    earlier.write_bytes(b"evidence of another day")
    with site.running() as store:
        assert [damage.path for damage in store.stats().damage] == [file]
        store.append(CHAIN.batch(0, 1))
        assert contents(store) == expected(CHAIN, 0, 1)
    assert earlier.read_bytes() == b"evidence of another day"
    assert file.with_name(file.name + ".damaged.2").read_bytes() == b"this is no video" * 100


def test_sigkill_keeps_every_received_chunk_that_the_page_cache_kept(site: Site, tmp_path: Path) -> None:
    chain = Chain(segment=4)
    with site.running(sync_ms=60_000) as store:
        store.append(chain.batch(0))
        until(lambda: durable(store, chain) == [(0, 0)], "the sync at once after a quiet spell")
        store.append(chain.chunks(1, 9))
        copy = crash_copy(site, tmp_path / "after")
        assert durable(store, chain) == [(0, 0)]
    synced: list[str] = []

    class Watched(Disk):
        def sync_path(self, path: str) -> None:
            super().sync_path(path)
            synced.append(path)

        def sync_dir(self, path: str) -> None:
            super().sync_dir(path)
            synced.append(path)

    with copy.running(disk=Watched) as store:
        assert {*copy.files(), ".", "cam0", "cam0/2026-09-21", "cam0/2026-09-21/14"} <= set(synced), "received is not durable before a sync"
        assert durable(store, chain) == [(0, 9)]
        assert contents(store) == expected(chain, *range(10))
        assert store.append(chain.chunks(5, 12)).repeated == 5
        assert contents(store) == expected(chain, *range(13))


def test_an_open_row_is_proven_and_its_torn_tail_cut(site: Site, tmp_path: Path) -> None:
    chain = Chain(segment=100)
    with site.running() as store:
        store.append(chain.batch(0, 1, 2))
        until(lambda: durable(store, chain) == [(0, 2)])
        until(lambda: _open_rows(site) == 1)
        copy = crash_copy(site, tmp_path / "after")
    (file,) = copy.volumes[0].rglob("*.mp4")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1  # the last page did not reach the medium
    file.write_bytes(data)
    os.utime(file, (1, 1))
    with copy.running() as store:
        assert durable(store, chain) == [(0, 1)]
        assert file.read_bytes() == chain.file(0, 1)
        store.append(chain.chunks(2, 3))
        assert contents(store) == expected(chain, 0, 1, 2, 3)


def _open_rows(site: Site) -> int:
    db = sqlite3.connect(site.state / "catalog.sqlite")
    try:
        return int(db.execute("SELECT count(*) FROM part WHERE open = 1").fetchone()[0])
    finally:
        db.close()


def _answers(store: Store) -> object:
    return store.cameras(), store.timeline("cam0"), store.timeline("cam1"), list(store.chunks("cam0")), list(store.chunks("cam1"))


@pytest.mark.parametrize("harm", ["deleted", "garbage", "half", "other version", "rows lost"])
def test_a_lost_or_wrong_catalog_is_rebuilt_to_the_same_answers(site: Site, harm: str) -> None:
    chains = [Chain("cam0", segment=3), Chain("cam0", 9, start_ns=CHAIN.start_ns + 90 * 10**9), Chain("cam1", segment=4)]
    with site.running() as store:
        for chain in chains:
            store.append(chain.batch(0, 1, 2, 3, 6, 7))
    with site.running() as store:
        before = _answers(store)
    _harm(site.state / "catalog.sqlite", harm)
    with site.running() as store:
        assert _answers(store) == before
        assert [durable(store, chain) for chain in chains] == [[(0, 3), (6, 7)]] * 3
        assert store.stats().damage == ()


def _harm(catalog: Path, harm: str) -> None:
    if harm == "deleted":
        catalog.unlink()
    elif harm == "garbage":
        catalog.write_bytes(os.urandom(20_000))
    elif harm == "half":
        os.truncate(catalog, catalog.stat().st_size // 2)
    else:
        db = sqlite3.connect(catalog)
        db.execute("PRAGMA user_version = 99" if harm == "other version" else "DELETE FROM part WHERE id % 2 = 0")
        db.commit()
        db.close()


def test_rows_without_files_go_and_their_chunks_are_missing_again(site: Site) -> None:
    chain = Chain(segment=2)
    with site.running() as store:
        store.append(chain.batch(*range(6)))
    files = sorted(site.volumes[0].rglob("*.mp4"))
    files[1].unlink()
    with site.running() as store:
        assert durable(store, chain) == [(0, 1), (4, 5)]
        store.append(chain.chunks(2, 3))
        assert contents(store) == expected(chain, *range(6))
    shutil.rmtree(site.volumes[0] / "cam0")
    with site.running() as store:
        assert store.cameras() == []


def test_an_old_file_with_a_bad_tail_is_served_but_never_changed(site: Site) -> None:
    chain = Chain(segment=2)
    with site.running() as store:
        store.append(chain.batch(*range(6)))
    first = min(site.volumes[0].rglob("*.mp4"))
    first.write_bytes(first.read_bytes() + b"tail")
    os.utime(first, (first.stat().st_mtime - 2 * RECENT_S,) * 2)
    (site.state / "catalog.sqlite").unlink()
    for _ in range(2):
        with site.running() as store:
            assert contents(store) == expected(chain, *range(6))
        assert first.read_bytes() == chain.file(0, 1) + b"tail"
        assert site.events[-1].text.endswith(f"first {first}")


def test_a_failing_disk_at_start_is_one_error_with_a_remedy(site: Site) -> None:
    class Broken(Disk):
        def names(self, folder: str) -> list[str]:
            raise OSError(5, "Input/output error")

    with pytest.raises(VolumeError, match="Input/output error") as caught:
        site.store(disk=Broken).open()
    assert caught.value.remedy
