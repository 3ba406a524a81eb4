"""Whether a disk is missed: agent/home/mounts.py."""

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
"""


@pytest.mark.parametrize(("folder", "missing"), [
    ("/srv/my video", "/srv/my video"), ("/srv/my video/watchkeep", "/srv/my video"), ("/srv/my video2", None), ("/srv/by-hand/x", None),
    ("/srv/commented", None), ("/proc/x", None), ("/var/lib/watchkeep", None),
])  # fmt: skip
def test_a_folder_whose_disk_is_in_fstab_and_not_mounted_is_told(tmp_path, folder, missing):
    (tmp_path / "fstab").write_text(FSTAB)
    assert unmounted(Path(folder), tmp_path / "fstab") == (None if missing is None else Path(missing))


def test_a_machine_without_such_a_list_misses_nothing(tmp_path):
    assert unmounted(Path("/srv"), tmp_path / "fstab") is None
