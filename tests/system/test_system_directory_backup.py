"""The directory's backups with real processes: disks lost, databases deleted and corrupted, restores to a point on a new machine."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from directory_kit import CAMERA
from directory_site import DirectorySite, directory_site
from wksite import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
HUB = [sys.executable, "-m", "watchkeep.wire.shell.cli", "hub"]


class Rig:
    """Servers that back up every second to one folder, beside them."""

    def __init__(self, site: DirectorySite, names: str) -> None:
        self.site, self.folder = site, site.folder / "backups"
        self.folder.mkdir()
        site.servers(names, more=f'[directory.backup]\nfolders = ["{self.folder}"]\nincremental = "* * * * * *"\n')

    def add(self, name: str, *cameras: str) -> int:
        for camera in cameras:
            index: int = self.site.clients[name].put(f"camera/{camera}", CAMERA).json()["index"]
        wait_until(lambda: any(index <= last for last in self.lasts()), 20, "its backup")
        return index

    def lasts(self) -> list[int]:
        return [int(path.name.split(".")[3].split("-")[1]) for path in self.folder.glob("*.wkbackup")]

    def kill(self, name: str, *, disk: bool = False) -> Path:
        """SIGKILL; returns its data_dir, which is gone when its disk is."""
        self.site.kill(name)
        if disk:
            shutil.rmtree(self.site.folder / name)
        return self.site.folder / name

    def leads(self, name: str) -> None:
        wait_until(lambda: self.site.leader(name) == name, 40, f"the lead of {name}")

    def cameras(self, name: str) -> set[str]:
        with suppress(OSError):
            return set(self.site.clients[name].get("/v1/site/camera").json())
        return set()

    def hub(self, name: str, command: str, *more: str, code: int = 0) -> str:
        done = subprocess.run([*HUB, command, "-c", str(self.site.folder / f"hub-{name}.toml"), *more], capture_output=True, text=True,
                              check=False, timeout=60, stdin=subprocess.DEVNULL)  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DirectorySite]:
    with directory_site(tmp_path) as made:
        yield made


def test_a_leader_whose_disk_or_database_is_lost_comes_back_with_what_its_backups_have(site: DirectorySite) -> None:
    rig = Rig(site, "a")
    rig.add("a", "cam0", "cam1")
    term = site.clients["a"].site()["term"]
    rig.kill("a", disk=True)
    site.start("a")
    rig.leads("a")
    assert rig.cameras("a") == {"cam0", "cam1"}
    assert site.clients["a"].site()["term"] > term + 1000, "no term of what was lost is given again"
    rig.add("a", "cam2")
    for path in rig.kill("a").glob("directory.sqlite*"):
        path.unlink()
    site.start("a")
    rig.leads("a")
    assert rig.cameras("a") == {"cam0", "cam1", "cam2"}


def test_a_standby_without_the_journal_takes_over_with_the_backups_when_leader_and_disk_are_gone(site: DirectorySite) -> None:
    rig = Rig(site, "ab")
    leader = site.leader("ab")
    standby = "ab".replace(leader, "")
    rig.add(leader, "early")
    site.stop_all(standby)
    rig.add(leader, "late-0", "late-1")
    rig.kill(leader, disk=True)
    site.start(standby)
    rig.leads(standby)
    assert rig.cameras(standby) == {"early", "late-0", "late-1"}
    rig.add(standby, "after")
    site.start(leader)
    wait_until(lambda: rig.cameras(leader) == {"early", "late-0", "late-1", "after"}, 30, "the lost server's journal")


def test_a_corrupted_database_stops_the_start_and_its_backups_bring_it_back(site: DirectorySite) -> None:
    rig = Rig(site, "a")
    rig.add("a", "cam0")
    home = rig.kill("a")
    for path in home.glob("directory.sqlite-*"):
        path.unlink()
    database = home / "directory.sqlite"
    database.write_bytes(b"\0" * 4096 + database.read_bytes()[4096:])
    site.start("a")
    wait_until(lambda: not site.members["a"].running, 20, "its refusal")
    assert "directory.database" in site.log("a").splitlines()[-1]
    site.members["a"].reaped = True
    assert "move" in rig.hub("a", "restore", code=2)
    database.rename(home / "damaged")
    said = rig.hub("a", "restore")
    assert "restored to entry" in said
    assert "lost: edits made after" in said
    assert "has entries" in rig.hub("a", "restore", code=2)
    site.start("a")
    rig.leads("a")
    assert rig.cameras("a") == {"cam0"}


def test_a_point_in_time_is_restored_on_a_new_machine_and_stays(site: DirectorySite) -> None:
    rig = Rig(site, "a")
    good = rig.add("a", "cam0", "cam1")
    assert site.clients["a"].delete("camera/cam0").status == 200
    rig.add("a", "cam-wrong")
    assert f"a restore comes to entry {max(rig.lasts())}" in rig.hub("a", "backups")
    assert "nothing new" in rig.hub("a", "backup") or "incremental" in rig.hub("a", "backup")
    assert "in use" in rig.hub("a", "restore", "--to", str(good), code=2), "while it runs"
    site.stop_all("a")
    new = site.folder / "hub-new.toml"
    text = (site.folder / "hub-a.toml").read_text()
    new.write_text(text.replace(f'data_dir = "{site.folder / "a"}"', f'data_dir = "{site.folder / "new"}"'))
    said = rig.hub("new", "restore", "--to", str(good))
    assert f"everything after entry {good}" in said
    site.add("new", ["hub", "run", "-c", str(new)], start=False)
    site.start("new")
    rig.leads("a")  # the same id and address, another machine
    assert rig.cameras("a") == {"cam0", "cam1"}, "what was gone back from does not come again from the backups"
    history = site.clients["a"].get("/v1/site/history").json()["entries"]
    assert any("restored to entry" in entry["payload"].get("note", "") for entry in history)


@pytest.fixture
def full_disk(site: DirectorySite) -> Iterator[Path]:
    """A file system of 64 kB, all of it used."""
    folder = site.folder / "backups"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    with (folder / "filler").open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(bytes(4096)):
            pass
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_of_backups_that_is_full_is_told_and_nothing_half_is_left(site: DirectorySite, full_disk: Path) -> None:
    site.servers("a", more=f'[directory.backup]\nfolders = ["{full_disk}"]\nincremental = "* * * * * *"\n')
    wait_until(lambda: any(event.kind == "backup" and "No space left" in event.text for event in site.view.events), 30, "the event")
    wait_until(lambda: [one.health for one in site.beacons()["a"].backups] == ["failing"], 20, "the beacon that says so")
    assert [path.name for path in full_disk.iterdir()] == ["filler"]
    assert site.takes("a", "cam0"), "the directory goes on"
    site.stop_all("a")
