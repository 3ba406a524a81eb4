"""What disks do: fail to sync, fill up, go away, hang.  Full and unmounted disks are real tmpfs mounts (needs root)."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_store_chunks import Chain, Site, contents, durable, expected, until

from watchkeep.hub.store import Disk, Store, StoreBusy, StoreFull
from watchkeep.wire.causes import EventKind
from watchkeep.wire.errors import VolumeError


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class Faulty(Disk):
    """A disk with a switch for each fault, and a record of the calls that matter for durability."""

    fail_sync = fail_dirs = fail_write = False

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def write(self, handle: int, parts: list[Any]) -> None:
        self.gate.wait(20)
        if self.fail_write:
            super().write(handle, [b"half"])
            raise OSError(5, "Input/output error")
        super().write(handle, parts)
        self.calls.append(f"write {handle}")

    def sync(self, handle: int) -> None:
        if self.fail_sync:
            raise OSError(5, "Input/output error")
        super().sync(handle)
        self.calls.append(f"sync {handle}")

    def sync_dir(self, path: str) -> None:
        if self.fail_dirs:
            raise OSError(5, "Input/output error")
        super().sync_dir(path)
        self.calls.append(f"dir {path}")


def send_all(store: Store, chain: Chain, low: int, high: int) -> None:
    """One append for each chunk."""
    for seq in range(low, high + 1):
        store.append(chain.chunks(seq, seq))


def accepted(store: Store, batch: list[Any]) -> Any:
    """What an append says; None while its volume's queue has no room for it."""
    try:
        return store.append(batch)
    except StoreBusy:
        return None


def faulty(site: Site, **options: Any) -> tuple[Store, list[Faulty]]:
    disks: list[Faulty] = []

    def make(root: Path) -> Faulty:
        disks.append(Faulty(root))
        return disks[-1]

    return site.store(disk=make, **options), disks


def test_durable_is_said_only_after_file_and_every_new_directory_were_synced(site: Site) -> None:
    store, (disk,) = faulty(site)
    chain = Chain()
    seen_at_sync: list[list[tuple[int, int]]] = []
    real = disk.sync_dir

    def spy(path: str) -> None:
        seen_at_sync.append(durable(store, chain))
        real(path)

    disk.sync_dir = spy  # type: ignore[method-assign]
    store.open()
    try:
        disk.calls.clear()
        store.append(chain.batch(0))
        until(lambda: durable(store, chain) == [(0, 0)])
        calls, day = disk.calls[:], "cam0/2026-09-21"
        assert [call.split()[0] for call in calls[:2]] == ["write", "sync"]
        assert calls[2:] == ["dir .", "dir cam0", f"dir {day}", f"dir {day}/14"]
        assert seen_at_sync == [[]] * 4
    finally:
        store.close()


def test_folders_that_a_killed_process_left_unsynced_are_synced_before_anything_in_them_is_durable(site: Site) -> None:
    """Found by simulation seed 214: folders that stand there already were taken for durable."""
    store, (disk,) = faulty(site)
    chain = Chain()
    store.open()
    try:
        (disk.root / "cam0/2026-09-21/14").mkdir(parents=True)
        disk.calls.clear()
        store.append(chain.batch(0))
        until(lambda: durable(store, chain) == [(0, 0)])
        synced = [call.removeprefix("dir ") for call in disk.calls if call.startswith("dir")]
        assert synced == [".", "cam0", "cam0/2026-09-21", "cam0/2026-09-21/14"]
    finally:
        store.close()


@pytest.mark.parametrize("fault", ["fail_sync", "fail_dirs"])
def test_after_a_failed_sync_the_file_is_given_up_and_its_chunks_are_missing_again(site: Site, fault: str) -> None:
    store, (disk,) = faulty(site)
    chain = Chain(segment=100)
    store.open()
    try:
        if fault == "fail_sync":
            store.append(chain.batch(0, 1))
            until(lambda: durable(store, chain) == [(0, 1)])
        first = store.state("cam0", 7, 0, 3).durable
        setattr(disk, fault, True)
        store.append(chain.batch(2, 3) if first else chain.batch(0, 1, 2, 3))
        until(lambda: not store.state("cam0", 7, 0, 3).received, "given up")
        assert store.state("cam0", 7, 0, 3).durable == first
        until(lambda: site.events)
        assert site.events[-1].kind is EventKind.DISK
        if fault == "fail_sync":
            until(lambda: not store.stats().volumes[0].online, "fenced")
        setattr(disk, fault, False)
        until(lambda: store.stats().volumes[0].online)
        syncs = len(disk.calls)
        store.append(chain.batch(0, 1, 2, 3))
        until(lambda: durable(store, chain) == [(0, 3)])
        assert contents(store) == expected(chain, 0, 1, 2, 3)
        assert len(disk.calls) > syncs
    finally:
        store.close()
    assert sorted(site.files().values(), key=len)[-1] in (chain.file(0, 3), chain.file(2, 3))
    with site.running() as again:
        assert contents(again) == expected(chain, 0, 1, 2, 3)
        assert again.stats().damage == ()


def test_a_failed_write_leaves_no_half_chunk(site: Site) -> None:
    store, (disk,) = faulty(site)
    chain = Chain(segment=100)
    store.open()
    try:
        store.append(chain.batch(0, 1))
        until(lambda: durable(store, chain) == [(0, 1)])
        disk.fail_write = True
        with pytest.raises(VolumeError, match="Input/output error"):
            store.append(chain.chunks(2, 2))
        assert store.state("cam0", 7, 2, 2).missing == [(2, 2)]
        disk.fail_write = False
        until(lambda: store.stats().volumes[0].online)
        store.append(chain.chunks(2, 3))
        assert contents(store) == expected(chain, 0, 1, 2, 3)
    finally:
        store.close()
    assert {chain.file(0, 1), chain.file(2, 3)} >= set(site.files().values()) or [chain.file(0, 3)] == list(site.files().values())


def test_a_failing_volume_is_fenced_and_recording_goes_on_on_the_other(tmp_path: Path) -> None:
    site = Site(tmp_path, volumes=2)
    store, disks = faulty(site)
    chain = Chain(segment=2)
    store.open()
    try:
        store.append(chain.batch(0, 1))
        until(lambda: durable(store, chain) == [(0, 1)])
        bad = next(disk for disk in disks if list(disk.root.rglob("*.mp4")))
        bad.fail_write = bad.fail_sync = True

        def send(low: int, high: int) -> bool:
            store.append(chain.chunks(low, high))
            return not store.state("cam0", 7, low, high).missing

        until(lambda: send(2, 9), "stored on the other volume")
        until(lambda: durable(store, chain) == [(0, 9)])
        states = {state.path: state for state in store.stats().volumes}
        assert not states[str(bad.root)].online or len(list(bad.root.rglob("*.mp4"))) == 1
        bad.fail_write = bad.fail_sync = False
        until(lambda: all(state.online for state in store.stats().volumes), "the volume is back")
        assert contents(store) == expected(chain, *range(10))
    finally:
        store.close()


def test_parts_of_a_segment_stay_on_one_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.writer.IDLE_S", 0.2)  # a part's successor may open on another volume, unseen by its writer
    site, chain = Site(tmp_path, volumes=3), Chain(segment=4)
    with site.running() as store:
        store.append(chain.batch(0, 3))
        until(lambda: len(durable(store, chain)) == 2)
    with site.running() as store:
        store.append(chain.batch(1, 2, 4))
        store.append(Chain(epoch=8).batch(0))
        until(lambda: chain.file(0, 3) in site.files().values(), "stitch")


def test_a_hung_disk_holds_nobody_longer_than_the_wait_and_its_queue_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.store.WRITE_WAIT_S", 0.05)
    monkeypatch.setattr("watchkeep.hub.store.writer.MAX_QUEUE_BYTES", 2000)
    store, (disk,) = faulty(site)
    chain = Chain()
    store.open()
    try:
        disk.gate.clear()
        store.append(chain.batch(0))
        state = store.state("cam0", 7, 0, 0)
        assert (state.received, state.missing) == ([], [(0, 0)])
        assert store.append(chain.batch(0)).repeated == 1, "what is on its way is not queued again"
        with pytest.raises(StoreBusy):
            send_all(store, chain, 1, 19)
        disk.gate.set()
        until(lambda: durable(store, chain))
        assert until(lambda: accepted(store, chain.chunks(0, 19)), "room in the queue").repeated > 0
        until(lambda: durable(store, chain) == [(0, 19)])
    finally:
        disk.gate.set()
        store.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Site]:
    """A site whose volume is a tmpfs of 4 MiB."""
    site = Site(tmp_path / "small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", site.volumes[0]], check=True)
    try:
        yield site
    finally:
        subprocess.run(["umount", "-l", site.volumes[0]], check=False)


BIG = 100_000


def test_a_full_disk_is_refused_without_harm_and_goes_on_when_there_is_room(small: Site) -> None:
    chain = Chain(segment=5, size=BIG)
    with small.running() as store:
        store.append(chain.batch(0))
        filler = small.volumes[0] / "filler"
        filler.write_bytes(bytes(3_700_000))
        with pytest.raises(StoreFull) as caught:
            send_all(store, chain, 1, 59)
        assert caught.value.remedy
        until(lambda: not store.state("cam0", 7, 0, 60).received)
        held = sum(high - low + 1 for low, high in durable(store, chain))
        assert contents(store) == expected(chain, *range(held))
        assert "full" in store.stats().volumes[0].why
        filler.unlink()
        until(lambda: not store.stats().volumes[0].why)
        store.append(chain.chunks(held, held + 3))
        until(lambda: durable(store, chain) == [(0, held + 3)])
    with small.running() as store:
        assert contents(store) == expected(chain, *range(held + 4))
        assert store.stats().damage == ()


def test_a_disk_that_fills_in_the_middle_of_a_write_keeps_no_half_chunk(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # the store's own look at free space always says yes, so that the kernel's ENOSPC is what it meets
    monkeypatch.setattr("watchkeep.hub.store.volume.Volume.has_room", lambda self, size: size > 0)
    chain = Chain(segment=1000, size=BIG)
    with small.running() as store:
        store.append([chain.init_record()])
        with pytest.raises(VolumeError):
            send_all(store, chain, 0, 199)
        held = sum(high - low + 1 for low, high in durable(store, chain))
    data = b"".join(small.files().values())
    assert data == chain.file(0, data.count(b"cam0/7/") - 1)
    assert data.count(b"cam0/7/") >= held


def test_the_floor_frees_the_oldest_files_so_that_recording_never_stops(small: Site) -> None:
    chain = Chain(segment=4, size=BIG)
    with small.running(min_free_bytes=2_000_000) as store:
        for seq in range(0, 80, 4):
            until(lambda seq=seq: _sent(store, chain, seq), "room was made")  # type: ignore[misc]
        until(lambda: durable(store, chain)[-1][1] == 79)
        until(lambda: store.stats().volumes[0].free_bytes >= 2_000_000)
        assert durable(store, chain)[0][0] > 0
        assert [seq for _, seq, _ in contents(store)] == list(range(durable(store, chain)[0][0], 80))
        assert any(event.kind is EventKind.RETENTION for event in small.events)


def _sent(store: Store, chain: Chain, seq: int) -> bool:
    try:
        store.append(chain.batch(*range(seq, seq + 4)))
    except StoreFull:
        return False
    return not store.state("cam0", 7, seq, seq + 3).missing


def test_nothing_lands_on_the_root_disk_when_the_volume_is_unmounted(small: Site) -> None:
    chain, root = Chain(segment=2), small.volumes[0]
    with small.running() as store:
        store.append(chain.batch(0, 1))
        subprocess.run(["umount", "-l", root], check=True)
        with pytest.raises(VolumeError):
            send_all(store, chain, 2, 11)
        assert list(root.iterdir()) == []
        assert "not mounted" in store.stats().volumes[0].why
    again = small.store()
    try:
        with pytest.raises(VolumeError, match="probably not mounted") as caught:
            again.open()
    finally:
        again.close()
    assert f"watchkeep hub init-volume {root} --force" in caught.value.remedy
    assert list(root.iterdir()) == []


def test_a_disk_that_goes_between_the_check_and_the_open_does_not_fill_the_root_disk(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.volume.Volume.check", lambda self: None)
    chain, root = Chain(segment=2), small.volumes[0]
    with small.running() as store:
        store.append(chain.batch(0, 1))
        subprocess.run(["umount", "-l", root], check=True)
        store.append(chain.chunks(2, 5))
        until(lambda: durable(store, chain) == [(0, 5)], "the old disk is still held open")
        assert list(root.iterdir()) == []


def test_the_chunk_after_those_of_a_given_up_file_is_stored_before_they_come_again(site: Site) -> None:
    store, (disk,) = faulty(site)
    chain = Chain(segment=100)
    store.open()
    try:
        store.append(chain.batch(0, 1))
        until(lambda: durable(store, chain) == [(0, 1)])
        disk.fail_sync = True
        store.append(chain.batch(2, 3))
        until(lambda: not store.stats().volumes[0].online, "fenced")
        disk.fail_sync = False
        until(lambda: store.stats().volumes[0].online)
        store.append(chain.batch(4))  # the live lane goes on before an ask has told the sender that 2 and 3 are missing
        until(lambda: store.state("cam0", 7, 4, 4).durable == [(4, 4)])
        store.append(chain.batch(2, 3))
        until(lambda: durable(store, chain) == [(0, 4)])
        assert contents(store) == expected(chain, 0, 1, 2, 3, 4)
    finally:
        store.close()
