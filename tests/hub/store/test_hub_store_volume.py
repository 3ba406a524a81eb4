"""Volume identity: which directories are taken, which are refused, and with what remedy."""

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_store_chunks import Chain, Site, contents, expected, until

from watchkeep.hub.store import init_volume
from watchkeep.hub.store.disk import Disk
from watchkeep.hub.store.identity import KnownVolumes
from watchkeep.hub.store.opening import Openings
from watchkeep.hub.store.volume import Volume
from watchkeep.wire.errors import VolumeError
from watchkeep.wire.paths import IDENTITY_FILE


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def refused(site: Site, words: str, code: int = 2, **options: str) -> str:
    """The remedy of the refusal; nothing was touched."""

    def there() -> list[Path]:
        return sorted(path for path in site.root.rglob("*") if site.state not in (path, *path.parents))

    before, store = there(), site.store(**options)
    try:
        with pytest.raises(VolumeError, match=words) as caught:
            store.open()
    finally:
        store.close()
    until(lambda: there() == before, "another volume's thread has taken away what it tried its disk with")
    assert caught.value.exit_code == code, "2 is for good: systemd does not start it again"
    return caught.value.remedy


def test_an_empty_directory_is_identified_at_the_first_start_and_kept(site: Site) -> None:
    (site.volumes[0] / "lost+found").mkdir()
    with site.running():
        pass
    first = json.loads((site.volumes[0] / IDENTITY_FILE).read_text())
    assert first["archiver"] == "a"
    with site.running():
        pass
    assert json.loads((site.volumes[0] / IDENTITY_FILE).read_text()) == first


def test_a_missing_directory_is_refused(site: Site) -> None:
    site.volumes[0].rmdir()
    assert "mount the disk or create the directory" in refused(site, "does not exist")


def test_a_directory_with_other_files_is_refused_and_can_be_forced(site: Site) -> None:
    (site.volumes[0] / "holiday.jpg").touch()
    remedy = refused(site, "not empty and has no identity")
    assert f"watchkeep hub init-volume {site.volumes[0]} --force" in remedy
    with pytest.raises(VolumeError, match="not empty"):
        init_volume(site.volumes[0], "a", site.state)
    init_volume(site.volumes[0], "a", site.state, force=True)
    with site.running():
        pass


def test_a_known_volume_without_identity_is_an_unmounted_disk(site: Site) -> None:
    with site.running():
        pass
    (site.volumes[0] / IDENTITY_FILE).unlink()
    assert "init-volume" in refused(site, "probably not mounted", code=1)
    init_volume(site.volumes[0], "a", site.state, force=True)
    with site.running():
        pass


def test_another_disk_at_the_same_place_is_refused_until_forced(site: Site) -> None:
    with site.running():
        pass
    other = Site(site.root / "other")
    with other.running():
        pass
    shutil.copy(other.volumes[0] / IDENTITY_FILE, site.volumes[0] / IDENTITY_FILE)
    refused(site, "another disk than before")
    init_volume(site.volumes[0], "a", site.state, force=True)
    with site.running():
        pass


def test_the_volume_of_another_archiver_is_refused_and_can_be_taken_over_with_its_video(site: Site) -> None:
    chain = Chain()
    with site.running() as store:
        store.append(chain.batch(0, 1))
    shutil.rmtree(site.state)
    assert "take this one over" in refused(site, "belongs to archiver 'a', not to 'b'", archiver="b")
    init_volume(site.volumes[0], "b", site.state, force=True)
    with site.running(archiver="b") as store:
        assert contents(store) == expected(chain, 0, 1)


def test_a_damaged_identity_is_refused(site: Site) -> None:
    (site.volumes[0] / IDENTITY_FILE).write_text("{}")
    refused(site, "is damaged")
    (site.volumes[0] / IDENTITY_FILE).write_text(json.dumps({"volume": "x", "archiver": "a", "version": 9}))
    refused(site, "version 9")


def test_one_volume_has_one_archiver_process(site: Site) -> None:
    with site.running():
        refused(site, "in use by another process", code=1)


def test_a_read_only_volume_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.running():
        pass
    real = os.open

    def read_only(path: str, flags: int, *args: int, **options: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(30, "Read-only file system")
        return real(path, flags, *args, **options)

    monkeypatch.setattr("os.open", read_only)
    assert "mount it writable" in refused(site, "Read-only", code=1)


class Failing(Disk):
    """Its first reading fails, as of a disk that is not ready yet."""

    failures = 1

    def names(self, folder: str) -> list[str]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().names(folder)


def test_a_volume_that_fails_at_the_start_is_read_again_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, chain = Site(tmp_path, volumes=2), Chain()
    with site.running() as store:
        store.append(chain.batch(0, 1))
    (holder,) = [root for root in site.volumes if any(root.rglob("*.mp4"))]
    gate = threading.Event()
    monkeypatch.setattr("watchkeep.hub.store.opening.AGAIN_S", 0.05)
    monkeypatch.setattr(Openings, "_leave", after(Openings._leave, gate.wait))
    with site.running(disk=lambda root: (Failing if root == holder else Disk)(root)) as store:
        assert [volume.online for volume in store.stats().volumes] == [root != holder for root in site.volumes]
        assert any("Input/output error" in event.text for event in site.events)
        with pytest.raises(VolumeError, match=r"out of use: .*Input/output error"):
            contents(store)
        gate.set()
        until(lambda: store.stats().volumes[site.volumes.index(holder)].online)
        until(lambda: contents(store) == expected(chain, 0, 1))
        until(lambda: any("is back in use" in event.text for event in site.events))


def after(work: Callable[..., None], then: Callable[[float], object]) -> Callable[..., None]:
    """The work, then a wait of 10 s at most for the test."""

    def both(*args: object) -> None:
        work(*args)
        then(10)

    return both


def test_the_same_disk_twice_is_refused(site: Site) -> None:
    with site.running():
        pass
    site.volumes.append(site.root / "copy")
    shutil.copytree(site.volumes[0], site.volumes[1])
    refused(site, "two volumes are the same disk")


class Volatile(Disk):
    """Its next write takes so long that the volume is given up meanwhile."""

    volume: Volume | None = None

    def write(self, handle: int, parts: list[bytes | bytearray | memoryview]) -> None:
        super().write(handle, parts)
        if self.volume is not None:
            self.volume.hang("hangs since noon")
            self.volume = None


def test_a_volume_that_hangs_while_it_is_tried_again_stays_out_of_use(site: Site) -> None:
    disk = Volatile(site.volumes[0])
    volume = Volume(site.volumes[0], "a", KnownVolumes(site.state), disk)
    volume.open()
    try:
        volume.fence("broken")
        disk.volume = volume
        assert not volume.reopen()
        assert (volume.online, volume.hung, volume.why) == (False, True, "hangs since noon"), "its writer has to tidy up first"
        volume.hung = False
        assert volume.reopen()
        assert (volume.online, volume.why) == (True, "")
    finally:
        volume.close()
