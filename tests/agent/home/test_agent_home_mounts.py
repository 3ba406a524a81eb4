"""Whether a disk is missed: agent/home/mounts.py.  Needs root, for mounts."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from watchkeep.agent.home.mounts import unmounted

FSTAB = """
# /dev/sdz1 /srv/commented ext4 defaults 0 2
UUID=1 / ext4 errors=remount-ro 0 1
UUID=2 none swap sw 0 0
UUID=3 /srv/my\\040video ext4 nofail 0 2
UUID=4 /srv/by-hand ext4 rw,noauto 0 2
proc /proc proc defaults 0 0
UUID=5 /srv/disk/ ext4 nofail,x-systemd.automount 0 2
"""
ROOT = "27 1 254:0 / / rw - ext4 /dev/vda rw\n30 27 0:21 / /proc rw - proc proc rw\n"


@pytest.fixture
def fstab(tmp_path):
    (tmp_path / "fstab").write_text(FSTAB)
    return tmp_path / "fstab"


def missed(folder, fstab, table=""):
    """With these mounts beside those of each machine."""
    (fstab.parent / "mountinfo").write_text(ROOT + table)
    return unmounted(Path(folder), fstab, fstab.parent / "mountinfo")


@pytest.mark.parametrize(("folder", "missing"), [
    ("/srv/my video", "/srv/my video"), ("/srv/my video/watchkeep", "/srv/my video"), ("/srv/my video2", None), ("/srv/by-hand/x", None),
    ("/srv/commented", None), ("/proc/x", None), ("/var/lib/watchkeep", None), ("/srv/disk/x", "/srv/disk"),
])  # fmt: skip
def test_a_folder_whose_disk_is_in_fstab_and_not_mounted_is_told(fstab, folder, missing):
    assert missed(folder, fstab) == (None if missing is None else Path(missing))


@pytest.mark.parametrize(("table", "there"), [
    ("31 27 8:1 / /srv/disk rw - ext4 /dev/sda1 rw", True),
    ("31 27 0:40 / /srv/disk rw - autofs systemd-1 rw", True),
    ("31 27 254:0 /home/disk /srv/disk rw - ext4 /dev/vda rw", True),
    ("31 27 254:0 /srv/disk /srv/disk rw - ext4 /dev/vda rw", False),
    ("31 27 8:1 / /srv/disk rw - ext4 /dev/sda1 rw\n32 31 8:1 / /srv/disk rw - ext4 /dev/sda1 rw", True),
    ("31 33 254:0 /srv/disk /srv/disk rw - ext4 /dev/vda rw\n33 27 8:1 / /srv/disk rw - ext4 /dev/sda1 rw", False),
    ("31 33 254:0 /srv/disk /srv/disk rw - ext4 /dev/vda rw\n33 27 8:1 / /srv/disk rw - ext4 /dev/sda1 rw\n"
     "34 31 8:1 / /srv/disk rw - ext4 /dev/sda1 rw", True),
    ("31 1 8:1 / /srv/disk rw - ext4 /dev/sda1 rw\n", True),
], ids=["disk", "automount", "bind", "sandbox", "sandbox on disk", "disk under sandbox", "disk after it", "chroot"])  # fmt: skip
def test_what_is_mounted_there_counts_when_it_is_what_one_sees(fstab, table, there):
    assert missed("/srv/disk/watchkeep", fstab, table) == (None if there else Path("/srv/disk"))


def test_the_root_disk_is_never_missed_and_nothing_is_where_the_table_or_the_list_cannot_be_read(tmp_path, fstab):
    (tmp_path / "mountinfo").write_text("31 1 8:1 / /other rw - ext4 /dev/sda1 rw\n")
    assert unmounted(Path("/var/lib/watchkeep"), fstab, tmp_path / "mountinfo") is None
    assert unmounted(Path("/srv/disk"), fstab, tmp_path / "none") is None
    assert unmounted(Path("/srv/disk"), tmp_path / "none", tmp_path / "mountinfo") is None


@contextmanager
def bound(what, place):
    subprocess.run(["mount", "--bind", str(what), str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_links_are_followed_and_a_bind_within_one_disk_is_a_mount(tmp_path):
    """data_dir may be a link to a disk, and what fstab names may be one."""
    disk, other, named, data = (tmp_path / name for name in ("disk", "other", "named", "data"))
    disk.mkdir()
    other.mkdir()
    named.symlink_to(disk)
    data.symlink_to(disk / "watchkeep")  # nothing is there without the disk
    lists = [tmp_path / "direct", tmp_path / "by-link"]
    for fstab, place in zip(lists, (disk, named), strict=True):
        fstab.write_text(f"UUID=1 {place} ext4 nofail 0 2\n")
    assert [unmounted(data, lists[0]), unmounted(named / "x", lists[1])] == [disk, named]
    with bound(disk, disk):
        assert unmounted(data, lists[0]) == disk
    with bound(other, disk):
        assert [unmounted(data, lists[0]), unmounted(named / "x", lists[1])] == [None, None]
