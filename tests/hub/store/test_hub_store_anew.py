"""Files that cannot be synced at the start: never synced again, what is good of them is stored anew.  Real threads, real files."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub_store_chunks import Chain, Site, contents, crash_copy, durable, expected, until

from watchkeep.hub.store import Accepted, Disk, Record, Store, StoreFull
from watchkeep.wire.causes import EventKind

CHAIN = Chain(segment=100)


class Failing(Disk):
    """A disk of which the first fsync of a closed file fails, and whose switches make it fail or full."""

    failures = 1
    full = False
    full_roots: tuple[str, ...] = ()
    failed_roots: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lost: set[int] = set()
        """Inodes whose fsync has failed."""

    def sync_path(self, path: str) -> None:
        self._sync(self.stat(path).st_ino)
        super().sync_path(path)

    def sync(self, handle: int) -> None:
        assert os.fstat(handle).st_ino not in self.lost, "synced again after a failed fsync"
        super().sync(handle)

    def _sync(self, inode: int) -> None:
        assert inode not in self.lost, "synced again after a failed fsync"
        if type(self).failures > 0:
            type(self).failures -= 1
            self.lost.add(inode)
            raise OSError(errno.EIO, "Input/output error")

    def space(self) -> tuple[int, int]:
        free, total = super().space()
        if self.root.name in type(self).failed_roots:
            raise OSError(errno.EIO, "Input/output error")
        return (0 if type(self).full or self.root.name in type(self).full_roots else free), total


class FailingNames(Failing):
    """A disk of which the first fsync of a camera's folder fails."""

    failures = 0
    names_fail = 1

    def sync_dir(self, path: str) -> None:
        if path == "cam0" and type(self).names_fail:
            type(self).names_fail -= 1
            raise OSError(errno.EIO, "Input/output error")
        super().sync_dir(path)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.keeper.KEEP_S", 0.02)
    monkeypatch.setattr(Failing, "failures", 1)
    monkeypatch.setattr(Failing, "full", False)
    monkeypatch.setattr(FailingNames, "failures", 0)
    monkeypatch.setattr(FailingNames, "names_fail", 1)


@pytest.fixture
def killed(tmp_path: Path) -> Site:
    """An archiver that was killed while it wrote chunks 0 to 9 of a segment."""
    return _killed(tmp_path, 1)


def _killed(root: Path, volumes: int) -> Site:
    site = Site(root / "before", volumes)
    with site.running(sync_ms=60_000) as store:
        store.append(CHAIN.batch(0))
        until(lambda: durable(store, CHAIN) == [(0, 0)], "the sync at once after a quiet spell")
        store.append(CHAIN.chunks(1, 9))
        return crash_copy(site, root / "after")


def _named(text: str, *volumes: Path) -> list[Path]:
    """Not by rglob, which raises when a folder goes meanwhile."""
    return [Path(folder) / name for volume in volumes for folder, _, names in os.walk(volume) for name in names if text in name]


def _given_up(site: Site) -> list[Path]:
    return _named(".unsynced", *site.volumes)


def _aside(site: Site) -> list[Path]:
    return _named(".damaged", *site.volumes)


def _said(site: Site) -> list[str]:
    return [event.text for event in site.events if event.kind is EventKind.DISK]


def _whole(store: Store) -> Callable[[], bool]:
    return lambda: durable(store, CHAIN) == [(0, 9)]


def _sent(store: Store, batch: list[Record]) -> Accepted | None:
    """What an append says; None while the volume is thought to be full."""
    try:
        return store.append(batch)
    except StoreFull:
        return None


@pytest.mark.parametrize("disk", [Failing, FailingNames])
def test_what_cannot_be_synced_at_the_start_is_stored_anew_and_the_file_goes(killed: Site, disk: type[Disk]) -> None:
    before = killed.files()
    with killed.running(disk=disk) as store:
        until(_whole(store), "all chunks durable in another file")
        until(lambda: len(_said(killed)) == 2, "the end of the file that was given up")
        assert _given_up(killed) == []
        assert contents(store) == expected(CHAIN, *range(10))
        assert store.stats().damage == ()
        assert "1 file(s) could not be synced at the start" in _said(killed)[0]
        assert "could not be synced at the start is stored anew" in _said(killed)[1]
    assert killed.files() == before
    with killed.running() as store:
        assert _whole(store)(), "and the next start knows it"


def test_without_room_it_waits_over_another_start_and_is_not_synced_again(killed: Site) -> None:
    (name,) = killed.files()
    Failing.full = True
    with killed.running(disk=Failing) as store:
        until(lambda: _given_up(killed), "the file to be given up")
        assert durable(store, CHAIN) == []
    assert [path.name for path in _given_up(killed)] == [f"{Path(name).name}.unsynced"]
    with killed.running(disk=Failing) as store:
        assert durable(store, CHAIN) == []
        Failing.full = False
        until(_whole(store), "all chunks, as soon as there is room")
        assert contents(store) == expected(CHAIN, *range(10))
        until(lambda: not _given_up(killed))


def test_another_volume_takes_what_its_own_has_no_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = _killed(tmp_path, 2)
    (full,) = [volume for volume in site.volumes if _named(".mp4", volume)]
    monkeypatch.setattr(Failing, "full_roots", (full.name,))
    with site.running(disk=Failing) as store:
        until(_whole(store))
        until(lambda: not _given_up(site))
        assert contents(store) == expected(CHAIN, *range(10))
        assert _named(".mp4", full) == []


def test_a_volume_that_falls_out_gives_what_it_has_to_another_and_the_file_goes_when_it_is_back(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("watchkeep.hub.store.writer.TEND_S", 0.02)
    monkeypatch.setattr("watchkeep.hub.store.writer.PROBE_S", 0.05)
    site = _killed(tmp_path, 2)
    (own,) = [volume for volume in site.volumes if _named(".mp4", volume)]
    Failing.full = True
    with site.running(disk=Failing) as store:
        monkeypatch.setattr(Failing, "failed_roots", (own.name,))
        until(lambda: any("is out of use" in text for text in _said(site)), "the writer to see it")
        Failing.full = False
        until(_whole(store), "its chunks on the other volume")
        assert contents(store) == expected(CHAIN, *range(10))
        assert [path.is_relative_to(own) for path in _given_up(site)] == [True]
        monkeypatch.setattr(Failing, "failed_roots", ())
        until(lambda: not _given_up(site), "the volume's return")


def test_without_room_nothing_is_read_again_and_again(killed: Site) -> None:
    reads: list[str] = []

    class Watched(Failing):
        def read(self, path: str, offset: int, length: int) -> bytes:
            if path.endswith(".unsynced"):
                reads.append(path)
            return super().read(path, offset, length)

    Failing.full = True
    with killed.running(disk=Watched) as store:
        until(lambda: store._anew._files[killed.volumes[0]][0].why, "a look at what is in it")
        count, rounds = len(reads), [0]
        real = store._anew.tend

        def tend(*args: Any) -> None:
            real(*args)
            rounds[0] += 1

        store._keeper._anew.tend = tend  # type: ignore[method-assign]
        until(lambda: rounds[0] > 3)
        assert len(reads) == count > 0


def test_a_journal_may_bring_the_same_chunks_meanwhile(killed: Site) -> None:
    Failing.full = True
    with killed.running(disk=Failing) as store:
        Failing.full = False
        until(lambda: _sent(store, CHAIN.batch(*range(12))), "room")
        until(lambda: durable(store, CHAIN) == [(0, 11)])
        until(lambda: not _given_up(killed), "what others have by now is not waited for")
        assert contents(store) == expected(CHAIN, *range(12))
        assert _aside(killed) == []


def test_a_chunk_that_the_kernel_has_dropped_is_missing_and_the_file_stays_for_inspection(killed: Site) -> None:
    Failing.full = True
    with killed.running(disk=Failing):
        (file,) = until(lambda: _given_up(killed))
    data = bytearray(file.read_bytes())
    at = len(CHAIN.file(0, 4)) - 1
    data[at] ^= 1
    file.write_bytes(data)
    Failing.full = False
    with killed.running(disk=Failing) as store:
        until(lambda: durable(store, CHAIN) == [(0, 3), (5, 9)])
        (aside,) = until(lambda: _aside(killed))
        assert (aside.read_bytes(), _given_up(killed)) == (bytes(data), [])
        store.append(CHAIN.chunks(4, 4))
        until(_whole(store), "the chunk from a journal")


def test_a_file_of_which_nothing_is_good_any_more_is_kept_aside(killed: Site) -> None:
    Failing.full = True
    with killed.running(disk=Failing):
        (file,) = until(lambda: _given_up(killed))
    file.write_bytes(bytes(5000))
    Failing.full = False
    with killed.running(disk=Failing) as store:
        until(lambda: _aside(killed))
        assert store.state("cam0", 7, 0, 9).missing == [(0, 9)]


def test_other_chunks_under_these_names_are_told_once_and_replace_nothing(killed: Site) -> None:
    (name,) = killed.files()
    Failing.full = True
    with killed.running(disk=Failing):
        (file,) = until(lambda: _given_up(killed))
    before, other = file.read_bytes(), Chain(segment=100, size=50)
    (killed.volumes[0] / name).write_bytes(other.file(0, 3))
    Failing.full = False
    with killed.running(disk=Failing) as store:
        (aside,) = until(lambda: _aside(killed))
        assert aside.read_bytes() == before
        assert contents(store) == expected(other, 0, 1, 2, 3)
    assert [event.camera for event in killed.events if event.kind is EventKind.TAMPER] == ["cam0"]


def test_a_disk_that_does_not_give_one_chunk_now_gives_the_others(killed: Site) -> None:
    bad = len(CHAIN.file(0, 2)), len(CHAIN.chunk(3)[1])

    class Sector(Failing):
        broken = True

        def read(self, path: str, offset: int, length: int) -> bytes:
            if type(self).broken and path.endswith(".unsynced") and (offset, length) == bad:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(path, offset, length)

    Sector.failures = 1
    with killed.running(disk=Sector) as store:
        until(lambda: durable(store, CHAIN) == [(0, 2), (4, 9)])
        assert _given_up(killed)
        Sector.broken = False
        until(_whole(store))
        until(lambda: not _given_up(killed))


def test_a_name_that_is_free_is_taken_and_none_that_is_not(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.open()
    try:
        assert disk.unused("a/b") == "a/b"
        (tmp_path / "a").mkdir()
        (tmp_path / "a/b").touch()
        assert disk.unused("a/b") == "a/b.2"
        (tmp_path / "a/b.3").touch()
        assert disk.unused("a/b") == "a/b.2"
        (tmp_path / "a/b.2").touch()
        assert disk.unused("a/b") == "a/b.4"
    finally:
        disk.close()
