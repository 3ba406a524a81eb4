"""Evidence locks outlive data_dir, and a volume brings them along: copies on the volumes of a real store."""

import errno
import shutil
from pathlib import Path
from typing import ClassVar

import pytest
from hub_store_chunks import SECOND_NS, START_NS, Chain, Site, until

from watchkeep.hub.protect.listing import LockList, read_copy
from watchkeep.hub.protect.shelf import LOCKS_FILE, Wanted
from watchkeep.hub.store import Clock, Disk, Store
from watchkeep.hub.store.identity import init_volume
from watchkeep.hub.store.retention import DAY_NS
from watchkeep.hub.verify.files import Plan
from watchkeep.wire.causes import EventKind
from watchkeep.wire.errors import VolumeError
from watchkeep.wire.paths import LOCKS_COPY

LATER = Clock(wall_ns=lambda: START_NS + 10 * DAY_NS)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeep.hub.store.lockbook.RETRY_S", 0.02)
    monkeypatch.setattr("watchkeep.hub.store.lockbook.TELL_S", 0.02)


def lock(store: Store, start_s: int, end_s: int, owner: str = "case 7") -> str:
    wanted = Wanted("cam0", START_NS + start_s * SECOND_NS, START_NS + end_s * SECOND_NS, owner, "a theft")
    return store.locks.add(wanted, START_NS)[0].id


def seqs(store: Store) -> list[int]:
    return [chunk.seq for chunk in store.chunks("cam0")]


def copy(volume: Path) -> LockList | None:
    path = volume / LOCKS_COPY
    return read_copy(path.read_bytes()) if path.exists() else None


def copied(site: Site, change: int) -> bool:
    """Whether every volume has the list of this change."""
    return all((found := copy(volume)) is not None and found.change == change for volume in site.volumes)


def locked_film(site: Site, owner: str = "case 7", epoch: int = 7) -> None:
    """Ten chunks, of which 2 to 5 are locked, with copies on every volume."""
    with site.running() as store:
        store.append(Chain(epoch=epoch, segment=2).batch(*range(10)))
        lock(store, 3, 5, owner)
        until(lambda: copied(site, 1), "copies")


def told(site: Site, kind: EventKind) -> list[str]:
    return [event.text for event in site.events if event.kind is kind]


def test_locks_survive_the_loss_of_data_dir_before_retention_looks(tmp_path: Path) -> None:
    site = Site(tmp_path, volumes=2)
    locked_film(site)
    shutil.rmtree(site.state)
    assert Plan(site.volumes[:1] if any(site.volumes[0].rglob("*.mp4")) else site.volumes[1:]).cameras() == ["cam0"], "verify minds no copy"
    with site.running(retention_days=2, clock=LATER) as store:
        until(lambda: seqs(store) == [2, 3, 4, 5], "what is not locked is gone")
        assert [one.id for one in store.locks.locks] == ["lock-1"]
        assert store.stats().problems == ()
        assert lock(store, 0, 1) == "lock-2", "no id is given twice"
        assert any("1 count now" in text for text in told(site, EventKind.LOCK))
    with site.running(retention_days=2, clock=LATER) as store:
        assert [one.id for one in store.locks.locks] == ["lock-1", "lock-2"]
        assert (seqs(store), told(site, EventKind.DISK)) == ([2, 3, 4, 5], [])


def test_one_copy_is_enough_and_a_removed_lock_does_not_come_back_from_an_older_one(tmp_path: Path) -> None:
    site = Site(tmp_path, volumes=2)
    locked_film(site)
    old = (site.volumes[0] / LOCKS_COPY).read_bytes()
    with site.running() as store:
        lock(store, 6, 8, "case 8")
        store.locks.remove("lock-1")
        until(lambda: copied(site, 3))
    (site.volumes[0] / LOCKS_COPY).write_bytes(old)
    shutil.rmtree(site.state)
    with site.running() as store:
        assert [one.owner for one in store.locks.locks] == ["case 8"]
        until(lambda: copied(site, 3), "the older copy is brought up to date")


def test_a_damaged_list_is_replaced_by_a_copy_and_kept(tmp_path: Path) -> None:
    site = Site(tmp_path)
    locked_film(site)
    (site.state / LOCKS_FILE).write_bytes(b"{")
    with site.running() as store:
        assert [one.id for one in store.locks.locks] == ["lock-1"]
        assert store.stats().problems == ()
        store.locks.remove("lock-1")
    assert (site.state / f"{LOCKS_FILE}.damaged").read_bytes() == b"{"


def test_a_damaged_copy_is_told_and_written_anew(tmp_path: Path) -> None:
    site = Site(tmp_path)
    locked_film(site)
    path = site.volumes[0] / LOCKS_COPY
    path.write_bytes(path.read_bytes()[:-5])
    with site.running() as store:
        until(lambda: copied(site, 1))
        assert [one.id for one in store.locks.locks] == ["lock-1"]
    assert [LOCKS_COPY in text for text in told(site, EventKind.DISK)] == [True]


def test_without_any_list_that_can_be_read_everything_is_locked_and_said_so(tmp_path: Path) -> None:
    site = Site(tmp_path)
    locked_film(site)
    shutil.rmtree(site.state)
    (site.volumes[0] / LOCKS_COPY).write_bytes(b"rotten")
    with site.running(retention_days=2, clock=LATER) as store:
        until(lambda: store._keeper.retainer.aged_at > float("-inf"), "a look at age")
        assert seqs(store) == list(range(10))
        assert LOCKS_COPY in store.stats().problems[0]
        with pytest.raises(VolumeError, match="cannot be read"):
            lock(store, 0, 1)
    assert (site.volumes[0] / LOCKS_COPY).read_bytes() == b"rotten"


def test_a_volume_brings_its_locks_to_another_archiver(tmp_path: Path) -> None:
    site, other = Site(tmp_path / "a"), Site(tmp_path / "b")
    locked_film(site)
    locked_film(other, "case 8", epoch=8)
    site.volumes += other.volumes
    init_volume(other.volumes[0], "a", site.state, force=True)
    for _ in range(2):
        with site.running(retention_days=2, clock=LATER) as store:
            assert [(one.id, one.owner) for one in store.locks.locks] == [("lock-1", "case 7"), ("lock-2", "case 8")]
            until(lambda: seqs(store) == [2, 3, 4, 5] * 2, "what is not locked is gone")
            until(lambda: copy(site.volumes[0]) == copy(site.volumes[1]) is not None, "one list on all volumes")


def test_who_never_had_a_lock_writes_nothing_and_is_not_alarmed(tmp_path: Path) -> None:
    site = Site(tmp_path, volumes=2)
    for _ in range(2):
        with site.running() as store:
            store.append(Chain(segment=2).batch(*range(4)))
            assert not store.locks.locks.everything
            assert store.stats().problems == ()
        assert [copy(volume) for volume in site.volumes] == [None, None]
        assert not (site.state / LOCKS_FILE).exists()
        assert site.events == []
        shutil.rmtree(site.state)


class NoRoom(Disk):
    """Takes no copy of the locks on the volumes that are named."""

    full: ClassVar[set[str]] = set()

    def publish(self, path: str, data: bytes) -> None:
        if self.root.name in NoRoom.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().publish(path, data)


def test_a_volume_that_takes_no_copy_is_told_and_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoRoom, "full", {"volume1"})
    site = Site(tmp_path, volumes=2)
    with site.running(disk=NoRoom) as store:
        lock(store, 0, 1)
        until(lambda: any("volume1" in problem and "No space" in problem for problem in store.stats().problems), "a problem")
        assert [copy(volume) is None for volume in site.volumes] == [False, True]
        NoRoom.full.clear()
        until(lambda: copied(site, 1), "brought up to date")
        until(lambda: store.stats().problems == ())
    assert len(told(site, EventKind.DISK)) == 1
    assert any("again" in text for text in told(site, EventKind.LOCK))


def test_a_list_of_a_version_without_copies_gets_them(tmp_path: Path) -> None:
    site = Site(tmp_path)
    locked_film(site)
    found = LockList.model_validate_json((site.state / LOCKS_FILE).read_bytes())
    (site.state / LOCKS_FILE).write_text(found.model_dump_json(exclude={"origin", "change"}))
    (site.volumes[0] / LOCKS_COPY).unlink()
    with site.running() as store:
        until(lambda: copied(site, 1))
        assert [one.id for one in store.locks.locks] == ["lock-1"]
